"""What a table says, apart from how it is written: the page, Markdown and LaTeX share it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evidence.charts.hover import effect_lines, runs_line, sample_lines
from evidence.charts.spec import find
from evidence.numbers import WORDS, percent, plain, points, word

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """``look``: a verdict or another class. ``hover``: what a pointer brings up. ``key``: what a
    click opens, ``REGIME|ARM|REFERENCE|CONDITION``. ``chip``: a verdict to be set off.
    """

    text: str
    look: str = ""
    hover: str = ""
    key: str = ""
    chip: bool = False


@dataclass(frozen=True)
class Column:
    """``kind``: left, right or middle. ``wide``: long text, which may be broken."""

    title: str
    kind: str = "right"
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """``rows``: the first cell names the row; a row of one cell is a band over all columns."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    note: str = "",
) -> Table | None:
    """A table, or None without rows."""
    if not any(len(row) > 1 for row in rows):
        return None
    return Table(name, caption, tuple(columns), tuple(tuple(row) for row in rows), note)


def left(*titles: str) -> list[Column]:
    """Columns of text."""
    return [Column(title, "left") for title in titles]


def right(*titles: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(title) for title in titles]


def of_effect(
    effect: Tree | None, *, key: str = "", seeds: Sequence[int] = (), scale: float = 100
) -> Cell:
    """Difference and half-width, with what is behind it."""
    if effect is None or effect["verdict"] in ("same_runs", "not_measured"):
        return Cell(WORDS[effect["verdict"] if effect else "not_measured"], "none")
    digits = 2 if scale == 100 else 4
    lines = effect_lines(effect, seeds=seeds, scale=scale)
    return Cell(
        points(effect, scale=scale, digits=digits), effect["verdict"], "\n".join(lines), key
    )


def of_verdict(effect: Tree, margin: float | None) -> Cell:
    """The verdict in words, set off by colour."""
    return Cell(word(effect["verdict"], margin), effect["verdict"], chip=True)


def of_sample(
    variant: Tree, sample: Tree | None, *, key: str, seeds: Sequence[int], scale: float = 100
) -> Cell:
    """Mean and standard deviation of an arm, with its runs behind it."""
    if sample is None or sample.get("mean") is None:
        return Cell("not measured", "none")
    text = percent(sample) if scale == 100 else plain(sample)
    lines = [*sample_lines(sample, seeds=seeds, scale=scale), *runs_line(variant)]
    return Cell(text, "", "\n".join(lines), key)


def measured(regime: Tree, *keys: str) -> bool:
    """Whether any arm of the regime has a mean under the keys."""
    return any(find(v, *keys, "mean") is not None for v in regime["variants"].values())
