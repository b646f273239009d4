"""What runs got right, sample by sample."""

from dataclasses import replace

import numpy as np
import pytest

from ablations.summary.samples import Samples, recalls, reliability, same_samples, samples_of
from cal.records import Predictions

LABELS = np.array([0, 0, 1, 1], dtype=np.uint8)


def kept(*predicted: int) -> Predictions:
    certain = np.array([0.95, 0.95, 0.55, 0.35], dtype=np.float32)
    return Predictions(
        np.arange(4), LABELS, np.array(predicted, dtype=np.uint8), certain, np.zeros(4)
    )


def test_robust_is_a_share_of_conditions_for_each_sample() -> None:
    """One condition a group, a quarter each: sample 0 is right in all, 1 in one, 3 in two."""
    found = samples_of(
        {
            "clean": kept(0, 0, 1, 0),
            "gaussian-a-1": kept(0, 0, 0, 0),
            "gaussian-half-1": kept(0, 1, 0, 1),
            "salt_pepper-all-0.1": kept(0, 1, 0, 1),
            "missing-a": kept(0, 1, 0, 0),
        }
    )
    assert found is not None
    assert found.right["clean"].tolist() == [1, 1, 1, 0]
    assert found.right["robust"].tolist() == [1, 0.25, 0, 0.5]


def test_a_run_without_predictions_has_no_samples() -> None:
    assert samples_of({}) is None


def test_recall_by_class() -> None:
    found = samples_of({"clean": kept(0, 0, 1, 0)})
    assert found is not None
    assert recalls(found) == {0: 1.0, 1: 0.5}


def test_reliability_bins_confidence_against_accuracy() -> None:
    """Bin 9 holds two samples of .95, both right; bin 5 one of .55, right; bin 3 one, wrong."""
    found = samples_of({"clean": kept(0, 0, 1, 0)})
    assert found is not None
    bins = reliability({"a": found})
    assert [b["accuracy"] for b in bins] == [0, 1, 1]
    assert [b["share"] for b in bins] == [0.25, 0.25, 0.5]
    assert [b["confidence"] for b in bins] == pytest.approx([0.35, 0.55, 0.95])
    assert reliability({}) == []


def test_the_test_part_is_fixed_if_all_runs_have_its_samples() -> None:
    one = Samples(np.arange(4), LABELS)
    other = replace(one, ids=np.arange(1, 5))
    assert same_samples([one, one])
    assert not same_samples([one, other])
