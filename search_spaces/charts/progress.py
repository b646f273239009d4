"""How a search went: best so far over epochs, every trial's score, curves and the front. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evidence.charts.spec import Chart, Panel, Point, Series, filled
from search_spaces.reading import complete, main_arm, of_number, scale_of, score, target_of
from search_spaces.wording.figures import counts, score_text, value_text

Tree = Mapping[str, Any]
LINES = 60  # curves of a status in a figure: more are a fog
LOOKS = {"complete": 0, "stopped": 4, "failed": 6, "best": 2, "default": 1}
VALUES = 8  # lines of a pointer


def unit_of(target: Tree) -> str:
    """What stands on an axis of scores: with percent, or the unit."""
    if scale_of(target) == 100:
        return f"{target['title']}, %"
    return f"{target['title']}, {target['unit']}" if target.get("unit") else str(target["title"])


def history(search: Tree) -> tuple[Chart, ...]:
    """The best score so far over the epochs trained so far, a step line for each arm."""
    target = target_of(search["objectives"])
    series = tuple(
        Series(arm["name"], tuple(_steps(arm, target)), look=i, marks=False, step=True)
        for i, arm in enumerate(search["arms"])
    )
    chart = Chart(
        "best-so-far",
        "Best score so far, by what it cost",
        f"Best {target['title']} of each arm over the epochs trained.",
        filled([Panel("in the search", series, "epochs trained, all trials", unit_of(target))]),
        columns=1,
        note="On the samples that trials are selected by, and too good by the selection. The best "
        "is one with as many seeds as any so far: the line falls where more seeds say less of it.",
    )
    return (chart,) if chart.panels else ()


def _steps(arm: Tree, target: Tree) -> Iterator[Point]:
    """Where it changed, and the last point again where the arm's epochs end, so that a plateau is
    seen.
    """
    scale = scale_of(target) if target["better"] == "higher" else -scale_of(target)
    before = None
    for epochs, value in arm["history"]:
        if value != before:
            yield Point(epochs, scale * value)
        before = value
    end = arm["budget"]["epochs"]
    if before is not None and end > arm["history"][-1][0]:
        yield Point(end, scale * before)


def trials(search: Tree) -> tuple[Chart, ...]:
    """Score of every complete trial by number, a panel an arm; those without a score lie on two
    lines below, so that their number and time are seen.
    """
    target = target_of(search["objectives"])
    scale = scale_of(target)
    scores = [scale * v for arm in search["arms"] for t in arm["trials"] if (v := score(t, target))]
    if not scores:
        return ()
    step = 0.07 * ((max(scores) - min(scores)) or 1.0)
    floor = {"stopped": min(scores) - step, "failed": min(scores) - 2 * step}
    panels = [
        Panel(
            arm["name"], tuple(_scattered(arm, target, floor)), "trial", unit_of(target), scale="y"
        )
        for arm in search["arms"]
    ]
    chart = Chart(
        "trials",
        "Every trial",
        "Score of every complete trial by number; stopped and failed ones on lines below.",
        filled(panels),
        columns=min(3, len(panels)),
        note="Stopped and failed trials have no final score: they lie on two lines below the "
        "scores, whatever the axis says there.",
    )
    return (chart,)


def _scattered(arm: Tree, target: Tree, floor: Mapping[str, float]) -> Iterator[Series]:
    scale = scale_of(target)
    done = [
        Point(t["number"], scale * value, hover=pointed(t, target), cell=cell(arm, t))
        for t in complete(arm["trials"], target)
        if (value := score(t, target)) is not None
    ]
    yield Series("complete", tuple(done), LOOKS["complete"], joined=False)
    for status, height in floor.items():
        points = [
            Point(
                t["number"],
                height,
                hover=(*pointed(t, target), f"{status}: {t['reason']}"),
                cell=cell(arm, t),
            )
            for t in arm["trials"]
            if t["status"] == status
        ]
        yield Series(status, tuple(points), LOOKS[status], joined=False, faint=status == "stopped")


def cell(arm: Tree, trial: Tree) -> str:
    """What a click on a trial opens."""
    return f"{arm['name']}|#{trial['number']}"


def pointed(trial: Tree, target: Tree) -> tuple[str, ...]:
    """What a pointer on a trial brings up: score, seeds, values."""
    found = score(trial, target)
    error = (trial.get("errors") or {}).get(target["name"])
    lines = [f"trial {trial['number']} ({trial['origin']})"]
    if found is not None:
        beside = "" if error is None else f", standard error {score_text(error, target)}"
        lines.append(f"{score_text(found, target)} over {_seeds(trial)}{beside}")
    own = [f"{field} {value_text(value)}" for field, value in trial["values"].items()]
    more = [f"and {counts(len(own) - VALUES, 'more field')}"] if len(own) > VALUES else []
    return (*lines, *own[:VALUES], *more)


def _seeds(trial: Tree) -> str:
    return counts(sum(s["status"] == "finished" for s in trial["seeds"]), "seed")


def curves(search: Tree) -> tuple[Chart, ...]:
    """Learning curves of the main arm's trials: complete, stopped, the best and the default."""
    arm = main_arm(search)
    named = {n: of_number(arm, arm[n]) for n in ("best", "default")}
    apart = [t["number"] for t in named.values() if t]
    target = target_of(search["objectives"])
    scale = scale_of(target) * (1 if target["better"] == "higher" else -1)
    series = []
    for status in ("stopped", "complete"):
        own = [t for t in arm["trials"] if t["status"] == status and t["number"] not in apart]
        kept = [t for t in own if t["curve"]][-LINES:]
        points = tuple(_pieces(kept, scale))
        series.append(Series(status, points, LOOKS[status], marks=False, faint=True))
    for name, trial in named.items():
        if trial and not (name == "default" and trial is named["best"]):
            points = tuple(_pieces([trial], scale))
            series.append(Series(name, points, LOOKS[name], marks=False))
    title = f"validation, {unit_of(target)}"
    chart = Chart(
        "curves",
        f"Learning curves of {arm['name']}",
        f"Value of the trials of {arm['name']} over epochs; stopped ones end early.",
        filled([Panel("first seed of each trial", tuple(series), "epoch", title)]),
        columns=1,
        note="What early stopping saw: the objective, or what stands for it, on the selection "
        f"part while training. At most {LINES} curves of a kind, the latest; orange ones end where "
        "the scheduler stopped them.",
    )
    return (chart,) if chart.panels else ()


def _pieces(found: Sequence[Tree], scale: float) -> Iterator[Point]:
    """Curves one after another, with a gap between them."""
    for i, trial in enumerate(found):
        if i:
            yield Point(trial["curve"][0][0], math.nan)
        for epoch, value in trial["curve"]:
            if value is not None:
                yield Point(epoch, scale * value)


def front(search: Tree) -> tuple[Chart, ...]:
    """Of several objectives: the main arm's trials, and those that no other beats in all; a panel
    for the first objective against each of the others.
    """
    objectives = search["objectives"]
    arm = main_arm(search)
    if len(objectives) < 2 or not arm["front"]:
        return ()
    panels = [_plane(arm, other, objectives[0]) for other in objectives[1:]]
    chart = Chart(
        "front",
        f"Trade-off in {arm['name']}",
        "Objectives of the complete trials against each other, with the Pareto front.",
        filled(panels),
        columns=min(3, len(panels)),
        note="Scores of the search. With more than two objectives a trial may be on the front "
        "although another beats it in the two that are drawn."
        if len(objectives) > 2
        else "Scores of the search.",
    )
    return (chart,) if chart.panels else ()


def _plane(arm: Tree, across: Tree, up: Tree) -> Panel:
    def point(trial: Tree) -> Point | None:
        x, y = (trial["scores"].get(o["name"]) for o in (across, up))
        if x is None or y is None:
            return None
        lines = (*pointed(trial, up), score_text(x, across))
        return Point(scale_of(across) * x, scale_of(up) * y, hover=lines, cell=cell(arm, trial))

    done = [t for t in arm["trials"] if t["status"] == "complete"]
    best = [t for t in done if t["number"] in arm["front"]]
    rest = [p for t in done if t["number"] not in arm["front"] and (p := point(t))]
    ahead = sorted((p for t in best if (p := point(t))), key=lambda p: p.at)
    series = (
        Series("other trials", tuple(rest), 4, joined=False, faint=True),
        Series("front", tuple(ahead), 0),
    )
    return Panel("", series, unit_of(across), unit_of(up))
