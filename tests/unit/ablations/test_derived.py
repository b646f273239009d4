"""Names of conditions, and what is derived from them."""

import math
from typing import Any

import pytest

from ablations.conditions import (
    area,
    by_condition,
    curves,
    noise_groups,
    noise_of,
    robust_weights,
    with_derived,
)

NAMES = ("audio", "image")


def every_condition() -> list[str]:
    """All of the standard protocol for two modalities."""
    from cal.data.corruptions import SEVERITIES, Condition

    return [
        Condition(kind, target, severity).name
        for kind, severities in SEVERITIES.items()
        for target in (NAMES if kind == "missing" else (*NAMES, "half", "all"))
        for severity in severities
    ]


def test_noise_groups_worked_by_hand(study: Any) -> None:
    assert noise_groups(study.rows[0].metrics) == pytest.approx(
        {
            "gaussian-single-0.5": 0.5,
            "gaussian-half": 0.3,
            "salt_pepper-all": 0.5,
            "missing-single": 0.4,
            "audio_snr--5": 0.1,
        }
    )


def test_groups_give_the_robust_accuracy_of_the_evaluation() -> None:
    from cal.data.corruptions import SEVERITIES, robust

    found = {name: (7 * i % 11) / 11 for i, name in enumerate(every_condition())}
    groups = noise_groups({f"test/{name}/accuracy": value for name, value in found.items()})
    single = sum(groups[f"gaussian-single-{sigma:g}"] for sigma in SEVERITIES["gaussian"]) / 3
    four = (single, *(groups[g] for g in ("gaussian-half", "salt_pepper-all", "missing-single")))
    assert sum(four) / 4 == pytest.approx(robust(found, NAMES))


def test_the_weights_of_robust_give_it_too() -> None:
    """The robust score of one sample is a weighted mean over conditions: same weights."""
    from cal.data.corruptions import robust

    found = {name: (7 * i % 11) / 11 for i, name in enumerate(every_condition())}
    weights = robust_weights(found)
    assert math.fsum(weights.values()) == pytest.approx(1)
    mean = math.fsum(weight * found[name] for name, weight in weights.items())
    assert mean == pytest.approx(robust(found, NAMES))


def test_groups_and_weights_are_of_the_standard_severities_alone() -> None:
    """Whatever else was measured, robust is made of the same conditions."""
    from cal.data.corruptions import conditions_for, robust
    from cal.modalities import KNOWN
    from cal.severities import AXIS

    modalities = KNOWN["keypad"]
    dense = [c.name for c in conditions_for(modalities, "standard", severities=AXIS)]
    standard = [c.name for c in conditions_for(modalities, "standard")]
    weights = robust_weights(dense)
    assert weights == robust_weights(standard)
    found = {name: 0.2 + 0.001 * i for i, name in enumerate(dense)}
    mean = math.fsum(weight * found[name] for name, weight in weights.items())
    assert mean == pytest.approx(robust(found, [m.name for m in modalities]))
    groups = noise_groups({f"test/{name}/accuracy": value for name, value in found.items()})
    assert "gaussian-single-3" not in groups
    assert "audio_snr--5" in groups  # asked for one by one, part of no mean
    released = [c.name for c in conditions_for(KNOWN["nyud2"], "qmf-2023")]
    assert noise_groups({f"test/{name}/accuracy": 0.5 for name in released}) == {}


def test_without_a_group_there_is_no_robust() -> None:
    assert robust_weights(["gaussian-audio-0.5", "gaussian-half-0.5", "missing-audio"]) == {}


def test_metrics_are_read_by_name() -> None:
    metrics = {"test/clean/accuracy": 0.5, "time/train_s": 3.0, "train/loss": 1.0}
    assert by_condition(metrics) == {"clean": {"accuracy": 0.5}}


def test_conditions_in_parts() -> None:
    noise = noise_of("gaussian-fac-0.5")
    assert noise is not None
    assert (noise.target, noise.severity, noise.curve) == ("fac", 0.5, "gaussian-single")
    snr = noise_of("audio_snr-audio--5")
    assert snr is not None
    assert snr.severity == -5
    missing, half = noise_of("missing-fac"), noise_of("missing-fac-0.5")
    assert missing is not None
    assert half is not None
    assert (missing.severity, half.target, half.severity) == (1, "fac", 0.5)
    released = noise_of("qmf_gaussian-all-5-3")
    assert released is not None
    assert (released.kind, released.severity) == ("qmf_gaussian", 5)
    assert noise_of("clean") is None
    assert noise_of("area-gaussian-single") is None


def test_curves_begin_at_clean_and_area_is_their_mean_height() -> None:
    """.9 at 0, .7 at 1 (mean of .6 and .8), .3 at 2: areas .8 and .5, over a width of 2: .65."""
    values = {"clean": 0.9, "gaussian-a-1": 0.6, "gaussian-b-1": 0.8, "gaussian-a-2": 0.3}
    line = curves(values)["gaussian-single"]
    assert line == [(0.0, 0.9), (1.0, pytest.approx(0.7)), (2.0, 0.3)]
    assert area(line) == pytest.approx(0.65)


def test_derived_values_are_metrics_like_others() -> None:
    found = with_derived({"test/clean/accuracy": 0.9, "test/robust/accuracy": 0.7})
    assert found["test/drop/accuracy"] == pytest.approx(0.2)
