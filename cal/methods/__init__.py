"""Training methods in the three moments of ``cal.trainer``; ``joint`` is the neutral one."""

from collections.abc import Sequence

from cal.config import Config
from cal.methods.cal import ContributionGuided
from cal.methods.joint import Joint
from cal.methods.ogm_ge import OgmGe

METHODS: dict[str, type[Joint]] = {"joint": Joint, "ogm_ge": OgmGe, "cal": ContributionGuided}
"""The one table of methods; the contract suite is parametrised over it."""


def build(configs: Sequence[Config]) -> Joint:
    """The method of a pack of runs (R = len(configs); the method is the same for all)."""
    return METHODS[configs[0].method](configs)
