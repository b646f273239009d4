"""The report of an ablation as files: pages, figures, tables, CSV and summary.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablations.rows import Row, runs_csv
from evidence.writing import (
    Drawn,
    Over,
    check_out,
    csv_text,
    drawing,
    figure_files,
    json_text,
    write_files,
)

AllCurves = Mapping[tuple[str, str], Mapping[str, Sequence[tuple[float, float]]]]
"""(regime, arm) -> metric -> (epoch, mean over seeds)."""
FILES = ("summary.json", "report.html", "report.md", "runs.csv", "effects.csv")
PROVENANCE = "provenance.json"  # kept with the study: a report made again differs in its date


def write_report(
    summary: Mapping[str, Any],
    effects: Sequence[Mapping[str, Any]],
    rows: Sequence[Row],
    figures: Drawn,
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
    contents["effects.csv"] = csv_text(effects).encode()
    contents |= faces(summary, figures)
    contents["summary.json"] = json_text(summary).encode()
    write_files(out, contents)
    return tuple(contents)


def drawn(summary: Mapping[str, Any], curves: AllCurves, *, over: Over) -> Drawn:
    """Begin to draw; ``over``: the map to draw with."""
    from ablations.charts import gallery

    return drawing(gallery(summary, curves), over=over)


def faces(summary: Mapping[str, Any], figures: Drawn) -> dict[str, bytes]:
    """What a reader opens, made of the summary and the mean curves alone: file name -> content.

    The same bytes for the same summary and curves: figures/*.png, *.svg, *.pdf, tables/*.tex,
    report.md, report.html.
    """
    from ablations.pages import html, latex, markdown  # jinja2 and plotly would make --help slow

    contents, stills = figure_files(figures)
    contents |= {f"tables/{name}": text.encode() for name, text in latex.files(summary).items()}
    contents["report.md"] = markdown.markdown(summary, figures.charts).encode()
    contents["report.html"] = html.page(summary, figures.charts, stills).encode()
    return contents
