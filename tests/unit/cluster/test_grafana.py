"""The dashboard has what Grafana reads, and asks for every counter that we export."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "cluster" / "grafana" / "cal-lab.json"
# As Ray exports them: ray_ before our names; _total after a counter, _bucket after a histogram.
OURS = ("runs_finished_total", "runs_failed_total", "runs_resumed_total", "lost_seconds_total") + (
    "pack_size_bucket",
)
RAYS = {
    *("ray_node_cpu_utilization", "ray_node_gpus_utilization", "ray_node_mem_used"),
    *("ray_node_mem_total", "ray_tasks", "autoscaler_active_nodes", "autoscaler_pending_nodes"),
}
KINDS = {"stat", "timeseries", "heatmap"}
WIDTH = 24  # columns of Grafana's grid


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_it_has_the_fields_that_grafana_reads(dashboard: dict[str, Any]) -> None:
    assert dashboard["schemaVersion"] >= 36  # the first with a data source for each target
    assert dashboard["uid"]
    assert dashboard["title"]
    assert "id" not in dashboard  # Grafana gives its own; one from elsewhere cannot be imported
    for panel in dashboard["panels"]:
        assert panel["type"] in KINDS
        assert panel["title"]
        assert panel["description"]
        assert {"x", "y", "w", "h"} == set(panel["gridPos"])
        assert all(target["expr"] and target["refId"] for target in panel["targets"])


def test_panels_are_told_apart_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len({*numbers}) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= WIDTH
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize("name", OURS)
def test_every_counter_of_ours_is_shown(dashboard: dict[str, Any], name: str) -> None:
    shown = [line for line in expressions(dashboard) if f"ray_cal_{name}{{" in line]
    assert shown
    assert all('study=~"$study"' in line for line in shown)


def test_nothing_else_is_asked_for(dashboard: dict[str, Any]) -> None:
    """A misspelt metric would be an empty panel for ever."""
    text = " ".join(expressions(dashboard))
    names = {*re.findall(r"\b(?:ray|autoscaler)_\w+", text)}
    assert names == RAYS | {f"ray_cal_{name}" for name in OURS}


def test_every_variable_is_defined(dashboard: dict[str, Any]) -> None:
    used = {*re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"]))}
    defined = {one["name"] for one in dashboard["templating"]["list"]}
    assert used - {"__rate_interval"} == defined
