"""A small study as a job of a lab: submitted, looked at, and what ledger and log say of it."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cal.config import ConfigError
from cluster.faults import Fault
from cluster.lab.mlflow_server import seed_runs
from cluster.lab.ray_nodes import ask
from cluster.lab.whole import Lab

STUDY = """
name: {name}
base:
  data: {{labels_per_class: 20}}
  cal: {{contribution: {{interval: 1}}}}
  train: {{epochs: {epochs}, validate_every: 20}}
regimes:
  hw20: {{seeds: {seeds}}}
arms:
  cal: {{config: {{method: cal}}}}
  joint: {{config: {{method: joint, gamma: 0}}}}
  ogm_ge: {{config: {{method: ogm_ge, gamma: 0}}}}
contrasts:
  - {{arm: cal, reference: joint, primary: true}}
"""
ARMS = 3
DISK_MB = 24
ACCOUNT_S = 120.0  # for MLflow to answer what it holds


@dataclass(frozen=True)
class Scale:
    """How large a study is: ``seeds`` of each of three arms, and how long they train."""

    seeds: int
    epochs: int

    @property
    def runs(self) -> int:
        """Distinct runs of the study."""
        return ARMS * self.seeds


FULL, SMALL = Scale(seeds=10, epochs=200), Scale(seeds=2, epochs=200)


@dataclass
class Job:
    """A study as a submitted job, submitted again whenever it ends badly."""

    place: Lab
    name: str
    folder: Path
    home: str
    scale: Scale
    fault: Fault | None = None
    submitted: int = 0
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Of the last submission."""
        return f"{self.name}-{self.submitted}"

    @property
    def out(self) -> Path:
        """Folder of the report."""
        return self.folder / "report"

    def submit(self) -> None:
        """Once more. What it prints goes to files of this machine: a head may be away."""
        self.submitted += 1
        study = self.folder / "study.yaml"
        scale = {"epochs": self.scale.epochs, "seeds": self.scale.seeds}
        study.write_text(STUDY.format(name=self.name, **scale), encoding="utf-8")
        backend = self.fault.backend if self.fault is not None else "packed"
        command = ["ablations.full", "--config", study, "--out", self.out, "--backend", backend]
        if self.fault is not None and self.fault.name == "clock":
            command = ["cluster.lab.own_clock", self.folder / "clock", *command]
        given = " ".join(map(str, command))
        entry = f"exec python -m {given} 2>> {self.folder}/events >> {self.folder}/output"
        own = {"CAL_HOME": self.home, "CAL_LOG": "json", "CAL_LEDGER_WAIT_S": "30"}
        asked = {"entrypoint": entry, "submission_id": self.id, "entrypoint_num_cpus": 0.5}
        ask(self.place.head, "/api/jobs/", asked | {"runtime_env": {"env_vars": own}})

    def look(self) -> str:
        """Its status, ``UNKNOWN`` while nobody answers; GONE where the head forgot it."""
        try:
            self.info = ask(self.place.head, f"/api/jobs/{self.id}")
        except OSError as error:
            return "GONE" if getattr(error, "code", 0) == 404 else "UNKNOWN"
        return str(self.info["status"])

    def driver(self) -> int | None:
        """The process id of the study's driver, on whatever node."""
        nodes = self.place.nodes.values()
        found = [pid for node in nodes for pid in node.find(f"--out {self.out}")]
        return found[-1] if found else None  # the shell around it is older

    def events(self) -> list[dict[str, Any]]:
        """Its structured log."""
        found = []
        with suppress(OSError):
            for line in (self.folder / "events").read_text(errors="replace").splitlines():
                with suppress(ValueError):
                    event = json.loads(line)
                    found += [event] if isinstance(event, dict) and "event" in event else []
        return found


@contextmanager
def job_of(place: Lab, name: str, scale: Scale, fault: Fault | None = None) -> Iterator[Job]:
    """A study in a folder and with checkpoints of its own."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=place.folder))
    with ExitStack() as stack:
        home = f"{place.env['CAL_HOME']}/{name}"
        if fault is not None and fault.folder:
            home = str(folder / "disk")
            stack.enter_context(small_disk(folder / "disk"))
        yield Job(place, name, folder, home, scale, fault)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of ``DISK_MB``. Raises ``ConfigError`` where this user cannot mount one."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(
            f"disk: cannot mount a small file system ({done.stderr.strip()}): be root"
        )
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def ledger_rows(job: Job) -> list[dict[str, str]]:
    """Tags and status of every seed run of the study, as MLflow's API gives them."""
    runs = seed_runs(job.place.mlflow, job.name, seconds=ACCOUNT_S)
    return [
        {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        | {"status": run["info"]["status"]}
        for run in runs
    ]
