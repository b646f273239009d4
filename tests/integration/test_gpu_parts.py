"""Runs that share a GPU, and Ray Train workers that have one. Skipped without a GPU."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cal.adapters import ray_cluster, ray_train
from cal.adapters.ray_workers import Workers
from cal.config import parse
from cal.records import Result
from cal.running import Job
from tests.integration.studies import run, small_study

import ray  # isort: skip

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

TINY: dict[str, Any] = {"data": {"labels_per_class": 20}, "train": {"epochs": 2}}
STUDY = """
name: tiny
base: {data: {labels_per_class: 20}, train: {epochs: 4}, evaluate: {noise: none}}
regimes: {hw20: {seeds: 2}}
arms:
  joint: {config: {method: joint}}
  cal: {config: {}}
contrasts: [{arm: cal, reference: joint}]
"""


@pytest.fixture
def cluster() -> Iterator[None]:
    ray_cluster.connect(cpus=2)
    yield
    ray_cluster.disconnect()


def fits(share: float) -> bool:
    """Whether a task with a twentieth of a GPU can take ``share`` of that."""
    device = ray_train.device_of(0.05)
    size = int(share * 0.05 * torch.cuda.mem_get_info()[1])
    try:
        return torch.empty(size, dtype=torch.int8, device=device).numel() == size
    except torch.OutOfMemoryError:
        return False


@pytest.mark.usefixtures("cluster")
def test_a_part_of_a_gpu_is_no_more_than_that() -> None:
    assert list(ray_cluster.each(fits, [0.5, 2.0], gpus=0.05)) == [True, False]


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("backend", ["worker", "ray-train"])
def test_a_run_is_trained_there(backend: str, tmp_path: Path) -> None:
    job = Job(parse(TINY), "run", str(tmp_path))
    if backend == "worker":
        batches = (ray.get(batch) for batch in Workers(1, gpus=0.25).stream([job]))
    else:
        batches = ray_train.train_records(job, workers=1, gpus=1.0)
    records = [record for batch in batches for _, record in batch]
    assert len(records) == 3
    assert isinstance(records[-1], Result)


def test_a_study_takes_the_gpu_and_says_so(home: Path, tmp_path: Path) -> None:
    path = small_study(tmp_path, STUDY)
    done = run("ablations.full", "--config", path, "--out", "out", home=home)
    assert done.returncode == 0, done.stderr
    assert "backend packed (auto: small networks train many at once), 1 GPUs" in done.stderr
    assert (home.parent / "out" / "report.html").exists()
