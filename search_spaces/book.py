"""A search in the ledger: trials at the top level with what they scored, their runs as children."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from cal import checkpoint
from cal.adapters.tracking import Seed, Variant
from cal.adapters.tracking_data import data_of
from cal.records import Epoch, Result
from search_spaces.objectives import OBJECTIVES, scalar
from search_spaces.racing import Score
from search_spaces.trials import SeedRun, Trial

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger

OWN = ""  # the study's own experiment
STATUS = {"complete": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
METRIC = {
    "clean": "select/clean/accuracy",
    "robust": "select/robust/accuracy",
    "area": "select/area",
    "nll": "select/clean/nll",
    "step_time": "time/step_ms",
    "parameters": "search/parameters",
}
"""Objective -> its name on a trial's row."""


class Listener(Protocol):
    """Who is told how it goes; ``search_spaces.progress.Progress``."""

    def asked(self, trial: Trial) -> None:
        """A trial begins."""

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        """An epoch was trained."""

    def told(self, trial: Trial, scores: Mapping[str, Score]) -> None:
        """A trial ended."""

    def note(self, line: str) -> None:
        """Something else the user should know."""


class Book:
    """``search_spaces.clerk.Book`` on a ledger whose study was begun."""

    def __init__(self, ledger: "Ledger", listener: Listener, *, folder: str) -> None:
        """``folder``: of checkpoints. Those of a trial are removed once the storage keeps its end:
        only scores count, and a search has many.
        """
        self.ledger, self.listener, self.folder = ledger, listener, folder
        self._ids: dict[str, str] = {}  # hash -> row

    def asked(self, trial: Trial) -> None:
        """Its row, and a line for who looks on."""
        title = ", ".join(f"{field} {_short(value)}" for field, value in trial.values.items())
        self.ledger.add_variant(OWN, Variant(trial.name, title, trial.config.method))
        self.listener.asked(trial)

    def known(self, run: SeedRun) -> Mapping[str, float] | None:
        """The metrics of a run that an earlier driver finished."""
        row = self.ledger.find(OWN, run.hash)
        return row.metrics if row is not None and row.status == "FINISHED" else None

    def started(self, run: SeedRun, *, beside: int) -> None:
        """Its row, once; a row that a dead driver left is taken over."""
        if run.hash in self._ids:
            return
        seed = Seed(run.hash, OWN, run.config, (run.trial.name,), data_of(run.config))
        self._ids[run.hash] = self.ledger.start(seed)

    def epoch(self, run: SeedRun, record: Epoch) -> None:
        """Its points."""
        self.ledger.log(self._ids[run.hash], [record])
        self.listener.epoch(run, record)

    def finished(self, run: SeedRun, result: Result) -> None:
        """FINISHED."""
        self.ledger.finish(self._ids.pop(run.hash), result)

    def stopped(self, run: SeedRun) -> None:
        """KILLED, which is no failure."""
        self.ledger.stop(self._ids.pop(run.hash), run.trial.reason)

    def failed(self, run: SeedRun, error: str) -> None:
        """FAILED, with its traceback."""
        self.ledger.fail(self._ids.pop(run.hash), error)

    def told(self, trial: Trial, scores: Mapping[str, Score]) -> None:
        """The trial's row: its values as params, what it scored as metrics."""
        metrics = {"seeds": float(len(trial.line))}
        metrics["search/epochs"] = float(sum(run.epoch for run in trial.runs))
        for name, score in scores.items():
            metrics[METRIC[name]] = score.mean
            if score.error is not None:
                metrics[f"search/{name}_error"] = score.error
        if scores:
            means = {name: score.mean for name, score in scores.items()}
            metrics["search/score"] = scalar([OBJECTIVES[name] for name in means], means)
        if trial.runs and trial.runs[0].curve:
            metrics["search/last_rung"] = trial.runs[0].curve[-1][1]
        tags = {"cal.stage": "tune", "cal.arm": trial.arm, "cal.origin": trial.origin[:200]}
        tags |= {"cal.reason": trial.reason[:200]} if trial.reason else {}
        self.ledger.close_variant(
            OWN,
            trial.name,
            metrics=metrics,
            params={field: _text(value) for field, value in trial.values.items()},
            tags=tags,
            status=STATUS[trial.status],
        )
        for run in trial.runs:
            checkpoint.remove(self.folder, f"{run.hash}.pt")
        self.listener.told(trial, scores)

    def note(self, line: str) -> None:
        """For who looks on."""
        self.listener.note(line)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
