"""Our counters among those that a real Ray node exports to Prometheus."""

import time
import urllib.request
from contextlib import suppress

from cal.adapters import ray_cluster
from cal.adapters.ray_metrics import Counters
from cal.config import parse
from cal.runs import Run

import ray  # isort: skip  authentication (ray_cluster) comes before Ray


def exported() -> dict[str, float]:
    """Our metrics on this node, by name and variant."""
    port = ray.nodes()[0]["MetricsExportPort"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("ray_cal_"):
            labels, _, value = line.rpartition(" ")
            variant = labels.partition('variant="')[2].partition('"')[0]
            bound = labels.partition('le="')[2].partition('"')[0]
            key = " ".join(filter(None, (labels.partition("{")[0], variant, bound)))
            found[key] = float(value)
    return found


def test_what_runs_do_is_counted_by_variant() -> None:
    ray_cluster.connect(cpus=1)
    try:
        counters, config = Counters("s"), parse({})
        runs = [Run(f"h{i}", "hw20", i, config, (arm,)) for i, arm in enumerate(("cal", "joint"))]
        for run in runs:
            counters.started(run, beside=2)
            counters.ended(run, "loss is nan" if run.arms == ("joint",) else "")
        counters.resumed(runs[0], epoch=3, seconds=2.5, preempted=True)
        expected = {
            "ray_cal_runs_finished_total cal": 1.0,
            "ray_cal_runs_failed_total joint": 1.0,
            "ray_cal_runs_resumed_total cal": 1.0,
            "ray_cal_lost_seconds_total cal": 2.5,
            "ray_cal_pack_size_bucket cal 1.0": 0.0,
            "ray_cal_pack_size_bucket cal 2.0": 1.0,
        }
        found: dict[str, float] = {}
        for _ in range(60):
            with suppress(OSError):  # the agent may listen before it answers
                found = exported()
            if expected.items() <= found.items():
                break
            time.sleep(1)
        assert expected.items() <= found.items(), found
    finally:
        ray_cluster.disconnect()
