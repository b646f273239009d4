"""One file -> one row, by hand-made files."""

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from cal.data.layouts.index import Damaged, Settings
from cal.data.preparing import decoding, files, sound
from cal.data.preparing.unpickling import array_of
from tests.damage import bomb

SETTINGS = Settings(size=4, frames=3, rate=8000, seconds=0.001, text_bytes=8)  # 8 samples


def wave(folder: Path, samples: np.ndarray, *, rate: int = 8000) -> np.ndarray:
    wavfile.write(folder / "a.wav", rate, samples)
    return sound.wave(folder, "a.wav", SETTINGS, rates=(8000, 16000))


def saved(folder: Path, image: Image.Image, name: str = "a.png") -> Image.Image:
    image.save(folder / name)
    return decoding.picture(folder, name)


@pytest.mark.parametrize(
    ("count", "frames", "expected"),
    [
        (1, 3, [0, 0, 0]),  # the last repeats
        (2, 3, [0, 1, 1]),
        (3, 3, [0, 1, 2]),
        (10, 3, [0, 3, 6]),  # as released codes: segments of a third, their first frame
        (10, 1, [0]),
        (5, 4, [0, 1, 2, 3]),
    ],
)
def test_frames_are_evenly_spaced(count: int, frames: int, expected: list[int]) -> None:
    assert decoding.chosen(count, frames) == expected


def test_a_picture_is_squeezed_as_a_whole_and_keeps_its_true_shape(tmp_path: Path) -> None:
    """Left half red, right half blue, 8 wide and 2 high: two columns of each remain of 4."""
    image = Image.new("RGB", (8, 2), (255, 0, 0))
    image.paste((0, 0, 255), (4, 0, 8, 2))
    image.save(tmp_path / "a.png")
    pixels, shape = decoding.image(tmp_path, "a.png", SETTINGS)
    assert shape == (2, 8)
    assert pixels.shape == (1, 4, 4, 3)
    assert pixels[0, :, 0].tolist() == [[255, 0, 0]] * 4
    assert pixels[0, :, 3].tolist() == [[0, 0, 255]] * 4


def test_a_grey_picture_is_spread_over_the_channels(tmp_path: Path) -> None:
    assert saved(tmp_path, Image.new("L", (2, 2), 7)).getpixel((0, 0)) == (7, 7, 7)


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    image = Image.new("RGB", (2, 2), (1, 2, 3)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert saved(tmp_path, image).getpixel((1, 1)) == (1, 2, 3)


def test_transparency_is_dropped_as_the_authors_do(tmp_path: Path) -> None:
    """Not laid on black or white: ``convert("RGB")`` keeps the colour below it."""
    image = Image.new("RGBA", (2, 2), (9, 8, 7, 0))
    assert saved(tmp_path, image).getpixel((0, 0)) == (9, 8, 7)


def test_cmyk_is_converted(tmp_path: Path) -> None:
    image = saved(tmp_path, Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "a.jpg")  # no ink: white
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_the_exif_tag_turns_nothing(tmp_path: Path) -> None:
    image, tags = Image.new("RGB", (8, 2)), Image.Exif()
    tags[0x0112] = 6  # to be shown turned by 90 degrees
    image.save(tmp_path / "a.jpg", exif=tags)
    assert decoding.picture(tmp_path, "a.jpg").size == (8, 2)


def test_more_than_8_bits_are_refused(tmp_path: Path) -> None:
    """Pillow would cut them off at 255."""
    Image.new("I;16", (2, 2), 700).save(tmp_path / "a.png")
    with pytest.raises(Damaged, match="a.png: pixels of mode I;16; allowed: 8 bits a channel"):
        decoding.picture(tmp_path, "a.png")


def test_frames_keep_their_order_and_repeat_the_last(tmp_path: Path) -> None:
    for name, value in (("0.png", 10), ("1.png", 20)):
        Image.new("RGB", (2, 6), (value,) * 3).save(tmp_path / name)
    pixels, shape = decoding.frames(tmp_path, ("0.png", "1.png"), SETTINGS)
    assert pixels[:, 0, 0, 0].tolist() == [10, 20, 20]
    assert shape == (6, 2)


def test_16_bit_samples_keep_their_bits_and_repeat(tmp_path: Path) -> None:
    samples = np.array([-32768, 32767, 1], np.int16)
    assert wave(tmp_path, samples).tolist() == [-32768, 32767, 1, -32768, 32767, 1, -32768, 32767]


def test_a_long_sound_is_cut(tmp_path: Path) -> None:
    assert wave(tmp_path, np.arange(100, dtype=np.int16)).tolist() == [*range(8)]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([0, 128, 255], np.uint8), [-32768, 0, 32512]),  # 127 / 128
        (np.array([-(2**31), 2**30, 2**16], np.int32), [-32768, 16384, 1]),
        (np.array([-1.0, 0.5, 1.0], np.float32), [-32768, 16384, 32767]),  # 1 is one too many
        (np.array([-1.0, 0.5, 0.25], np.float64), [-32768, 16384, 8192]),
    ],
)
def test_every_width_has_the_same_scale(
    tmp_path: Path, samples: np.ndarray, expected: list[int]
) -> None:
    assert wave(tmp_path, samples).tolist()[:3] == expected


def test_24_bits_are_read(tmp_path: Path) -> None:
    """By hand: scipy writes none. Little-endian 0x400000 is half of full scale."""
    data = bytes([0x00, 0x00, 0x40, 0x00, 0x00, 0xC0])
    form = struct.pack("<HHIIHH", 1, 1, 8000, 24000, 3, 24)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 6) + data
    (tmp_path / "a.wav").write_bytes(
        b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
    )
    found = sound.wave(tmp_path, "a.wav", SETTINGS, rates=(8000,))
    assert found.tolist()[:2] == [16384, -16384]


def test_two_channels_are_averaged_where_a_layout_allows_them(tmp_path: Path) -> None:
    assert wave(tmp_path, np.array([[100, 300], [-2, -4]], np.int16)).tolist()[:2] == [200, -3]


def test_chunks_that_hold_no_sound_are_passed_over(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 8000, np.array([5, 6], np.int16))
    found = bytearray((tmp_path / "a.wav").read_bytes())
    found[12:12] = b"junk" + struct.pack("<I", 4) + b"none"
    found[4:8] = struct.pack("<I", len(found) - 8)
    (tmp_path / "a.wav").write_bytes(found)
    assert sound.wave(tmp_path, "a.wav", SETTINGS, rates=(8000,)).tolist()[:2] == [5, 6]


def test_another_rate_is_resampled(tmp_path: Path) -> None:
    """A constant stays one (but near its ends), and has half as many samples."""
    wavfile.write(tmp_path / "a.wav", 16000, np.full(1600, 8192, np.int16))
    long = Settings(rate=8000, seconds=0.1)
    found = sound.wave(tmp_path, "a.wav", long, rates=(16000,))
    assert len(found) == 800
    # The filter's own ripple: below 1 %.
    assert np.abs(found[50:-50] - 8192).max() < 82


def test_a_text_is_filled_up_with_zeros() -> None:
    row = decoding.text_row("a", "h\N{LATIN SMALL LETTER E WITH ACUTE}!", SETTINGS)
    assert bytes(row) == b"h\xc3\xa9!\0\0\0\0"
    assert bytes(decoding.text_row("a", "12345678", SETTINGS)) == b"12345678"


@pytest.mark.parametrize("text", ["", "  \n", "a\0b", "\ud800", "123456789"])
def test_a_text_that_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(Damaged, match="^a.txt: a"):
        decoding.text_row("a.txt", text, SETTINGS)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickled_array_is_read_by_every_protocol(protocol: int) -> None:
    for dtype in (np.float32, np.float64, ">f4", np.int16):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        for one in (array, np.asfortranarray(array)):
            assert np.array_equal(array_of("a", pickle.dumps(one, protocol)), array)


def test_a_pickle_of_an_older_numpy_is_read() -> None:
    """Numpy 1 named its modules numpy.core."""
    for protocol in (2, 5):
        found = pickle.dumps(np.ones(2), protocol)
        # Protocol 4 and later state the length of a name in one byte before it.
        old = found.replace(b"numpy._core", b"numpy.core")
        at = old.find(b"numpy.core")
        if protocol > 3:
            old = old[: at - 1] + bytes([old[at - 1] - 1]) + old[at:]
            frame = struct.unpack("<Q", old[3:11])[0]
            old = old[:3] + struct.pack("<Q", frame - 1) + old[11:]
        assert b"numpy.core" in old
        assert array_of("a", old).tolist() == [1, 1]


class Code:
    """Runs a command when it is unpickled by the ordinary unpickler."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize(
    "content",
    [
        Code(os.system, "exit"),
        Code(eval, "1"),
        Code(getattr, "", "join"),
        Code(np.load, "x"),
        Code(np.frombuffer, b"1234"),
        [Code(os.getcwd)],
        np.array([Code(os.getcwd)], dtype=object),
    ],
)
def test_nothing_in_a_pickle_runs(content: object) -> None:
    with pytest.raises(Damaged, match=r"^a: no pickle of a numpy array \(it names "):
        array_of("a", pickle.dumps(content))


def test_no_codec_is_run() -> None:
    """``_codecs.encode`` is allowed for what protocol 2 makes of bytes, not for others."""
    content = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R."
    with pytest.raises(Damaged, match="bytes by 'rot13'"):
        array_of("a", content)


def test_a_file_that_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by chmod: root, as whom tests may run, reads everything."""
    (tmp_path / "a.jpg").write_bytes(b"x")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(Damaged, match=r"^a.jpg: cannot be read \(Permission denied\)$"):
        files.content(tmp_path, "a.jpg")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(Damaged, match="a.jpg: not a file; allowed: a plain file"):
        files.content(tmp_path, "a.jpg")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A sparse one: it takes no space, and would take 2 GB of memory."""
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(Damaged, match="a.wav: 2147483648 bytes; allowed: at most 1073741824"):
        files.content(tmp_path, "a.wav")


def test_a_large_picture_is_refused_without_a_warning(tmp_path: Path) -> None:
    """Warnings are errors here: Pillow has one for pictures of this size."""
    (tmp_path / "a.png").write_bytes(bomb(9500))
    with pytest.raises(Damaged, match="9500 x 9500 pixels; allowed: at most 67108864 in all"):
        decoding.picture(tmp_path, "a.png")
