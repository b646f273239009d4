"""Which test conditions a configuration has, their names, and the mean called robust."""

import re

import pytest
import torch

from cal.config import Config, parse
from cal.data.corruptions import Condition, conditions, conditions_for, hit, robust
from cal.modalities import AUDIO, IMAGE, KNOWN, TEXT, Modality
from cal.severities import AXIS, CLEAN_ROOM, SEVERITIES, table_of


def configured(name: str, *, noise: str = "standard") -> Config:
    encoder = "cnn" if name == "keypad" else "mlp"
    evaluate = {"noise": noise, "audio_snr_db": [0.0, -10.0] if name == "keypad" else []}
    return parse({"data": {"name": name}, "model": {"encoder": encoder}, "evaluate": evaluate})


def test_the_standard_protocol_uses_every_kind_of_the_table() -> None:
    assert {c.kind for c in conditions(parse({}))} == set(SEVERITIES)


@pytest.mark.parametrize(("name", "count"), [("handwritten", 46), ("keypad", 24)])
def test_the_standard_protocol(name: str, count: int) -> None:
    """Gaussian 3 sigmas x (M + 2), salt 2 densities x (M + 2), missing x M, 2 SNRs on keypad."""
    found = [c.name for c in conditions(configured(name))]
    assert len(found) == len(set(found)) == count
    assert all(re.fullmatch(r"[A-Za-z0-9_.:/ -]+", word) for word in found)
    first = "fac" if name == "handwritten" else "audio"
    for word in (f"gaussian-{first}-0.5", "gaussian-half-2", "salt_pepper-all-0.1"):
        assert word in found
    assert f"missing-{first}" in found
    assert ("audio_snr-audio--10" in found) == (name == "keypad")


def test_noise_none_leaves_only_what_is_asked_for() -> None:
    assert conditions(configured("handwritten", noise="none")) == ()
    asked = conditions(configured("keypad", noise="none"))
    assert [c.name for c in asked] == ["audio_snr-audio-0", "audio_snr-audio--10"]


def test_robust_is_the_mean_of_four_group_means() -> None:
    """Singles .8 and .6 -> .7; half .5; salt on all .3 and .1 -> .2; missing .4, .2 -> .3: .425."""
    values = {f"gaussian-audio-{s:g}": 0.8 for s in (0.5, 1, 2)}
    values |= {f"gaussian-image-{s:g}": 0.6 for s in (0.5, 1, 2)}
    values |= {f"gaussian-half-{s:g}": 0.5 for s in (0.5, 1, 2)}
    values |= {"salt_pepper-all-0.1": 0.3, "salt_pepper-all-0.3": 0.1}
    values |= {"missing-audio": 0.4, "missing-image": 0.2}
    others = {"clean": 1.0, "gaussian-all-1": 0.0, "salt_pepper-image-0.1": 0.0}
    names = ("audio", "image")
    assert robust(values | others, names) == pytest.approx(0.425)
    for absent in values:
        assert robust({k: v for k, v in values.items() if k != absent}, names) is None


def test_robust_of_a_text_needs_no_gaussian_noise_on_it() -> None:
    """Image .8 alone; half .5; salt .2; missing (.4 + .2) / 2 = .3: .45."""
    values = {f"gaussian-image-{s:g}": 0.8 for s in (0.5, 1, 2)}
    values |= {f"gaussian-half-{s:g}": 0.5 for s in (0.5, 1, 2)}
    values |= {"salt_pepper-all-0.1": 0.3, "salt_pepper-all-0.3": 0.1}
    values |= {"missing-image": 0.4, "missing-text": 0.2}
    names = ("image", "text")
    assert robust(values, names, texts=("text",)) == pytest.approx(0.45)
    assert robust(values, names) is None


def test_robust_is_made_of_the_standard_severities_whatever_else_there_is() -> None:
    standard, dense = (
        {
            c.name: 0.1 + 0.01 * len(c.name)
            for c in conditions_for((AUDIO, IMAGE), "standard", **more)
        }
        for more in ({}, {"severities": AXIS})
    )
    assert standard.keys() < dense.keys()
    assert robust(dense, ("audio", "image")) == robust(standard, ("audio", "image"))


def names_for(*modalities: Modality, protocol: str = "standard") -> list[str]:
    return [c.name for c in conditions_for(modalities, protocol)]


def test_a_text_is_no_target_of_gaussian_noise() -> None:
    """An image and a text: Gaussian 3 x 3 targets, salt 2 x 4, missing 2."""
    names = names_for(IMAGE, TEXT)
    assert len(names) == 19
    assert "gaussian-text-1" not in names
    for word in ("gaussian-half-1", "salt_pepper-text-0.1", "salt_pepper-all-0.3", "missing-text"):
        assert word in names
    assert [name for name in names_for(TEXT) if name.startswith("gaussian")] == []


def test_conditions_of_the_embedded_data_come_from_their_modalities() -> None:
    for name in ("handwritten", "keypad"):
        config = configured(name)
        asked = conditions_for(KNOWN[name], "standard", config.evaluate.audio_snr_db)
        assert conditions(config) == asked


def test_every_data_set_has_conditions_with_names_of_their_own() -> None:
    for modalities in KNOWN.values():
        for protocol in ("standard", "qmf-2023"):
            names = names_for(*modalities, protocol=protocol)
            assert names
            assert len(set(names)) == len(names)
            assert all(re.fullmatch(r"[A-Za-z0-9_.:/ -]+", name) for name in names)
    assert names_for(*KNOWN["handwritten"], protocol="none") == []
    with pytest.raises(
        ValueError, match="protocol: given 'qmf'; allowed: none, standard, qmf-2023"
    ):
        conditions_for((IMAGE,), "qmf")
    with pytest.raises(ValueError, match="kind: given 'blur'; allowed: gaussian, "):
        conditions_for((IMAGE,), "standard", severities={"blur": (1.0,)})


def test_the_released_protocol_has_two_severities_and_five_draws() -> None:
    """RGB and depth: Gaussian alone; beside a text salt and pepper too. Nothing of clean-room."""
    names = names_for(*KNOWN["nyud2"], protocol="qmf-2023")
    assert len(names) == 10
    assert names[:2] == ["qmf_gaussian-all-5-1", "qmf_gaussian-all-5-2"]
    both = conditions_for(KNOWN["mvsa-single"], "qmf-2023")
    assert len(both) == 20
    assert {c.kind for c in both} == {"qmf_gaussian", "qmf_salt_pepper"}
    assert {c.severity for c in both} == {5, 10}
    assert {c.draw for c in both} == {1, 2, 3, 4, 5}


def test_the_axis_holds_the_standard_severities_and_more() -> None:
    for kind, severities in SEVERITIES.items():
        assert set(severities) < set(AXIS[kind])
    assert table_of("axis")["gaussian"][0] == 0.25
    assert table_of("axis")["gaussian"][-1] == 4
    assert set(AXIS) == set(CLEAN_ROOM)
    words = {"evaluate": {"severities": "axis"}}
    names = [c.name for c in conditions(parse(words))]
    # Gaussian 7 x 8 targets, salt 6 x 8, missing 4 x 6
    assert len(set(names)) == len(names) == 128
    assert {c.name for c in conditions(parse({}))} < set(names)
    keypad = {"data": {"name": "keypad"}, "model": {"encoder": "cnn"}, **words}
    assert "audio_snr-audio--10" in [c.name for c in conditions(parse(keypad))]


def test_numbers_of_ones_own_are_measured_beside_the_protocol() -> None:
    evaluate = {"gaussian_sigma": [3, 1], "salt_pepper_share": [0.7], "missing_share": [0.5]}
    names = [c.name for c in conditions(parse({"evaluate": evaluate}))]
    assert len(set(names)) == len(names) == 46 + 8 + 8 + 6  # sigma 1 is there already
    assert {"gaussian-fac-3", "salt_pepper-half-0.7", "missing-mor-0.5"} <= set(names)
    alone = [c.name for c in conditions(parse({"evaluate": {**evaluate, "noise": "none"}}))]
    assert len(alone) == 16 + 8 + 6
    assert robust(dict.fromkeys(alone, 0.5), [m.name for m in KNOWN["handwritten"]]) is None


def test_missing_in_a_share_of_the_samples() -> None:
    """Five sd of a coin over 4000 samples; the same ones in any order; everywhere at 1."""
    ids, names = torch.arange(4000), ("audio", "image")
    for share in (0.25, 0.75):
        mask = hit(Condition("missing", "image", share), ids, names)
        assert not mask[:, 0].any()
        found = mask[:, 1].double().mean().item()
        assert abs(found - share) < 5 * (share * (1 - share) / 4000) ** 0.5
        back = hit(Condition("missing", "image", share), ids.flip(0), names)
        assert torch.equal(back.flip(0), mask)
    assert hit(Condition("missing", "image", 1.0), ids, names)[:, 1].all()


def test_names_of_missing_and_of_draws() -> None:
    assert Condition("missing", "fac", 1.0).name == "missing-fac"
    assert Condition("missing", "fac", 0.25).name == "missing-fac-0.25"
    assert Condition("qmf_gaussian", "all", 10.0, 3).name == "qmf_gaussian-all-10-3"
