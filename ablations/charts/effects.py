"""Figures of the comparisons: forest plot, accuracy of arms, main effects, Shapley. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablations.conditions import CONDITIONS
from ablations.wording import MINUS, PLACES, margin_words
from ablations.wording.verdict import effect_of
from evidence.charts.hover import effect_lines, runs_line, sample_lines
from evidence.charts.spec import Chart, Label, Panel, Point, Series, filled, find

Tree = Mapping[str, Any]
NAMES = {"clean": "clean data", "robust": "under noise"}
POINTS = "difference, points of accuracy"


def effect_point(
    row: float, effect: Tree, *, heading: str, seeds: Sequence[int], cell: str, strong: bool = True
) -> Point | None:
    """An effect on a row, in points; None where it is not measured or the same runs."""
    if effect.get("difference") is None or effect["verdict"] in ("same_runs", "not_measured"):
        return None
    low, high = (None if effect[k] is None else 100 * effect[k] for k in ("low", "high"))
    hover = (heading, *effect_lines(effect, seeds=seeds))
    return Point(row, 100 * effect["difference"], low, high, hover, cell, strong)


def kept(points: Iterable[Point | None]) -> tuple[Point, ...]:
    """The points that are there."""
    return tuple(point for point in points if point is not None)


def forest(summary: Tree) -> tuple[Chart, ...]:
    """Every declared contrast under every condition, a panel for each regime."""
    regimes = {name: summary["regimes"][name] for name in summary["regime_order"]}
    declared = next(iter(regimes.values()))["contrasts"] if regimes else ()
    if not declared:
        return ()
    order = sorted(range(len(declared)), key=lambda i: declared[i]["label"] != "primary")
    panels = [
        Panel(
            name,
            tuple(_forest_series(name, regime, order, place) for place in CONDITIONS),
            x_title=POINTS,
            reference=0.0,
            margin=_margin(summary),
        )
        for name, regime in regimes.items()
    ]
    rows = tuple(_row(declared[i]) for i in order)
    level = f"{100 * summary['level']:g} %"
    band = (
        ""
        if summary.get("margin") is None
        else (
            f" The shaded band is the margin of {margin_words(summary['margin'])} within which a "
            "difference does not matter."
        )
    )
    chart = Chart(
        "effects",
        "Declared contrasts: paired difference and interval",
        _told(declared, regimes),
        filled(panels),
        rows,
        note=f"Arm minus reference, {level} interval. Filled and bold: primary; open: exploratory. "
        f"Right of 0 the arm is better.{band} Each regime has its own scale.",
    )
    return (chart,) if chart.panels else ()


def _row(contrast: Tree) -> Label:
    text = f"{contrast['arm']} {MINUS} {contrast['reference']}"
    return Label(text, contrast["label"] == "primary")


def _forest_series(name: str, regime: Tree, order: Sequence[int], place: str) -> Series:
    points = []
    for row, i in enumerate(order):
        c = regime["contrasts"][i]
        heading = f"{c['arm']} {MINUS} {c['reference']}, {PLACES[place]}, {name} ({c['label']})"
        points.append(
            effect_point(
                row,
                c[place],
                heading=heading,
                seeds=regime["seeds"],
                cell=f"{name}|{c['arm']}|{c['reference']}|{place}",
                strong=c["label"] == "primary",
            )
        )
    return Series(NAMES[place], kept(points), CONDITIONS.index(place))


def _margin(summary: Tree) -> float | None:
    return None if summary.get("margin") is None else 100 * summary["margin"]


def _told(declared: Sequence[Tree], regimes: Mapping[str, Tree]) -> str:
    return (
        f"Intervals of {len(declared)} contrasts on clean data and under noise in "
        f"{', '.join(regimes)}; the table below has every number."
    )


def accuracy(summary: Tree) -> tuple[Chart, ...]:
    """Accuracy of every arm, clean and robust side by side, a chart for each regime."""
    charts = []
    for name in summary["regime_order"]:
        regime = summary["regimes"][name]
        arms = [arm for arm in summary["arms"] if arm in regime["variants"]]
        panels = [_accuracy_panel(name, regime, arms, place) for place in CONDITIONS]
        chart = Chart(
            f"accuracy-{name}",
            f"{name}: accuracy of every arm",
            f"Clean and robust accuracy of {len(arms)} arms in {name}, mean and interval.",
            filled(panels),
            tuple(Label(arm) for arm in arms),
            columns=2,
        )
        if chart.panels:
            charts.append(chart)
    return tuple(charts)


def _accuracy_panel(name: str, regime: Tree, arms: Sequence[str], place: str) -> Panel:
    points = []
    for row, arm in enumerate(arms):
        variant = regime["variants"][arm]
        sample = variant[place]
        if sample["mean"] is None:
            continue
        mean, half = 100 * sample["mean"], sample["half_width"]
        low, high = (None, None) if half is None else (mean - 100 * half, mean + 100 * half)
        hover = (
            f"{arm}, {PLACES[place]}, {name}",
            *sample_lines(sample, seeds=regime["seeds"]),
            *runs_line(variant),
        )
        points.append(Point(row, mean, low, high, hover, f"{name}|{arm}"))
    joint = find(regime, "variants", "joint", place, "mean")
    return Panel(
        f"accuracy {NAMES[place] if place == 'robust' else 'on clean data'}, %",
        (Series(NAMES[place], tuple(points), CONDITIONS.index(place)),),
        reference=None if joint is None else 100 * joint,
    )


def factorial(summary: Tree) -> tuple[Chart, ...]:
    """Main effects and interactions, a panel for each regime."""
    return _mechanism_rows(
        summary,
        "mechanisms",
        lambda table: [*(table.get("main") or ()), *(table.get("interactions") or ())],
        title="Mechanisms: main effects and interactions",
        note="A main effect is the mean over the cells with the mechanism minus the mean over "
        "those without; an interaction is what two (or three) do together beyond their sum, in "
        "the same coding. Paired by seed.",
        alt="Main effects and interactions of the mechanisms with intervals.",
    )


def shapley(summary: Tree) -> tuple[Chart, ...]:
    """Shares of the whole gain, a bar for each mechanism, with the whole below."""
    return _mechanism_rows(
        summary,
        "shapley",
        _shares,
        title="Shapley: which mechanism carries the gain",
        note="The difference between all mechanisms on and all off, divided by Shapley values; the "
        "bars of the mechanisms sum to the whole.",
        alt="Shapley values of the mechanisms with intervals, and their sum.",
        bars=True,
    )


def _shares(table: Tree) -> list[Tree]:
    entries: list[Tree] = []
    for entry in table.get("shapley") or ():
        low, high = entry.get("low"), entry.get("high")
        half = None if low is None or high is None else (high - low) / 2
        entries.append(
            {"factors": [entry["factor"]], "difference": entry["mean"], "half_width": half}
            | {"low": low, "high": high, "verdict": "", "share": entry.get("share")}
        )
    if entries and find(table, "total"):
        entries.append({"factors": ["all together"], **effect_of(table["total"])})
    return entries


def _mechanism_rows(
    summary: Tree, name: str, entries: Any, *, title: str, note: str, alt: str, bars: bool = False
) -> tuple[Chart, ...]:
    regimes = {n: summary["regimes"][n] for n in summary["regime_order"]}
    tables = {
        n: {p: t for p in CONDITIONS if (t := find(regime, "factorial", p))}
        for n, regime in regimes.items()
    }
    found = [e for table in tables.values() for t in table.values() for e in entries(t)]
    rows = list(dict.fromkeys(" x ".join(entry["factors"]) for entry in found))
    panels = [
        Panel(
            n,
            tuple(
                Series(
                    NAMES[place],
                    kept(_entry_point(e, rows, n, place, regimes[n]) for e in entries(table)),
                    CONDITIONS.index(place),
                )
                for place, table in tables[n].items()
            ),
            x_title=POINTS,
            reference=0.0,
            margin=None if bars else _margin(summary),
        )
        for n in regimes
    ]
    chart = Chart(name, title, alt, filled(panels), tuple(map(Label, rows)), bars=bars, note=note)
    return (chart,) if chart.panels else ()


def _entry_point(
    entry: Tree, rows: Sequence[str], regime: str, place: str, tree: Tree
) -> Point | None:
    name = " x ".join(entry["factors"])
    effect = effect_of(entry)
    heading = f"{name}, {PLACES[place]}, {regime}"
    if effect["verdict"]:
        seeds = tree["seeds"]
        return effect_point(rows.index(name), effect, heading=heading, seeds=seeds, cell="")
    if effect["difference"] is None:
        return None
    low, high = (None if effect[k] is None else 100 * effect[k] for k in ("low", "high"))
    value = 100 * effect["difference"]
    hover = [heading, f"{value:+.2f} points".replace("-", MINUS)]
    if low is not None and high is not None:
        hover.append(f"interval {low:+.2f} to {high:+.2f}".replace("-", MINUS))
    if entry.get("share") is not None:
        hover.append(f"{100 * entry['share']:.0f} % of the whole".replace("-", MINUS))
    return Point(rows.index(name), value, low, high, tuple(hover))
