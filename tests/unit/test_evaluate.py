"""Accuracy, nll and calibration by hand, and what is kept of each sample."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from cal import config
from cal.data.corruptions import conditions_for
from cal.evaluate import (
    calibration_error,
    evaluate,
    log_probabilities,
    macro_f1,
    robust_metrics,
    score,
    summarise,
)
from cal.modalities import KNOWN
from cal.records import Result
from cal.trainer import Trainer


def test_calibration_error_by_hand() -> None:
    """15 bins of width .0667. Four samples:

    .95 right, .95 wrong, .94 right share the last bin: |2/3 - .9467| * 3 = .84;
    .5 wrong, in bin 7: |0 - .5| * 1 = .5. Sum .84 + .5 = 1.34, over 4 samples: .335.
    """
    confidence = np.array([0.95, 0.95, 0.94, 0.5])
    correct = np.array([True, False, True, False])
    assert calibration_error(confidence, correct) == pytest.approx(0.335)


def test_certainty_falls_into_the_last_bin() -> None:
    """Confidence 1 and always right is perfectly calibrated; always wrong is as bad as it gets."""
    assert calibration_error(np.ones(3), np.array([True] * 3)) == 0
    assert calibration_error(np.ones(3), np.array([False] * 3)) == 1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_calibration_error_is_a_share(samples: list[tuple[float, bool]]) -> None:
    confidence, correct = (np.array(column) for column in zip(*samples, strict=True))
    assert 0 <= calibration_error(confidence, correct) <= 1 + 1e-9  # rounding of a sum of 50


def test_macro_f1_by_hand() -> None:
    """Class 0: TP 1, FP 1, FN 0: 2/3. Class 1: never hit: 0. Class 2: TP 1: 1. Class 3 is neither
    there nor predicted. Mean 5/9, as scikit-learn has it.
    """
    labels, predicted = np.array([0, 1, 2]), np.array([0, 0, 2])
    assert macro_f1(predicted, labels) == pytest.approx(5 / 9)
    assert f1_score(labels, predicted, average="macro") == pytest.approx(5 / 9)


def test_three_samples_by_hand() -> None:
    """p(true) = .5, .25, .9; the second is taken for class 0 with .75: accuracy 2/3.

    nll = -(log .5 + log .25 + log .9) / 3 = .7283.
    """
    p = torch.tensor([[0.5, 0.4, 0.1], [0.75, 0.25, 0.0], [0.05, 0.05, 0.9]])
    metrics, kept = summarise(p.log(), torch.tensor([0, 1, 2]), torch.tensor([30, 10, 20]))
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert metrics["nll"] == pytest.approx(0.7283, abs=1e-4)  # digits of the docstring
    assert kept.ids.tolist() == [30, 10, 20]
    assert kept.predicted.tolist() == [0, 0, 2]
    assert kept.confidence.tolist() == pytest.approx([0.5, 0.75, 0.9])
    assert kept.nll.tolist() == pytest.approx([-math.log(0.5), -math.log(0.25), -math.log(0.9)])
    kinds = [a.dtype.name for a in vars(kept).values()]
    assert kinds == ["int64", "uint8", "uint8", "float32", "float32"]


def test_robust_is_the_mean_of_four_groups_or_nothing() -> None:
    modalities = KNOWN["mvsa-single"]
    values = dict.fromkeys([c.name for c in conditions_for(modalities, "standard")], 0.5)
    metrics = {f"test/{name}/accuracy": value for name, value in values.items()}
    assert robust_metrics(metrics, modalities) == {"test/robust/accuracy": 0.5}
    assert robust_metrics({"test/clean/accuracy": 0.9}, modalities) == {}


def trainer(noise: str = "none") -> Trainer:
    return Trainer(
        [
            config.parse(
                {
                    "data": {"labels_per_class": 20},
                    "train": {"epochs": 1},
                    "evaluate": {"noise": noise},
                    "seed": seed,
                }
            )
            for seed in (0, 1)
        ]
    )


def results(t: Trainer) -> list[Result]:
    return evaluate(t.network, t.configs, t.data, t.device)


def test_a_report_by_condition() -> None:
    """Every condition has its metrics and predictions; robust lies between worst and best."""
    for result in results(trainer("standard")):
        conditions = set(result.predictions)
        assert "clean" in conditions
        assert {name.split("/")[1] for name in result.metrics} == conditions | {"robust"}
        values = [result.metrics[f"test/{name}/accuracy"] for name in conditions]
        assert min(values) <= result.metrics["test/robust/accuracy"] <= max(values)
        ids = result.predictions["clean"].ids.tolist()
        assert all(kept.ids.tolist() == ids for kept in result.predictions.values())


def test_metrics_follow_from_the_kept_predictions() -> None:
    """float32 copies of float32 numbers: equal up to the order of a mean of 400."""
    for result in results(trainer()):
        kept = result.predictions["clean"]
        accuracy = (kept.predicted == kept.labels).mean()
        assert result.metrics["test/clean/accuracy"] == pytest.approx(accuracy)
        assert result.metrics["test/clean/nll"] == pytest.approx(kept.nll.mean(), rel=1e-5)


def test_evaluation_is_deterministic_and_leaves_the_mode() -> None:
    """Latents are means then, although training draws noise."""
    t = trainer()
    t.network.train()
    first, second = (log_probabilities(t.network, t.select_part) for _ in range(2))
    assert torch.equal(first, second)
    assert t.network.training
    torch.testing.assert_close(first.exp().sum(-1), torch.ones(2, first.shape[1]))


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of other sizes may round differently: 1e-5."""
    t = trainer()
    whole = log_probabilities(t.network, t.select_part)
    monkeypatch.setattr("cal.evaluate.CHUNK", 7)
    found = log_probabilities(t.network, t.select_part)
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)


def test_validation_is_by_replica() -> None:
    t = trainer()
    both = score(t.network, t.select_part)
    log_p = log_probabilities(t.network, t.select_part)
    for r, numbers in enumerate(both):
        one, _ = summarise(log_p[r], t.select_part.labels[r], t.select_part.labels[r])
        assert numbers["accuracy"] == pytest.approx(one["accuracy"])
        assert numbers["nll"] == pytest.approx(one["nll"], rel=1e-5)  # float32 against float64


@pytest.mark.parametrize(("classes", "kind"), [(3, np.uint8), (256, np.uint8), (300, np.uint16)])
def test_predictions_hold_every_class(classes: int, kind: type[np.generic]) -> None:
    """Of 300 classes the last is 299; in 8 bits it would be 43."""
    log_p = torch.zeros(1, classes)
    log_p[0, -1] = 1.0
    _, kept = summarise(log_p.log_softmax(-1), torch.tensor([classes - 1]), torch.tensor([0]))
    assert kept.predicted.dtype == kept.labels.dtype == kind
    assert kept.predicted.tolist() == kept.labels.tolist() == [classes - 1]
