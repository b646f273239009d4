"""Which regimes get more seeds, and when it ends."""

import pytest

from ablations.until import line, looks, next_seeds, planned
from cal.config import ConfigError

SETTLED = {("views", "a - b", "clean"): "helps", ("sound", "a - b", "clean"): "equivalent"}
OPEN = SETTLED | {("sound", "a - b", "clean"): "undecided"}


def test_looks_are_blocks_and_the_last_may_be_smaller() -> None:
    assert looks(10, block=4, most=22) == (10, 14, 18, 22)
    assert looks(10, block=4, most=16) == (10, 14, 16)


def test_a_maximum_that_is_no_more_is_refused() -> None:
    with pytest.raises(ConfigError, match="--max-seeds: given 10; allowed: more than the 10"):
        planned({"views": 10, "sound": 12}, block=4, most=10)
    assert planned({"views": 10, "sound": 12}, block=4, most=12)["sound"] == (12,)


def test_a_first_look_needs_three_seeds() -> None:
    with pytest.raises(ConfigError, match=r"regimes.views.seeds: given 2 .* at least 3"):
        planned({"views": 2}, block=4, most=10)


def test_only_what_is_open_gets_more() -> None:
    plan = planned({"views": 10, "sound": 12}, block=4, most=20)
    assert next_seeds(OPEN, {"views": 10, "sound": 12}, plan) == {"views": 10, "sound": 16}


def test_it_ends_when_all_is_settled_or_the_maximum_is_reached() -> None:
    plan = planned({"views": 10, "sound": 12}, block=4, most=20)
    assert next_seeds(SETTLED, {"views": 10, "sound": 12}, plan) is None
    assert next_seeds(OPEN, {"views": 10, "sound": 20}, plan) is None


def test_a_line_says_how_far_it_is() -> None:
    found = line(OPEN, {"views": 10, "sound": 16})
    assert found == "1 of 2 primary comparisons settled (seeds: views 10, sound 16)"
