"""OUT.partial: what a ``prepare`` has done, so that the next one goes on after any interruption.

asked.json       what was asked; another question is refused
journal.jsonl    one line a finished shard, written after its rows
data/            what becomes OUT by one rename
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

from cal.config import ConfigError
from cal.data.layouts.index import Fault
from cal.data.preparing.shards import Shard


class Journal:
    """Finished shards, by number. One driver at a time holds it."""

    def __init__(self, folder: Path) -> None:
        """``folder``: OUT.partial, made where it is not there."""
        self.folder, self.data = folder, folder / "data"
        self._places: dict[int, tuple[int, int]] = {}  # where the last line of a shard is
        self._faulty: dict[int, int] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Raises ``ConfigError`` where another driver holds it, or nothing can be written."""
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / "journal.jsonl").open("a+b")
        except OSError as error:
            raise ConfigError(
                f"--out: {self.folder} cannot be written ({error.strerror})"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise ConfigError(
                f"--out: another prepare is at work in {self.folder}; wait for it, or stop it"
            ) from None
        self._read()
        return self

    def __exit__(self, *error: object) -> None:
        assert self._file is not None
        self._file.close()

    def begun(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """What was asked when it was begun; nothing if it was not.

        Raises ``ConfigError`` where it was something else.
        """
        path = self.folder / "asked.json"
        if not path.exists():
            return {}
        asked: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told := difference(asked, wanted):
            raise ConfigError(
                f"--out: {self.folder} was begun with {told}; give the same, or remove that folder"
            )
        return asked

    def begin(self, asked: Mapping[str, Any]) -> None:
        """Keep what is asked."""
        part = self.folder / "asked.part"
        part.write_text(json.dumps(asked), encoding="utf-8")
        part.replace(self.folder / "asked.json")

    @property
    def finished(self) -> frozenset[int]:
        """Shards that need not be done again: those with faults are, for files may be mended."""
        return frozenset(number for number in self._places if number not in self._faulty)

    def write(self, shard: Shard) -> None:
        """Its rows are on the disk: now it is finished."""
        assert self._file is not None
        faults = [(row, f.file, f.reason, f.sample) for row, f in shard.faults]
        line = json.dumps({"shard": shard.number, "sums": list(shard.sums), "faults": faults})
        self._file.seek(0, os.SEEK_END)
        at = self._file.tell()
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._note(shard.number, at, len(line) + 1, len(faults))

    def lines(self) -> Iterator[dict[str, Any]]:
        """What is known of each finished shard, in their order."""
        assert self._file is not None
        for number in sorted(self._places):
            at, size = self._places[number]
            self._file.seek(at)
            yield json.loads(self._file.read(size))

    def faults(self) -> Iterator[tuple[int, Fault]]:
        """With their rows."""
        for line in self.lines():
            for row, file, reason, sample in line["faults"]:
                yield row, Fault(file, reason, sample)

    def _note(self, number: int, at: int, size: int, faults: int) -> None:
        self._places[number] = (at, size)
        self._faulty.pop(number, None)
        if faults:
            self._faulty[number] = faults

    def _read(self) -> None:
        """The whole lines; a torn one at the end is cut off."""
        assert self._file is not None
        self._file.seek(0)
        at = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            entry = json.loads(line)
            self._note(entry["shard"], at, len(line), len(entry["faults"]))
            at += len(line)
        self._file.truncate(at)


def difference(begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first thing that differs, in words; nothing where all of ``wanted`` is the same."""
    for key, value in wanted.items():
        found = begun.get(key)
        if isinstance(value, Mapping) and isinstance(found, Mapping):
            if told := difference(found, value):
                return f"{key}.{told}"
        elif found != value and key == "index":
            return "other samples in its lists"
        elif found != value:
            return f"{key} {found}; given {value}"
    return ""
