"""Figures over epochs and over levels: mechanisms in training, learning, sweeps, searches. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from ablations.charts.behaviour import LINES, arms_asked
from ablations.charts.curves import QUANTITIES, Curves, lines_of, modalities, moving
from ablations.charts.effects import NAMES, effect_point, kept
from ablations.conditions import CONDITIONS
from ablations.wording import MINUS, PLACES
from evidence.charts.hover import effect_lines, sample_lines
from evidence.charts.spec import Chart, Label, Panel, Point, Series, filled

Tree = Mapping[str, Any]
AllCurves = Mapping[tuple[str, str], Curves]
LEARNING = {"train/loss": "training loss", "val/accuracy": "validation accuracy, %"}


def training(summary: Tree, curves: AllCurves) -> tuple[Chart, ...]:
    """W, k, beta and KL over epochs, a chart for each arm in which a mechanism moved."""
    charts = []
    for name in summary["regime_order"]:
        for i, arm in enumerate(_guided(summary, name, curves)):
            mine = curves[name, arm]
            charts.append(
                Chart(
                    f"training-{name}-{arm}",
                    f"{name}: {arm} in training",
                    f"Contribution, acceleration and bottleneck over epochs, {arm} in {name}.",
                    tuple(_quantity(name, arm, mine, quantity) for quantity in moving(mine)),
                    columns=2,
                    aside=i > 0,
                )
            )
    return tuple(charts)


def _quantity(name: str, arm: str, curves: Curves, quantity: str) -> Panel:
    title = QUANTITIES[quantity][1]
    series = tuple(
        Series(
            modality,
            tuple(Point(epoch, value) for epoch, value in lines_of(curves, quantity)[modality]),
            i,
            marks=False,
        )
        for i, modality in enumerate(modalities(curves))
    )
    return Panel(title, series, "epoch", title)


def _guided(summary: Tree, regime: str, curves: AllCurves) -> Iterator[str]:
    """Arms with a mechanism that moved, the full method first; the same runs once."""
    variants = summary["regimes"][regime]["variants"]
    seen: set[str] = set()
    for arm in sorted(summary["arms"], key=lambda arm: not _full(variants[arm])):
        if arm not in seen and moving(curves.get((regime, arm), {})):
            seen.update(variants[arm]["same_runs_as"])
            yield arm


def _full(variant: Tree) -> bool:
    return bool(variant["switches"]) and all(variant["switches"].values())


def learning(summary: Tree, curves: AllCurves) -> tuple[Chart, ...]:
    """Training loss and validation accuracy over epochs, a line for each arm asked about."""
    charts = []
    for name in summary["regime_order"]:
        arms = arms_asked(summary, summary["regimes"][name])
        panels = [
            Panel(
                title,
                tuple(_learnt(name, arm, curves, metric, i) for i, arm in enumerate(arms)),
                "epoch",
                title,
            )
            for metric, title in LEARNING.items()
        ]
        chart = Chart(
            f"learning-{name}",
            f"{name}: learning curves",
            f"Training loss and validation accuracy of arms over epochs in {name}.",
            filled(panels),
            columns=2,
            note=f"Means over seeds. {_selected(summary)}",
        )
        if chart.panels:
            charts.append(chart)
    return tuple(charts)


def _learnt(name: str, arm: str, curves: AllCurves, metric: str, look: int) -> Series:
    scale = 100 if metric.endswith("accuracy") else 1
    points = tuple(
        Point(epoch, scale * value) for epoch, value in curves.get((name, arm), {}).get(metric, ())
    )
    return Series(arm, points, look, shown=look < LINES, marks=len(points) < 15)


def sweeps(summary: Tree) -> tuple[Chart, ...]:
    """Accuracy over the levels of a sweep, a panel for each regime, clean and robust as lines."""
    names = dict.fromkeys(
        sweep["name"]
        for regime in summary["regimes"].values()
        for sweep in regime.get("sweeps") or ()
    )
    charts = []
    for sweep_name in names:
        panels, field = [], ""
        for name in summary["regime_order"]:
            regime = summary["regimes"][name]
            for sweep in regime.get("sweeps") or ():
                if sweep["name"] == sweep_name:
                    field = sweep.get("field") or sweep_name
                    panels.append(_sweep(name, regime, sweep))
        chart = Chart(
            f"sweep-{sweep_name}",
            f"Sweep of {sweep_name}",
            f"Accuracy over the levels of {sweep_name} with intervals.",
            filled(panels),
            note=f"{field}: one field changed on top of the full arm, all else as it is.",
        )
        if chart.panels:
            charts.append(chart)
    return tuple(charts)


def _sweep(name: str, regime: Tree, sweep: Tree) -> Panel:
    levels = [entry["level"] for entry in sweep["levels"]]
    numeric = all(isinstance(x, int | float) and not isinstance(x, bool) for x in levels)
    series = []
    for i, place in enumerate(CONDITIONS):
        points = []
        for j, entry in enumerate(sweep["levels"]):
            sample = entry[place]
            if sample["mean"] is None:
                continue
            mean, half = 100 * sample["mean"], sample["half_width"]
            low, high = (None, None) if half is None else (mean - 100 * half, mean + 100 * half)
            hover = [
                f"{sweep['name']} = {entry['level']}, {PLACES[place]}, {name}",
                *sample_lines(sample, seeds=regime["seeds"]),
            ]
            versus = (entry.get("versus") or {}).get(place)
            if versus and versus.get("difference") is not None:
                hover.append(f"against {sweep['reference']}: {effect_lines(versus)[0]}")
            at = float(entry["level"]) if numeric else float(j)
            points.append(Point(at, mean, low, high, tuple(hover), f"{name}|{entry['arm']}"))
        series.append(Series(NAMES[place], tuple(points), i))
    names = () if numeric else tuple(str(x) for x in levels)
    return Panel(name, tuple(series), sweep["name"], "accuracy, %", names=names)


def tuned(summary: Tree) -> tuple[Chart, ...]:
    """Both deltas side by side: with the same hyperparameters, and each at its best."""
    charts = []
    for name in summary["regime_order"]:
        regime = summary["regimes"][name]
        contrasts = (regime.get("tuning") or {}).get("contrasts") or ()
        panels = [
            Panel(
                f"{name}, {NAMES[place]}",
                tuple(_deltas(name, regime, contrasts, place, key) for key in ("same", "tuned")),
                "difference, points of accuracy",
                reference=0.0,
                margin=None if summary.get("margin") is None else 100 * summary["margin"],
            )
            for place in CONDITIONS
        ]
        rows = tuple(Label(f"{c['arm']} {MINUS} {c['reference']}", True) for c in contrasts)
        chart = Chart(
            f"tuned-{name}",
            f"{name}: the same hyperparameters, and each at its best",
            f"Differences with the same hyperparameters and each arm re-tuned, in {name}.",
            filled(panels),
            rows,
            columns=2,
        )
        if chart.panels:
            charts.append(chart)
    return tuple(charts)


KINDS = {"same": "same hyperparameters", "tuned": "each at its best"}


def _deltas(name: str, regime: Tree, contrasts: Any, place: str, key: str) -> Series:
    points = [
        effect_point(
            row,
            c[key].get(place) or {},
            heading=f"{c['arm']} {MINUS} {c['reference']}, {KINDS[key]}, {PLACES[place]}",
            seeds=regime["seeds"] if key == "same" else (),
            cell="|".join((name, *_arms(regime, c, key))),
            strong=key == "tuned",
        )
        for row, c in enumerate(contrasts)
    ]
    return Series(KINDS[key], kept(points), 2 + list(KINDS).index(key))


def _arms(regime: Tree, contrast: Any, key: str) -> tuple[str, str]:
    """The arms that are compared: as declared, or at their best."""
    pair = contrast["arm"], contrast["reference"]
    if key == "same":
        return pair
    left, right = (str(regime["tuning"]["arms"][arm]["tuned_arm"]) for arm in pair)
    return left, right


def searches(summary: Tree) -> tuple[Chart, ...]:
    """Best score so far over the trials of each arm's search, a panel for each regime."""
    panels = []
    for name in summary["regime_order"]:
        arms = (summary["regimes"][name].get("tuning") or {}).get("arms") or {}
        series = tuple(_best_so_far(arm, entry, i) for i, (arm, entry) in enumerate(arms.items()))
        panels.append(Panel(name, series, "trial", "best score so far, %"))
    chart = Chart(
        "searches",
        "Best score so far of each search",
        "Best score so far over the trials of each arm's search.",
        filled(panels),
        note="Scores on the selection split. A line that still rises at its end asks for more "
        "trials; budgets are the same.",
    )
    return (chart,) if chart.panels else ()


def _best_so_far(arm: str, entry: Tree, look: int) -> Series:
    best: float | None = None
    points = []
    for trial, score in entry.get("history") or ():
        if score is not None:
            best = score if best is None else max(best, score)
        if best is not None:
            own = "failed" if score is None else f"{100 * score:.2f} %"
            hover = (f"{arm}, trial {trial}", f"this trial {own}", f"best {100 * best:.2f} %")
            points.append(Point(trial, 100 * best, hover=hover))
    return Series(arm, tuple(points), look)


def _selected(summary: Tree) -> str:
    """What the validation part decided, and which epoch a run's result is of."""
    searched = any(regime.get("tuning") for regime in summary["regimes"].values())
    validation = (
        "The validation part chose the hyperparameters of re-tuned arms, and nothing else"
        if searched
        else "The validation part selects nothing in this study"
    )
    if "test-best" in (summary.get("selection") or ()):
        return f"{validation}; runs with selection test-best are evaluated at their best epoch."
    return f"{validation}: every run is evaluated at its last epoch."
