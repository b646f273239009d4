"""What a search found: contrasts and arms on fresh seeds, optimism, importance. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.charts.hover import effect_lines
from evidence.charts.spec import Chart, Label, Panel, Point, Series, filled
from evidence.numbers import MINUS, PLACES, margin_words
from search_spaces.reading import is_share, main_arm
from search_spaces.wording.figures import as_effect, gain, score_text

Tree = Mapping[str, Any]
NAMES = {"clean": "clean data", "robust": "under noise"}
POINTS = "difference, points of accuracy"
SHARE: Tree = {"name": "clean", "unit": "share"}


def contrasts(search: Tree) -> tuple[Chart, ...]:
    """Every contrast on fresh seeds under every condition, with the margin."""
    confirmed = search["confirmed"]
    if not confirmed or not confirmed["contrasts"]:
        return ()
    found = sorted(confirmed["contrasts"], key=lambda c: not c["primary"])
    panels = [
        Panel(
            f"{'on ' if place == 'clean' else ''}{NAMES.get(place, place)}",
            (Series(NAMES.get(place, place), _effects(found, place), i),),
            x_title=POINTS,
            reference=0.0,
            margin=None if confirmed.get("margin") is None else 100 * confirmed["margin"],
        )
        for i, place in enumerate(confirmed["conditions"])
    ]
    rows = tuple(Label(f"{c['arm']} {MINUS} {c['reference']}", c["primary"]) for c in found)
    band = ""
    if confirmed.get("margin"):
        band = (
            f" The shaded band is the margin of {margin_words(confirmed['margin'])} within which a "
            "difference does not matter."
        )
    chart = Chart(
        "contrasts",
        "On fresh seeds: paired difference and interval",
        f"Intervals of {len(found)} contrasts on fresh seeds; the table below has every number.",
        filled(panels),
        rows,
        columns=2,
        note="Arm minus reference with its 95 % interval. Filled and bold: primary; open: "
        f"exploratory. Right of 0 the arm is better.{band}",
    )
    return (chart,) if chart.panels else ()


def _effects(found: Sequence[Tree], place: str) -> tuple[Point, ...]:
    points = []
    for row, contrast in enumerate(found):
        effect = as_effect(contrast.get(place))
        if effect["difference"] is None or effect["verdict"] in ("same_runs", "not_measured"):
            continue
        low, high = (None if effect[k] is None else 100 * effect[k] for k in ("low", "high"))
        heading = f"{contrast['arm']} {MINUS} {contrast['reference']}, {PLACES.get(place, place)}"
        lines = (heading, *effect_lines(effect))
        middle = 100 * effect["difference"]
        points.append(Point(row, middle, low, high, lines, "", contrast["primary"]))
    return tuple(points)


def arms(search: Tree) -> tuple[Chart, ...]:
    """Accuracy of every confirmed configuration on fresh seeds, and its score in the search."""
    confirmed = search["confirmed"]
    if not confirmed or not confirmed["arms"]:
        return ()
    found = confirmed["arms"]
    panels = []
    for place in confirmed["conditions"]:
        name = (
            "accuracy on clean data, %"
            if place == "clean"
            else f"accuracy {NAMES.get(place, place)}, %"
        )
        fresh = Series("fresh seeds", _means(found, place), 0)
        panels.append(Panel(name, (fresh, *_scored(search, found, place))))
    chart = Chart(
        "confirmed",
        "What was confirmed, arm by arm",
        f"Accuracy of {len(found)} configurations on fresh seeds with intervals.",
        filled(panels),
        tuple(
            Label(arm["name"], arm["rank"] == 1 and arm["arm"] == main_arm(search)["name"])
            for arm in found
        ),
        columns=2,
        note="Mean over fresh seeds and its 95 % t interval, on the report part. Whether two "
        "differ is read from the paired differences.",
    )
    return (chart,) if chart.panels else ()


def _means(found: Sequence[Tree], place: str) -> tuple[Point, ...]:
    points = []
    for row, arm in enumerate(found):
        sample = arm["fresh"].get(place)
        if sample is None or sample["mean"] is None:
            continue
        low, high = (None if sample[k] is None else 100 * sample[k] for k in ("low", "high"))
        count = len([v for v in sample["values"] if v is not None])
        lines = (
            f"{arm['name']}, {PLACES.get(place, place)}",
            f"{score_text(sample['mean'], SHARE)} over {count} fresh seeds",
            *([f"{arm['failed']} failed"] if arm["failed"] else []),
        )
        points.append(Point(row, 100 * sample["mean"], low, high, lines, _cell(arm)))
    return tuple(points)


def _cell(arm: Tree) -> str:
    return f"{arm['name']}|fresh"


def _scored(search: Tree, found: Sequence[Tree], place: str) -> tuple[Series, ...]:
    """The scores in the search, where the objective is accuracy under this condition."""
    objective = search["objectives"][0]
    if objective["name"] != place:
        return ()
    points = tuple(
        Point(row, 100 * arm["search_score"], hover=(arm["name"], "score in the search"))
        for row, arm in enumerate(found)
        if arm["search_score"] is not None
    )
    return (Series("in the search", points, 6),)


def optimism(search: Tree) -> tuple[Chart, ...]:
    """Search score minus fresh score of each confirmed configuration."""
    found = [a for a in (search["confirmed"] or {}).get("arms", ()) if a.get("optimism")]
    if not found:
        return ()
    objective = search["objectives"][0]
    scale = 100 if is_share(objective) else 1
    points = []
    for row, arm in enumerate(found):
        effect = as_effect(arm["optimism"])
        if effect["difference"] is None:
            continue
        low, high = (None if effect[k] is None else scale * effect[k] for k in ("low", "high"))
        lines = (arm["name"], gain(effect, objective))
        points.append(Point(row, scale * effect["difference"], low, high, lines, _cell(arm)))
    unit = "points" if scale == 100 else objective.get("unit", "")
    series = (Series("optimism", tuple(points), 1),)
    chart = Chart(
        "optimism",
        "Optimism: in the search minus fresh",
        f"Optimism of {len(found)} configurations with intervals.",
        filled([Panel(str(objective["title"]), series, f"difference, {unit}", reference=0.0)]),
        tuple(Label(arm["name"]) for arm in found),
        columns=1,
        note="The score in the search minus the mean on fresh seeds: the luck of the selection, "
        "and that the report part has other samples. The more it differs between arms, the less "
        "their scores in the search may be compared.",
    )
    return (chart,) if chart.panels else ()


def importance(search: Tree) -> tuple[Chart, ...]:
    """Importance of the fields of the main arm with intervals, a panel for each evaluator."""
    arm = main_arm(search)
    found = arm["importance"]
    rows = [r["field"] for r in found["evaluators"][0]["rows"]] if found else []
    for evaluator in found["evaluators"] if found else ():
        rows += [r["field"] for r in evaluator["rows"] if r["field"] not in rows]
    if not rows:
        return ()
    panels = [
        Panel(
            f"{e['name']}, share",
            (Series(e["name"], _importances(e["rows"], rows), i),),
            x_title="%",
            reference=100 / max(1, len(rows)),
        )
        for i, e in enumerate(found["evaluators"])
    ]
    chart = Chart(
        "importance",
        f"Which fields matter in {arm['name']}",
        f"Importance of {len(rows)} fields by {len(panels)} evaluators with intervals.",
        filled(panels),
        tuple(map(Label, rows)),
        columns=2,
        note="Mean and 2.5 to 97.5 percentiles over bootstrap samples of the trials; the dashed "
        "line is equal importance of all fields. fANOVA divides the variance of the scores of "
        "complete trials; PED-ANOVA asks what sets the best tenth apart. A field that acts only "
        "under conditions is judged among the trials in which it acts."
        + (f" {found['warning'][:1].upper()}{found['warning'][1:]}." if found["warning"] else ""),
    )
    return (chart,) if chart.panels else ()


def _importances(found: Sequence[Tree], rows: Sequence[str]) -> tuple[Point, ...]:
    return tuple(
        Point(
            rows.index(r["field"]),
            100 * r["mean"],
            100 * r["low"],
            100 * r["high"],
            (
                r["field"],
                f"{100 * r['mean']:.1f} % ({100 * r['low']:.1f} to {100 * r['high']:.1f})",
                f"{r['trials']} trials, equal share {100 * r['even']:.0f} %",
            ),
        )
        for r in found
    )
