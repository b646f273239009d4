"""Our own counters among the metrics that a Ray cluster exports to Prometheus.

A dashboard for them is in cluster/grafana.
"""

from typing import Any

from cal.adapters import ray_cluster  # noqa: F401  authentication comes before Ray
from cal.records import Epoch
from cal.runs import Run

from ray.util.metrics import Counter, Histogram  # isort: skip

TAGS = ("study", "variant")
PACKS = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]


class Counters:
    """A listener of ``execute``: runs of one study by variant, and the packs that they are in."""

    def __init__(self, study: str) -> None:
        self.study = study
        self.finished = Counter("cal_runs_finished", "Runs that finished", TAGS)
        self.failed = Counter("cal_runs_failed", "Runs that failed; to be preempted is none", TAGS)
        self.again = Counter("cal_runs_resumed", "Times that a run was resumed", TAGS)
        self.lost = Counter("cal_lost_seconds", "Seconds of training done again", TAGS)
        self.packs = Histogram("cal_pack_size", "Runs of the pack a run is in", PACKS, TAGS)

    def started(self, run: Run, *, beside: int) -> None:
        """A run was handed to a worker, one of a pack of ``beside`` runs."""
        self.packs.observe(beside, self._tags(run))

    def epoch(self, run: Run, record: Epoch) -> None:
        """Is not counted."""

    def resumed(self, run: Run, *, epoch: int, seconds: float, preempted: bool) -> None:
        """A run goes on; ``seconds`` of training are done again."""
        self.again.inc(1, self._tags(run))
        if seconds > 0:
            self.lost.inc(seconds, self._tags(run))

    def ended(self, run: Run, error: str) -> None:
        """A run is in the ledger."""
        counter: Any = self.failed if error else self.finished
        counter.inc(1, self._tags(run))

    def note(self, line: str) -> None:
        """Is not counted."""

    def _tags(self, run: Run) -> dict[str, str]:
        variant = run.arms[0] if run.arms else run.config.method
        return {"study": self.study, "variant": variant}
