"""A run's conditions as lines over severity, and two protocols that are never mixed."""

import pytest

from ablations.severities import label, lines, main, order, protocol_of
from cal.data.corruptions import conditions_for
from cal.modalities import KNOWN
from cal.severities import AXIS


def test_a_line_for_each_target_and_the_mean_of_the_single_ones() -> None:
    """At 1 the mean of .6 and .8 is .7; half stands for itself; 0 is clean."""
    values = {"clean": 0.9, "gaussian-a-1": 0.6, "gaussian-b-1": 0.8, "gaussian-half-2": 0.3}
    found = lines(values | {"gaussian-a-2": 0.2, "gaussian-b-2": 0.4, "robust": 0.5})
    assert found == {
        "gaussian-single": {0: 0.9, 1: pytest.approx(0.7), 2: pytest.approx(0.3)},
        "gaussian-half": {0: 0.9, 2: 0.3},
        "gaussian-a": {0: 0.9, 1: 0.6, 2: 0.2},
        "gaussian-b": {0: 0.9, 1: 0.8, 2: 0.4},
    }
    assert list(found) == ["gaussian-single", "gaussian-half", "gaussian-a", "gaussian-b"]
    assert [name for name in found if main(name)] == ["gaussian-single", "gaussian-half"]


def test_one_modality_alone_is_the_single_line() -> None:
    """A text has no Gaussian noise, so the image is all there is."""
    assert list(lines({"clean": 0.9, "gaussian-image-1": 0.6})) == ["gaussian-single"]


def test_audio_noise_stands_at_its_amplitude() -> None:
    """-20 dB is ten times the signal's, 20 dB a tenth; less noise is nearer to clean."""
    values = {"clean": 0.9, "audio_snr-audio--20": 0.2, "audio_snr-audio-20": 0.8}
    line = lines(values)["audio_snr-single"]
    assert list(line) == pytest.approx([0, 0.1, 10])
    assert [label("audio_snr-single", at) for at in line] == ["clean", "20 dB", "-20 dB"]
    assert label("audio_snr-single", 1.0) == "0 dB"


def test_missing_is_a_share_of_the_samples() -> None:
    found = lines({"clean": 0.9, "missing-a-0.5": 0.7, "missing-a": 0.4, "missing-b": 0.6})
    assert found["missing-a"] == {0: 0.9, 0.5: 0.7, 1: 0.4}
    assert [label("missing-a", at) for at in (0, 0.5, 1)] == ["clean", "50 %", "100 %"]
    assert label("gaussian-a", 0.25) == "0.25"


def test_draws_of_the_released_protocol_are_one_place() -> None:
    values = {f"qmf_gaussian-all-5-{draw}": 0.1 * draw for draw in (1, 2, 3)}
    assert lines({"clean": 0.9, **values})["qmf_gaussian-all"] == {0: 0.9, 5: pytest.approx(0.2)}


def test_without_a_clean_value_there_is_no_line() -> None:
    assert lines({"gaussian-a-1": 0.5}) == {}
    assert lines({"clean": 0.5, "robust": 0.4, "drop": 0.1}) == {}


def test_every_condition_of_every_data_set_has_a_place() -> None:
    for modalities in KNOWN.values():
        for protocol, severities in (("standard", AXIS), ("qmf-2023", None)):
            names = [c.name for c in conditions_for(modalities, protocol, severities=severities)]
            found = lines({"clean": 0.9} | dict.fromkeys(names, 0.5))
            assert sorted(found, key=order) == list(found)
            assert all(len(line) > 1 for line in found.values())
            assert any(main(name) for name in found)


def test_two_protocols_are_refused_in_one_line() -> None:
    assert protocol_of(["clean", "gaussian-a-1"]) == "clean-room"
    assert protocol_of(["clean", "qmf_gaussian-all-5-1"]) == "qmf-2023"
    assert protocol_of(["clean", "robust"]) == ""
    values = {"clean": 0.9, "gaussian-a-1": 0.5, "qmf_gaussian-all-5-1": 0.5}
    with pytest.raises(ValueError, match="allowed: one protocol") as caught:
        lines(values)
    assert "\n" not in str(caught.value)
