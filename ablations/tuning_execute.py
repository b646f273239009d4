"""Tuning runs through the cluster and the ledger: rows of experiments of their own.

``STUDY/REGIME:tune`` holds them at the top level, tagged ``cal.stage`` = tune, so that the chart
page of a regime compares arms alone. Whatever is FINISHED there is not run again.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ablations.plan import Plan
from ablations.tuning import EXPERIMENT
from cal import cli
from cal.runs import Run

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger


class Train(Protocol):
    """``Workplace.train``."""

    def __call__(self, runs: Sequence[Run], ledger: "Ledger", *, done: int) -> None:
        """Execute runs and write them into the ledger."""


class Runner:
    """The ``RunAll`` of ``tuning_search.tune``: the ledger's answers, and ``train`` for the others,
    which is not called at all where the tuning was finished before.
    """

    def __init__(self, ledger: "Ledger", plan: Plan, *, train: Train) -> None:
        """``ledger``: begun. Makes the experiments of the plan's regimes."""
        self.ledger, self.train = ledger, train
        self.rounds = 0
        ledger.add(
            {
                EXPERIMENT.format(name): f"Tuning runs, on the select part: {plan.titles[name]}"
                for name in plan.regimes
            }
        )

    def __call__(self, runs: Sequence[Run]) -> Mapping[tuple[str, str], Mapping[str, float]]:
        """Run what the ledger lacks; the metrics of all that finished."""
        self.rounds += 1
        missing = [run for run in runs if not self.ledger.finished(run.regime, run.hash)]
        done = len(runs) - len(missing)
        if missing:
            cli.say(f"tuning round {self.rounds}: {len(missing)} runs, {done} in the ledger")
            self.train(missing, self.ledger, done=done)
        found = {(run.regime, run.hash): self.ledger.find(run.regime, run.hash) for run in runs}
        return {
            key: row.metrics
            for key, row in found.items()
            if row is not None and row.status == "FINISHED"
        }
