"""A trial of a search and its runs, one a seed: plain data that an arm moves through its states."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cal.config import Config
from cal.effective import run_hash
from search_spaces.fields import laid

RunStatus = Literal["ready", "working", "paused", "finished", "stopped", "failed"]
Status = Literal["running", "complete", "stopped", "failed"]
ENDED = ("finished", "stopped", "failed")


@dataclass
class SeedRun:
    """One seed of a trial. ``until``: the epoch at which it pauses to be judged, None: the end.
    ``curve``: (epoch, intermediate value), more is better. ``scores``: by objective.
    """

    seed: int
    hash: str
    config: Config
    trial: "Trial" = field(repr=False)
    status: RunStatus = "ready"
    epoch: int = 0
    until: int | None = None
    curve: list[tuple[int, float]] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    train_s: float = 0.0
    evaluate_s: float = 0.0
    error: str = ""

    def values(self, until: int) -> list[float]:
        """The curve up to an epoch, NaN at the end if it has no value there."""
        found = [value for epoch, value in self.curve if epoch <= until]
        there = any(epoch == until for epoch, _ in self.curve)
        return found if there else [*found, math.nan]


@dataclass
class Trial:
    """One set of values. ``config``: complete, but for the seed. ``origin``: who proposed it.

    ``twin``: an earlier trial of its arm that is the same computation, whose result it takes.
    """

    arm: str
    number: int
    values: dict[str, Any]
    config: Config
    origin: str = "sampler"
    status: Status = "running"
    reason: str = ""
    runs: list[SeedRun] = field(default_factory=list)
    twin: "Trial | None" = None
    goes_on: int = 0  # last epoch at which its first run was let go on

    @property
    def name(self) -> str:
        """As it is known in the ledger."""
        return f"{self.arm} {self.number}"

    @property
    def line(self) -> list[SeedRun]:
        """The finished runs in the order of the seeds, up to the first that is not."""
        found = []
        for run in self.runs:
            if run.status != "finished":
                break
            found.append(run)
        return found

    @property
    def waits(self) -> bool:
        """Whether it is undecided if it gets another seed."""
        return self.status == "running" and bool(self.runs) and self.runs[-1].status == "finished"

    def add_run(self, seed: int, *, until: int | None) -> SeedRun:
        """Its next seed."""
        run = self.run_of(seed)
        run.until = until
        self.runs.append(run)
        return run

    def run_of(self, seed: int) -> SeedRun:
        """A seed that it may get."""
        config = laid(self.config, {"seed": seed})
        return SeedRun(seed, run_hash(config), config, self)


def to_json(trial: Trial) -> str:
    """What became of it, to be kept with it in the storage."""
    runs = [_run_tree(run) for run in trial.runs]
    twin = None if trial.twin is None else trial.twin.number
    tree = {"status": trial.status, "reason": trial.reason, "runs": runs, "twin": twin}
    return json.dumps(tree, separators=(",", ":"))


def _run_tree(run: SeedRun) -> dict[str, Any]:
    return {k: v for k, v in vars(run).items() if k not in ("config", "trial", "until")}


def restore(trial: Trial, text: str) -> None:
    """Put back what ``to_json`` kept; ``trial.twin`` is left to who knows all trials. Runs that
    have not ended begin again.
    """
    tree = json.loads(text)
    trial.status, trial.reason = tree["status"], tree["reason"]
    for kept in tree["runs"]:
        config = laid(trial.config, {"seed": kept["seed"]})
        curve = [(int(epoch), float(value)) for epoch, value in kept["curve"]]
        run = SeedRun(**{**kept, "curve": curve, "config": config, "trial": trial})
        if run.status not in ENDED:
            run.status, run.epoch = "ready", 0
        trial.runs.append(run)


def twin_of(text: str) -> int | None:
    """Number of the trial of the same arm whose result this one has."""
    twin = json.loads(text)["twin"]
    return None if twin is None else int(twin)


@dataclass(frozen=True)
class Budget:
    """What trials took. ``full``: epochs, had each been trained to the end under every seed."""

    trials: int
    runs: int
    epochs: int
    full: int
    train_s: float
    evaluate_s: float


def budget(trials: Sequence[Trial], *, seeds: int) -> Budget:
    """Of the trials that are no twins. A run that arms share was trained once."""
    found = [run for trial in trials if trial.twin is None for run in trial.runs]
    runs = list({(run.hash, run.status): run for run in found}.values())
    return Budget(
        trials=len(trials),
        runs=len(runs),
        epochs=sum(run.epoch for run in runs),
        full=sum(trial.config.train.epochs * seeds for trial in trials),
        train_s=sum(run.train_s for run in runs),
        evaluate_s=sum(run.evaluate_s for run in runs),
    )


def as_tree(trial: Trial, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A trial in search.json; ``extra``: what only its arm knows (scores, errors, scalar)."""
    first = trial.runs[0] if trial.runs else None
    return {
        "number": trial.number,
        "origin": trial.origin,
        "status": trial.status,
        "values": trial.values,
        "reason": trial.reason,
        "epochs": sum(run.epoch for run in trial.runs),
        "curve": [list(point) for point in first.curve] if first else [],
        "seeds": [
            {
                "seed": run.seed,
                "status": run.status,
                "epochs": run.epoch,
                "scores": run.scores,
                "hash": run.hash,
                "error": run.error,
            }
            for run in trial.runs
        ],
        **extra,
    }
