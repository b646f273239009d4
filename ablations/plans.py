"""The plans that a command makes of a study: as declared, with tuned arms, more seeds. Pure."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ablations import until
from ablations.plan import Plan, make_plan
from ablations.study import Study, named
from cal.config import ConfigError, assignments


class Plans:
    """``given``: what ``make_plan`` gets beside the study; ``seeds`` grow, ``looks`` were planned.

    ``options``: assignments, regimes, seeds, until_resolved, max_seeds, block. Raises
    ``ConfigError``.
    """

    def __init__(self, study: Study, options: argparse.Namespace) -> None:
        self.study = _only(study, options.regimes) if options.regimes else study
        self.given: dict[str, Any] = {"overrides": assignments(options.assignments)}
        self.seeds: int | dict[str, int] | None = options.seeds
        self.looks: dict[str, tuple[int, ...]] = {}
        self.omitted = tuple(name for name in study.regimes if name not in self.study.regimes)
        self.revisions: tuple[str, ...] = ()
        self.begun: Plan | None = None  # as the ledger has it
        if options.until_resolved:
            counts = {name: len(seeds) for name, seeds in self.now().seeds.items()}
            block, most = options.block or until.BLOCK, options.max_seeds or until.MOST
            self.looks = until.planned(counts, block=block, most=most)

    def now(self) -> Plan:
        """The plan as things stand."""
        plan = make_plan(self.study, seeds=self.seeds, **self.given)
        return replace(plan, looks=self.looks, omitted=self.omitted, revisions=self.revisions)


def _only(study: Study, regimes: Sequence[str]) -> Study:
    """The study with some of its regimes, in its own order."""
    unknown = [name for name in regimes if name not in study.regimes]
    if unknown:
        raise ConfigError(named("--regimes", unknown[0], study.regimes))
    kept = {name: regime for name, regime in study.regimes.items() if name in regimes}
    return study.model_copy(update={"regimes": kept})
