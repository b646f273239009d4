"""Where runs are trained: a cluster that is connected when the first run is missing, and then kept
for whatever comes (tuning rounds, the study, blocks of more seeds).
"""

import argparse
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from ablations import estimate, preflight
from ablations.plan import Plan
from cal import cli, eventlog, units
from cal.adapters import ray_backend as backends
from cal.adapters import ray_cluster
from cal.adapters import ray_sizing as sizing
from cal.adapters.ray_backend import Backend
from cal.adapters.ray_execute import Listener, execute
from cal.adapters.ray_metrics import Counters
from cal.footprint import Size
from cal.progress import Progress
from cal.runs import Run

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger

T = TypeVar("T")
U = TypeVar("U")


class Workplace:
    """The cluster of one command. ``options``: backend, workers, gpus_per_run, price."""

    def __init__(self, plan: Plan, options: argparse.Namespace) -> None:
        self.plan, self.options = plan, options
        self._backend: Backend | None = None
        self._passed: Iterator[str] = iter(())  # lines of the preflight
        self._measured: Iterator[tuple[units.Network, Size]] = iter(())
        self._sizes: dict[units.Network, Size] = {}  # of packs

    def open(self, runs: Sequence[Run]) -> Backend:
        """Connect, choose the backend; preflight and measurements begin. Once: later calls do
        nothing. Raises ``ConfigError`` for what the cluster can never hold.
        """
        if self._backend is not None:
            return self._backend
        given = self.options
        asked = Backend(given.backend, given.workers, given.gpus_per_run)
        configs = (run.config for run in self.plan.runs)
        backend = backends.connected(configs, asked, settled=self._checked)
        self._passed = preflight.check(self.plan, over=ray_cluster.each)
        if backend.name == "packed":
            self._measured = sizing.sizes_of(runs, backend)
        self._backend = backend
        gc.freeze()  # what was imported stays: a collection need not look at it again and again
        return backend

    def _checked(self, chosen: Backend) -> Backend:
        """Raises ``ConfigError`` for a batch that does not divide among the workers."""
        parallel, gpus = backends.data_parallel(chosen), chosen.gpus or 0.0
        preflight.check_workers_of(self.plan, workers=parallel, gpus=gpus)
        return chosen

    def train(self, runs: Sequence[Run], ledger: "Ledger", *, done: int) -> None:
        """Execute what the ledger lacks, once the preflight passed; ``done`` runs are there."""
        backend = self.open(runs)
        ray_cluster.check_files(ledger.uri, ledger.files)
        self._look_at_preflight()
        places = backends.places(backend)
        with ExitStack() as shown:
            listeners: list[Listener] = []
            if eventlog.wanted():
                listeners.append(eventlog.EventLog(self.plan.study))
            else:
                progress = Progress(runs, done=done, places=places)
                listeners.append(shown.enter_context(progress))
            if not ray_cluster.ours():
                listeners.append(Counters(self.plan.study))
            for part in units.distinct(runs):
                work = self._packs(part, backend, places)
                execute(work, ledger, backend=backend, listeners=listeners)

    def each(self, function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
        """``map`` by the cluster if it was opened, which begins at once, else here."""
        if self._backend is None:
            return map(function, items)
        return ray_cluster.each(function, items)

    def close(self) -> None:
        """Leave the cluster; our own ends. It was perhaps never opened."""
        if self._backend is not None:
            ray_cluster.disconnect()

    def _look_at_preflight(self) -> None:
        """Raises ``ConfigError`` naming every dead switch."""
        line = next(self._passed, None)
        if line is not None:
            cli.say("preflight: does every switch act?")
            for passed in (line, *self._passed):
                cli.say(f"  {passed}")

    def _packs(self, runs: Sequence[Run], backend: Backend, places: int) -> list[units.Unit]:
        if backend.name != "packed":
            return [(run,) for run in runs]
        first = not self._sizes
        self._sizes |= dict(self._measured)
        new = [run for run in runs if units.network_of(run.config) not in self._sizes]
        self._sizes |= dict(sizing.sizes_of(new, backend))
        work = units.packed(runs, self._sizes, places=places)
        if first:
            cli.say("how many runs to train at once, measured:")
            for line in sizing.lines(runs, self._sizes, work):
                cli.say(f"  {line}")
            price, gpus = self.options.price, backend.gpus
            forecast = estimate.forecast(runs, self._sizes, places=places, price=price, gpus=gpus)
            for line in forecast:
                cli.say(line)
        return work
