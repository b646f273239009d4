"""The state of a search in an Optuna storage: a journal file, SQLite or PostgreSQL.

Every trial is there with what became of it, so a search goes on from the storage alone; who was
under way when a driver died is taken over with its values. ``optuna-dashboard`` reads it.
"""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from cal.cli import hidden
from cal.config import Config, ConfigError
from search_spaces.convert import suggested, told
from search_spaces.fields import laid
from search_spaces.objectives import Objective
from search_spaces.space import Dimension, acting

DECLARED, KEPT, ORIGIN, GOES_ON, WARM = "declared", "cal", "origin", "goes on", "warm"
DIRECTIONS = {"higher": StudyDirection.MAXIMIZE, "lower": StudyDirection.MINIMIZE}
Values = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """A trial as the storage has it. ``kept``: what became of it so far, empty before its first
    seed has ended. ``goes_on``: the last epoch at which its first run was let go on. ``told``:
    whether nothing is left to do.
    """

    number: int
    values: Values
    origin: str
    kept: str
    goes_on: int = 0
    told: bool = False


def open_storage(where: str) -> BaseStorage:
    """A URL (SQLite, PostgreSQL, MySQL) or the path of a journal file.

    Raises ``ConfigError`` in one line where it cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        if "://" in where:
            return RDBStorage(where)
        Path(where).parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(where))
    except Exception as error:  # drivers, servers and migrations fail in their own ways
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"--storage: given {hidden(where)}; cannot be opened: {reason}") from None


class Study:
    """One arm's search: asks, remembers and tells. Numbers are Optuna's."""

    def __init__(
        self,
        storage: BaseStorage | None,
        name: str,
        *,
        sampler: Callable[[int], optuna.samplers.BaseSampler],
        objectives: Sequence[Objective],
        dimensions: Sequence[Dimension],
        config: Config,
        declared: Mapping[str, Any] | None = None,
    ) -> None:
        """``storage``: None keeps it in memory. ``sampler``: made for a number of trials that were
        asked before, so that a search that goes on draws anew. ``declared``: what this search is;
        it may not change. Raises ``ConfigError`` naming the first part that did.
        """
        self.dimensions, self.config, self.objectives = tuple(dimensions), config, tuple(objectives)
        self.study = optuna.create_study(
            storage=storage,
            study_name=name,
            pruner=optuna.pruners.NopPruner(),
            directions=[DIRECTIONS[o.better] for o in objectives],
            load_if_exists=True,
        )
        self.study.sampler = sampler(len(self.study.get_trials(deepcopy=False)))
        self._trials: dict[int, Trial] = {}  # under way
        self._reported: dict[int, set[int]] = {}  # of those the epochs that the storage knows
        self._declare(json.loads(json.dumps(dict(declared or {}))))
        names = [f"{o.title}, {o.unit}" for o in objectives]
        if self.study.metric_names != names:
            with warnings.catch_warnings():  # marked experimental; the dashboard shows them
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study.set_metric_names(names)

    def _declare(self, declared: Mapping[str, Any]) -> None:
        before = self.study.user_attrs.get(DECLARED)
        if before is None:
            self.study.set_user_attr(DECLARED, declared)
            return
        for key in sorted({*before, *declared}):
            if before.get(key) != declared.get(key):
                raise ConfigError(
                    f"--name: given {self.study.study_name}, which was begun with another {key}; "
                    "allowed: the same, or another name"
                )

    def stored(self) -> list[Stored]:
        """All trials that were asked, in their order; those under way are taken over."""
        found = []
        for frozen in self.study.get_trials(deepcopy=False):
            if frozen.state in (TrialState.WAITING, TrialState.FAIL) or WARM in frozen.user_attrs:
                continue
            kept = str(frozen.user_attrs.get(KEPT, ""))
            goes_on = int(frozen.user_attrs.get(GOES_ON, 0))
            if frozen.state == TrialState.RUNNING:
                found.append(self._taken_over(frozen, kept, goes_on))
            else:
                values = self._values(frozen)
                origin = _origin(frozen)
                found.append(Stored(frozen.number, values, origin, kept, goes_on, told=True))
        return found

    def _taken_over(self, frozen: FrozenTrial, kept: str, goes_on: int) -> Stored:
        trial = Trial(self.study, frozen._trial_id)
        self._trials[frozen.number] = trial
        self._reported[frozen.number] = set(frozen.intermediate_values)
        values = suggested(trial, self.dimensions, self.config)  # what is missing is drawn now
        return Stored(frozen.number, values, _origin(frozen), kept, goes_on)

    def _values(self, frozen: FrozenTrial) -> Values:
        fixed = optuna.trial.FixedTrial(frozen.params, number=frozen.number)
        return suggested(fixed, self.dimensions, self.config)  # type: ignore[arg-type]

    def suggest_first(self, values: Values, *, origin: str) -> bool:
        """Ask for these values before any others; False where one lies out of its range.

        Repeating it changes nothing.
        """
        own = self._own(values)
        if own is None:
            return False
        params, _ = told(own, values)
        for frozen in self.study.get_trials(deepcopy=False):
            fixed = frozen.system_attrs.get("fixed_params")
            if fixed == params and frozen.user_attrs.get(ORIGIN) == origin:
                return True
        self.study.enqueue_trial(params, user_attrs={ORIGIN: origin})
        return True

    def know(self, values: Values, scores: Mapping[str, float], *, origin: str) -> bool:
        """A result of another search; False where a value lies out of its range, or it is known."""
        own = self._own(values)
        if own is None:
            return False
        params, distributions = told(own, values)
        known = [t for t in self.study.get_trials(deepcopy=False) if t.user_attrs.get(WARM)]
        if any(t.params == params and t.user_attrs[WARM] == origin for t in known):
            return False
        self.study.add_trial(
            create_trial(
                params=params,
                distributions=distributions,
                values=[scores[o.name] for o in self.objectives],
                user_attrs={WARM: origin},
            )
        )
        return True

    def _own(self, values: Values) -> list[Dimension] | None:
        """The dimensions that act in these values, of which rows of one field may be others; None
        where a value lies out of its range.
        """
        own: list[Dimension] = []
        before: Values = {}
        for d in self.dimensions:
            if d.field in values and acting([d], laid(self.config, before)):
                own.append(d)
                before[d.field] = values[d.field]
        return own if all(d.contains(values[d.field]) for d in own) else None

    def ask(self) -> Stored:
        """The next values, before the scores of those under way are known."""
        return self.adopt(self.study.ask())

    def adopt(self, trial: Trial) -> Stored:
        """The same of a trial that Ray Tune's OptunaSearch has asked for."""
        self._trials[trial.number] = trial
        values = suggested(trial, self.dimensions, self.config)
        return Stored(trial.number, values, _origin(trial), "")

    def report(self, number: int, epoch: int, value: float) -> None:
        """What a trial was worth at a rung, once. Of several objectives Optuna keeps none."""
        known = self._reported.setdefault(number, set())
        if len(self.objectives) == 1 and epoch not in known:
            known.add(epoch)
            sign = self.objectives[0].sign  # values are those of the objective's own direction
            self._trials[number].report(sign * value, epoch)

    def goes_on(self, number: int, epoch: int) -> None:
        """Its first run was let go on at this epoch: kept, so that a later driver does not judge
        it again.
        """
        self._trials[number].set_user_attr(GOES_ON, epoch)

    def keep(self, number: int, kept: str) -> None:
        """What became of a trial so far, for a later driver."""
        self._trials[number].set_user_attr(KEPT, kept)

    def tell(self, number: int, scores: Mapping[str, float] | None) -> None:
        """The end of a trial that was kept. ``scores``: None for one that was stopped early."""
        trial = self._trials.pop(number)
        self._reported.pop(number, None)
        if scores is None:
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, [scores[o.name] for o in self.objectives])


def _origin(trial: Trial | FrozenTrial) -> str:
    return str(trial.user_attrs.get(ORIGIN, "sampler"))
