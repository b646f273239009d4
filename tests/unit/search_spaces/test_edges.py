"""Best values at the end of a range, and the range to search next."""

from typing import Any

import pytest

from search_spaces.edges import edges, proposals
from search_spaces.space import Dimension, read_space

RATE, *_ = read_space("nuisance").dimensions
ENDS = {"low": "nothing", "high": "everything"}


def dimension(field: str, **given: Any) -> Dimension:
    common = {"name": field, "field": field, "label": "nuisance", "kind": "float", "ends": ENDS}
    return Dimension(**common | given)


def test_values_near_an_end_are_told_in_words() -> None:
    """log .01 to .15: the outer 5 % begin at .01 * 15 ** .05 = .01145 and at .1310."""
    for value in (0.0115, 0.05, 0.1309):
        assert edges([RATE], {"optim.lr": value}) == []
    (line,) = edges([RATE], {"optim.lr": 0.0114})
    assert line.startswith("optim.lr = 0.0114 is at the lower end of its range 0.01 to 0.15, log: ")
    (line,) = edges([RATE], {"optim.lr": 0.1312})
    assert "at the upper end" in line
    (line,) = edges([RATE], {"optim.lr": 0.3})
    assert "beyond the upper end" in line


def test_a_range_is_widened_by_half_on_its_scale_where_the_best_lies() -> None:
    """.15 * sqrt(15) = .58 above; .01 / sqrt(15) = .0026 below."""
    assert proposals([RATE], {"optim.lr": 0.05}) == []
    (up,) = proposals([RATE], {"optim.lr": 0.149})
    assert (up["field"], up["low"], up["high"]) == ("optim.lr", 0.01, 0.58)
    assert "from 0.01 to 0.58 (was 0.01 to 0.15): the best, 0.149, lies at the upper" in up["text"]
    (down,) = proposals([RATE], {"optim.lr": 0.0101})
    assert (down["low"], down["high"]) == (0.0026, 0.15)


def test_a_proposal_is_one_that_the_field_takes() -> None:
    """Warm-up is a share: half of .9 more would be 1.3, a quarter 1.1, a tenth .99."""
    warmup = dimension("cal.bottleneck.warmup", low=0.0, high=0.9, default=0.3)
    (up,) = proposals([warmup], {"cal.bottleneck.warmup": 0.9})
    assert up["high"] == pytest.approx(0.99)
    # Below 0 there is nothing: told as an edge, without a proposal.
    assert edges([warmup], {"cal.bottleneck.warmup": 0.0})
    assert proposals([warmup], {"cal.bottleneck.warmup": 0.0}) == []


def test_what_lies_above_nothing_is_widened_down_to_it() -> None:
    alpha = dimension("cal.acceleration.alpha", low=0.25, high=3.0, default=1.0)
    (down,) = proposals([alpha], {"cal.acceleration.alpha": 0.25})
    assert down["low"] == 0.0


def test_whole_numbers_stay_whole() -> None:
    width = dimension("model.d_z", kind="int", low=8, high=64, default=16, log=True)
    (up,) = proposals([width], {"model.d_z": 64})
    assert up["high"] == 181  # 64 * sqrt(8)
    (down,) = proposals([width], {"model.d_z": 8})
    assert down["low"] == 3


def test_choices_and_fields_that_do_not_act_have_no_edge() -> None:
    choice = Dimension(
        name="cal.bottleneck.schedule",
        field="cal.bottleneck.schedule",
        label="scientific",
        kind="categorical",
        choices=("linear", "cosine"),
        default="linear",
    )
    assert edges([choice, RATE], {"cal.bottleneck.schedule": "linear"}) == []
