"""Figures of what arms do: in their confidence, class by class, mechanism by mechanism. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.charts.effects import NAMES
from ablations.conditions import CONDITIONS
from ablations.wording import MINUS, asked, points
from ablations.wording.verdict import effect_of
from evidence.charts.spec import Chart, Label, Panel, Point, Series, filled, find

Tree = Mapping[str, Any]
LINES = 5  # shown at once; the others by a click on the legend
CLASSES = 24  # rows of the classes that changed most


def arms_asked(summary: Tree, regime: Tree) -> list[str]:
    """Every arm once (the same computation only under its first name), those of the primary
    contrasts first.
    """
    order = [c[k] for k in ("arm", "reference") for c in asked(regime)]
    found: list[str] = []
    for arm in dict.fromkeys((*order, *summary["arms"])):
        variant = regime["variants"].get(arm)
        if variant is not None and not set(variant["same_runs_as"]) & set(found):
            found.append(arm)
    return found


def reliability(summary: Tree) -> tuple[Chart, ...]:
    """Accuracy against confidence on clean data, a panel for each regime."""
    order = arms_asked(summary, summary["regimes"][summary["regime_order"][0]])
    panels = []
    for name in summary["regime_order"]:
        regime = summary["regimes"][name]
        series = tuple(_bins(name, regime, arm, i) for i, arm in enumerate(order))
        panels.append(
            Panel(name, series, "confidence, %", "accuracy, %", diagonal=True, scale="accuracy")
        )
    chart = Chart(
        "reliability",
        "Calibration: is a confidence of 80 % right in 80 % of the cases?",
        "Reliability curves on clean data, a panel for each regime; the diagonal is perfect.",
        filled(panels),
        note="Ten bins of confidence on clean data, pooled over seeds, bins without samples left "
        "out. Above the diagonal an arm is better than it believes, below it is over-confident.",
    )
    return (chart,) if chart.panels else ()


def _bins(name: str, regime: Tree, arm: str, look: int) -> Series:
    found = []
    for entry in find(regime, "variants", arm, "reliability") or ():
        if entry.get("accuracy") is None or entry.get("confidence") is None:
            continue
        x, y = 100 * entry["confidence"], 100 * entry["accuracy"]
        share = f"{100 * entry['share']:.1f} % of the predictions"
        hover = (f"{arm}, {name}", f"confidence {x:.1f} %, accuracy {y:.1f} %", share)
        found.append(Point(x, y, hover=hover, cell=f"{name}|{arm}"))
    return Series(arm, tuple(found), look, shown=look < LINES)


def classes(summary: Tree) -> tuple[Chart, ...]:
    """Difference in recall of each class, for the primary contrasts, a chart for each regime."""
    charts = []
    for name in summary["regime_order"]:
        regime = summary["regimes"][name]
        contrasts = [c for c in asked(regime) if c.get("per_class")]
        rows = _changed(contrasts)
        panels = [
            Panel(
                f"{c['arm']} {MINUS} {c['reference']}",
                (Series("recall", _class_points(name, c, rows), i),),
                x_title="difference of recall, points",
                reference=0.0,
            )
            for i, c in enumerate(contrasts)
        ]
        cut = len(rows) < max((len(c["per_class"]) for c in contrasts), default=0)
        chart = Chart(
            f"classes-{name}",
            f"{name}: change of each class",
            f"Difference of recall of each class in {name}, with intervals.",
            filled(panels),
            tuple(Label(row) for row in rows),
            note="Recall on clean data, paired by seed, intervals not corrected for the number of "
            "classes." + (f" The {CLASSES} classes that change most." if cut else ""),
        )
        if chart.panels:
            charts.append(chart)
    return tuple(charts)


def _changed(contrasts: Sequence[Tree]) -> list[str]:
    """Names of the classes in their order; of many, those that change most."""
    size: dict[str, float] = {}
    for contrast in contrasts:
        for entry in contrast["per_class"]:
            name = str(entry["class"])
            size[name] = max(size.get(name, 0.0), abs(entry["difference"] or 0.0))
    if len(size) <= CLASSES:
        return list(size)
    largest = set(sorted(size, key=lambda name: -size[name])[:CLASSES])
    return [name for name in size if name in largest]


def _class_points(name: str, contrast: Tree, rows: Sequence[str]) -> tuple[Point, ...]:
    found = []
    for entry in contrast["per_class"]:
        label = str(entry["class"])
        if label not in rows or entry["difference"] is None:
            continue
        low, high = (None if entry.get(k) is None else 100 * entry[k] for k in ("low", "high"))
        value = 100 * entry["difference"]
        hover: tuple[str, ...] = (
            f"class {label}, {contrast['arm']} {MINUS} {contrast['reference']}, {name}",
            f"{value:+.2f} points of recall".replace("-", MINUS),
        )
        if low is not None and high is not None:
            hover = (*hover, f"interval {low:+.2f} to {high:+.2f}".replace("-", MINUS))
        cell = f"{name}|{contrast['arm']}|{contrast['reference']}"
        found.append(Point(rows.index(label), value, low, high, hover, cell))
    return tuple(found)


def interactions(summary: Tree) -> tuple[Chart, ...]:
    """Accuracy with one mechanism off and on, a line for the other off and on: parallel lines add
    up. A panel for each pair and condition, a chart for each regime.
    """
    charts = []
    pairs = [(a, b) for i, a in enumerate(summary["factors"]) for b in summary["factors"][i + 1 :]]
    for name in summary["regime_order"]:
        regime = summary["regimes"][name]
        panels = [
            _crossing(regime, a, b, place)
            for place in CONDITIONS
            for a, b in pairs
            if _balanced(regime, a, b, place)
        ]
        chart = Chart(
            f"interactions-{name}",
            f"{name}: do the mechanisms add up?",
            f"Interaction plots of {len(pairs)} pairs of mechanisms in {name}.",
            filled(panels),
            columns=max(1, min(3, len(pairs))),
            note="Mean accuracy of the cells, averaged over the other mechanisms. Parallel lines: "
            "the two simply add up. Below each stands the interaction with its interval.",
        )
        if chart.panels:
            charts.append(chart)
    return tuple(charts)


def _balanced(regime: Tree, a: str, b: str, place: str) -> bool:
    """Whether the cells can tell the pair's interaction: elsewhere means of cells would mix it with
    what other mechanisms do.
    """
    entries = find(regime, "factorial", place, "interactions") or ()
    return any(set(entry["factors"]) == {a, b} for entry in entries)


def _crossing(regime: Tree, a: str, b: str, place: str) -> Panel:
    said = ""
    for entry in find(regime, "factorial", place, "interactions") or ():
        if set(entry["factors"]) == {a, b} and effect_of(entry)["difference"] is not None:
            said = f" (interaction {points(effect_of(entry))})"
    series = []
    for i, on in enumerate((False, True)):
        second = f"{b} {'on' if on else 'off'}"
        means = [_cell_mean(regime, {a: level, b: on}, place) for level in (False, True)]
        drawn = tuple(
            Point(x, mean, hover=(f"{a} {'on' if x else 'off'}, {second}", f"mean {mean:.2f} %"))
            for x, mean in enumerate(means)
            if mean is not None
        )
        series.append(Series(f"second mechanism {'on' if on else 'off'}", drawn, i))
    title = f"{a} x {b}, {NAMES[place]}"
    x_title, y_title = f"{a}{said}", "accuracy, %"
    return Panel(title, tuple(series), x_title, y_title, names=("off", "on"), scale=place)


def _cell_mean(regime: Tree, levels: Mapping[str, bool], place: str) -> float | None:
    values = [
        100 * variant[place]["mean"]
        for variant in regime["variants"].values()
        if variant["switches"]
        and all(variant["switches"].get(k) is v for k, v in levels.items())
        and variant[place]["mean"] is not None
    ]
    return sum(values) / len(values) if values else None
