"""What the options of a command make of a study."""

from argparse import Namespace
from typing import Any

import pytest

from ablations.plans import Plans
from ablations.study import read_study
from cal.config import ConfigError


def plans(**given: Any) -> Plans:
    nothing = {"assignments": [], "regimes": None, "seeds": None, "until_resolved": False}
    options = Namespace(**{**nothing, "max_seeds": None, "block": None, **given})
    return Plans(read_study("default"), options)


def test_as_declared() -> None:
    assert len(plans().now().runs) == 442


def test_some_regimes_only_in_the_order_of_the_study() -> None:
    assert plans(regimes=["junk", "hw20"], seeds=1).now().regimes == ("hw20", "junk")
    with pytest.raises(ConfigError, match=r"--regimes: given 'hw21'; .*did you mean hw20\?"):
        plans(regimes=["hw21"])


def test_looks_are_planned_before_the_first_and_seeds_grow_by_regime() -> None:
    found = plans(regimes=["hw20", "junk"], until_resolved=True, max_seeds=16)
    assert found.now().looks == {"hw20": (10, 14, 16), "junk": (12, 16)}
    found.seeds = {"hw20": 14, "junk": 12}
    assert [len(seeds) for seeds in found.now().seeds.values()] == [14, 12]
    assert found.now().seeds["hw20"][:10] == plans().now().seeds["hw20"]
