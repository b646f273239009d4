"""Two noise protocols are never asked for at once."""

import pytest

from cal.protocols import CLEAN_ROOM, Evaluate, protocol_faults


@pytest.mark.parametrize("data_set", ["mvsa-single", "nyud2"])
def test_the_released_protocol_is_for_its_own_data_sets(data_set: str) -> None:
    assert protocol_faults(Evaluate(noise="qmf-2023"), data_set=data_set) == []
    assert protocol_faults(Evaluate(), data_set="keypad") == []
    (line,) = protocol_faults(Evaluate(noise="qmf-2023"), data_set="ave")
    assert line.startswith("evaluate.noise: given 'qmf-2023' with data.name=ave; allowed: standard")


@pytest.mark.parametrize("field", CLEAN_ROOM)
def test_the_other_protocols_severities_are_refused_beside_it(field: str) -> None:
    evaluate = Evaluate.model_validate({"noise": "qmf-2023", field: [1.0]})
    (line,) = protocol_faults(evaluate, data_set="nyud2")
    assert line.startswith(f"evaluate.{field}: given with evaluate.noise=qmf-2023, which has ")
    assert line.endswith("allowed: none, or evaluate.noise=standard")
    assert not protocol_faults(Evaluate.model_validate({field: [1.0]}), data_set="nyud2")
