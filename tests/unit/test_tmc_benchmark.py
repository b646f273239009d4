"""TMC's benchmark: the cuts it makes, and what it says of them."""

import pytest
import torch

from benchmarks import tmc
from benchmarks.table import table
from cal.config import Data
from cal.data.loading import load


@pytest.mark.parametrize("scaling", tmc.SCALINGS)
def test_a_cut_trains_on_1600_and_tests_on_the_other_400(scaling: str) -> None:
    parts = tmc.cut(3, scaling=scaling)
    train, test = ({*part.ids.tolist()} for part in (parts.train, parts.evaluated))
    assert (len(train), len(test), len(train & test)) == (1600, 400, 0)
    assert parts.evaluated.labels.bincount().tolist() == [40] * 10
    other = {*tmc.cut(4, scaling=scaling).evaluated.ids.tolist()}
    assert len(test & other) < 200  # a fifth of them by chance
    whole = load(Data(), seed=0).train
    labels = dict(zip(whole.ids.tolist(), whole.labels.tolist(), strict=True))
    mine = dict(zip(parts.train.ids.tolist(), parts.train.labels.tolist(), strict=True))
    assert all(mine[i] == labels[i] for i in mine.keys() & labels.keys())


def test_inputs_are_scaled_by_the_training_samples_alone() -> None:
    """Some test sample lies outside of [0, 1], as its view's range is that of the training part."""
    unit, plain = (tmc.cut(0, scaling=scaling) for scaling in ("minmax", "standard"))
    for x, y in zip(unit.train.inputs, plain.train.inputs, strict=True):
        assert (x.amin(), x.amax()) == (0, 1)
        assert y.double().mean(0).abs().max() < 1e-4
        varied = y.double().std(0, correction=0)
        assert (varied[varied > 0] - 1).abs().max() < 1e-4
    assert any(bool(((x < 0) | (x > 1)).any()) for x in unit.evaluated.inputs)
    for x, low, high in zip(unit.train.inputs, unit.low, unit.high, strict=True):
        assert torch.equal(x.amin(0), low)
        assert torch.equal(x.amax(0), high)


def test_it_measures_both_and_the_table_tells_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tmc.RECIPE, "train", {"epochs": 2, "batch": 200, "validate_every": 2})
    found = tmc.measure(seeds=2, splits=3)
    assert found["samples"] == 1580
    assert len(found["accuracy"]) == 2
    assert set(found["splits"]) == set(tmc.SCALINGS)
    assert all(len(over["accuracy"]) == 3 for over in found["splits"].values())
    assert 0 < found["splits"]["standard"]["mean"] < 1
    text = table({"tmc": found})
    assert "TMC on Handwritten, 1580 labels, 2 seeds on the report part" in text
    assert "TMC on 3 cuts 1600/400, inputs minmax" in text


def test_figures_of_before_have_no_cuts() -> None:
    old = {"accuracy": [0.97], "mean": 0.97, "half_width": 0.0, "samples": 1580}
    assert table({"tmc": old}).count("TMC on") == 1
