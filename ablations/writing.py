"""The report as files, each at once or not at all: pages, figures, tables, CSV and summary.json."""

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
from typing import TYPE_CHECKING, Any

from ablations.rows import Row, runs_csv
from cal.config import ConfigError

if TYPE_CHECKING:
    from ablations.charts import Gallery

Tree = dict[str, Any]
Over = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""``map``, or one that works in parallel and begins at once."""
AllCurves = Mapping[tuple[str, str], Mapping[str, Sequence[tuple[float, float]]]]
"""(regime, arm) -> metric -> (epoch, mean over seeds)."""
ROOMS = ("figures", "tables")
PACKAGES = ("torch", "numpy", "scipy", "ray", "mlflow")
FILES = ("summary.json", "report.html", "report.md", "runs.csv", "effects.csv")
PROVENANCE = "provenance.json"  # kept with the study: a report made again differs in its date


def write_report(
    summary: Mapping[str, Any],
    effects: Sequence[Mapping[str, Any]],
    rows: Sequence[Row],
    figures: "Drawn",
    *,
    out: Path,
) -> tuple[str, ...]:
    """Write the report into ``out``, each file at once or not at all: the pages, ``figures/``,
    ``tables/``, runs.csv, effects.csv and summary.json. Gives back the files' names.

    ``summary`` and ``effects`` are those of ``ablations.summary.analyse``. summary.json comes last:
    where it is new, so are the others. Raises ``ConfigError`` for a folder that cannot be written.
    """
    check_out(out)
    contents = {"runs.csv": runs_csv(rows, study=summary["study"]).encode()}
    contents["effects.csv"] = _csv(effects).encode()
    contents |= faces(summary, figures)
    contents["summary.json"] = _json(summary).encode()
    write_files(out, contents)
    return tuple(contents)


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


def drawn(summary: Mapping[str, Any], curves: AllCurves, *, over: Over) -> Drawn:
    """Begin to draw; ``over``: the map to draw with."""
    from ablations.charts import gallery  # matplotlib would make --help slow
    from ablations.charts.still import files

    charts = gallery(summary, curves)
    found = [c for section in charts.values() for c in section if not c.aside]
    return Drawn(charts, iter(over(files, found)))


def faces(summary: Mapping[str, Any], figures: Drawn) -> dict[str, bytes]:
    """What a reader opens, made of the summary and the mean curves alone: file name -> content.

    The same bytes for the same summary and curves: figures/*.png, *.svg, *.pdf, tables/*.tex,
    report.md, report.html.
    """
    from ablations.pages import html, latex, markdown  # jinja2 and plotly would make --help slow

    charts, files = figures.charts, dict(zip(figures.names, figures.files, strict=True))
    contents = {
        f"figures/{html.slug(name)}.{extension}": data
        for name, formats in files.items()
        for extension, data in formats.items()
    }
    contents |= {f"tables/{name}": text.encode() for name, text in latex.files(summary).items()}
    contents["report.md"] = markdown.markdown(summary, charts).encode()
    stills = {name: formats["svg"] for name, formats in files.items()}
    contents["report.html"] = html.page(summary, charts, stills).encode()
    return contents


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


def _csv(lines: Sequence[Mapping[str, Any]]) -> str:
    """A table whose first row names the columns; what is None is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0] if lines else ["contrast"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _json(summary: Mapping[str, Any]) -> str:
    return json.dumps(summary, sort_keys=True, indent=1, allow_nan=False) + "\n"


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
