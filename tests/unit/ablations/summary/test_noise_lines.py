"""Lines over severity of a small study, worked by hand: what summary.json says of growing noise."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ablations.rows import Row
from ablations.summary.evidence import Evidence
from ablations.summary.noise_lines import accuracies, noise_lines
from ablations.summary.robustness import baselines_of, robustness
from cal.config import parse

HEIGHTS = {"joint": 0.80, "cal": 0.84, "symmetric": 0.83, "none": 0.80, "joint-probe": 0.81}
LOSS = {"joint": 0.10, "cal": 0.16, "symmetric": 0.10, "none": 0.10, "joint-probe": 0.10}
"""Accuracy lost for each unit of sigma: cal, 4 points ahead on clean data, crosses joint at 2/3."""
JITTER = (0.0, 0.01, -0.01, 0.02, -0.02, 0.0)


def measured(arm: str, seed: int) -> dict[str, float]:
    """A height that the seed moves for all arms alike, and a loss that it moves for each."""
    height = HEIGHTS[arm] + 0.005 * seed
    found = {"clean": height}
    for sigma in (0.5, 1.0, 2.0):
        loss = (LOSS[arm] + JITTER[seed % 6] * (arm == "cal")) * sigma
        found |= {f"gaussian-{m}-{sigma:g}": height - loss for m in ("a", "b")}
        found[f"gaussian-half-{sigma:g}"] = height - loss
    found |= {"missing-a": 0.4, "missing-b": 0.6}
    return {f"test/{name}/accuracy": value for name, value in found.items()}


@pytest.fixture
def noisy(study: Any) -> Any:
    """The study of the report's tests with accuracies that fall in straight lines."""
    return study.changed(lambda row: replace(row, metrics=measured(row.arm, row.seed)))


def tree_of(study: Any, regime: str = "views") -> Any:
    return robustness(Evidence.of(study.plan, study.rows, {}), regime)


def test_every_line_of_the_study_by_name(noisy: Any) -> None:
    tree = tree_of(noisy)
    assert (tree["protocol"], tree["reference"], tree["chance"]) == ("clean-room", "joint", 0.1)
    names = ["gaussian-single", "gaussian-half", "gaussian-a", "gaussian-b"]
    assert list(tree["lines"]) == [*names, "missing-single", "missing-a", "missing-b"]
    assert tree["lines"]["gaussian-single"]["labels"] == ["clean", "0.5", "1", "2"]
    assert tree["lines"]["missing-single"]["places"] == [0, 1]


def test_an_arms_line_its_area_and_what_is_kept(noisy: Any) -> None:
    """joint: .8075 over four seeds, less .1 sigma. Area: mean height .8075 - .1 = .7075. Kept at
    sigma 2: (.6075 - .1) / (.8075 - .1) = .7173.
    """
    arm = tree_of(noisy)["lines"]["gaussian-single"]["arms"]["joint"]
    assert arm["n"] == 4
    assert arm["mean"] == pytest.approx([0.8075, 0.7575, 0.7075, 0.6075])
    assert arm["area"]["mean"] == pytest.approx(0.7075)
    relative = arm["relative"]
    assert relative["value"][0] == relative["low"][0] == relative["high"][0] == pytest.approx(1)
    assert relative["value"][-1] == pytest.approx(0.5075 / 0.7075)
    assert relative["low"][-1] < relative["value"][-1] < relative["high"][-1]


def test_differences_are_paired_and_areas_too(noisy: Any) -> None:
    """cal - joint: 4 points, less 6 points for each sigma; over 2 sigma the mean is -2 points. On
    clean data all seeds differ alike, so there is no interval.
    """
    line = tree_of(noisy)["lines"]["gaussian-single"]
    found = line["arms"]["cal"]["difference"]
    jitter = np.mean(JITTER[:4])
    expected = [0.04 - (0.06 + jitter) * s for s in (0, 0.5, 1, 2)]
    assert found["value"] == pytest.approx(expected)
    assert (found["low"][0], found["high"][0]) == (None, None)
    assert found["low"][1] < found["value"][1] < found["high"][1]
    assert found["area"]["value"] == pytest.approx(0.04 - (0.06 + jitter))
    assert line["arms"]["joint"]["difference"] is None
    assert line["arms"]["none"]["difference"] is None  # the same runs


def test_where_two_arms_cross(noisy: Any) -> None:
    """At .04 / (.06 + .005) = .615; four seeds are too few for an interval."""
    contrasts = tree_of(noisy)["lines"]["gaussian-single"]["contrasts"]
    assert [c["name"] for c in contrasts] == ["cal - joint", "cal - symmetric"]  # none = joint
    crossing = contrasts[0]["crossing"]
    assert (crossing["ahead"], crossing["changes"]) == (1, 1)
    assert crossing["at"] == pytest.approx(0.04 / 0.065)
    assert crossing["share"] is None


def test_mechanisms_only_where_cells_tell_them_apart(noisy: Any) -> None:
    """Three cells of eight: no main effects. With four cells of two factors there are."""
    assert tree_of(noisy)["lines"]["gaussian-single"]["mechanisms"] == []
    arms = [
        replace(arm, switches={"a": a, "b": b})
        for arm, (a, b) in zip(
            noisy.plan.arms, [(1, 1), (0, 1), (0, 0), (1, 0), ()][:4] + [(1, 1)], strict=True
        )
    ][:4]
    plan = replace(noisy.plan, arms=tuple(arms), factors=("a", "b"), contrasts=())
    rows = [row for row in noisy.rows if row.arm != "joint-probe"]
    found = tree_of(replace(noisy, plan=plan, rows=rows))["lines"]["gaussian-half"]["mechanisms"]
    assert [entry["factor"] for entry in found] == ["a", "b"]
    # a on: cal .84 and joint .80; off: symmetric .83 and none .80: half a point on clean data.
    assert found[0]["value"][0] == pytest.approx(0.005)
    assert found[0]["area"]["value"] < 0.005  # cal falls faster


def test_baselines_are_arms_without_a_mechanism(noisy: Any) -> None:
    """In the study all configurations are CAL's; here joint, none and joint-probe are not."""
    assert tree_of(noisy)["baselines"] == []
    plain = parse({"method": "joint"})
    runs = tuple(
        replace(run, config=plain) if run.arms[0] in ("joint", "none", "joint-probe") else run
        for run in noisy.plan.runs
    )
    plan = replace(noisy.plan, runs=runs)
    evidence = Evidence.of(plan, noisy.rows, {})
    assert baselines_of(evidence, "views") == ["joint", "joint-probe"]  # none is joint
    line = robustness(evidence, "views")["lines"]["gaussian-single"]  # type: ignore[index]
    reason = line["arms"]["cal"]["effective"]["refused"]
    assert reason.startswith("2 baseline arms cannot carry a line")
    assert line["arms"]["joint"]["effective"]["refused"].startswith("1 baseline arm cannot")


def test_effective_robustness_beside_five_baselines(noisy: Any) -> None:
    """Seven arms, of which six are baselines that lose 10 points a sigma; cal loses more."""
    names = [f"base{i}" for i in range(6)]
    joint = next(arm for arm in noisy.plan.arms if arm.name == "joint")
    cal = next(arm for arm in noisy.plan.arms if arm.name == "cal")
    plan = noisy.plan
    runs, rows, cells = [], [], {}
    for i, name in enumerate(("cal", *names)):
        keys = tuple(f"views-{name}-{seed}" for seed in range(6))
        cells["views", name] = keys
        for seed, key in enumerate(keys):
            config = parse({} if name == "cal" else {"method": "joint"})
            runs.append(replace(plan.runs[0], hash=key, seed=seed, config=config, arms=(name,)))
            metrics = measured("cal" if name == "cal" else "joint", seed)
            lift = 0.0 if name == "cal" else 0.02 * i - 0.03
            metrics = {k: v + lift for k, v in metrics.items()}
            rows.append(Row("views", name, seed, key, "FINISHED", metrics))
    arms = (cal, *(replace(joint, name=name) for name in names))
    plan = replace(
        *(plan,),
        arms=arms,
        runs=tuple(runs),
        cells=cells,
        regimes=("views",),
        seeds={"views": tuple(range(6))},
        contrasts=(),
    )
    tree = tree_of(replace(noisy, plan=plan, rows=rows))
    assert tree["baselines"] == names
    line = tree["lines"]["gaussian-single"]
    found = line["arms"]["cal"]["effective"]
    assert found["n"] == 6
    assert found["value"][0] is None
    assert found["value"][-1] < found["high"][-1] < 0
    assert found["mean"]["high"] < 0
    other = line["arms"]["base2"]["effective"]
    assert abs(other["mean"]["value"]) < 0.005
    assert tree["lines"]["gaussian-a"]["arms"]["cal"]["effective"] is None


def test_runs_that_lack_a_severity_or_have_no_number_are_left_out(noisy: Any) -> None:
    def lamed(row: Row) -> Row:
        if (row.arm, row.seed) == ("cal", 1):
            return replace(row, metrics=row.metrics | {"test/gaussian-a-1/accuracy": float("nan")})
        if (row.arm, row.seed) == ("joint", 2):
            return replace(row, status="FAILED")
        return row

    line = tree_of(noisy.changed(lamed))["lines"]["gaussian-single"]
    assert (line["arms"]["cal"]["n"], line["arms"]["joint"]["n"]) == (3, 3)
    assert line["arms"]["cal"]["difference"]["n"] == 2
    assert tree_of(noisy.changed(lamed))["lines"]["gaussian-half"]["arms"]["cal"]["n"] == 4


@pytest.mark.parametrize("seeds", [0, 1])
def test_without_seeds_or_with_one_there_are_no_intervals(noisy: Any, seeds: int) -> None:
    def kept(row: Row) -> Row:
        gone = row.seed >= seeds and row.arm == "cal"
        return replace(row, status="MISSING", metrics={}) if gone else row

    line = tree_of(noisy.changed(kept))["lines"]["gaussian-single"]
    own = line["arms"]["cal"]
    assert own["n"] == seeds
    assert own["half_width"] == [None] * 4
    assert own["difference"]["n"] == seeds
    assert set(own["difference"]["low"]) == {None}
    assert (line["contrasts"][0]["crossing"] is None) == (seeds == 0)
    json.dumps(line, allow_nan=False)


def test_without_noise_there_is_nothing(noisy: Any) -> None:
    def quiet(row: Row) -> Row:
        return replace(row, metrics={"test/clean/accuracy": 0.5})

    assert tree_of(noisy.changed(quiet)) is None


def test_two_protocols_in_one_regime_are_refused(noisy: Any) -> None:
    def mixed(row: Row) -> Row:
        return replace(row, metrics=row.metrics | {"test/qmf_gaussian-all-5-1/accuracy": 0.5})

    with pytest.raises(ValueError, match="allowed: one protocol"):
        tree_of(noisy.changed(mixed))


def test_lines_from_rows(noisy: Any) -> None:
    cell = tuple(row for row in noisy.rows if (row.regime, row.arm) == ("views", "joint"))
    found = {line.name: line for line in noise_lines({"joint": accuracies(cell)})}
    line = found["gaussian-half"]
    assert line.places == (0, 0.5, 1, 2)
    assert line.table("joint", [1, 0])[:, 0] == pytest.approx([0.805, 0.755, 0.705, 0.605])
    assert line.shared(["joint"]) == [0, 1, 2, 3]
