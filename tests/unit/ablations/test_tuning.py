"""Re-tuning with a fake cluster and a fake sampler: who is asked what, and what follows from it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ablations.plan import Plan, make_plan
from ablations.study import Study
from ablations.tuning import (
    Outcome,
    TuningSpec,
    from_json,
    to_json,
    tuned_arms,
    tuned_contrasts,
)
from ablations.tuning_search import arms_of, tune, tuning_run
from cal.config import Config, ConfigError, merge, parse, parse_as
from cal.effective import effective
from cal.runs import Run
from search_spaces.seeds import sampler_seed
from search_spaces.space import Dimension

STUDY: dict[str, Any] = {
    "name": "small",
    "base": {"data": {"labels_per_class": 20}, "train": {"epochs": 5}},
    "regimes": {"a": {"title": "A", "seeds": 2}, "b": {"seeds": [3], "config": {"gamma": 0}}},
    "factors": {"metric": {"neutral": {"cal": {"contribution": {"enabled": False}}}}},
    "cells": {"metric": "cal", "none": "symmetric"},
    "arms": {
        "joint": {"config": {"method": "joint"}},
        "idle": {"config": {"method": "joint", "gamma": 0}},
    },
    "contrasts": [
        {"arm": "cal", "reference": "joint", "primary": True},
        {"arm": "cal", "reference": "symmetric"},
    ],
}


def planned(**changes: Any) -> Plan:
    return make_plan(parse_as(Study, STUDY | changes))


class Ladder:
    """A sampler that learns nothing: trial i has every value at the part i / 10 of its range."""

    made: "list[Ladder]" = []

    def __init__(
        self, dimensions: Sequence[Dimension], config: Config, *, seed: int, startup: int
    ) -> None:
        self.words = "ladder"
        self.dimensions, self.seed, self.startup = dimensions, seed, startup
        self.asked = 0
        self.batches: list[int] = []
        self.told: list[float] = []
        self.known: list[tuple[dict[str, Any], float]] = []
        Ladder.made.append(self)

    def know(self, values: Mapping[str, Any], score: float) -> None:
        self.known.append((dict(values), score))

    def ask(self, count: int) -> list[dict[str, Any]]:
        self.batches.append(count)
        found = []
        for _ in range(count):
            self.asked += 1
            found.append({d.field: _at(d, self.asked / 10) for d in self.dimensions})
        return found

    def tell(self, scores: Sequence[float]) -> None:
        self.told += scores


def _at(d: Dimension, place: float) -> float:
    low, high = d.range
    if d.log:
        return math.exp(math.log(low) + place * (math.log(high) - math.log(low)))
    return low + place * (high - low)


def truth(config: Config) -> float | None:
    """The accuracy of a run: best at a learning rate of .03, the metric adds .05; above .12 every
    second seed diverges.
    """
    lr = config.optim.lr
    if lr > 0.12 and config.seed % 2:
        return None
    metric = config.mechanisms.contribution.enabled
    return 0.9 - abs(math.log(lr / 0.03)) / 10 + 0.05 * metric


class Cluster:
    """Answers by ``truth``; keeps what it was asked."""

    def __init__(self, answer: Callable[[Config], float | None] = truth) -> None:
        self.rounds: list[list[Run]] = []
        self.answer = answer

    def __call__(self, runs: Sequence[Run]) -> dict[tuple[str, str], dict[str, float]]:
        self.rounds.append(list(runs))
        found = {}
        for run in runs:
            accuracy = self.answer(run.config)
            if accuracy is not None:
                measured = {"select/clean/accuracy": accuracy, "select/robust/accuracy": 0.5}
                times = {"time/train_s": 2.0, "time/evaluate_s": 0.5}
                found[run.regime, run.hash] = measured | times
        return found


@pytest.fixture(autouse=True)
def _fresh() -> None:
    Ladder.made = []


def tuned(trials: int = 10, cluster: Cluster | None = None, **spec: Any) -> Outcome:
    asked = cluster or Cluster()
    return tune(planned(), trials, asked, spec=TuningSpec(**spec), sampler=Ladder)


def test_every_arm_of_a_contrast_has_the_same_budget() -> None:
    """Two regimes, three arms, 10 trials of 3 seeds, 5 epochs each, 2 s of training and .5 of
    evaluation a run, of which those that diverged told nothing.
    """
    outcome = tuned()
    assert [(a.regime, a.arm) for a in outcome.arms] == [
        (regime, arm) for regime in "ab" for arm in ("cal", "joint", "symmetric")
    ]
    for arm in outcome.arms:
        assert (arm.budget.trials, arm.budget.runs, arm.budget.epochs) == (10, 30, 150)
        diverged = sum(trial.failed for trial in arm.trials)
        assert arm.budget.train_s == 2 * (30 - diverged)
        assert arm.budget.evaluate_s == 0.5 * (30 - diverged)
    assert (outcome.trials, outcome.seeds, outcome.sampler) == (10, (1000, 1001, 1002), "ladder")


def test_the_batches_of_a_round_go_together() -> None:
    """10 trials are batches of 4, 4 and 2; the first holds the default, which nobody suggests."""
    cluster = Cluster()
    tuned(cluster=cluster)
    assert [len(runs) for runs in cluster.rounds] == [6 * 4 * 3, 6 * 4 * 3, 6 * 2 * 3]
    assert all(sampler.batches == [3, 4, 2] for sampler in Ladder.made)
    assert all(len(sampler.told) == 9 for sampler in Ladder.made)


def test_trial_0_is_the_default() -> None:
    """Its configuration is the arm's own, but for the part; the sampler is told its score."""
    cluster = Cluster()
    outcome = tuned(cluster=cluster)
    found = outcome.of("a", "joint")
    assert (
        found.trials[0].values
        == found.default
        == {
            "optim.lr": 0.05,
            "optim.weight_decay": 0.0001,
        }
    )
    plan = planned()
    key = plan.arm_hashes("a", "joint")[0]
    own = next(run.config for run in plan.runs if run.hash == key)
    alike = [
        run.config
        for run in cluster.rounds[0]
        if run.regime == "a:tune" and run.config.optim == own.optim and run.config.method == "joint"
    ]
    measured = own.evaluate.model_copy(update={"part": "select", "noise": "none"})
    expected = [own.model_copy(update={"evaluate": measured, "seed": 1000 + s}) for s in range(3)]
    assert alike == expected
    sampler = Ladder.made[1]
    assert sampler.known == [(found.default, found.default_score)]


def test_only_the_select_part_is_looked_at_on_seeds_of_its_own() -> None:
    cluster = Cluster()
    tuned(cluster=cluster)
    runs = [run for asked in cluster.rounds for run in asked]
    assert {run.config.evaluate.part for run in runs} == {"select"}
    assert {run.seed for run in runs} == {1000, 1001, 1002}
    assert {run.regime for run in runs} == {"a:tune", "b:tune"}
    assert {run.arms for run in runs} == {()}


def test_robust_asks_for_noise_on_the_select_part_too() -> None:
    cluster = Cluster()
    outcome = tuned(cluster=cluster, objective="robust")
    assert {run.config.evaluate.noise for asked in cluster.rounds for run in asked} == {"standard"}
    assert {arm.search_score for arm in outcome.arms} == {0.5}


def test_a_trial_is_measured_under_the_protocol_as_it_is() -> None:
    config = parse({"evaluate": {"severities": "axis", "missing_share": [0.5]}})
    for objective, noise in (("clean", "none"), ("robust", "standard")):
        evaluate = tuning_run(config, {}, seed=100, objective=objective).evaluate
        assert (evaluate.part, evaluate.noise) == ("select", noise)
        assert (evaluate.severities, evaluate.missing_share) == ("standard", ())


def test_the_best_trial_is_found_and_its_values_are_told() -> None:
    """The ladder's rung 4: .01 * 15 ** .4 = .0295, the nearest to .03."""
    found = tuned().of("a", "joint")
    assert found.best_trial == 4
    assert found.best["optim.lr"] == pytest.approx(0.0295, abs=1e-4)
    assert found.search_score == pytest.approx(0.9 - abs(math.log(0.0295 / 0.03)) / 10, abs=1e-3)
    assert found.default_score == pytest.approx(0.9 - math.log(5 / 3) / 10)
    assert (found.trials[0].number, found.trials[0].score) == (0, found.default_score)
    assert found.overrides["optim"]["lr"] == found.best["optim.lr"]


def test_a_default_that_is_not_beaten_stays() -> None:
    """Also by equal scores; the tuned arm is then the same computation, and its runs are there."""
    outcome = tuned(cluster=Cluster(lambda config: 0.8))
    found = outcome.of("a", "joint")
    assert (found.best_trial, found.best, found.overrides) == (0, found.default, {})
    plan = planned()
    more = make_plan(parse_as(Study, STUDY), arms=tuned_arms(plan, outcome))
    assert more.arm_hashes("a", "joint:tuned") == plan.arm_hashes("a", "joint")
    assert len(more.runs) == len(plan.runs)


def test_a_failed_seed_counts_nothing() -> None:
    """Above .12 seed 1001 diverges: the mean of the other two and 0. Never the best, never none."""
    found = tuned(trials=12).of("a", "joint")
    last = found.trials[-1]
    assert last.values["optim.lr"] > 0.12
    assert last.failed == 1
    alone = truth(parse({"method": "joint", "optim": {"lr": last.values["optim.lr"]}}))
    assert alone is not None
    assert last.score == pytest.approx(2 / 3 * alone)


def test_a_search_in_which_everything_fails_ends_with_the_default() -> None:
    found = tuned(cluster=Cluster(lambda config: None)).of("a", "cal")
    assert (found.best_trial, found.search_score) == (0, 0.0)
    assert {trial.failed for trial in found.trials} == {3}


def test_a_number_that_is_none_is_a_failure() -> None:
    found = tuned(cluster=Cluster(lambda config: math.nan)).of("a", "cal")
    assert found.trials[0].failed == 3


def test_equal_runs_are_run_once() -> None:
    """``idle`` is ``joint`` in regime b, where gamma is 0: half of its questions are the same."""
    cluster = Cluster()
    outcome = tuned(cluster=cluster, arms=("joint", "idle"))
    asked = [(run.regime, run.hash) for runs in cluster.rounds for run in runs]
    assert len(asked) == len(set(asked)) == 10 * 3 * 3
    assert outcome.of("b", "joint").trials == outcome.of("b", "idle").trials
    assert outcome.of("b", "idle").budget.runs == 30


def test_a_second_call_asks_the_same() -> None:
    first, second = Cluster(), Cluster()
    assert tuned(cluster=first) == tuned(cluster=second)
    assert first.rounds == second.rounds


def test_more_trials_begin_with_the_first_ones() -> None:
    """So a longer search goes on from a shorter one: the ledger has those answers."""
    few, many = tuned(8).of("a", "cal"), tuned(12).of("a", "cal")
    assert many.trials[:8] == few.trials


def test_seeds_of_the_sampler_are_the_arms_own_and_stable() -> None:
    tuned()
    assert len({sampler.seed for sampler in Ladder.made}) == 6
    assert sampler_seed("small", "a", "cal") == Ladder.made[0].seed == 1014169911


@pytest.mark.parametrize("trials", [1, 2, 5])
def test_few_trials_are_enough(trials: int) -> None:
    assert [len(arm.trials) for arm in tuned(trials).arms] == [trials] * 6


def test_an_outcome_comes_back_from_json() -> None:
    outcome = tuned()
    assert from_json(to_json(outcome)) == outcome


def test_tuned_arms_have_their_best_values_in_each_regime() -> None:
    plan, outcome = planned(), tuned()
    arms = tuned_arms(plan, outcome)
    assert [arm.name for arm in arms] == ["cal:tuned", "joint:tuned", "symmetric:tuned"]
    assert arms[2].switches == {}
    assert arms[2].overrides == {"cal": {"contribution": {"enabled": False}}}
    contrasts = tuned_contrasts(plan, outcome)
    assert [c.name for c in contrasts] == ["cal:tuned - joint:tuned", "cal:tuned - symmetric:tuned"]
    assert not any(c.primary for c in contrasts)
    more = make_plan(parse_as(Study, STUDY), arms=arms, contrasts=contrasts)
    by_hash = {(run.regime, run.hash): run.config for run in more.runs}
    for regime in "ab":
        for seed, key in zip(more.seeds[regime], more.arm_hashes(regime, "cal:tuned"), strict=True):
            config = by_hash[regime, key]
            assert config.optim.lr == outcome.of(regime, "cal").best["optim.lr"]
            assert (config.seed, config.evaluate.part) == (seed, "report")


def test_contrasts_need_both_arms() -> None:
    assert tuned_contrasts(planned(), tuned(arms=("cal", "symmetric")))[0].reference.startswith(
        "sy"
    )
    assert arms_of(planned(), TuningSpec()) == ("cal", "joint", "symmetric")


def test_what_was_scored_is_what_the_tuned_arm_trains() -> None:
    """The run of the best trial and the tuned arm's differ in seed and evaluation alone."""
    plan, outcome = planned(), tuned()
    more = make_plan(parse_as(Study, STUDY), arms=tuned_arms(plan, outcome))
    for arm in ("cal", "joint", "symmetric"):
        key = plan.arm_hashes("b", arm)[0]
        own = next(r.config for r in plan.runs if (r.regime, r.hash) == ("b", key))
        values = outcome.of("b", arm).best
        scored = tuning_run(own, values, seed=1000, objective="clean")
        key = more.arm_hashes("b", f"{arm}:tuned")[0]
        final = next(r.config for r in more.runs if (r.regime, r.hash) == ("b", key))
        same = {"seed": final.seed, "evaluate": final.evaluate}
        assert effective(scored.model_copy(update=same)) == final


FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no such arm": ({}, {"arms": ("jiont",)}, "tuning.arms: given 'jiont'; allowed: cal, symm"),
    "no such space": ({}, {"space": "nuisanse"}, "--space: given nuisanse; allowed: "),
    "no such objective": ({}, {"objective": "nll"}, "tuning.objective: given 'nll'; allowed: cl"),
    "a seed of the report": (
        {"regimes": {"a": {"seeds": [5, 1001]}}},
        {},
        "regimes.a.seeds: given 1001, on which arms are tuned; allowed: seeds below 1000",
    ),
    "a regime of that name": (
        {"regimes": {"a": {"seeds": 1}, "a:tune": {"seeds": 1}}},
        {},
        "regimes: given 'a:tune'; kept for tuning runs",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line(fault: str) -> None:
    changes, spec, line = FAULTS[fault]
    with pytest.raises(ConfigError, match=f"^{line}[^\n]*$"):
        tune(planned(**changes), 4, Cluster(), spec=TuningSpec(**spec), sampler=Ladder)


def own_space(folder: Any) -> str:
    """A space of beta alone."""
    path = folder / "own.yaml"
    path.write_text(
        "fields: {cal.bottleneck.beta: {label: nuisance, kind: float, low: 0.01, high: 0.1, "
        "default: 0.03, ends: {low: l, high: h}, when: {cal.bottleneck.enabled: true}}}"
    )
    return str(path)


def test_an_arm_with_nothing_to_tune_is_refused(tmp_path: Any) -> None:
    """Beside a searched arm it would have another budget."""
    with pytest.raises(ConfigError, match=r"tuning.space: given own, none .* in joint \(regime a"):
        tuned(5, space=own_space(tmp_path))


def test_what_defines_an_arm_is_not_tuned_in_it(tmp_path: Any) -> None:
    """An arm named by its beta would not be that arm any more."""
    plan = planned()
    arms = [replace(a, overrides={"cal": {"bottleneck": {"beta": 0.03}}}) for a in plan.arms]
    with pytest.raises(ConfigError, match=r"none of whose fields may be tuned in cal"):
        tune(
            replace(plan, arms=tuple(arms)),
            2,
            Cluster(),
            spec=TuningSpec(space=own_space(tmp_path)),
        )


def test_a_tuned_arm_keeps_what_is_its_own_in_a_regime() -> None:
    """The best values lie over it, and only in the regimes in which they were found."""
    plan, outcome = planned(), tuned(5)
    alone = {"a": {"data": {"modalities": ["pix"]}, "optim": {"lr": 0.3}}}
    arms = tuple(replace(a, by_regime=alone) if a.name == "joint" else a for a in plan.arms)
    found = next(a for a in tuned_arms(replace(plan, arms=arms), outcome) if "joint" in a.name)
    best = outcome.of("a", "joint").overrides
    assert best
    assert found.by_regime["a"] == merge(alone["a"], best)


def test_nothing_compared_is_nothing_tuned() -> None:
    with pytest.raises(ConfigError, match=r"tuning.arms: given none, and no contrast"):
        tune(replace(planned(), contrasts=()), 2, Cluster())
