"""Video files: what is seen once a second, what is heard, and what is said without PyAV."""

import sys
from pathlib import Path

import numpy as np
import pytest

from cal.config import ConfigError
from cal.data.layouts.index import Damaged, Settings
from cal.data.preparing import decoding, sound, video
from tests.layouts import picture, save_video, tone

FILES = ["a.flv", "a.mp4"]


@pytest.mark.parametrize("file", FILES)
def test_a_frame_is_taken_at_each_second(tmp_path: Path, file: str) -> None:
    """Four pictures a second, another one each second: 0, 1 and 2 are seen, once each."""
    save_video(tmp_path / file, 2, 1, seconds=3)
    found = video.once_a_second(tmp_path, file)
    assert [p.size for p in found] == [(32, 24)] * 3
    for second, image in enumerate(found):
        meant = np.asarray(picture(2, 10 + second), dtype=float)
        # The mean colour survives compression; the noise of single pixels does not.
        assert np.abs(np.asarray(image).mean((0, 1)) - meant.mean((0, 1))).max() < 12


@pytest.mark.parametrize("file", FILES)
def test_the_sound_is_the_one_that_was_put_in(tmp_path: Path, file: str) -> None:
    save_video(tmp_path / file, 2, 1, seconds=2)
    samples, rate = video.sound(tmp_path, file)
    assert (rate, samples.shape[1]) == (16000, 1)
    # AAC adds a frame or two of 1024 samples before and after.
    assert abs(len(samples) - 32000) < 4096
    strongest = np.abs(np.fft.rfft(samples[:16000, 0])).argmax()
    meant = np.abs(np.fft.rfft(tone(2, 1, seconds=2)[:16000] / 32768)).argmax()
    assert strongest == meant == 480  # Hz


def test_a_video_stands_for_frames_and_for_a_wav(tmp_path: Path) -> None:
    save_video(tmp_path / "a.mp4", 0, 0, seconds=2)
    settings = Settings(size=8, frames=3, rate=8000, seconds=0.5)
    pixels, shape = decoding.frames(tmp_path, ("a.mp4",), settings)
    assert pixels.shape == (3, 8, 8, 3)
    assert shape == (24, 32)
    assert np.array_equal(pixels[1], pixels[2])  # two seconds, three frames: the last repeats
    assert sound.wave(tmp_path, "a.mp4", settings).shape == (4000,)


def test_a_video_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"<html>not found</html>")
    with pytest.raises(Damaged, match=r"^a.mp4: no video that can be read \("):
        video.once_a_second(tmp_path, "a.mp4")


@pytest.mark.parametrize(
    ("file", "reason"), [("a.mp4", "no video that can be read"), ("a.flv", "breaks off after")]
)
def test_a_video_that_breaks_off_is_told(tmp_path: Path, file: str, reason: str) -> None:
    """The index of an MP4 stands at its end; half an FLV is read without an error."""
    save_video(tmp_path / file, 0, 0, seconds=6)
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) // 2])
    for read in (video.once_a_second, video.sound):
        with pytest.raises(Damaged, match=f"^{file}: {reason}"):
            read(tmp_path, file)


def test_a_video_without_sound_is_told(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        film = container.add_stream("mpeg4", rate=4)
        film.width, film.height, film.pix_fmt = 32, 24, "yuv420p"
        container.mux(film.encode(av.VideoFrame.from_image(picture(0, 0))))
        container.mux(film.encode())
    with pytest.raises(Damaged, match="^a.mp4: a video without sound$"):
        video.sound(tmp_path, "a.mp4")
    assert len(video.once_a_second(tmp_path, "a.mp4")) == 1


def test_a_sound_without_pictures_is_told(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=16000, layout="mono")
        heard = av.AudioFrame.from_ndarray(tone(0, 0)[None], format="s16", layout="mono")
        heard.sample_rate = 16000
        container.mux(sound.encode(heard))
        container.mux(sound.encode())
    with pytest.raises(Damaged, match="^a.mp4: a video without pictures$"):
        video.once_a_second(tmp_path, "a.mp4")


def test_a_long_video_is_no_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "SECONDS", 1)
    save_video(tmp_path / "a.mp4", 0, 0, seconds=3)
    with pytest.raises(Damaged, match="^a.mp4: larger than"):
        video.once_a_second(tmp_path, "a.mp4")
    with pytest.raises(Damaged, match="^a.mp4: longer than 1 s$"):
        video.sound(tmp_path, "a.mp4")


def test_without_pyav_the_ffmpeg_lines_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of the installation, not of the file: nothing is skipped because of it."""
    (tmp_path / "a.flv").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError) as caught:
        video.once_a_second(tmp_path, "a.flv")
    assert str(caught.value) == (
        "a.flv: a video needs PyAV; install cal-lab[video], or make what it holds by "
        "ffmpeg -i ID.flv -vf fps=1 -start_number 0 FRAMES/ID/%05d.jpg (frames) and "
        "ffmpeg -i ID.flv -ac 1 -ar 16000 ID.wav (sound)"
    )
