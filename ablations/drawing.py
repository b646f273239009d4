"""Which figures a report has, and where they stand: SVG in the page, PNG files for Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

from ablations import figures, svg
from ablations.curves import QUANTITIES, Curves, lines_of, modalities, moving
from ablations.report_html import Paths, Pictures, Training, slug

Tree = Mapping[str, Any]
AllCurves = Mapping[tuple[str, str], Curves]


def pictures(summary: Tree, curves: AllCurves) -> Pictures:
    """The page's: accuracy of every arm, curves of every arm in which a mechanism moved."""
    accuracy, training = {}, {}
    for name in summary["regime_order"]:
        accuracy[name] = tuple(_dots(summary, name, place) for place in ("clean", "robust"))
        arms = list(_guided(summary, name, curves))
        if arms:
            keys = modalities(curves[name, arms[0]])
            drawn = tuple(
                (arm, _full(summary, name, arm), _panels(name, arm, curves[name, arm]))
                for arm in arms
            )
            training[name] = Training(keys, drawn)
    return Pictures(accuracy, training)


def files(summary: Tree, curves: AllCurves) -> tuple[Paths, dict[str, bytes]]:
    """The Markdown's: the same, but curves only of the full method (every factor on)."""
    accuracy, training = {}, []
    data: dict[str, bytes] = {}
    for name in summary["regime_order"]:
        accuracy[name] = _file("accuracy", name)
        data[accuracy[name]] = figures.accuracy(summary["regimes"][name], arms=summary["arms"])
        for arm in _guided(summary, name, curves):
            if _full(summary, name, arm):
                path, lines = _file("training", name, arm), curves[name, arm]
                data[path] = figures.training(lines, quantities=moving(lines))
                training.append((name, arm, path))
    return Paths(accuracy, training), data


def _dots(summary: Tree, regime: str, place: str) -> str:
    variants = summary["regimes"][regime]["variants"]
    return svg.dots(
        {arm: variants[arm][place] for arm in summary["arms"]},
        title=f"{place} accuracy, %",
        label=f"{place} accuracy of every arm in {regime}",
        place=place,
        parted=sum(bool(variant["switches"]) for variant in variants.values()),
    )


def _panels(regime: str, arm: str, curves: Curves) -> tuple[str, ...]:
    return tuple(
        svg.lines(
            lines_of(curves, quantity),
            title=QUANTITIES[quantity][1],
            label=f"{QUANTITIES[quantity][1]} over epochs, {arm} in {regime}",
        )
        for quantity in moving(curves)
    )


def _guided(summary: Tree, regime: str, curves: AllCurves) -> Iterator[str]:
    """Arms with a mechanism that moved, the full method first; the same runs once."""
    variants = summary["regimes"][regime]["variants"]
    seen: set[str] = set()
    for arm in sorted(summary["arms"], key=lambda arm: not _full(summary, regime, arm)):
        if arm not in seen and moving(curves.get((regime, arm), {})):
            seen.update(variants[arm]["same_runs_as"])
            yield arm


def _full(summary: Tree, regime: str, arm: str) -> bool:
    switches = summary["regimes"][regime]["variants"][arm]["switches"]
    return bool(switches) and all(switches.values())


def _file(*names: str) -> str:
    return f"figures/{'-'.join(slug(name) for name in names)}.png"
