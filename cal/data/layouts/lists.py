"""What the layouts share: lists read line by line, files of a clip, and samples collected."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from cal.config import ConfigError
from cal.data.layouts.index import SPLITS, Fault, Index, Sample, SplitName

PICTURES = (".jpg", ".jpeg", ".png")


def rows(source: Path, file: str) -> Iterator[tuple[int, str]]:
    """Number (1 is the first) and text of each line that is not blank. A BOM and CRLF are fine.

    Raises ``ConfigError`` where the list is missing or no UTF-8.
    """
    try:
        text = (source / file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"--source: given {source}; {file} cannot be read ({error.strerror}); "
            "python -m cal.data list tells each layout"
        ) from None
    except UnicodeDecodeError as error:
        at = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"--source: given {source}; {file}, line {at} is no UTF-8; allowed: UTF-8"
        ) from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip("\r")


def outside(file: str) -> str:
    """Why a path of a list is refused, or nothing: it must stay in the source."""
    path = PurePosixPath(file)
    if not file or path.is_absolute() or ".." in path.parts or "\\" in file:
        return f"given {file!r}; allowed: a path within the source"
    if not file.isprintable():
        return f"given {file!r}; allowed: a path of printable characters"
    return ""


def name_fault(name: str) -> str:
    """Why an id of a list is refused, or nothing: files are named after it."""
    if "/" in name or name in ("", ".", "..") or outside(name):
        return f"given id {name!r}; allowed: a plain file name"
    return ""


def root(source: Path, *candidates: str) -> str:
    """The first folder that is there. Raises ``ConfigError`` where none is."""
    for name in candidates:
        if (source / name).is_dir():
            return name
    raise ConfigError(
        f"--source: given {source}; allowed: a folder that holds {' or '.join(candidates)}"
    )


def inside(source: Path, folder: str) -> list[str]:
    """Names in a folder, sorted as text. Raises ``ConfigError`` where it cannot be read."""
    try:
        return sorted(path.name for path in (source / folder).iterdir())
    except OSError as error:
        raise ConfigError(
            f"--source: given {source}; {folder} cannot be read ({error.strerror})"
        ) from None


def _by_index(name: str) -> tuple[int, str]:
    """frame_2.jpg before frame_10.jpg: the last number of a name is its index."""
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else -1, name


def pictures(source: Path, folder: str) -> tuple[str, ...] | Fault:
    """The frames of a clip in the order of their index; released codes take them in the order of
    the file system, so their frame depends on the disk.
    """
    try:
        names = [path.name for path in (source / folder).iterdir()]
    except OSError as error:
        return Fault(folder, f"frames cannot be read ({error.strerror})")
    found = [name for name in names if name.lower().endswith(PICTURES)]
    if not found:
        return Fault(folder, "a folder without frames (.jpg, .png)")
    return tuple(f"{folder}/{name}" for name in sorted(found, key=_by_index))


class Collected:
    """Samples and faults as the lists are read; an id is taken once."""

    def __init__(self, source: Path, classes: Sequence[str]) -> None:
        self.source, self.classes = source, tuple(classes)
        self.samples: list[Sample] = []
        self.faults: list[Fault] = []
        self._where: dict[str, str] = {}
        self._label = {name: label for label, name in enumerate(classes)}

    def fault(self, where: str, reason: str, *, sample: str = "") -> None:
        """Something is wrong with one row or file."""
        self.faults.append(Fault(where, reason, sample))

    def rows(
        self, file: str, separator: str, form: Sequence[str], *, id: int
    ) -> Iterator[tuple[str, list[str]]]:
        """Where, and the fields, of every row of the ``form``, whose field ``id`` names files;
        other rows are faults, but for the form itself as a header.
        """
        for number, line in rows(self.source, file):
            where, fields = f"{file}, line {number}", [f.strip() for f in line.split(separator)]
            if fields == list(form):
                continue
            if len(fields) != len(form):
                allowed = f"{len(form)}, {separator.join(form)}"
                self.fault(where, f"{len(fields)} fields; allowed: {allowed}")
            elif wrong := name_fault(fields[id]):
                self.fault(where, wrong)
            else:
                yield where, fields

    def take(
        self,
        where: str,
        *,
        id: str,
        label: str,
        split: SplitName,
        files: Mapping[str, tuple[str, ...] | Fault],
        group: str = "",
        text: str = "",
    ) -> None:
        """A row: a sample, or the one fault that is found first. ``where``: list and line."""
        wrong = self._wrong(where, id, label)
        unread = next((f for f in files.values() if isinstance(f, Fault)), None)
        if wrong:
            self.fault(where, wrong, sample=id)
        elif unread is not None:
            self.fault(unread.file, unread.reason, sample=id)
        else:
            kept = {name: f for name, f in files.items() if not isinstance(f, Fault)}
            self.samples.append(Sample(id, self._label[label], split, kept, group, text))

    def _wrong(self, where: str, id: str, label: str) -> str:
        if label not in self._label:
            few = self.classes if len(self.classes) < 12 else (*self.classes[:11], "...")
            return f"given label {label!r}; allowed: {', '.join(few)}"
        if not id.isprintable():
            return f"given id {id!r}; allowed: printable characters"
        if id in self._where:
            return f"given id {id!r} again; it is in {self._where[id]}"
        self._where[id] = where
        return ""

    def index(self, *, needed: Sequence[SplitName]) -> Index:
        """What was collected. Raises ``ConfigError`` where a needed split has no sample."""
        have = {sample.split for sample in self.samples}
        for split in SPLITS:
            if split in needed and split not in have:
                count = len(self.faults)
                first = f"; the first of {count} faults: {self.faults[0]}" if count else ""
                raise ConfigError(
                    f"--source: given {self.source}; its {split} split has no sample{first}"
                )
        return Index(tuple(self.samples), self.classes, tuple(self.faults))
