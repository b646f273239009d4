"""Contours, slices and parallel coordinates of the main arm's complete trials, drawn by
``optuna.visualization``, laid out for a wide page and for a telephone.
"""

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import optuna
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial
from optuna.visualization import plot_contour, plot_parallel_coordinate, plot_slice

from search_spaces.reading import (
    complete,
    dimensions_of,
    main_arm,
    ranking,
    scale_of,
    score,
    target_of,
)
from search_spaces.understanding import frozen_trials

Tree = dict[str, Any]
CONTOURS, SLICES, AXES, AXES_NARROW = 4, 12, 9, 3  # fields in a figure, the most important ones
FEWEST = 8  # trials of a panel
LINES, POINTS, GRID = 80, 500, 40  # trials as lines, as points; values of a contour on each axis
WIDE, NARROW, CELL = 1130, 350, 285  # pixels
LEFT, GAP, TOP, FOOT = 64, 92, 52, 58
INK, SOFT, RULE = "#1b1f24", "#59636e", "#d8dee4"
PALE_TO_DARK = [[0, "#f1f5f9"], [0.5, "#7db2d6"], [1, "#00375c"]]


def figures(search: Mapping[str, Any]) -> dict[str, Tree]:
    """Identity -> figure for ``evidence.pages.html.page``: ``contour``, ``slice``, ``parallel``,
    ``parallel-narrow``. What has too few trials is absent.
    """
    arm, target = main_arm(search), target_of(search["objectives"])
    best = ranking(arm["trials"], target)
    if len(best) < FEWEST:
        return {}
    make = _maker(arm, target, {**search["base"], **arm["config"]})
    latest = make(complete(arm["trials"], target)[-POINTS:])
    fields = important(arm, latest.get_trials(deepcopy=False))
    numbers = [name for name in fields if name not in _choices(arm)]
    unit = str(target["title"]) + (", %" if scale_of(target) == 100 else "")
    found = {
        "contour": _grid(_contours(latest, numbers[:CONTOURS]), bar=unit, better=target["better"]),
        "slice": _grid(
            _slices(latest, fields[:SLICES], unit), bar="earlier to later trials", better="higher"
        ),
    }
    top = make(best[:LINES])
    if len(top.get_trials(deepcopy=False)) >= FEWEST and len(fields) > 1:
        found["parallel"] = _parallel(top, fields[:AXES], unit)
        found["parallel-narrow"] = _parallel(top, fields[:AXES_NARROW], unit)
    return {f"fig-{name}": figure for name, figure in found.items() if figure}


def _maker(
    arm: Mapping[str, Any], target: Mapping[str, Any], ground: Mapping[str, Any]
) -> Callable[[Sequence[Mapping[str, Any]]], Study]:
    """Makes a study of trials, with the scores as a reader sees them."""
    dimensions = dimensions_of(arm)

    def make(trials: Sequence[Mapping[str, Any]]) -> Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        way = StudyDirection.MAXIMIZE if target["better"] == "higher" else StudyDirection.MINIMIZE
        study = optuna.create_study(direction=way)
        values = [(t, scale_of(target) * (score(t, target) or 0.0)) for t in trials]
        study.add_trials(frozen_trials(values, dimensions=dimensions, ground=ground))
        return study

    return make


def important(arm: Mapping[str, Any], trials: Sequence[FrozenTrial]) -> list[str]:
    """Parameters that vary, by their mean importance over the evaluators, else in their order."""
    rows = [r for e in (arm["importance"] or {}).get("evaluators", ()) for r in e["rows"]]
    weight = {r["field"]: 0.0 for r in rows}
    for row in rows:
        weight[row["field"]] += row["mean"]
    seen: dict[str, set[Any]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            seen.setdefault(name, set()).add(value)
    varying = [name for name, values in seen.items() if len(values) > 1]
    return sorted(varying, key=lambda name: -weight.get(name, 0.0))


def _choices(arm: Mapping[str, Any]) -> set[str]:
    """Parameters that are no numbers: between two choices there is nothing to interpolate."""
    return {d.name for d in dimensions_of(arm) if d.kind == "categorical"}


def _contours(study: Study, fields: Sequence[str]) -> Iterator[tuple[list[Tree], Tree]]:
    """A panel for each pair of fields that act together in enough trials."""
    trials = study.get_trials(deepcopy=False)
    for pair in combinations(fields, 2):
        both = [t for t in trials if all(name in t.params for name in pair)]
        if len(both) < FEWEST or any(len({t.params[n] for t in both}) < 2 for n in pair):
            continue
        drawn = plain(plot_contour(study, params=list(pair)).to_plotly_json())
        surface, points, *_ = drawn["data"]
        kept = {key: surface[key] for key in ("type", "connectgaps", "contours", "hoverinfo")}
        kept |= thinned(surface) | {"coloraxis": "coloraxis", "line": {"width": 0.4}}
        mark = {"color": INK, "size": 3.5, "opacity": 0.55}
        dots = {"type": "scatter", "mode": "markers", "marker": mark, "showlegend": False}
        yield [kept, dots | {k: points[k] for k in ("x", "y")}], drawn["layout"]


def thinned(surface: Mapping[str, Any]) -> Tree:
    """``x``, ``y``, ``z`` at no more than 40 places of each axis, its ends among them."""
    across, up = (_evenly(len(surface[name])) for name in ("x", "y"))
    return {
        "x": [surface["x"][i] for i in across],
        "y": [surface["y"][i] for i in up],
        "z": [[surface["z"][j][i] for i in across] for j in up],
    }


def _evenly(count: int) -> list[int]:
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, GRID))})


def _slices(study: Study, fields: Sequence[str], unit: str) -> Iterator[tuple[list[Tree], Tree]]:
    """A panel for each field: score against value, later trials darker."""
    for field in fields:
        if sum(field in t.params for t in study.get_trials(deepcopy=False)) < FEWEST:
            continue
        drawn = plain(plot_slice(study, params=[field]).to_plotly_json())
        points = drawn["data"][0]
        marker = {"color": points["marker"]["color"], "coloraxis": "coloraxis", "size": 6}
        marker |= {"line": {"width": 0.5, "color": SOFT}}
        dots = {"type": "scatter", "mode": "markers", "marker": marker, "showlegend": False}
        layout = drawn["layout"] | {"yaxis": {"title": {"text": unit}}}
        across = [v.strip("'") if isinstance(v, str) else v for v in points["x"]]
        layout["xaxis"] |= _span(layout["xaxis"], points["x"])
        yield [dots | {"x": across, "y": points["y"]}], layout


def _span(axis: Mapping[str, Any], values: Sequence[Any]) -> Tree:
    """The range of a logarithmic axis, which Optuna leaves to the browser."""
    if axis.get("type") != "log":
        return {}
    low, high = math.log10(min(values)), math.log10(max(values))
    pad = 0.05 * (high - low)
    return {"range": [low - pad, high + pad]}


def _grid(panels: Iterator[tuple[list[Tree], Tree]], *, bar: str, better: str) -> Tree | None:
    """Panels side by side, and one below the other where there is no room beside."""
    found = list(panels)
    data = []
    for i, (traces, _) in enumerate(found, 1):
        end = "" if i == 1 else str(i)
        data += [trace | {"xaxis": f"x{end}", "yaxis": f"y{end}"} for trace in traces]
    axes = [layout for _, layout in found]
    wide = min(3, len(found))
    if not found:
        return None
    width = round(WIDE * (1, 0.62, 0.55, 1)[wide])
    return {
        "data": data,
        "layout": _laid(axes, columns=wide, width=width, bar=bar, better=better),
        "narrow": _laid(axes, columns=1, width=NARROW, bar=bar, better=better),
        "width": width,
    }


def _laid(axes: Sequence[Tree], *, columns: int, width: int, bar: str, better: str) -> Tree:
    rows = math.ceil(len(axes) / columns)
    inner = width - LEFT - 12
    wide = (inner - GAP * (columns - 1)) / columns
    area = CELL - FOOT
    height = rows * CELL
    layout = _house(height + TOP)
    layout["coloraxis"] = {
        "colorscale": PALE_TO_DARK,
        "reversescale": better == "lower",
        "colorbar": {"orientation": "h", "thickness": 9, "len": min(1.0, 300 / inner)}
        | {"x": 0, "xanchor": "left", "y": 1 + 6 / height, "yanchor": "bottom"}
        | {"title": {"text": bar, "side": "top", "font": {"size": 11.5}}, "nticks": 5}
        | {"outlinewidth": 0, "tickfont": {"size": 10.5}},
    }
    for i, own in enumerate(axes, 1):
        end = "" if i == 1 else str(i)
        row, column = divmod(i - 1, columns)
        left, top = column * (wide + GAP) / inner, 1 - row * CELL / height
        x, y = (_axis(own[name]) for name in ("xaxis", "yaxis"))
        layout[f"xaxis{end}"] = x | {"anchor": f"y{end}", "domain": [left, left + wide / inner]}
        domain = [max(0.0, top - area / height), top]
        layout[f"yaxis{end}"] = y | {"anchor": f"x{end}", "domain": domain}
    return layout


def _axis(given: Mapping[str, Any]) -> Tree:
    """An axis of Optuna in the house's looks. Long numbers lie flat, and few of them."""
    title = {"text": given["title"]["text"], "standoff": 6, "font": {"color": SOFT, "size": 11.5}}
    kept = {key: given[key] for key in ("type", "range") if key in given}
    look = {"gridcolor": RULE, "zeroline": False, "nticks": 5, "tickangle": 0, "automargin": False}
    if kept.get("type") == "log":
        look |= ticks(*given["range"])
    return look | kept | {"title": title}


def ticks(low: float, high: float) -> Tree:
    """Of a logarithmic axis between two exponents: round numbers, written out."""
    steps = (1, 2, 5) if high - low < 1.7 else (1,)
    values = [step * 10.0**k for k in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    kept = [float(f"{v:.3g}") for v in values if low <= math.log10(v) <= high]
    return {"tickvals": kept, "ticktext": [f"{v:g}" for v in kept]}


def _house(height: float) -> Tree:
    family = "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif"
    return {
        "height": round(height) + 28,
        "margin": {"l": LEFT, "r": 12, "t": TOP + 28, "b": 0, "pad": 0},
        "font": {"family": family, "size": 11.5, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "showlegend": False,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#8a949e", "activecolor": INK},
    }


def _parallel(study: Study, fields: Sequence[str], unit: str) -> Tree:
    """The best trials as lines over their fields; darker is better, the best in orange."""
    drawn = plain(
        plot_parallel_coordinate(study, params=list(fields), target_name=unit).to_plotly_json()
    )
    names = [unit, *sorted(fields)]
    lines = [trace for trace in drawn["data"] if trace["mode"] == "lines"]
    order = sorted(lines, key=lambda trace: _height(study, trace))
    for trace in order:
        trace["customdata"] = [
            [name, value] for name, (_, value) in zip(names, trace["customdata"], strict=True)
        ]
    order[-1] |= {"line": {"color": "#d55e00", "width": 2.6}, "opacity": 1.0}
    axis = drawn["layout"]["xaxis"] | {"ticktext": [_broken(name) for name in names]}
    axis |= {"tickangle": 0, "tickfont": {"size": 10.5}, "fixedrange": True}
    layout = _house(330) | {
        "xaxis": axis,
        "yaxis": drawn["layout"]["yaxis"],
        "annotations": drawn["layout"]["annotations"],
        "shapes": drawn["layout"]["shapes"],
    }
    layout["margin"] = {"l": 40, "r": 40, "t": 44, "b": 64, "pad": 0}
    return {"data": order, "layout": layout, "narrow": layout, "width": WIDE}


def _height(study: Study, trace: Mapping[str, Any]) -> float:
    """Where a line starts: better is higher."""
    start = float(trace["y"][0])
    return start if study.direction == StudyDirection.MAXIMIZE else -start


def _broken(name: str) -> str:
    """A field's path on lines of its own, so that it fits below its axis."""
    return name.replace(", ", ",<br>").replace(".", ".<br>").replace(" ", "<br>", 1)


def plain(tree: Any) -> Any:
    """Plain data without a template; numbers of four digits, NaN is None. Plotly packs an array as
    ``bdata``, in base 64, with its ``dtype`` and ``shape``.
    """
    if isinstance(tree, Mapping) and "bdata" in tree:
        numbers = np.frombuffer(base64.b64decode(tree["bdata"]), dtype=tree["dtype"])
        shape = tree.get("shape", len(numbers))
        sides = [int(side) for side in shape.split(",")] if isinstance(shape, str) else shape
        return plain(numbers.reshape(sides))
    if isinstance(tree, Mapping):
        return {key: plain(value) for key, value in tree.items() if key != "template"}
    if isinstance(tree, np.ndarray):
        return plain(tree.tolist())
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    if isinstance(tree, float | np.floating):
        return float(f"{tree:.4g}") if math.isfinite(tree) else None
    return int(tree) if isinstance(tree, np.integer) else tree
