"""A run that sees some of the modalities: their inputs and noise are those that every arm sees."""

from typing import Any

import pytest
import torch

from cal.config import Config, Data, merge, parse
from cal.data.corruptions import Condition, conditions, corrupt, hit
from cal.data.loading import load
from cal.effective import effective
from cal.methods import METHODS
from cal.packed import check_pack, shape
from cal.records import Result
from cal.rules import FUSIONS
from cal.trainer import Trainer
from tests.contract.test_runs import assert_same

SEEN = {"handwritten": ("fou", "pix"), "keypad": ("audio",)}
BASE: dict[str, Any] = {
    "data": {"labels_per_class": 20, "modalities": ["pix"]},
    "cal": {"contribution": {"interval": 2}},
    "train": {"epochs": 4, "validate_every": 2},
    "evaluate": {"noise": "none"},
}
each = pytest.mark.parametrize("name", SEEN)


def data(name: str, *seen: str) -> Data:
    views = {"corrupt_views": ("pix",), "corrupt_sigma": 2} if name == "handwritten" else {}
    return Data(**{"name": name, "labels_per_class": 20, "modalities": seen, **views})


def config(method: str, **changes: Any) -> Config:
    fusion = {"model": {"fusion": FUSIONS[method]}} if method in FUSIONS else {}
    return parse(merge(BASE, {"method": method, **fusion, **changes}))


@each
def test_inputs_are_bit_equal_to_those_beside_others(name: str) -> None:
    """Samples, standardisation, drowned views and ranges do not know who else is seen."""
    whole, part = load(data(name), seed=3), load(data(name, *SEEN[name]), seed=3)
    assert part.modalities == SEEN[name]
    assert part.every_modality == whole.modalities
    places = [whole.modalities.index(seen) for seen in SEEN[name]]
    for room in ("train", "probe", "select", "report"):
        own, all_ = getattr(part, room), getattr(whole, room)
        assert torch.equal(own.ids, all_.ids)
        pairs = zip(own.inputs, (all_.inputs[m] for m in places), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert all(torch.equal(part.high[i], whole.high[m]) for i, m in enumerate(places))


@each
def test_the_order_of_names_is_that_of_the_data_set(name: str) -> None:
    asked = parse({"data": {"modalities": ["pix", "fou"]}}) if name == "handwritten" else None
    assert asked is None or asked.modalities == ("fou", "pix")
    every = data(name).every_modality
    assert data(name, *reversed(every)).present == every == data(name).present


@each
def test_noise_strikes_what_is_seen_as_beside_others_and_nothing_else(name: str) -> None:
    """Every condition of the data set; on an absent modality the inputs are the clean ones."""
    snr = {"audio_snr_db": [0.0]} if name == "keypad" else {}
    encoder = {"model": {"encoder": "cnn"}} if name == "keypad" else {}
    run = parse({"data": data(name).model_dump(), "evaluate": snr, **encoder})
    whole, part = load(data(name), seed=0), load(data(name, *SEEN[name]), seed=0)
    places = [whole.modalities.index(seen) for seen in SEEN[name]]
    untouched = 0
    for condition in conditions(run):
        found, expected = corrupt(part, condition), corrupt(whole, condition)
        assert all(torch.equal(x, expected[m]) for x, m in zip(found, places, strict=True))
        absent = condition.target in set(whole.modalities) - set(part.modalities)
        clean = all(x is y for x, y in zip(found, part.report.inputs, strict=True))
        assert clean == absent
        untouched += absent
    assert untouched


def test_without_audio_a_condition_on_it_changes_nothing() -> None:
    parts = load(data("keypad", "image"), seed=0)
    assert parts.audio_at_snr is None
    assert corrupt(parts, Condition("audio_snr", "audio", 0.0)) == parts.report.inputs


def test_half_of_the_modalities_are_those_of_the_data_set() -> None:
    """A run with one of six is struck in half of its samples, not in all."""
    condition = Condition("gaussian", "half", 1.0)
    parts = load(data("handwritten", "pix"), seed=0)
    (noisy,) = corrupt(parts, condition)
    changed = (noisy != parts.report.inputs[0]).any(1)
    mask = hit(condition, parts.report.ids, parts.every_modality)
    assert torch.equal(changed, mask[:, parts.every_modality.index("pix")])
    assert 0 < changed.sum() < len(changed)


def test_robust_is_over_the_same_conditions_for_every_arm() -> None:
    """Of one modality the rows of noise on others are the clean one, and robust is their mean."""
    (last,) = list(Trainer([config("joint", evaluate={"noise": "standard"})]).records())[-1]
    assert isinstance(last, Result)
    clean = last.metrics["test/clean/accuracy"]
    assert last.metrics["test/gaussian-fac-2/accuracy"] == clean
    assert last.metrics["test/missing-fou/accuracy"] == clean
    assert last.metrics["test/missing-pix/accuracy"] < clean
    names = {key.split("/")[1] for key in last.metrics if key.endswith("/accuracy")}
    everything = {c.name for c in conditions(parse({}))}
    assert names == {"clean", "robust", *everything}
    assert 0 < last.metrics["test/robust/accuracy"] <= clean


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_on_one_modality_alone_packed_and_resumed(method: str) -> None:
    """What its pack says of a run is what the run says alone, and what it says when resumed."""
    members = [config(method, seed=seed) for seed in range(3)]
    pack = Trainer(members)
    records = pack.records()
    next(records)
    middle = pack.states()
    for _ in records:
        pass
    assert len(pack.network.state_dict()["encoders.first.0"]) == len(members)
    alone, again = Trainer([members[1]]), Trainer([members[1]])
    again.load_states([middle[1]])
    for trainer in (alone, again):
        (last,) = list(trainer.records())[-1]
        assert isinstance(last, Result)
        assert last.metrics["test/clean/accuracy"] > 0.3  # of ten classes, after 12 steps
        state, expected = trainer.states()[0], pack.states()[1]
        for kept in (state, expected):
            del kept["place"]["seconds"]
        assert_same(state, expected)


def test_runs_that_see_other_modalities_are_not_packed() -> None:
    """Views of one width would have tensors of one shape, and names of another."""
    runs = [parse({"data": {"modalities": [name]}, "method": "joint"}) for name in ("fou", "kar")]
    assert shape(runs[0]) != shape(runs[1])
    with pytest.raises(ValueError, match="these differ in shape: data"):
        check_pack(runs)
    every = parse({"data": {"modalities": list(data("handwritten").present)}})
    assert shape(every) == shape(parse({}))


@pytest.mark.parametrize("apply", ["gradient", "learning_rate"])
def test_of_one_modality_alone_the_metric_says_nothing(apply: str) -> None:
    """W is 1: what the effective form calls one computation trains the same parameters."""
    measured = config("cal", cal={"acceleration": {"apply": apply}})
    off = {"contribution": {"enabled": False}, "acceleration": {"apply": apply}}
    plain = config("cal", cal=merge(BASE["cal"], off))
    assert effective(measured) == effective(plain)
    left, right = Trainer([measured]), Trainer([plain])
    for trainer in (left, right):
        list(trainer.records())
    named = dict(right.network.named_parameters())
    assert all(torch.equal(p, named[name]) for name, p in left.network.named_parameters())
