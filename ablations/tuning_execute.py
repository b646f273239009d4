"""Tuning runs through the cluster and the ledger: rows of experiments of their own.

``STUDY/REGIME:tune`` holds them at the top level, tagged ``cal.stage`` = tune, so that the chart
page of a regime compares arms alone. Whatever is FINISHED there is not run again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ablations import backend as backends
from ablations import execute, sizing, units
from ablations.backend import Backend
from ablations.plan import Plan, Run
from ablations.progress import Progress
from ablations.tuning import EXPERIMENT
from cal import cli
from cal.footprint import Size

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger


class Runner:
    """The ``RunAll`` of ``tuning_search.tune``: the ledger's answers, and the cluster for others.

    ``prepare`` connects to the cluster and chooses the backend; it is called at the first run that
    the ledger lacks, so not at all where the tuning was finished before. Whoever gave it
    disconnects afterwards.
    """

    def __init__(self, ledger: "Ledger", plan: Plan, *, prepare: Callable[[], Backend]) -> None:
        """``ledger``: begun. Makes the experiments of the plan's regimes."""
        self.ledger, self.prepare = ledger, prepare
        self.backend: Backend | None = None
        self.sizes: dict[units.Network, Size] = {}  # of packs, measured once
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
            self._execute(missing, done)
        found = {(run.regime, run.hash): self.ledger.find(run.regime, run.hash) for run in runs}
        return {
            key: row.metrics
            for key, row in found.items()
            if row is not None and row.status == "FINISHED"
        }

    def _execute(self, runs: Sequence[Run], done: int) -> None:
        if self.backend is None:
            self.backend = self.prepare()
        places = backends.places(self.backend)
        with Progress(runs, done=done, places=places) as progress:
            for part in distinct(runs):
                work = self._units(part, places)
                execute.execute(work, self.ledger, backend=self.backend, listener=progress)

    def _units(self, runs: Sequence[Run], places: int) -> list[units.Unit]:
        """Packs where the backend packs, of sizes measured once for each network."""
        assert self.backend is not None
        if self.backend.name != "packed":
            return [(run,) for run in runs]
        new = [run for run in runs if units.network_of(run.config) not in self.sizes]
        self.sizes |= dict(sizing.sizes_of(new, self.backend))
        return units.packed(runs, self.sizes, places=places)


def distinct(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs in parts of different hashes: equal regimes ask for equal runs, each in its own
    experiment, and under way a run is known by its hash.
    """
    parts: list[dict[str, Run]] = []
    for run in runs:
        part = next((part for part in parts if run.hash not in part), None)
        if part is None:
            part = {}
            parts.append(part)
        part[run.hash] = run
    return [list(part.values()) for part in parts]
