"""Training methods in the three moments of ``cal.trainer``; ``joint`` is the neutral one."""

from collections.abc import Sequence

from cal.config import Config
from cal.methods.arl import Arl
from cal.methods.cal import ContributionGuided
from cal.methods.joint import Joint
from cal.methods.mmpareto import MMPareto
from cal.methods.ogm_ge import OgmGe
from cal.methods.pmr import Pmr
from cal.methods.qmf import Qmf
from cal.methods.tmc import Tmc

METHODS: dict[str, type[Joint]] = {
    "joint": Joint,
    "ogm_ge": OgmGe,
    "pmr": Pmr,
    "mmpareto": MMPareto,
    "arl": Arl,
    "qmf": Qmf,
    "tmc": Tmc,
    "cal": ContributionGuided,
}
"""The one table of methods; the contract suite is parametrised over it."""


def build(configs: Sequence[Config]) -> Joint:
    """The method of a pack of runs, R = len(configs). Joint training goes along with CAL, whose
    neutral element it is. Raises ``ValueError`` for other mixtures.
    """
    names = {config.method for config in configs}
    if len(names) > 1 and names != {"joint", "cal"}:
        raise ValueError(f"method: given {', '.join(sorted(names))} in one pack")
    return METHODS["cal" if "cal" in names else names.pop()](configs)
