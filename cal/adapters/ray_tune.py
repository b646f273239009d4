"""Ray Tune for a search: asks Optuna by OptunaSearch, runs trials, and stops them by Tune's own
schedulers. What a trial is and what becomes of it is the ``Search``'s.
"""

import logging
import math
import os
import tempfile
import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

# Tune reads these when it runs. Its state is not kept: ours is in the study and in checkpoints.
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # Ctrl-C would be a normal return
os.environ.setdefault("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", str(10**9))
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # the new one prints a head even at verbose=0
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")  # paths of checkpoints may be relative

from cal.adapters import ray_train  # noqa: E402
from cal.adapters.ray_backend import Backend, data_parallel, places  # noqa: E402
from cal.records import Epoch, Failure, Record  # noqa: E402
from cal.running import Job, Keyed  # noqa: E402

from ray import tune  # noqa: E402  isort: skip  authentication (ray_cluster) comes before Ray
from ray.tune import schedulers  # noqa: E402  isort: skip
from ray.tune.search import Searcher  # noqa: E402  isort: skip
from ray.tune.search.optuna import OptunaSearch  # noqa: E402  isort: skip

EPOCH, VALUE, WORK, RECORDS = "epoch", "value", "work", "records"


class Early(Protocol):
    """Early stopping; ``search_spaces.stopping.Scheduler`` is one."""

    @property
    def name(self) -> str:
        """asha, hyperband, median or none."""

    @property
    def epochs(self) -> int:
        """Of a whole run."""

    @property
    def eta(self) -> int:
        """One of so many goes on."""

    @property
    def brackets(self) -> int:
        """Groups of trials that are compared among themselves alone."""

    def rungs(self, number: int) -> tuple[int, ...]:
        """Epochs at which trial ``number`` is judged; here the first of trial 0 counts."""


class Search(Protocol):
    """Trials of one study; ``search_spaces.tuned.Search`` is one."""

    @property
    def study(self) -> Any:
        """Optuna's, whose trials these are."""

    @property
    def scheduler(self) -> Early:
        """What stops early."""

    @property
    def left(self) -> int:
        """Trials that wait or may be asked for."""

    @property
    def busy(self) -> bool:
        """Whether any was given out and did not end."""

    def past(self) -> Iterator[tuple[int, int, float]]:
        """Number, epoch and value of what ran before."""

    def waiting(self) -> tuple[int, list[Job]] | None:
        """Number and runs of a trial that waits to be run."""

    def adopt(self, asked: Any) -> None:
        """Optuna's next trial; it may wait from now on."""

    def take(self, number: int, key: str, record: Record, stops: Any) -> bool:
        """What a trial says -> whether it goes on. ``stops``: see ``Judge``."""

    def lost(self, number: int, error: str) -> None:
        """A trial's worker died; it may wait again."""


@dataclass(frozen=True)
class Work:
    """What one Tune trial does: runs, one after another."""

    number: int
    jobs: tuple[Job, ...]
    workers: int | None  # of a Ray Train worker group; None: the trial's own process
    gpus: float  # of each worker


def run(search: Search, backend: Backend) -> None:
    """Run all trials of a search. Raises what the search raised; Ctrl-C is passed on."""
    if not search.left:
        return
    scheduler = _Scheduler(search, Judge.of(search))
    searcher = _Optuna(search, backend, scheduler)
    group = backend.name == "ray-train"
    needs = {"cpu": 1.0, "gpu": backend.gpus or 0.0}
    if group:  # its workers have CPUs and GPUs of their own; Ray refuses to place nothing
        needs = {"memory": 1.0}
    with tempfile.TemporaryDirectory(prefix="cal-tune-", ignore_cleanup_errors=True) as folder:
        tuner = tune.Tuner(
            tune.with_resources(_Trial, needs),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=scheduler,
                num_samples=-1,  # the searcher says when it is done
                max_concurrent_trials=places(backend),
                reuse_actors=not group,  # the end of its process is what ends a worker group
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=folder,
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        with _quiet():
            try:
                tuner.fit()
            except tune.TuneError:
                if scheduler.error is None:
                    raise
        if scheduler.error is not None:
            raise scheduler.error


@contextmanager
def _quiet() -> Iterator[None]:
    """Trials that fail are told by the search; Tune would print each with its traceback."""
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _number(trial: Any) -> dict[str, int]:
    """The space, define-by-run: values are the search's own affair."""
    return {"number": trial.number}


class _Optuna(OptunaSearch):
    """Gives out what waits, then what Optuna says. Results go to the study by the search alone,
    which knows seeds.
    """

    def __init__(self, search: Search, backend: Backend, scheduler: "_Scheduler") -> None:
        study = search.study
        super().__init__(
            _number,
            metric=VALUE,
            mode="max",
            sampler=study.sampler,
            study_name=study.study_name,
            storage=study._storage,
        )
        self.search = search
        self.workers = data_parallel(backend) if backend.name == "ray-train" else None
        self.gpus = backend.gpus or 0.0
        self.scheduler = scheduler

    def suggest(self, trial_id: str) -> Any:
        """The work of a trial; None: not now."""
        found = self.search.waiting()
        while found is None and self.search.left:
            super().suggest(trial_id)
            self.search.adopt(self._ot_trials.pop(trial_id))
            found = self.search.waiting()
        if found is None:
            return None if self.search.busy or self._ending() else Searcher.FINISHED
        number, jobs = found
        return {WORK: Work(number, tuple(jobs), self.workers, self.gpus)}

    def _ending(self) -> bool:
        """Whether a worker group that was stopped may still be giving back its places: at its end
        Tune kills what takes longer than 10 s, and the places would be lost.
        """
        since = time.monotonic() - self.scheduler.stopped_at
        return self.workers is not None and since < ray_train.ABORT_S

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """The scheduler has it."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """The scheduler has it."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the study keeps everything."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes a copy that nobody reads, and a ledger holds locks."""
        return {}


@dataclass(frozen=True)
class _Named:
    """All that Tune's schedulers need of a trial."""

    trial_id: str


class Judge:
    """One of Tune's schedulers as a rule on values, more is better, told by number of trial."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule
        self._trials: dict[int, _Named] = {}

    @classmethod
    def of(cls, search: Search) -> "Judge":
        """It knows what ran before."""
        judge = cls(_rule(search.scheduler))
        for number, epoch, value in search.past():
            judge.stops(number, epoch, value)
        return judge

    def stops(self, number: int, epoch: int, value: float) -> bool:
        """Whether this point of its first seed is a trial's last."""
        if number not in self._trials:
            self._trials[number] = _Named(str(number))
            self.rule.on_trial_add(NOBODY, self._trials[number])
        point = {EPOCH: epoch, VALUE: value}
        decision = self.rule.on_trial_result(NOBODY, self._trials[number], point)
        return bool(decision == schedulers.TrialScheduler.STOP)


NOBODY = SimpleNamespace(get_live_trials=list)  # waits, so no trial is paused for another


def _rule(early: Early) -> Any:
    """The end of a run is no rung: it would be stopped before it is evaluated."""
    rungs = early.rungs(0)
    ends: dict[str, Any] = {"time_attr": EPOCH, "metric": VALUE, "mode": "max"}
    if early.name == "none" or not rungs:
        return schedulers.FIFOScheduler()
    if early.name == "median":
        return schedulers.MedianStoppingRule(**ends, grace_period=rungs[0])
    return schedulers.AsyncHyperBandScheduler(
        **ends,
        max_t=early.epochs,
        grace_period=rungs[0],
        reduction_factor=early.eta,
        brackets=early.brackets,
        stop_last_trials=False,
    )


class _Scheduler(schedulers.FIFOScheduler):
    """Asks the search, which asks the judge about first seeds."""

    def __init__(self, search: Search, judge: Judge) -> None:
        super().__init__()
        self.search, self.judge = search, judge
        self.error: Exception | None = None
        self.stopped_at = -math.inf  # when a trial was last stopped in mid-run

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Metric and mode are the judge's."""
        return True

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes a copy that nobody reads, and a ledger holds locks."""
        return {}

    def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """CONTINUE: with this seed or the next."""
        number = trial.config[WORK].number
        with self._kept():
            goes_on = all(
                self.search.take(number, key, record, self.judge.stops)
                for key, record in result[RECORDS]
            )
        if goes_on:
            return self.CONTINUE
        if isinstance(result[RECORDS][-1][1], Epoch):
            self.stopped_at = time.monotonic()
        return self.STOP

    def on_trial_error(self, controller: Any, trial: Any) -> None:
        """Its process died or ran out of memory: what raises otherwise is a record."""
        with self._kept():
            self.search.lost(trial.config[WORK].number, str(trial.get_error()))

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Of an error Tune passes on its text alone."""
        try:
            yield
        except Exception as error:
            self.error = error
            raise


class _Trial(tune.Trainable):
    """The process that runs trials. A class: its process takes one after another."""

    def setup(self, config: dict[str, Any]) -> None:
        """Another trial."""
        self._said = _said(config[WORK])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Another trial, in the same process."""
        self._said.close()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """What there is to say since; a next seed begins only when this is asked for more."""
        return {RECORDS: next(self._said)}

    def cleanup(self) -> None:
        """End what is under way."""
        self._said.close()


def _said(work: Work) -> Generator[Sequence[Keyed], None, None]:
    """Records of runs, one run after another. One that raises failed; a lack of memory is a loss of
    the process, and is raised.
    """
    for job in work.jobs:
        try:
            if work.workers is None:
                yield from ray_train.in_worker([job], work.gpus)
            else:
                yield from ray_train.train_records(job, workers=work.workers, gpus=work.gpus)
        except MemoryError:
            raise
        except Exception as error:
            yield [(job.key, Failure("".join(traceback.format_exception(error))))]
