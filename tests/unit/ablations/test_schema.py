"""docs/summary.schema.json describes what the code writes, all of it and nothing else."""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from ablations import tuning
from ablations.plan import Plan, make_plan
from ablations.rows import Row, rows_of
from ablations.study import Study
from ablations.summary import SCHEMA_VERSION, summarise
from ablations.summary.effects import BRIEF
from ablations.summary.samples import Samples
from cal.config import parse_as
from evidence.writing import provenance_of
from tests.schemas import owners, refused, schema_of

SCHEMA = schema_of("summary")
faults = partial(refused, SCHEMA)
STUDY: dict[str, Any] = {
    "name": "every part",
    "base": {"data": {"labels_per_class": 20}, "train": {"epochs": 5}},
    "regimes": {name: {"seeds": 3} for name in "abcde"},
    "design": {"kind": "fractional", "resolution": 3},
    "factors": {
        name: {"neutral": {"cal": {section: {"enabled": False}}}}
        for name, section in (
            *(("metric", "contribution"), ("acceleration", "acceleration")),
            ("bottleneck", "bottleneck"),
        )
    },
    "arms": {
        "full": {},
        "joint": {"config": {"method": "joint"}},
    },
    "sweeps": {
        "alpha": {"field": "cal.acceleration.alpha", "levels": [0.5, 1, 2], "reference": 1},
        "gamma": {"levels": {"none": {"gamma": 0}, "one": {"gamma": 1}}, "reference": "one"},
    },
    "contrasts": [{"arm": "full", "reference": "joint", "primary": True}],
    "analysis": {"leader_board": True},
    "published": [
        {"method": "TMC", "data": "handwritten", "accuracy": 0.9851, "classes": 10}
        | {"split": "1600/400", "source": "a table"}
    ],
}


def sampled(rows: list[Row]) -> dict[str, Samples]:
    """Predictions of every finished run: two classes, 20 samples, few of them wrong."""
    generator, found = np.random.default_rng(0), {}
    for key in dict.fromkeys(row.hash for row in rows if row.status == "FINISHED"):
        right = (generator.random((2, 20)) < 0.8).astype(float)
        labels, confidence = np.arange(20) % 2, generator.random(20)
        conditions = {"clean": right[0], "robust": right.mean(0)}
        found[key] = Samples(np.arange(20), labels, conditions, confidence)
    return found


def measured(plan: Plan) -> list[Row]:
    """A finished row for every arm and seed; those of joint are lower. All metrics."""
    rows = []
    for row in rows_of(plan, []):
        value = 0.8 - 0.1 * (row.arm == "joint") + 0.001 * (int(row.hash[:4], 16) % 7)
        conditions = ("clean", "robust", "gaussian-fac-0.5", "gaussian-all-1", "missing-fac")
        metrics = {f"test/{c}/{k}": value for c in conditions for k in ("accuracy", "macro_f1")}
        metrics |= {f"test/{c}/{k}": 1 - value for c in conditions for k in ("nll", "ece")}
        metrics |= {"time/step_ms": 4.0, "time/train_s": 6.0}
        rows.append(replace(row, status="FINISHED", metrics=metrics, run_id="1", git="abc"))
    return rows


def search(regime: str, arm: str) -> tuning.ArmTuning:
    """Two trials, of which the second is better."""
    trials = tuple(tuning.Trial(i, {"optim.lr": 0.05 + 0.01 * i}, 0.7 + 0.1 * i) for i in (0, 1))
    budget = tuning.Budget(trials=2, runs=6, epochs=30, train_s=1.5, evaluate_s=0.5)
    best, default = trials[1].values, trials[0].values
    return tuning.ArmTuning(
        *(regime, arm, best, default, 1, 0.8, 0.7, ("optim.lr is at its upper end",)),
        *(budget, trials),
    )


@pytest.fixture(scope="module")
def every_part() -> Any:
    """Of a real plan: five regimes, a fraction, sweeps, looks, re-tuning, predictions."""
    study = parse_as(Study, STUDY)
    arms = tuple(search(regime, arm) for regime in "abcde" for arm in ("full", "joint"))
    outcome = tuning.Outcome("every part", "nuisance", "ladder", 2, (100, 101, 102), "clean", arms)
    plain = make_plan(study)
    plan = make_plan(
        study,
        arms=tuning.tuned_arms(plain, outcome),
        contrasts=tuning.tuned_contrasts(plain, outcome),
    )
    looks = {regime: (3, 7) for regime in plan.regimes}
    plan = replace(plan, looks=looks, revisions=("margin was 0.01 and is 0.005",))
    rows, provenance = measured(plan), provenance_of(command="make", wall_s=3.0)
    runs = sampled(rows)
    return summarise(plan, rows, runs=runs, provenance=provenance, outcome=outcome)


def test_the_schema_is_one_of_its_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert tuple(SCHEMA["$defs"]["brief_keys"]["properties"]) == BRIEF


def test_every_key_is_described() -> None:
    """Those of every object that names the keys it must have, and every definition."""
    named = [(f"{at}/properties", t["properties"]) for at, t in owners(SCHEMA)]
    silent = [
        f"{path}/{key}"
        for path, keys in (*named, ("#/$defs", SCHEMA["$defs"]))
        for key, value in keys.items()
        if "description" not in value
    ]
    assert not silent


def test_every_object_with_keys_is_closed() -> None:
    """Where keys are fixed no other is allowed; ``..._keys`` are closed by what refers to them."""
    closed = ("additionalProperties", "unevaluatedProperties")
    found = [(at, tree) for at, tree in owners(SCHEMA) if not at.endswith("_keys")]
    assert len(found) > 40
    assert not [at for at, tree in found if not any(tree.get(key) is False for key in closed)]


# --- what the code writes


def test_a_study_is_valid_with_and_without_samples(study: Any) -> None:
    assert not faults(summarise(study.plan, study.rows, provenance=provenance_of(command="make")))
    assert not faults(summarise(study.plan, study.rows, runs=sampled(study.rows)))


def test_failed_and_unfinished_runs_are_valid(study: Any) -> None:
    def broken(row: Row) -> Row:
        status = {("cal", 1): "FAILED", ("joint", 2): "RUNNING", ("symmetric", 0): "MISSING"}
        found = status.get((row.arm, row.seed))
        return replace(row, status=found, metrics={}, error="loss") if found else row

    rows = study.changed(broken).rows
    summary = summarise(study.plan, rows, runs=sampled(rows))
    assert summary["failed"]
    assert summary["unfinished"]
    assert not faults(summary)
    gone = [replace(row, status="FAILED", metrics={}) for row in study.rows]
    assert not faults(summarise(study.plan, gone))
    assert not faults(summarise(study.plan, rows_of(study.plan, [])))


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_study_without_noise_is_valid(study: Any, seeds: int) -> None:
    def quiet(row: Row) -> Row | None:
        kept = {k: v for k, v in row.metrics.items() if k.startswith("test/clean/")}
        return replace(row, metrics=kept) if row.seed < seeds else None

    assert not faults(summarise(study.plan, study.changed(quiet).rows))


def test_every_part_is_valid(every_part: Any) -> None:
    """And is there at all: an absent part would be valid as well."""
    regime = every_part["regimes"]["a"]
    assert regime["factorial"]["clean"]["main"][0]["aliases"]
    assert all(regime[part] for part in ("sweeps", "tuning", "samples"))
    assert every_part["sequential"]
    assert every_part["published"][0]["differences"]
    assert {"mean", "prediction"} <= every_part["over_regimes"][0].keys()
    boards = every_part["leader_board"]["boards"]
    assert [board["settings"] for board in boards] == ["same", "tuned"]
    assert boards[0]["over_regimes"]["clean"]["groups"]
    assert not faults(every_part)


def test_the_summary_of_the_page_tests_is_valid(summary: Any) -> None:
    assert not faults(summary)


# --- what it refuses

EFFECT = ("regimes", "views", "contrasts", 0, "clean")
VARIANT = ("regimes", "views", "variants", "cal")
NOISE = ("regimes", "views", "robustness", "lines", "gaussian-half")
REFUSED: dict[str, tuple[tuple[Any, ...], Any]] = {
    "unknown key": (("stopped",), "all"),
    "unknown key of an effect": ((*EFFECT, "significant"), True),
    "unknown key of a sample": ((*VARIANT, "drop", "median"), 0.2),
    "unknown key of an arm's accuracy": ((*VARIANT, "clean", "best"), 0.2),
    "full effect where a brief one stands": ((*VARIANT, "clean", "versus", "joint", "d"), None),
    "wrong verdict": ((*EFFECT, "verdict"), "significant"),
    "verdict without an interval": ((*EFFECT, "low"), None),
    "verdict that has an interval and denies it": ((*EFFECT, "verdict"), "no_interval"),
    "percent": ((*VARIANT, "clean", "mean"), 97.5),
    "points": ((*EFFECT, "difference"), 3.0),
    "p above 1": ((*EFFECT, "p_adjusted"), 1.2),
    "wrong label": (("regimes", "views", "contrasts", 0, "label"), "main"),
    "adjusted though exploratory": (("regimes", "views", "contrasts", 0, "label"), "exploratory"),
    "wrong better": ((*EFFECT, "better"), "lower"),
    "wrong better of nll": (
        ("regimes", "views", "contrasts", 0, "metrics", "nll", "clean", "better"),
        "higher",
    ),
    "wrong noise": ((*VARIANT, "area", "gaussian"), None),
    "unknown protocol": (("regimes", "views", "robustness", "protocol"), "mine"),
    "unknown key of a line": ((*NOISE, "arms", "cal", "median"), 0.5),
    "unknown key of a mechanism on a line": ((*NOISE, "mechanisms", 0, "p"), 0.5),
    "a line that does not begin at clean": ((*NOISE, "places", 0), 0.1),
    "percent on a line": ((*NOISE, "arms", "cal", "mean", 1), 97.5),
    "a refusal with a number": ((*NOISE, "arms", "joint-probe", "effective", "n"), 8),
    "an arm ahead by two": ((*NOISE, "contrasts", 0, "crossing", "ahead"), 2),
    "wrong status": ((*VARIANT, "traces", 0, "status"), "KILLED"),
    "wrong kind": (("design", "kind"), "full"),
    "refusal with numbers": (("over_regimes", 0, "mean"), 0.1),
    "comparable with differences": (("published", 0, "comparable"), True),
    "null where a number stands": ((*VARIANT, "runs", "failed"), None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(summary: Any, case: str) -> None:
    path, value = REFUSED[case]
    changed = deepcopy(summary)
    tree = changed
    for word in path[:-1]:
        tree = tree[word]
    tree[path[-1]] = value
    assert faults(changed)


@pytest.mark.parametrize(
    "path", [("alpha",), (*EFFECT, "reason"), (*EFFECT, "n"), (*VARIANT, "clean", "versus")]
)
def test_no_key_may_be_absent(summary: Any, path: tuple[Any, ...]) -> None:
    changed = deepcopy(summary)
    tree = changed
    for word in path[:-1]:
        tree = tree[word]
    del tree[path[-1]]
    assert faults(changed)
