"""Re-tuning with the real sampler and a cluster that knows the truth."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from ablations.plan import Plan, make_plan
from ablations.study import Study
from ablations.tuning import Outcome
from ablations.tuning_search import tune
from cal.config import Config, parse_as
from cal.runs import Run

STUDY: dict[str, Any] = {
    "name": "planted",
    "base": {"data": {"labels_per_class": 20}},
    "regimes": {"hw20": {"seeds": 2}},
    "arms": {"cal": {}, "joint": {"config": {"method": "joint"}}},
    "contrasts": [{"arm": "cal", "reference": "joint", "primary": True}],
}
LR, BETA = 0.02, 0.003  # the best values


def accuracy(config: Config) -> float:
    """A smooth hill over learning rate and beta, .001 of noise by seed."""
    loss = math.log(config.optim.lr / LR) ** 2 / 50
    if config.mechanisms.bottleneck.enabled:
        loss += math.log(config.mechanisms.bottleneck.beta / BETA) ** 2 / 200
    return 0.95 - loss + 0.001 * math.sin(config.seed)


class Cluster:
    """Answers by ``accuracy`` and keeps the hashes it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, runs: Sequence[Run]) -> dict[tuple[str, str], dict[str, float]]:
        self.asked += [run.hash for run in runs]
        return {
            (run.regime, run.hash): {"select/clean/accuracy": accuracy(run.config)} for run in runs
        }


def plan() -> Plan:
    return make_plan(parse_as(Study, STUDY))


def searched(trials: int, cluster: Cluster | None = None) -> Outcome:
    return tune(plan(), trials, cluster or Cluster())


def test_the_planted_optimum_is_approached() -> None:
    """From the default (lr .05, beta .03) half of the way up the hill in 24 trials, both arms."""
    outcome = searched(24)
    for arm in outcome.arms:
        assert arm.best_trial > 0
        assert 0.95 - arm.search_score < (0.95 - arm.default_score) / 2
    best = outcome.of("hw20", "joint").best
    assert abs(math.log(best["optim.lr"] / LR)) < abs(math.log(0.05 / LR))
    assert "TPE (Optuna" in outcome.sampler
    assert "constant liar" in outcome.sampler


def test_it_is_repeated_from_the_ledgers_answers_alone() -> None:
    first, second = Cluster(), Cluster()
    assert searched(12, first) == searched(12, second)
    assert first.asked == second.asked


@pytest.mark.parametrize("few", [4, 6, 8])
def test_a_longer_search_asks_the_shorter_ones_questions_again(few: int) -> None:
    """Whether or not the shorter one ended with a whole batch."""
    first, second = Cluster(), Cluster()
    short, long = searched(few, first), searched(12, second)
    assert set(first.asked) <= set(second.asked)
    for one, other in zip(short.arms, long.arms, strict=True):
        assert other.trials[:few] == one.trials


def test_no_value_is_out_of_its_range() -> None:
    for arm in searched(16).arms:
        for trial in arm.trials:
            assert 0.01 <= trial.values["optim.lr"] <= 0.15
            assert set(trial.values) == set(arm.default)
