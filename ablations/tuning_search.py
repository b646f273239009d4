"""Budget-matched re-tuning: every arm has the same sampler, trials, seeds and training budget. Pure
but for the runs, which a callable executes, and the sampler, which is opened where it is used.

Suggestions are asked in batches, before any score of their batch is known (constant liar), so that
the runs of all arms and regimes of a round go to workers together and fill packs. Nothing is stored
here: given again, the search asks the same questions, and the ledger has the answers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ablations.plan import Plan
from ablations.tuning import EXPERIMENT, ArmTuning, Budget, Outcome, Spec, Trial, TuningSpec, Values
from cal.config import Config, ConfigError, flatten
from cal.effective import effective, run_hash
from cal.protocols import NO_MORE
from cal.runs import Run
from search_spaces.edges import edges
from search_spaces.fields import laid
from search_spaces.seeds import FIRST_SEED, sampler_seed
from search_spaces.space import Dimension, Space, fields_for, read_space, value_of

BATCH = 4  # trials of each arm between two looks at scores
STARTUP = 4  # trials before the sampler learns; a constant, so more trials repeat none
WORST = 0.0  # accuracy of a run that failed or diverged
METRICS = {"clean": "select/clean/accuracy", "robust": "select/robust/accuracy"}

Metrics = Mapping[str, float]
Answers = Mapping[tuple[str, str], Metrics]
RunAll = Callable[[Sequence[Run]], Answers]
"""Executes runs -> (regime, hash) -> metrics of each that finished; those that failed are absent.
The regimes are those of experiments, ``REGIME:tune``, and the runs have no arms.
"""


class Asker(Protocol):
    """A sampler in batches; ``search_spaces.asking.Search`` is one."""

    words: str

    def know(self, values: Mapping[str, Any], score: float) -> None:
        """A result that was not asked for."""

    def ask(self, count: int) -> list[dict[str, Any]]:
        """Field -> value of the next trials."""

    def tell(self, scores: Sequence[float]) -> None:
        """The scores of what was asked."""


class Sampler(Protocol):
    """Makes the asker of one arm."""

    def __call__(
        self, dimensions: Sequence[Dimension], config: Config, *, seed: int, startup: int
    ) -> Asker:
        """``startup``: trials at random before the sampler learns."""


def tune(
    plan: Plan,
    trials: int,
    run_all: RunAll,
    *,
    spec: Spec | None = None,
    sampler: Sampler | None = None,
) -> Outcome:
    """Re-tune the arms of a plan with ``trials`` trials each, the default among them.

    ``ablations.full`` calls it once the plan's own runs are done, or before::

        runner = tuning_execute.Runner(ledger, plan, prepare=connect_and_choose_backend)
        outcome = tune(plan, options.tune_trials, runner, spec=plan.tuning)
        ledger.keep("tuning.json", tuning.to_json(outcome))
        plan = make_plan(study, ..., arms=tuned_arms(plan, outcome),
                         contrasts=tuned_contrasts(plan, outcome))

    and goes on with that plan as with any other: runs that it shares with the first are there.
    ``spec``: the study's ``tuning`` section. ``sampler``: TPE unless given. Raises ``ConfigError``
    for an unknown arm or space, and where a seed of the report would be tuned on.
    """
    spec = spec or TuningSpec()
    space = read_space(spec.space)
    seeds = tuple(range(FIRST_SEED, FIRST_SEED + spec.seeds))
    _check(plan, spec, seeds)
    sampler = sampler or _tpe
    searches = [
        _Search.of(plan, regime, arm, space=space, spec=spec, trials=trials, sampler=sampler)
        for regime in plan.regimes
        for arm in arms_of(plan, spec)
    ]
    known: dict[tuple[str, str], Metrics] = {}
    asked: set[tuple[str, str]] = set()
    while any(search.left for search in searches):
        runs: dict[tuple[str, str], Run] = {}
        for search in searches:
            runs |= {(run.regime, run.hash): run for run in search.ask(seeds)}
        new = [run for key, run in runs.items() if key not in asked]
        asked |= set(runs)
        known |= run_all(new) if new else {}
        for search in searches:
            search.take(known)
    return Outcome(
        study=plan.study,
        space=space.name,
        sampler=searches[0].asker.words if searches else "",
        trials=trials,
        seeds=seeds,
        objective=spec.objective,
        arms=tuple(search.outcome() for search in searches),
    )


def arms_of(plan: Plan, spec: Spec) -> tuple[str, ...]:
    """The arms to be searched: as given, or those of the declared contrasts, in their order."""
    if spec.arms:
        return spec.arms
    return tuple(dict.fromkeys(name for c in plan.contrasts for name in (c.arm, c.reference)))


def _check(plan: Plan, spec: Spec, seeds: Sequence[int]) -> None:
    names = [arm.name for arm in plan.arms]
    if not arms_of(plan, spec):
        raise ConfigError("tuning.arms: given none, and no contrast is declared; allowed: an arm")
    for name in arms_of(plan, spec):
        if name not in names:
            raise ConfigError(f"tuning.arms: given {name!r}; allowed: {', '.join(names)}")
    for regime, used in plan.seeds.items():
        both = sorted(set(used) & set(seeds))
        if both:
            raise ConfigError(
                f"regimes.{regime}.seeds: given {both[0]}, on which arms are tuned; "
                f"allowed: seeds below {FIRST_SEED} or above {seeds[-1]}"
            )
        if EXPERIMENT.format(regime) in plan.regimes:
            raise ConfigError(f"regimes: given {EXPERIMENT.format(regime)!r}; kept for tuning runs")
    if spec.objective not in METRICS:
        raise ConfigError(f"tuning.objective: given {spec.objective!r}; allowed: clean, robust")


def _tpe(dimensions: Sequence[Dimension], config: Config, *, seed: int, startup: int) -> Asker:
    from search_spaces.asking import Search  # opens Optuna

    return Search(dimensions, config, seed=seed, startup=startup)


def tuning_run(config: Config, values: Mapping[str, Any], *, seed: int, objective: str) -> Config:
    """The run of a trial: the arm with other values, on the select part, and no more of the
    evaluation than the objective needs.
    """
    noise = "standard" if objective == "robust" else "none"
    measured = {"part": "select", "noise": noise, "selection": "last", **NO_MORE}
    own = {f"evaluate.{name}": value for name, value in measured.items()}
    return effective(laid(config, {**values, **own, "seed": seed}))


@dataclass
class _Search:
    """One arm in one regime."""

    regime: str
    arm: str
    config: Config
    dimensions: tuple[Dimension, ...]
    asker: Asker
    trials: int
    objective: str
    values: list[Values] = field(default_factory=list)  # of the trials asked, 0 is the default
    runs: list[list[Run]] = field(default_factory=list)  # of each trial, by seed
    done: list[Trial] = field(default_factory=list)
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)  # hash -> train, evaluate

    @classmethod
    def of(
        cls,
        plan: Plan,
        regime: str,
        arm: str,
        *,
        space: Space,
        spec: Spec,
        trials: int,
        sampler: Sampler,
    ) -> "_Search":
        """The search of an arm, over what acts in it but does not define it. Arms of the same
        computation have the same search. Raises ``ConfigError`` for an arm with nothing to tune: an
        equal budget would mean nothing.
        """
        key = plan.arm_hashes(regime, arm)[0]
        config = next(r.config for r in plan.runs if (r.regime, r.hash) == (regime, key))
        try:
            own = next(a for a in plan.arms if a.name == arm)
            defining = flatten(own.tree(regime))
            dimensions = tuple(d for d in fields_for(space, config) if d.field not in defining)
        except ConfigError as error:
            raise ConfigError(f"{error} (regime {regime}, arm {arm})") from None
        if not dimensions:
            raise ConfigError(
                f"tuning.space: given {space.name}, none of whose fields may be tuned in {arm} "
                f"(regime {regime}); allowed: one with a field for every arm of tuning.arms"
            )
        twin = next(
            a.name for a in plan.arms if plan.arm_hashes(regime, a.name)[0] == key
        )  # the first arm of this computation
        seed = sampler_seed(plan.study, regime, twin)
        asker = sampler(dimensions, config, seed=seed, startup=STARTUP)
        return cls(regime, arm, config, dimensions, asker, trials, spec.objective)

    @property
    def left(self) -> int:
        """Trials that were not asked yet."""
        return self.trials - len(self.values)

    @property
    def default(self) -> Values:
        """The arm's own values."""
        return {d.field: value_of(d, self.config) for d in self.dimensions}

    def ask(self, seeds: Sequence[int]) -> list[Run]:
        """The runs of the next batch."""
        count = min(BATCH, self.left)
        first = [self.default] if count and not self.values else []
        suggested = first + (self.asker.ask(count - len(first)) if count > len(first) else [])
        self.values += suggested
        batch = [
            [self._run({} if first and i == 0 else values, seed) for seed in seeds]
            for i, values in enumerate(suggested)
        ]
        self.runs += batch
        return [run for trial in batch for run in trial]

    def _run(self, values: Values, seed: int) -> Run:
        config = tuning_run(self.config, values, seed=seed, objective=self.objective)
        return Run(run_hash(config), EXPERIMENT.format(self.regime), seed, config, ())

    def take(self, known: Answers) -> None:
        """Score what was asked, and tell the sampler."""
        scores = []
        for number in range(len(self.done), len(self.values)):
            answers = [known.get((run.regime, run.hash), {}) for run in self.runs[number]]
            found = [_score(answer, METRICS[self.objective]) for answer in answers]
            for run, answer in zip(self.runs[number], answers, strict=True):
                times = (answer.get(f"time/{name}_s", 0.0) for name in ("train", "evaluate"))
                self.seconds[run.hash] = (next(times), next(times))
            score = math.fsum(value or WORST for value in found) / len(found)
            self.done.append(Trial(number, self.values[number], score, found.count(None)))
            if number == 0:
                self.asker.know(self.values[0], score)
            else:
                scores.append(score)
        self.asker.tell(scores)

    def outcome(self) -> ArmTuning:
        """The best trial, the first of equal ones: so the default unless it was beaten."""
        best = max(self.done, key=lambda trial: (trial.score, -trial.number))
        lengths = {run.hash: run.config.train.epochs for trial in self.runs for run in trial}
        return ArmTuning(
            regime=self.regime,
            arm=self.arm,
            best=best.values,
            default=self.default,
            best_trial=best.number,
            search_score=best.score,
            default_score=self.done[0].score,
            edges=tuple(edges(self.dimensions, best.values)),
            budget=Budget(
                trials=len(self.done),
                runs=len(lengths),
                epochs=sum(lengths.values()),
                train_s=math.fsum(train for train, _ in self.seconds.values()),
                evaluate_s=math.fsum(evaluate for _, evaluate in self.seconds.values()),
            ),
            trials=tuple(self.done),
        )


def _score(metrics: Metrics, name: str) -> float | None:
    """None for a run that failed, or whose accuracy is no number."""
    value = metrics.get(name, math.nan)
    return value if math.isfinite(value) else None
