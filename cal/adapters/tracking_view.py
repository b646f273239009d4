"""The prepared page of a study's charts, and the addresses that open it. No mlflow.

MLflow opens an experiment on a page without runs. The state of its runs page (charts, sections,
filter, order) can be stored as an experiment tag and opened by its key; the form below is that of
MLflow 3.17's own share button.
"""

import base64
import json
import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from cal.adapters.tracking_rows import Address

KEY = "cal"
TAG = f"mlflow.sharedViewState.{KEY}"
GROUPED = "grouped"  # key of the view of seeds grouped by arm
GROUPED_TAG = f"mlflow.sharedViewState.{GROUPED}"
CHARTS = "workflowType=machine_learning&compareRunsMode=CHART"
COLOURS = (  # of arms in the order of the plan: MLflow's own repeat within a handful of runs
    *("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5"),
    *("#9c6b4e", "#9498a0", "#1f3b73", "#8a5a00", "#a3190a", "#1b7a66", "#5b2a86", "#b0006d"),
)
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Accuracy: clean test, robust test, validation",
        ("test/clean/accuracy", "test/robust/accuracy", "val/accuracy"),
    ),
    (
        "Search: on the select part",
        ("search/score", "select/clean/accuracy", "select/robust/accuracy", "search/epochs"),
    ),
    ("Effects on accuracy", ("effect/clean/accuracy", "effect/robust/accuracy")),
    ("Loss and calibration", ("train/loss", "test/clean/nll", "test/clean/ece")),
    ("Contribution W", ("contribution/[^/]+/W",)),
    ("Acceleration k", ("acceleration/[^/]+/k",)),
    ("Bottleneck beta and KL", ("bottleneck/[^/]+/beta", "bottleneck/[^/]+/kl_nats")),
)
"""Section title -> patterns of metric names, one chart each. MLflow titles charts by metric."""
TRIALS = "trials"  # title of the page of a study that keeps its runs in its own experiment
TUNING = ":tune"  # end of the names of experiments of tuning runs
FINAL = ("test/", "select/", "time/", "effect/", "search/", "seeds")
SHOWN: tuple[str, ...] = (
    *("test/clean/accuracy", "test/robust/accuracy", "select/clean/accuracy"),
    *("select/robust/accuracy", "select/clean/nll", "search/score", "search/epochs", "seeds"),
)
"""Metrics with a column of their own, where the runs have them."""


def level(name: str) -> str:
    """The filter for runs of one level: variant, seed or report."""
    return f"tags.`cal.level` = '{name}'"


def view_state(metrics: Collection[str], *, of: str = "variant") -> dict[str, Any]:
    """The page's state for runs with these metrics: our charts first, the rest folded."""
    cards: list[dict[str, Any]] = []
    sections: list[dict[str, Any]] = []
    for title, patterns in SECTIONS:
        found = list(_matching(metrics, patterns))
        if found:
            section = f"cal-{len(sections)}"
            sections.append(_section(section, title, display=True))
            cards += [_card(name, section) for name in found]
    shown = {card["metricKey"] for card in cards}
    rest = {name.rpartition("/")[0] for name in metrics if name not in shown}
    for prefix in sorted(rest):
        sections.append(_section(f"cal-{len(sections)}", prefix, display=False))
    return {
        "compareRunCharts": cards,
        "compareRunSections": sections,
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
        "runsHiddenMode": "SHOW_ALL",
        "searchFilter": level(of),
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "selectedColumns": [
            *(f"metrics.`{name}`" for name in SHOWN if name in metrics),
            "tags.`cal.metric`",
            "tags.`cal.acceleration`",
            "tags.`cal.bottleneck`",
        ],
    }


def _matching(metrics: Collection[str], patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        yield from sorted(name for name in metrics if re.fullmatch(pattern, name))


def _section(uuid: str, name: str, *, display: bool) -> dict[str, Any]:
    return {"uuid": uuid, "name": name, "display": display, "isReordered": True}


def _card(metric: str, section: str) -> dict[str, Any]:
    """A chart as MLflow writes it; fields left out have MLflow's defaults."""
    kind = "BAR" if metric.startswith(FINAL) else "LINE"
    card = {
        "type": kind,
        "uuid": f"cal-{metric}",
        "metricSectionId": section,
        "metricKey": metric,
        "deleted": False,
        "isGenerated": True,
        "runsCountToCompare": 20,
    }
    if kind == "LINE":
        card |= {
            "scaleType": "linear",
            "xAxisKey": "step",
            "xAxisScaleType": "linear",
            "selectedXAxisMetricKey": "",
            "lineSmoothness": 0,
            "range": {},
            "yAxisKey": "metric",
            "yAxisExpressions": [],
            "useGlobalXaxisKey": True,
            "useGlobalLineSmoothing": True,
            "ignoreOutliers": False,
        }
    return card


def encode(state: Mapping[str, Any]) -> str:
    """The text of the tag: ``deflate;`` and base64 of zlib of JSON."""
    packed = zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 9)
    return "deflate;" + base64.b64encode(packed).decode("ascii")


def decode(text: str) -> dict[str, Any]:
    """The state in a tag. Raises ``ValueError`` for another form."""
    kind, _, body = text.partition(";")
    if kind != "deflate":
        raise ValueError(f"view state: given {kind!r}; allowed: deflate;BASE64")
    state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(body)))
    return state


def grouped_state() -> dict[str, Any]:
    """The state of a runs page: seeds folded under their arm, the mean beside it, best first."""
    return {
        "searchFilter": level("seed"),
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": "cal.variant"}],
        },
        "runsHiddenMode": "SHOW_ALL",
        "orderByKey": "metrics.`test/robust/accuracy`",
        "orderByAsc": False,
        "selectedColumns": ["metrics.`test/clean/accuracy`", "metrics.`test/robust/accuracy`"],
    }


def grouped(experiment: str) -> str:
    """The part of the address that opens an experiment's seeds grouped by arm."""
    return (
        f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={GROUPED}"
    )


def charts(experiment: str) -> str:
    """The part of the address that opens an experiment's prepared charts."""
    return f"#/experiments/{experiment}/runs?{CHARTS}&viewStateShareKey={KEY}"


def addresses(
    regimes: Mapping[str, str], *, report: tuple[str, str] | None = None
) -> tuple[Address, ...]:
    """Pages of a study. ``regimes``: name -> experiment id; ``report``: (experiment id, run id).

    Tuning runs have charts of their own, and none beside the arms.
    """
    pages = [Address(f"charts {name}", charts(id_)) for name, id_ in regimes.items()]
    compared = [id_ for name, id_ in regimes.items() if not name.endswith(TUNING)]
    if len(compared) > 1:
        ids = quote(json.dumps(compared, separators=(",", ":")))
        query = f"experiments={ids}&{CHARTS}&viewStateShareKey={KEY}"
        pages.append(Address("charts all", f"#/compare-experiments/s?{query}"))
    if report is not None:
        experiment, run = report
        place = f"#/experiments/{experiment}/runs/{run}/artifacts/report.html"
        pages.append(Address("report", f"{place}?workflowType=machine_learning"))
    return tuple(pages)
