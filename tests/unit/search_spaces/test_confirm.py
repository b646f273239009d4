"""Confirmation by hand: who is compared with whom, on what, and what is said of it."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cal.config import Config, parse
from cal.effective import run_hash
from search_spaces.confirm import (
    CONDITIONS,
    MARGIN,
    Finalist,
    confirmed,
    finalists,
    ranked,
    runs_of,
)
from search_spaces.fields import laid
from search_spaces.objectives import read_objectives, scalar
from search_spaces.searched import Search, read_search
from search_spaces.seeds import FIRST_SEED
from search_spaces.trials import Trial

SEEDS = tuple(range(6))
WAVE = (0.01, -0.01, 0.02, -0.02, 0.0, 0.0)  # mean 0


def config(rate: float = 0.05) -> Config:
    return parse({"data": {"labels_per_class": 20}, "optim": {"lr": rate}})


def finalist(name: str, rate: float, **more: Any) -> Finalist:
    arm, _, trial = name.partition(" #")
    given = {"title": name, "rank": 1, "config": config(rate), "trial": int(trial or 0) or None}
    return Finalist(name, arm, **{**given, **more})


ANSWER = finalist("cal #7", 0.1, searched=(0.90, 0.92), condition="clean")
SECOND = finalist("cal #3", 0.2, rank=2)
DEFAULT = Finalist("default", "cal", "as configured", 0, config(0.05))
JOINT = finalist("joint #2", 0.3)


def accuracies(*values: float | None) -> dict[int, float | None]:
    return dict(zip(SEEDS, values, strict=True))


def around(mean: float, scale: float = 1.0) -> dict[int, float | None]:
    return accuracies(*(mean + scale * wave for wave in WAVE))


def judged(**clean: dict[int, float | None]) -> dict[str, Any]:
    """The answer's clean contrast with the default; both are .7 under noise, seed by seed apart."""
    answer = clean.get("answer", around(0.9))
    default = clean.get("default", around(0.85, 0.5))
    values = {
        ANSWER.name: {"clean": answer, "robust": around(0.7)},
        DEFAULT.name: {"clean": default, "robust": around(0.7, 0.5)},
    }
    tree = confirmed([ANSWER, DEFAULT], SEEDS, values, classes=10)
    (contrast,) = tree["contrasts"]
    return dict(contrast["clean"])


def test_a_clear_difference_by_hand() -> None:
    """Differences are .05 + half of the wave: variance .25 * .001 / 5 = .00005, interval
    .05 +- 2.5706 * .0070711 / 2.4495 = .0074207.
    """
    found = judged()
    deltas = 0.05 + 0.5 * np.array(WAVE)
    assert found["n"] == 6
    assert found["difference"] == pytest.approx(0.05)
    assert found["low"] == pytest.approx(0.0425793, abs=1e-6)
    assert found["high"] == pytest.approx(0.0574207, abs=1e-6)
    assert found["p"] == pytest.approx(stats.ttest_1samp(deltas, 0).pvalue, rel=1e-6)
    assert found["p_adjusted"] >= found["p"]
    assert found["verdict"] == "helps"


@pytest.mark.parametrize(
    ("default", "verdict"),
    [
        (around(0.95, 0.5), "hurts"),
        (around(0.9005, 0.9), "equivalent"),
        (around(0.895, 0.0), "undecided"),
    ],
)
def test_other_verdicts(default: dict[int, float | None], verdict: str) -> None:
    """-.05; .0005 less with a deviation of .0015, inside of .005; .005 with one of .015."""
    assert MARGIN == 0.005
    assert judged(default=default)["verdict"] == verdict


def test_a_failed_seed_is_left_out_and_counts_as_a_guess() -> None:
    """Five are left, of difference .05. With its seed as .1 of ten classes the mean is
    (5 * .05 + .1 - .85) / 6 < 0: so nothing is decided.
    """
    answer = around(0.9, 0.5)
    answer[5] = None
    found = judged(answer=answer, default=around(0.85))
    assert found["n"] == 5
    assert found["p"] == 1.0
    assert found["verdict"] == "undecided"
    values = {ANSWER.name: {c: answer for c in CONDITIONS}}
    (arm,) = confirmed([ANSWER], SEEDS, values, classes=10)["arms"]
    assert arm["failed"] == 1
    assert arm["fresh"]["clean"]["values"] == list(answer.values())


def test_nothing_measured_and_no_interval() -> None:
    none = dict.fromkeys(SEEDS)
    assert judged(answer=none)["verdict"] == "not_measured"
    single = accuracies(0.9, None, None, None, None, None)
    assert judged(answer=single)["verdict"] == "no_interval"
    assert judged(answer=around(0.9, 0), default=around(0.85, 0))["verdict"] == "no_interval"


def test_the_default_that_won_is_the_same_runs() -> None:
    """Not a difference of exactly zero that helps or hurts, nor one of the family."""
    same = finalist("cal #1", 0.05)
    values = dict.fromkeys((same.name, DEFAULT.name), {c: around(0.9) for c in CONDITIONS})
    values[JOINT.name] = {c: around(0.8, 0.5) for c in CONDITIONS}
    tree = confirmed([same, DEFAULT, JOINT], SEEDS, values, classes=10)
    first, second = tree["contrasts"]
    assert first["clean"]["verdict"] == first["robust"]["verdict"] == "same_runs"
    assert first["clean"]["difference"] == 0
    assert first["clean"]["p_adjusted"] is None
    assert second["clean"]["verdict"] == "helps"
    runs = runs_of([same, DEFAULT, JOINT], SEEDS)
    assert len(runs) == 12
    assert {run.arms for run in runs} == {("cal #1", "default"), ("joint #2",)}
    by_name = {arm["name"]: arm["hashes"] for arm in tree["arms"]}
    assert by_name["cal #1"] == by_name["default"]
    assert set(by_name["joint #2"]) < {run.hash for run in runs}


def test_the_answer_is_compared_as_declared_and_the_rest_explores() -> None:
    """Primary: the answer with the default and each baseline; p of the others are their own."""
    found = [ANSWER, SECOND, DEFAULT, JOINT]
    values = {
        one.name: {"clean": around(0.9 - 0.01 * i, 1 - i / 5), "robust": around(0.7, 1 - i / 5)}
        for i, one in enumerate(found)
    }
    tree = confirmed(found, SEEDS, values, classes=10)
    pairs = [(c["arm"], c["reference"], c["primary"]) for c in tree["contrasts"]]
    assert pairs == [
        ("cal #7", "default", True),
        ("cal #7", "joint #2", True),
        ("cal #3", "default", False),
    ]
    *primary, explored = tree["contrasts"]
    assert explored["clean"]["p_adjusted"] is None
    adjusted = [c[condition]["p_adjusted"] for c in primary for condition in CONDITIONS]
    raw = [c[condition]["p"] for c in primary for condition in CONDITIONS]
    assert all(a >= p for a, p in zip(adjusted, raw, strict=True))
    assert sum(adjusted) > sum(raw), "four questions of one family"
    assert tree["seeds"] == list(SEEDS)


def test_optimism_by_hand() -> None:
    """Searched (.90 .92), fresh .85 on average: .06, Welch's interval of unpaired means."""
    values = {ANSWER.name: {"clean": around(0.85), "robust": around(0.7)}}
    (arm,) = confirmed([ANSWER], SEEDS, values, classes=10)["arms"]
    assert arm["search_score"] == pytest.approx(0.91)
    fresh = [0.85 + wave for wave in WAVE]
    a, b = np.var([0.90, 0.92], ddof=1) / 2, np.var(fresh, ddof=1) / 6
    freedom = (a + b) ** 2 / (a**2 / 1 + b**2 / 5)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(a + b)
    assert arm["optimism"]["mean"] == pytest.approx(0.06)
    assert arm["optimism"]["low"] == pytest.approx(0.06 - half)
    assert arm["optimism"]["high"] == pytest.approx(0.06 + half)


@pytest.mark.parametrize(
    ("searched", "expected"),
    [((), None), ((0.9,), {"mean": pytest.approx(0.05), "low": None, "high": None})],
)
def test_optimism_without_an_interval(searched: tuple[float, ...], expected: Any) -> None:
    one = finalist("cal #7", 0.1, searched=searched, condition="clean")
    values = {one.name: {"clean": around(0.85), "robust": around(0.7)}}
    (arm,) = confirmed([one], SEEDS, values, classes=10)["arms"]
    assert arm["optimism"] == expected


# Who is confirmed.


class Done:
    """As much of an arm as ranking needs: trials with scores by seed."""

    def __init__(self, name: str, base: Config, lines: dict[int, list[float]], aims: Any) -> None:
        self.rules = SimpleNamespace(objectives=aims)
        self.trials: dict[int, Trial] = {}
        for number, line in lines.items():
            values = {"optim.lr": 0.01 * (number + 1)}
            trial = Trial(name, number, values, laid(base, values), status="complete")
            for i, value in enumerate(line):
                run = trial.add_run(FIRST_SEED + i, until=None)
                run.status, run.scores = "finished", {"clean": value, "nll": 1 - value}
            self.trials[number] = trial

    def means(self, trial: Trial) -> dict[str, float]:
        names = [o.name for o in self.rules.objectives]
        return {n: float(np.mean([run.scores[n] for run in trial.line])) for n in names}

    def front(self) -> list[int]:
        most = max((len(trial.line) for trial in self.trials.values()), default=0)
        full = [t for t in self.trials.values() if len(t.line) == most]
        best = max((scalar(self.rules.objectives, self.means(t)) for t in full), default=0)
        return [t.number for t in full if scalar(self.rules.objectives, self.means(t)) == best]


def searching(**changes: Any) -> Search:
    given: dict[str, Any] = {
        **{"space": "acceleration", "config": "hw20", "changes": {}, "name": None},
        **{"against": ["joint"], "objectives": ["clean"], "scheduler": "asha", "sampler": "tpe"},
        **{"seeds": 3, "trials": 5},
    }
    return read_search(**{**given, **changes})


def arms_of(search: Search, *lines: dict[int, list[float]]) -> list[Any]:
    pairs = zip(search.arms, lines, strict=True)
    return [Done(spec.name, spec.base, line, search.objectives) for spec, line in pairs]


def test_finalists_are_the_best_by_the_select_part_alone() -> None:
    search = searching()
    arms = arms_of(
        search, {0: [0.8, 0.8], 1: [0.9, 0.9], 2: [0.95]}, {0: [0.7, 0.7], 4: [0.8, 0.8]}
    )
    found = finalists(search, arms, most=2)
    assert [(one.name, one.rank) for one in found] == [
        ("acceleration #1", 1),
        ("acceleration #2", 2),
        ("default", 0),
        ("joint #4", 1),
    ]
    assert [one.searched for one in found] == [(0.9, 0.9), (0.95,), (), (0.8, 0.8)]
    for one in found:
        assert one.config.evaluate.part == "report"
        assert one.config.evaluate.noise == "standard"
    for arm in search.arms:
        assert arm.base.evaluate.part == "select"
    assert found[0].config.optim.lr == 0.02
    assert found[3].config.method == "joint"
    assert not finalists(search, arms_of(search, {}, {0: [0.9]}), most=2)


def test_further_severities_are_for_the_report_alone() -> None:
    """A trial is measured under the protocol as it is, a finalist as the user asked."""
    changes = {"evaluate": {"severities": "axis", "gaussian_sigma": [6.0]}}
    search = searching(changes=changes)
    for arm in search.arms:
        assert (arm.base.evaluate.severities, arm.base.evaluate.gaussian_sigma) == ("standard", ())
    found = finalists(search, arms_of(search, {0: [0.8]}, {0: [0.7]}), most=1)
    for one in found:
        evaluate = one.config.evaluate
        assert (evaluate.severities, evaluate.gaussian_sigma) == ("axis", (6.0,))


def test_fresh_seeds_and_those_of_the_search_are_different_runs() -> None:
    search = searching()
    arms = arms_of(search, {0: [0.8]}, {0: [0.7]})
    found = finalists(search, arms, most=1)
    fresh = {run.hash for run in runs_of(found, range(10))}
    own = {run.hash for arm in arms for trial in arm.trials.values() for run in trial.runs}
    assert not fresh & own
    assert all(run.seed < FIRST_SEED for run in runs_of(found, range(10)))
    assert found[1].config != search.main.base
    assert run_hash(found[1].config) == run_hash(laid(search.base, {}))


def test_without_accuracy_as_an_aim_there_is_no_optimism() -> None:
    search = searching(objectives=["nll"])
    (main, joint) = arms_of(search, {0: [0.8], 1: [0.9]}, {0: [0.7]})
    assert [trial.number for trial in ranked(main)] == [1, 0]
    found = finalists(search, [main, joint], most=1)
    assert (found[0].searched, found[0].condition) == ((), "")
    assert read_objectives(["nll"]) == search.objectives
