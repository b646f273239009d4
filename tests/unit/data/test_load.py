"""Order of preparation: standardise by the training part, drown views, then take ranges."""

import numpy as np
import pytest
import torch

from cal.config import Data
from cal.data import handwritten
from cal.data.loading import load
from cal.data.noise import key_of, normals

JUNK = ("fac", "kar", "pix")


def test_standardisation_is_fitted_on_the_training_part_alone() -> None:
    """By hand for one view; a fit on everything would differ visibly."""
    parts = load(Data(labels_per_class=20), seed=0)
    raw = handwritten.load().inputs[1].astype(np.float64)
    train = raw[parts.train.ids]
    expected = (raw[parts.report.ids] - train.mean(0)) / train.std(0)
    assert np.allclose(parts.report.inputs[1], expected, atol=1e-4)
    leaked = (raw[parts.report.ids] - raw.mean(0)) / raw.std(0)
    assert np.abs(leaked - expected).max() > 0.1


def test_a_feature_that_is_constant_in_training_stays_finite() -> None:
    parts = load(Data(labels_per_class=1), seed=0)
    constant = [(high == low).any() for low, high in zip(parts.low, parts.high, strict=True)]
    assert any(constant)
    for part in (parts.train, parts.report):
        assert all(torch.isfinite(x).all() for x in part.inputs)


def test_junk_drowns_the_named_views_in_every_part_and_no_other() -> None:
    """N(0, 4^2) of a sample's own, in standardised units, added after standardising."""
    options = {"labels_per_class": 20, "corrupt_sigma": 4.0}
    clean = load(Data(**options), seed=3)
    junk = load(Data(**options, corrupt_views=JUNK), seed=3)
    for name in ("train", "probe", "select", "report"):
        before, after = getattr(clean, name), getattr(junk, name)
        for m, view in enumerate(junk.modalities):
            added = (after.inputs[m] - before.inputs[m]).numpy()
            width = added.shape[1]
            noise = normals(key_of("corrupt_views", view), after.ids.numpy(), width)
            assert np.allclose(added, 4 * noise if view in JUNK else 0, atol=1e-4)


def test_junk_of_a_sample_is_the_same_for_every_seed() -> None:
    """Sample by sample, found again in another seed's training part."""

    def added(seed: int) -> dict[int, np.ndarray]:
        options = {"labels_per_class": 100, "probe": 16, "select": 16}
        clean = load(Data(**options), seed=seed).train
        junk = load(Data(**options, corrupt_views=("fou",)), seed=seed).train
        noise = (junk.inputs[1] - clean.inputs[1]).numpy()
        return dict(zip(junk.ids.tolist(), noise, strict=True))

    first, second = added(0), added(1)
    both = first.keys() & second.keys()
    assert len(both) > 300
    assert all(np.allclose(first[i], second[i], atol=1e-4) for i in both)


def test_ranges_are_taken_after_the_views_are_drowned() -> None:
    clean = load(Data(labels_per_class=20), seed=0)
    junk = load(Data(labels_per_class=20, corrupt_views=("fou",)), seed=0)
    assert torch.equal(junk.high[1], junk.train.inputs[1].amax(0))
    assert torch.equal(junk.low[1], junk.train.inputs[1].amin(0))
    assert (junk.high[1] > clean.high[1]).all()
    assert torch.equal(junk.high[0], clean.high[0])


def test_a_new_seed_reads_no_file_in_a_warm_process(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Data(labels_per_class=20, corrupt_views=JUNK)
    load(data, seed=0)
    monkeypatch.setattr("cal.data.handwritten.read", None)
    assert load(data, seed=1000) is load(data, seed=1000)


def test_training_on_the_probe_too_leaves_the_report_s_inputs_as_they_are() -> None:
    """Else joint-probe would be compared on other inputs than the arms it is paired with."""
    plain = load(Data(labels_per_class=20), seed=0)
    more = load(Data(labels_per_class=20, probe_in_training=True), seed=0)
    assert len(more.train.ids) == len(plain.train.ids) + len(plain.probe.ids)
    for name in ("low", "high"):
        assert all(map(torch.equal, getattr(plain, name), getattr(more, name)))
    assert all(map(torch.equal, plain.report.inputs, more.report.inputs))
