"""Reports as files, each written at once or not at all; where a report comes from."""

import csv
import io
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from cal.config import ConfigError
from evidence.charts.spec import Gallery

Tree = dict[str, Any]
Over = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""``map``, or one that works in parallel and begins at once."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a formula begins with
ROOMS = ("figures", "tables")
PACKAGES = ("torch", "numpy", "scipy", "ray", "mlflow", "optuna")


@dataclass(frozen=True)
class Drawn:
    """The charts of a report by section, and their files, perhaps still being drawn: one mapping
    of extension -> content for each chart that has files.
    """

    charts: "Gallery"
    files: Iterator[dict[str, bytes]]

    @property
    def names(self) -> list[str]:
        """Of the charts that have files, in the order of ``files``."""
        return [c.name for found in self.charts.values() for c in found if not c.aside]


def drawing(charts: Gallery, *, over: Over) -> Drawn:
    """Begin to draw; ``over``: the map to draw with."""
    from evidence.charts.still import files  # matplotlib would make --help slow

    found = [c for section in charts.values() for c in section if not c.aside]
    return Drawn(charts, iter(over(files, found)))


def figure_files(figures: Drawn) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Of what was drawn: the files by their place in the folder, and each chart's SVG by name."""
    from evidence.pages.html import slug

    files = dict(zip(figures.names, figures.files, strict=True))
    contents = {
        f"figures/{slug(name)}.{extension}": data
        for name, formats in files.items()
        for extension, data in formats.items()
    }
    return contents, {name: formats["svg"] for name, formats in files.items()}


def write_files(out: Path, contents: Mapping[str, bytes]) -> None:
    """Write each file into the folder at once or not at all, in the order given."""
    for name, data in contents.items():
        _write(out / name, data)


def check_out(out: Path) -> None:
    """Make the folder, and raise ``ConfigError`` in one line if it cannot be written."""
    try:
        for room in ROOMS:
            (out / room).mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"--out: given {out}; allowed: a folder that can be written ({reason})"
        ) from error


def _write(path: Path, data: bytes) -> None:
    """A reader sees the old file or the new one, never a part."""
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            part = Path(file.name)
            file.write(data)
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        with suppress(OSError, UnboundLocalError):
            part.unlink(missing_ok=True)
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"--out: given {path}; it cannot be written ({reason})") from error


def csv_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """A table whose first row names the columns; what is None is empty. A text that a spreadsheet
    would take for a formula has an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0] if lines else ["contrast"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _inert(value) for key, value in line.items()} for line in lines)
    return text.getvalue()


def _inert(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    plain = value.replace("\r", " ")  # which csv does not quote
    return f"'{plain}" if plain[:1] in FORMULA else plain


def json_text(tree: Mapping[str, Any]) -> str:
    """A file's text; no number that JSON has not."""
    return json.dumps(tree, sort_keys=True, indent=1, allow_nan=False) + "\n"


def now() -> str:
    """The date of a report."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def provenance_of(*, command: str, git: Iterable[str] = (), wall_s: float | None = None) -> Tree:
    """Date, command, code and versions. ``git``: commits the runs were made with."""
    commits = sorted({commit for commit in git if commit})
    found = {
        "date": now(),
        "command": command,
        "git": ", ".join(commits) or "unknown",
        "versions": {"python": platform.python_version()} | _versions(),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    return found | ({} if wall_s is None else {"wall_s": wall_s})


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
