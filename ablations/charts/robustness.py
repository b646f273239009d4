"""Figures of growing noise: accuracy of arms, effects of mechanisms at each severity. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ablations.charts.behaviour import LINES, arms_asked
from ablations.severities import main, order
from ablations.wording import MINUS, asked, noise_title, signed
from evidence.charts.hover import runs_line
from evidence.charts.spec import Chart, Panel, Point, Series, filled, find

Tree = Mapping[str, Any]
NEUTRAL = 6  # the look of what is no arm
X_TITLE = "severity (0 is clean)"
SEVERITY = (
    "Severity: standard deviations of Gaussian noise, share of values replaced by salt and pepper, "
    "share of samples without the modality, amplitude of audio noise over that of the signal."
)


def accuracy(summary: Tree) -> tuple[Chart, ...]:
    """Accuracy against severity, a panel for each kind of noise and how many modalities it is
    aimed at, a chart for each regime.
    """
    note = f"Mean over seeds with its t interval. {SEVERITY} The legend shows and hides arms."
    return _charts(
        summary,
        lambda name, regime: Chart(
            f"robustness-{name}",
            f"{name}: accuracy as noise grows",
            f"Accuracy of arms against the severity of each kind of noise in {name}.",
            filled(_arms(summary, name, key) for key in lines(regime, mains=True)),
            note=note,
        ),
    )


def modalities(summary: Tree) -> tuple[Chart, ...]:
    """The same with noise on one modality after another; folded on the page."""
    return _charts(
        summary,
        lambda name, regime: Chart(
            f"robustness-modalities-{name}",
            f"{name}: accuracy as noise on one modality grows",
            f"Accuracy of arms against the severity of noise on single modalities in {name}.",
            filled(_arms(summary, name, key) for key in lines(regime, mains=False)),
            note=f"Mean over seeds with its t interval. {SEVERITY}",
            aside=True,
        ),
    )


def effects(summary: Tree) -> tuple[Chart, ...]:
    """What each mechanism adds at each severity; without mechanisms that the cells tell apart, the
    primary contrasts.
    """
    level = f"{100 * summary['level']:g} %"
    return _charts(
        summary,
        lambda name, regime: Chart(
            f"severity-{name}",
            f"{name}: effects as noise grows",
            f"Differences of accuracy against the severity of each kind of noise in {name}.",
            filled(_differences(regime, key) for key in lines(regime, mains=True)),
            note=f"Paired differences with {level} intervals, each severity by itself: "
            f"exploratory, not corrected for their number. {SEVERITY}",
        ),
    )


def lines(regime: Tree, *, mains: bool) -> dict[str, Tree]:
    """The regime's lines by name: those of single modalities, or the others."""
    found = find(regime, "robustness", "lines") or {}
    return {key: found[key] for key in sorted(found, key=order) if main(key) is mains}


def _charts(summary: Tree, made: Callable[[str, Tree], Chart]) -> tuple[Chart, ...]:
    charts = (made(name, summary["regimes"][name]) for name in summary["regime_order"])
    return tuple(chart for chart in charts if chart.panels)


def _arms(summary: Tree, name: str, key: str) -> Panel:
    regime = summary["regimes"][name]
    line = regime["robustness"]["lines"][key]
    series = []
    for look, arm in enumerate(arms_asked(summary, regime)):
        own, variant = line["arms"][arm], regime["variants"][arm]
        points = _points(
            line, own["mean"], _around(own["mean"], own["half_width"]), f"{arm}, {noise_title(key)}"
        )
        more = (f"n = {own['n']}", *runs_line(variant, limit=1))
        cell = f"{name}|{arm}"
        drawn = tuple(
            Point(at, value, low, high, (*hover, *more), cell)
            for at, value, low, high, hover in points
        )
        series.append(Series(arm, drawn, look, shown=look < LINES))
    return Panel(
        noise_title(key), tuple(series), x_title=X_TITLE, y_title="accuracy, %", scale="accuracy"
    )


def _differences(regime: Tree, key: str) -> Panel:
    line = regime["robustness"]["lines"][key]
    named = [(entry["factor"], entry) for entry in line["mechanisms"]]
    if not named:
        wanted = {contrast["name"] for contrast in asked(regime)}
        named = [
            (f"{entry['arm']} {MINUS} {entry['reference']}", entry)
            for entry in line["contrasts"]
            if entry["name"] in wanted
        ]
    series = []
    for look, (said, entry) in enumerate(named):
        bounds = zip(entry["low"], entry["high"], strict=True)
        points = _points(line, entry["value"], bounds, f"{said}, {noise_title(key)}", sign=True)
        drawn = tuple(
            Point(at, value, low, high, (*hover, f"n = {entry['n']}"))
            for at, value, low, high, hover in points
        )
        series.append(Series(said, drawn, look, shown=look < LINES))
    if any(one.points for one in series):
        ends = (Point(line["places"][0], 0.0), Point(line["places"][-1], 0.0))
        series.append(Series("no difference", ends, NEUTRAL, marks=False, faint=True))
    return Panel(
        noise_title(key),
        tuple(series),
        x_title=X_TITLE,
        y_title="difference, points",
        scale="difference",
    )


Bounds = tuple[float | None, float | None]
Drawn = tuple[float, float, float | None, float | None, tuple[str, ...]]


def _points(
    line: Tree,
    values: Iterable[float | None],
    bounds: Iterable[Bounds],
    said: str,
    *,
    sign: bool = False,
) -> Iterator[Drawn]:
    """Place, value, interval in percent, and what a pointer brings up; what is not there is not."""
    for at, words, value, (low, high) in zip(
        line["places"], line["labels"], values, bounds, strict=True
    ):
        if value is None:
            continue
        text = signed(value) if sign else f"{100 * value:.2f} %"
        hover = [f"{said}, {words}", text]
        if low is None or high is None:
            yield at, 100 * value, None, None, tuple(hover)
            continue
        ends = [signed(x) if sign else f"{100 * x:.2f}" for x in (low, high)]
        hover.append(f"interval {ends[0]} to {ends[1]}")
        yield at, 100 * value, 100 * low, 100 * high, tuple(hover)


def _around(means: Iterable[float | None], halves: Iterable[float | None]) -> Iterator[Bounds]:
    for mean, half in zip(means, halves, strict=True):
        yield (None, None) if mean is None or half is None else (mean - half, mean + half)
