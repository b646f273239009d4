"""Data-parallel workers and killed workers: the same run, whoever computes it."""

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as processes
from torch import Tensor

from cal import checkpoint
from cal.adapters import ray_cluster, ray_train
from cal.adapters.ray_pool import group_lost
from cal.config import Config, ConfigError, parse
from cal.parallel import Group, check_workers
from cal.records import Epoch, Record, Result
from cal.running import Job, resumable
from cal.trainer import Trainer
from cluster.lab.processes import free_ports
from tests.integration.own_ray import workers
from tests.integration.studies import run

import ray  # isort: skip  authentication (ray_cluster) comes before Ray
from ray.train import WorkerGroupError  # isort: skip
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError  # isort: skip


def small(**changes: Any) -> Config:
    """Full CAL on real data, with the metric at work from the first step."""
    return parse(
        {
            "data": {"labels_per_class": 20},
            "cal": {"contribution": {"interval": 1, "start": 0}, "bottleneck": {"warmup": 0}},
            "evaluate": {"noise": "none"},
            "train": {"epochs": 3, "validate_every": 1},
            **changes,
        }
    )


def gradients_of_a_step(trainer: Trainer) -> dict[str, Tensor]:
    """The first step's gradients, as the optimiser gets them."""
    kept: dict[str, Tensor] = {}

    def keep(**given: object) -> None:
        named = trainer.network.named_parameters()
        kept.update({n: p.grad.clone() for n, p in named if p.grad is not None})

    trainer.optimiser.step = keep  # type: ignore[method-assign]
    next(trainer.epoch_steps())
    return kept


def in_group(rank: int, port: int, work: Callable[[int, str], None], folder: str) -> None:
    """One of two workers: gloo on loopback, half of each batch."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2
    )
    work(rank, folder)
    torch.distributed.destroy_process_group()


def two_workers(work: Callable[[int, str], None], folder: Path) -> None:
    """``work(rank, folder)`` in two processes of one group."""
    (port,) = free_ports(1)
    processes.spawn(in_group, args=(port, work, str(folder)), nprocs=2)


def data_parallel(rank: int) -> Trainer:
    wrap = torch.nn.parallel.DistributedDataParallel
    return Trainer([small()], group=Group(rank, 2), wrap=wrap)


def half_a_step(rank: int, folder: str) -> None:
    torch.save(gradients_of_a_step(data_parallel(rank)), f"{folder}/{rank}.pt")


def test_two_workers_with_half_a_batch_give_the_gradients_of_one(tmp_path: Path) -> None:
    """To 1e-5: the mean over 64 samples is summed in another order."""
    two_workers(half_a_step, tmp_path)
    alone = gradients_of_a_step(Trainer([small()]))
    first, second = (torch.load(tmp_path / f"{r}.pt", weights_only=True) for r in (0, 1))
    for name, grad in alone.items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], grad, atol=1e-5, rtol=0)


def interrupted_and_resumed(rank: int, folder: str) -> None:
    """Each worker has a node's folder of its own, as without shared storage."""
    job = Job(small(), "run", f"{folder}/node{rank}", every_s=0)
    second = data_parallel(rank)
    first = resumable([job], lambda _: data_parallel(rank), group=second.group)
    assert [next(first)[1].epoch for _ in range(2)] == [1, 2]
    again = resumable([job], lambda _: second, group=second.group)
    records = [record for _, record in again]
    assert [r.epoch for r in records if isinstance(r, Epoch)] == [1, 2, 3]
    told = [r.metrics["train/loss"] for r in records if isinstance(r, Epoch)]
    state = second.network.state_dict() | {"told": torch.tensor(told)}
    torch.save(state, f"{folder}/{rank}.pt")


def test_all_workers_resume_from_the_first_one_s_checkpoint(tmp_path: Path) -> None:
    """The second worker's node has none: it must not begin again alone, nor write one."""
    two_workers(interrupted_and_resumed, tmp_path)
    assert [path.name for path in tmp_path.glob("node*/*")] == ["run.pt"]
    first, second = (torch.load(tmp_path / f"{r}.pt", weights_only=True) for r in (0, 1))
    assert torch.equal(first["told"], second["told"])  # means over the workers, not a shard's
    last = parameters(tmp_path / "node0", "run")
    for name, value in last.items():
        assert torch.equal(first[name], value)
        assert torch.equal(second[name], value)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray on this machine, as a study starts it."""
    ray_cluster.connect(cpus=1)
    yield
    ray_cluster.disconnect()


def worker_pid() -> int:
    """The warm worker that runs our task."""
    for _ in range(600):
        if found := workers("ray::in_worker"):
            return found[0]
        time.sleep(0.05)
    raise AssertionError("no worker found in 30 s")


def parameters(folder: Path, key: str) -> dict[str, Tensor]:
    saved = checkpoint.load(str(folder), key)
    assert saved is not None
    return dict(saved["trainer"]["network"])


def test_a_worker_killed_with_9_resumes_bit_for_bit(cluster: None, tmp_path: Path) -> None:
    config = small(train={"epochs": 200, "validate_every": 50})
    undisturbed = Job(config, "undisturbed", str(tmp_path), every_s=0)
    whole: list[Record] = [record for _, record in resumable([undisturbed])]
    killed = Job(config, "killed", str(tmp_path), every_s=0)
    stream = ray_train.stream([killed])
    seen = ray.get(next(stream))
    assert isinstance(seen[-1][1], Epoch), "the run ended before it could be killed"
    os.kill(worker_pid(), signal.SIGKILL)
    with pytest.raises(ray.exceptions.WorkerCrashedError):
        ray.get(list(stream))
    references = ray_train.stream([killed])
    again = [record for reference in references for _, record in ray.get(reference)]
    first = parameters(tmp_path, "undisturbed")
    for name, value in parameters(tmp_path, "killed").items():
        assert torch.equal(value, first[name]), name
    assert again[:-1] == whole[:-1]  # every epoch's record, those before the kill replayed
    assert isinstance(again[-1], Result)


def test_two_ray_train_workers_train_as_one_process_does(home: Path, tmp_path: Path) -> None:
    """As a user starts it; sums in another order may turn a sample or two of 800."""
    found = []
    other = shutil.copytree(home, tmp_path / "other")
    words = ("cal.train", "data.labels_per_class=20", "train.epochs=5", "evaluate.noise=none")
    for more, place in (((), home), (("--workers", "2"), other)):
        done = run(*words, *more, home=place)
        assert done.returncode == 0, done.stderr
        found.append(float(re.findall(r"test/clean/accuracy (\S+)", done.stdout)[0]))
    assert found[0] > 0.5
    assert found[1] == pytest.approx(found[0], abs=0.005)


def test_room_that_can_never_be_is_refused_and_that_may_come_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """2 workers with 1 GPU each, where there are 2 CPUs and 1 GPU."""
    monkeypatch.setattr(ray_cluster, "slots", lambda what="CPU": {"CPU": 2.0, "GPU": 1.0}[what])
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert ray_cluster.room(workers=2, gpus=0.5, field="--gpus-per-run") == []
    with pytest.raises(ConfigError, match="^--gpus-per-run: a run of 2 worker.s. needs 2 GPUs; "):
        ray_cluster.room(workers=2, gpus=1.0, field="--gpus-per-run")
    with pytest.raises(ConfigError, match="^--workers: a run of 3 worker.s. needs 3 CPUs; "):
        ray_cluster.room(workers=3, gpus=0.0, field="--gpus-per-run")
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    told = ray_cluster.room(workers=2, gpus=1.0, field="--gpus-per-run")
    assert told == ["waiting for 2 GPUs: the cluster has 1 now"]


def test_workers_that_would_compute_another_run_are_refused() -> None:
    """Batch normalisation over a part of the batch is another network."""
    large = parse({"data": {"name": "keypad"}, "model": {"encoder": "resnet18"}})
    check_workers(large, samples=1000, workers=1)
    check_workers(large, samples=1000, workers=2, gpus=1.0)
    with pytest.raises(ConfigError, match="^--workers: given 2; allowed: 1 for model.encoder=res"):
        check_workers(large, samples=1000, workers=2)
    rotating = small(cal={"contribution": {"probe_batch": 33}})
    with pytest.raises(ConfigError, match="allowed: a divisor of the probe of an update=33$"):
        check_workers(rotating, samples=200, workers=2)


def test_several_nodes_without_shared_storage_are_warned_of() -> None:
    assert ray_cluster.beware(1, "/home/user/cal-lab/checkpoints") == []
    assert ray_cluster.beware(2, "s3://bucket/lab/checkpoints") == []
    (line,) = ray_cluster.beware(2, "/home/user/cal-lab/checkpoints")
    assert "a lost node repeats its unfinished runs; set CAL_HOME" in line


@pytest.mark.parametrize(
    ("name", "given", "nodes", "said"),
    [
        (
            "MLFLOW_TRACKING_URI",
            "sqlite:///mlflow.db",
            1,
            "vanishes with the job's folder; give the",
        ),
        (
            "MLFLOW_TRACKING_URI",
            "sqlite:////lab/mlflow.db",
            2,
            "a file of one of 2 nodes; give the",
        ),
        ("CAL_HOME", "lab", 1, "vanishes with the job's folder; give storage that all nodes have"),
        ("CAL_HOME", "file:///lab", 2, "a folder of one of 2 nodes; give storage that all nodes"),
    ],
)
def test_a_place_that_cannot_be_right_on_a_cluster_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str, nodes: int, said: str
) -> None:
    """Each in one line that names it and has the cure; without it nothing is said."""
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    for other in ("MLFLOW_TRACKING_URI", "CAL_HOME"):
        monkeypatch.delenv(other, raising=False)
    assert ray_cluster.unshared(nodes) == []
    monkeypatch.setenv(name, given)
    (line,) = ray_cluster.unshared(nodes)
    assert line.startswith(f"{name}: given {given}; {said}")


@pytest.mark.parametrize(
    ("name", "given", "nodes"),
    [
        ("MLFLOW_TRACKING_URI", "sqlite:////lab/mlflow.db", 1),
        ("MLFLOW_TRACKING_URI", "http://mlflow:5000", 8),
        ("MLFLOW_TRACKING_URI", "postgresql+psycopg2://lab@db/lab", 8),
        ("CAL_HOME", "/shared/lab", 8),
        ("CAL_HOME", "s3://bucket/lab", 8),
        ("CAL_HOME", "file:///lab", 1),
    ],
)
def test_places_that_all_nodes_have_are_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, given: str, nodes: int
) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv(name, given)
    assert ray_cluster.unshared(nodes) == []


def test_a_server_that_leaves_files_to_its_clients_is_refused_on_several_nodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = "http://lab:secret@mlflow:5000"
    monkeypatch.setattr(ray_cluster.ray, "nodes", lambda: [{"Alive": True}] * 2)
    with pytest.raises(ConfigError, match="--artifacts-destination s3://BUCKET/FOLDER") as caught:
        ray_cluster.check_files(server, "/mlruns/1")
    assert "secret" not in str(caught.value)
    ray_cluster.check_files(server, "mlflow-artifacts:/1")
    ray_cluster.check_files(server, "s3://bucket/1")
    ray_cluster.check_files("sqlite:////lab/mlflow.db", "/lab/artifacts")


def test_ray_train_gives_the_records_of_the_plain_trainer(cluster: None, tmp_path: Path) -> None:
    config = small()
    plain = [record for _, record in resumable([Job(config, "plain", str(tmp_path))])]
    job = Job(config, "train", str(tmp_path))
    found = [record for batch in ray_train.train_records(job, workers=1) for _, record in batch]
    assert found[:-1] == plain[:-1]
    first = parameters(tmp_path, "plain")
    for name, value in parameters(tmp_path, "train").items():
        assert torch.equal(value, first[name]), name


@pytest.mark.parametrize(
    ("cause", "lost"),
    [
        (ray.exceptions.ActorDiedError(), True),
        (WorkerHealthCheckFailedError("no answer", ray.exceptions.NodeDiedError("gone")), True),
        (ValueError("loss is nan"), False),
    ],
)
def test_a_worker_group_that_lost_its_workers_is_told_from_one_that_raised(
    cluster: None, cause: Exception, lost: bool
) -> None:
    """As it reaches the pool: through the task of the fit and that of the stream."""

    @ray.remote(num_cpus=0)
    def fit() -> None:
        raise WorkerGroupError("of one worker", {0: cause})

    @ray.remote(num_cpus=0)
    def stream() -> None:
        ray.get(fit.remote())

    with pytest.raises(ray.exceptions.RayError) as caught:
        ray.get(stream.remote())
    assert group_lost(caught.value) is lost
