"""A search on Ray Tune, for networks that fill a device: one Tune trial is one trial of an arm.

Tune decides where and when, and its scheduler when to stop early; ``Arm`` decides on seeds, and the
``Clerk`` keeps everything, as for packs. Knows neither Ray nor MLflow; ``ray_tune`` runs it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cal.config import Config
from cal.records import Epoch, Failure, Record
from cal.running import ATTEMPTS, Job
from search_spaces import stopping
from search_spaces.arm import DEFAULT, Arm
from search_spaces.clerk import Book, Clerk
from search_spaces.stopping import Scheduler
from search_spaces.trials import ENDED, SeedRun, Trial

if TYPE_CHECKING:
    from cal.adapters.ray_backend import Backend

WORDS = {
    "asha": "asynchronous successive halving (Li et al. 2020) by Ray Tune's ASHAScheduler: of all "
    "that came to a rung before, the better half goes on",
    "hyperband": "asynchronous Hyperband by Ray Tune's AsyncHyperBandScheduler: brackets of "
    "different first rungs, drawn at random; at each rung the better half of a bracket goes on",
    "median": "median stopping (Golovin et al. 2017) by Ray Tune's MedianStoppingRule: a run stops "
    "whose best value so far lies below the median of the means of the others",
    "none": stopping.WORDS["none"],
}
Stops = Callable[[int, int, float], bool]
"""Whether trial ``number`` stops, which is worth ``value`` (more is better) at ``epoch``."""


def words(scheduler: Scheduler) -> str:
    """What early stopping does here, for a report."""
    said = [f"; from epoch {rung} of {scheduler.epochs}" for rung in scheduler.rungs(0)[:1]]
    return WORDS[scheduler.name] + "".join(said)


def run(
    arms: Sequence[Arm],
    book: Book,
    *,
    backend: "Backend",
    folder: str,
    parameters: Callable[[Config], int] | None = None,
) -> None:
    """Run arms, restored before, to their ends, one after another, on a connected cluster.

    ``folder``: of checkpoints. Ctrl-C is passed on; a second call goes on where this one was.
    """
    from cal.adapters import ray_tune  # opens Ray Tune

    clerk = Clerk(arms, book, parameters=parameters)
    searches = [Search(arm, clerk, folder=folder, every_s=backend.checkpoint_s) for arm in arms]
    for search in searches:
        search.take_over()
    for search in searches:
        ray_tune.run(search, backend)


class Search:
    """What Ray Tune asks about one arm, and tells of it."""

    def __init__(self, arm: Arm, clerk: Clerk, *, folder: str, every_s: float = 5.0) -> None:
        self.arm, self.clerk, self.folder, self.every_s = arm, clerk, folder, every_s
        self._waiting: list[Trial] = []  # to be handed out before others are asked for
        self._out: dict[int, int] = {}  # trial that Tune has -> attempts so far
        self._lost: dict[int, int] = {}  # trial whose worker died, and waits -> attempts so far

    @property
    def study(self) -> Any:
        """Optuna's study."""
        return self.arm.study.study

    @property
    def scheduler(self) -> Scheduler:
        """What stops early."""
        return self.arm.rules.scheduler

    @property
    def left(self) -> int:
        """Trials to hand out that are known or may be asked for."""
        return len(self._waiting) + self.arm.left

    @property
    def busy(self) -> bool:
        """Whether Tune has any."""
        return bool(self._out)

    def take_over(self) -> None:
        """Begin again what was under way when an earlier driver ended."""
        running = self.arm.running
        self._waiting += [t for t in running if self.clerk.begin(t, to_end=True) is not None]
        self.clerk.settle()

    def past(self) -> Iterator[tuple[int, int, float]]:
        """What the scheduler should know of trials that ended before: number, epoch, value."""
        for trial in self.arm.trials.values():
            for epoch, value in trial.runs[0].curve if trial.runs else ():
                if epoch < trial.config.train.epochs:
                    yield trial.number, epoch, value

    def waiting(self) -> tuple[int, list[Job]] | None:
        """The next trial that waits, with the runs it may need, in their order."""
        while self._waiting:
            trial = self._waiting.pop(0)
            jobs = self._jobs(trial)
            if jobs:
                self._out[trial.number] = self._lost.pop(trial.number, 0) + 1
                return trial.number, jobs
        return None

    def adopt(self, asked: Any) -> None:
        """A trial that Optuna gave to Tune: it waits, unless it is a twin."""
        trial = self.arm.adopt(asked)
        if self.clerk.begin(trial, to_end=True) is not None:
            self._waiting.append(trial)
        self.clerk.settle()

    def take(self, number: int, key: str, record: Record, stops: Stops) -> bool:
        """What a run of a trial says -> whether the trial goes on, with this run or its next.

        Of a trial that ended nothing is taken.
        """
        trial = self.arm.trials[number]
        run = next((run for run in trial.runs if run.hash == key), None)
        if trial.status != "running" or run is None or run.status in ENDED:
            return trial.status == "running"
        before = len(run.curve)
        self.clerk.take(run, record)
        if not isinstance(record, Epoch):
            self._start(trial)
        elif run is trial.runs[0] and len(run.curve) > before and record.epoch < record.epochs:
            self._judge(run, stops)
        return self._goes_on(trial)

    def lost(self, number: int, error: str) -> None:
        """Its worker died or ran out of memory: it waits to go on from its checkpoint."""
        trial, attempts = self.arm.trials[number], self._out.pop(number, 0)
        if trial.status != "running":
            return
        if attempts < ATTEMPTS:
            self._lost[number] = attempts
            self._waiting.append(trial)
            return
        text = f"the worker died {attempts} times: {error.strip().splitlines()[-1]}"
        self.clerk.take(trial.runs[-1], Failure(text))
        self._goes_on(trial)

    def _judge(self, run: SeedRun, stops: Stops) -> None:
        """A new point of a first run. One that was let go on by an earlier driver goes on."""
        (epoch, value), number = run.curve[-1], run.trial.number
        stopped = stops(number, epoch, value) and run.trial.origin != DEFAULT
        if epoch > run.trial.goes_on:
            self.arm.decided(run, stops=stopped)
            if stopped:
                self.clerk.book.stopped(run)

    def _start(self, trial: Trial) -> None:
        """The run that is next, if there is one; those that an earlier driver finished are taken
        as they are. Tune has its place: it waits for no other trial.
        """
        while trial.waits or (trial.status == "running" and trial.runs[-1].status == "ready"):
            run = trial.runs[-1]
            if trial.waits:
                self.arm.go_on(trial)
            elif not self.clerk.found(run):
                run.status = "working"
                self.clerk.book.started(run, beside=1)

    def _goes_on(self, trial: Trial) -> bool:
        if trial.status == "running":
            return True
        self._out.pop(trial.number, None)
        self.clerk.settle()
        return False

    def _jobs(self, trial: Trial) -> list[Job]:
        """The run that is next and those that may follow it; none if all it needs is known."""
        self._start(trial)
        if not self._goes_on(trial):
            return []
        runs = [trial.runs[-1]]
        later = map(trial.run_of, self.arm.rules.seeds[len(trial.runs) :])
        runs += [run for run in later if self.clerk.book.known(run) is None]
        return [Job(run.config, run.hash, self.folder, self.every_s) for run in runs]
