"""Small faithful copies of every published layout, made by real encoders; and prepared ones.

Each class has a colour, a tone and words of its own, so that a network can learn from it. Nothing
is random but by ``seed``.
"""

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import wavfile

from cal.data.layouts.index import Settings
from cal.data.layouts.table import LAYOUTS
from cal.data.preparing.prepare import prepare

FORMS: dict[str, tuple[str, ...]] = {
    "crema-d": ("frames", "video"),
    "kinetics-sounds": ("frames", "video"),
    "kinetics-sounds-arl": ("frames",),
    "ave": ("pickles", "wav", "video"),
    "mvsa-single": ("jsonl", "raw"),
    "nyud2": ("png",),
}
"""In which forms a data set is passed around; the first is made unless another is asked for."""
EMOTIONS = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
EVENTS = ("Church bell", "Male speech", "Bark")
ROOMS = ("bathroom", "kitchen", "office")
SENTENCES = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
LEVELS = ("XX", "LO", "MD", "HI")
OPINIONS = ("negative", "neutral", "positive")
WORDS = ("rain broken sad", "table house street", "sun happy party")
RATE = 16000


@dataclass(frozen=True)
class Clip:
    """Sample ``number`` of class ``label``."""

    label: int
    number: int
    split: str


def tiny(name: str) -> Settings:
    """Settings for tests: pictures of 24 x 24, half a second."""
    own = LAYOUTS[name].settings
    return replace(own, size=24, frames=min(2, own.frames), rate=8000, seconds=0.5, text_bytes=128)


def prepared(
    name: str, folder: Path, *, form: str = "", each: int = 4, settings: Settings | None = None
) -> Path:
    """A fixture below ``folder``, prepared in this process -> the prepared folder."""
    settings = settings or tiny(name)
    source = make(name, folder / "source", form=form, each=each, settings=settings)
    return prepare(LAYOUTS[name], source, folder / "prepared", settings=settings).folder


def make(
    name: str,
    folder: Path,
    *,
    form: str = "",
    each: int = 4,
    settings: Settings | None = None,
) -> Path:
    """A data set in its published layout, ``each`` samples a class -> its folder.

    One of each class is in test and, where there is one, in validation. ``settings``: of the
    spectrograms that a published file holds.
    """
    form = form or FORMS[name][0]
    folder.mkdir(parents=True)
    match name:
        case "crema-d":
            _crema_d(folder, form, each)
        case "kinetics-sounds":
            _kinetics(folder, form, each)
        case "kinetics-sounds-arl":
            _kinetics_arl(folder, each)
        case "ave":
            _ave(folder, form, each, settings or tiny(name))
        case "mvsa-single":
            _mvsa(folder, form, each)
        case "nyud2":
            _nyud2(folder, each)
    return folder


def clips(classes: int, each: int, *, validation: bool) -> Iterator[Clip]:
    """Sample by sample, the classes in turn; the last ones of each class are test."""
    for number in range(each):
        back = each - number
        split = "test" if back == 1 else "validation" if validation and back == 2 else "train"
        for label in range(classes):
            yield Clip(label, number, split)


def picture(label: int, number: int, *, width: int = 32, height: int = 24) -> Image.Image:
    """Noise around a colour of the class."""
    draw = np.random.default_rng([label, number, width])
    colour = np.array([(label * 67) % 256, (label * 131 + 40) % 256, (label * 29 + 90) % 256])
    pixels = colour + draw.normal(0, 25, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def tone(label: int, number: int, *, seconds: float = 0.3, rate: int = RATE) -> np.ndarray:
    """[N] int16, a tone of the class and noise."""
    draw = np.random.default_rng([label, number])
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.4 * np.sin(2 * np.pi * (300 + 90 * label) * time) + draw.normal(0, 0.05, len(time))
    return (wave.clip(-1, 1) * 32767).astype(np.int16)


def save_frames(
    folder: Path, label: int, number: int, *, name: str, count: int = 3, first: int = 0
) -> None:
    """``count`` JPEGs of one clip; ``name`` is a format of their index."""
    folder.mkdir(parents=True)
    for i in range(count):
        frame = picture(label, 10 * number + i, width=32 + 2 * number)
        frame.save(folder / name.format(first + i), quality=95)


def save_wav(path: Path, samples: np.ndarray, *, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, samples)


def save_video(path: Path, label: int, number: int, *, seconds: int = 3) -> None:
    """Pictures at 4 a second and a tone, in the container that the suffix names."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    flash = path.suffix == ".flv"
    with av.open(str(path), "w") as container:
        film = container.add_stream("flv1" if flash else "mpeg4", rate=4)
        film.width, film.height, film.pix_fmt = 32, 24, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for i in range(4 * seconds):
            frame = av.VideoFrame.from_image(picture(label, 10 * number + i // 4))
            container.mux(film.encode(frame))
        wave = tone(label, number, seconds=seconds)
        heard = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        heard.sample_rate = RATE
        container.mux(sound.encode(heard))
        container.mux(film.encode())
        container.mux(sound.encode())


def _crema_d(folder: Path, form: str, each: int) -> None:
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for clip in clips(6, each, validation=False):
        emotion = EMOTIONS[clip.label]
        # Every actor is in both splits, as in the original.
        level, sentence = divmod(clip.number, len(SENTENCES))
        speaker = 1001 + (clip.label + clip.number) % 3
        id = f"{speaker}_{SENTENCES[sentence]}_{emotion}_{LEVELS[level]}"
        lists[clip.split].append(f"{id},{emotion}\n")
        save_wav(folder / "AudioWAV" / f"{id}.wav", tone(clip.label, clip.number))
        if form == "video":
            save_video(folder / "VideoFlash" / f"{id}.flv", clip.label, clip.number)
        else:
            frames = folder / "Image-01-FPS" / id
            save_frames(frames, clip.label, clip.number, name="{:05d}.jpg")
    _save_lists(folder, {f"{split}.csv": rows for split, rows in lists.items()})


def _kinetics(folder: Path, form: str, each: int) -> None:
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for clip in clips(31, each, validation=False):
        id = f"k{clip.label:02d}_{clip.number:06d}"
        lists[clip.split].append(f"{id},10,{clip.label}\n")
        if form == "video":
            save_video(folder / "video" / f"{id}.mp4", clip.label, clip.number, seconds=1)
            continue
        save_wav(folder / "audio" / f"{id}.wav", tone(clip.label, clip.number))
        name = "frame_{:05d}.jpg"
        save_frames(folder / id, clip.label, clip.number, name=name, first=1)
    _save_lists(folder, {f"my_{split}.txt": rows for split, rows in lists.items()})


def _kinetics_arl(folder: Path, each: int) -> None:
    classes = ("playing_drums", "laughing", "tap_dancing")
    for clip in clips(3, each, validation=False):
        name, id = classes[clip.label], f"clip{clip.number}"
        audio, visual = ("test", "val_img") if clip.split == "test" else ("train", "train_img")
        wave = tone(clip.label, clip.number, rate=44100)
        save_wav(folder / "audio" / audio / name / f"{id}.wav", wave, rate=44100)
        frames = folder / "visual" / visual / "Image-01-FPS" / name / id
        save_frames(frames, clip.label, clip.number, name="{:05d}.jpg")
    _save_lists(folder, {"class.txt": [f"{name}\n" for name in classes]})


def _ave(folder: Path, form: str, each: int, settings: Settings) -> None:
    lists: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for clip in clips(3, each, validation=True):
        id = f"-{EVENTS[clip.label][0]}z{clip.number}_Q"  # as ids of the site: may begin with -
        lists[clip.split].append(f"{EVENTS[clip.label]}&{id}&good&0&{5 + clip.number}\n")
        if form == "video":
            save_video(folder / "AVE" / f"{id}.mp4", clip.label, clip.number)
            continue
        if form == "wav":
            save_wav(folder / "Audio" / f"{id}.wav", tone(clip.label, clip.number))
        else:
            path = folder / "Audio-1004-SE" / f"{id}.pkl"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(pickle.dumps(log_spectrogram(clip, settings)))
        frames = folder / "Image-01-FPS-SE" / id
        save_frames(frames, clip.label, clip.number, name="{:04d}.jpg", count=5)
    lists["test"].reverse()  # labels are numbered by this list: Bark is 0
    named = {"train": "trainSet.txt", "validation": "valSet.txt", "test": "testSet.txt"}
    _save_lists(folder, {named[split]: rows for split, rows in lists.items()})


def log_spectrogram(clip: Clip, settings: Settings) -> np.ndarray:
    """[257, T] float32 as AVE's: windows of 512 that overlap by 353, log, standardised."""
    wave = tone(clip.label, clip.number, seconds=settings.seconds, rate=settings.rate) / 32768
    windows = np.lib.stride_tricks.sliding_window_view(wave, 512)[::159]
    logs = np.log(np.abs(np.fft.rfft(windows * np.hanning(512), axis=1)) + 1e-7).T
    return ((logs - logs.mean()) / logs.std()).astype(np.float32)


def _mvsa(folder: Path, form: str, each: int) -> None:
    lists: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    labels = ["ID\ttext,image\n"]
    (folder / "data").mkdir()
    for clip in clips(3, each, validation=True):
        id = str(10 * clip.number + clip.label + 1)
        text = f"{WORDS[clip.label]} #{id} \N{GREEK SMALL LETTER ALPHA}"
        picture(clip.label, clip.number).save(folder / "data" / f"{id}.jpg", quality=95)
        img = f"data/{id}.jpg"
        row = {"id": id, "label": OPINIONS[2 - clip.label], "text": text, "img": img}
        lists["dev" if clip.split == "validation" else clip.split].append(f"{json.dumps(row)}\n")
        other = "neutral" if clip.number % 2 else OPINIONS[2 - clip.label]
        labels.append(f"{id}\t{OPINIONS[2 - clip.label]},{other}\n")
        if form == "raw":
            (folder / "data" / f"{id}.txt").write_text(text, encoding="utf-8")
    if form == "raw":
        _save_lists(folder, {"labelResultAll.txt": [*labels, "99\tpositive,negative\n"]})
    else:
        _save_lists(folder, {f"{split}.jsonl": rows for split, rows in lists.items()})


def _nyud2(folder: Path, each: int) -> None:
    for clip in clips(3, each, validation=False):
        room = folder / clip.split / ROOMS[clip.label]
        room.mkdir(parents=True, exist_ok=True)
        both = Image.new("RGB", (56, 24))
        both.paste(picture(clip.label, clip.number, width=28), (0, 0))
        both.paste(picture(clip.label + 3, clip.number, width=28), (28, 0))
        both.save(room / f"{clip.number:04d}.png")


def _save_lists(folder: Path, lists: dict[str, list[str]]) -> None:
    for name, rows in lists.items():
        (folder / name).write_text("".join(rows), encoding="utf-8", newline="")
