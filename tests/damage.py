"""Ways in which a copy of a data set is damaged, done to the fixtures of ``tests.layouts``."""

import json
import os
import pickle
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import wavfile

WAV = "AudioWAV/1001_DFA_NEU_XX.wav"
FRAMES = "Image-01-FPS/1001_DFA_NEU_XX"
FRAME = f"{FRAMES}/00000.jpg"
PKL = "Audio-1004-SE/-Cz0_Q.pkl"
PNG = "train/bathroom/0000.png"


@dataclass(frozen=True)
class Damage:
    """One way: what is done to a copy in a form of a layout, and the line that must tell it."""

    what: str
    layout: str
    do: Callable[[Path], object]
    line: str
    form: str = ""


class Command:
    """Pickled, it is a call of the shell."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit",)


def write(file: str, content: bytes) -> Callable[[Path], object]:
    return lambda source: (source / file).write_bytes(content)


def cut(file: str, share: float) -> Callable[[Path], object]:
    """What an interrupted download leaves."""

    def do(source: Path) -> None:
        whole = (source / file).read_bytes()
        (source / file).write_bytes(whole[: round(len(whole) * share)])

    return do


def remove(file: str) -> Callable[[Path], object]:
    def do(source: Path) -> None:
        path = source / file
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return do


def instead(file: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Something else in a file's place."""

    def do(source: Path) -> None:
        remove(file)(source)
        make(source / file)

    return do


def wave(samples: np.ndarray, rate: int = 16000) -> Callable[[Path], object]:
    return lambda source: wavfile.write(source / WAV, rate, samples)


def image(
    file: str, picture: Image.Image, kind: str = "png", **how: object
) -> Callable[..., object]:
    return lambda source: picture.save(source / file, kind, **how)


def pickled(content: object) -> Callable[[Path], object]:
    return write(PKL, pickle.dumps(content))


def line(file: str, change: Callable[[str], str], number: int = 1) -> Callable[[Path], object]:
    """Change one line of a list."""

    def do(source: Path) -> None:
        rows = (source / file).read_text(encoding="utf-8").splitlines()
        rows[number - 1] = change(rows[number - 1])
        (source / file).write_text("\n".join(rows), encoding="utf-8")

    return do


def field(name: str, value: object) -> Callable[[Path], object]:
    """Change one field of the first row of train.jsonl."""

    def change(row: str) -> str:
        return json.dumps({**json.loads(row), name: value})

    return line("train.jsonl", change)


def without(name: str) -> Callable[[Path], object]:
    def change(row: str) -> str:
        return json.dumps({key: value for key, value in json.loads(row).items() if key != name})

    return line("train.jsonl", change)


def bomb(size: int) -> bytes:
    """A PNG that says it had ``size`` x ``size`` pixels, and holds none of them."""
    head = b"IHDR" + struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, data)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def empty_folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def again(file: str, other: str) -> Callable[[Path], object]:
    """The first row of a list once more, in another."""

    def do(source: Path) -> None:
        row = (source / file).read_text(encoding="utf-8").splitlines()[0]
        with (source / other).open("a", encoding="utf-8") as rows:
            rows.write(f"{row}\n")

    return do


def same_picture(source: Path) -> None:
    row = json.loads((source / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    with (source / "test.jsonl").open("a", encoding="utf-8") as rows:
        rows.write(json.dumps({**row, "id": "77"}) + "\n")
