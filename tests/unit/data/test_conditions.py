"""Which test conditions a configuration has, their names, and the mean called robust."""

import re

import pytest

from cal.config import Config, parse
from cal.data.corruptions import SEVERITIES, conditions, robust


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
