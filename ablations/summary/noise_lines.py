"""Rows of the ledger as lines over the severity of noise: accuracies of every arm by seed. Pure.

Legend: P places on the axis of severity, clean (0) first; n seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablations.conditions import by_condition
from ablations.severities import lines
from ablations.summary.pairs import Array, Cell

Seeds = Mapping[int, Array]
"""Seed -> accuracies [P]."""


@dataclass(frozen=True)
class NoiseLine:
    """One line of noise in one regime: its ``places`` [P] and every arm's accuracies by seed."""

    name: str
    places: tuple[float, ...]
    arms: Mapping[str, Seeds]

    def table(self, arm: str, seeds: Sequence[int]) -> Array:
        """Its accuracies [P, n] over these seeds."""
        rows = [self.arms[arm][seed] for seed in seeds]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.places)).T

    def shared(self, arms: Sequence[str]) -> list[int]:
        """Seeds that all of them have, in the order of the first."""
        return [s for s in self.arms[arms[0]] if all(s in self.arms[arm] for arm in arms)]


def accuracies(cell: Cell) -> dict[int, dict[str, float]]:
    """Seed -> condition -> accuracy, of finished runs."""
    return {
        row.seed: {
            name: kinds["accuracy"]
            for name, kinds in by_condition(row.metrics).items()
            if "accuracy" in kinds
        }
        for row in cell
        if row.status == "FINISHED"
    }


def noise_lines(runs: Mapping[str, Mapping[int, Mapping[str, float]]]) -> list[NoiseLine]:
    """Arm -> seed -> condition -> accuracy, as lines. The places of a line are those that any run
    has; a run that lacks one of them, or has no number there, is left out.
    """
    found = {
        arm: {seed: lines(values) for seed, values in by_seed.items()}
        for arm, by_seed in runs.items()
    }
    every = [line for by_seed in found.values() for own in by_seed.values() for line in own.items()]
    made = []
    for name in dict.fromkeys(name for name, _ in every):
        places = tuple(sorted({at for other, line in every if other == name for at in line}))
        arms: dict[str, Seeds] = {}
        for arm, by_seed in found.items():
            rows = {
                seed: np.array([own.get(name, {}).get(at, np.nan) for at in places])
                for seed, own in by_seed.items()
            }
            arms[arm] = {seed: row for seed, row in rows.items() if np.isfinite(row).all()}
        made.append(NoiseLine(name, places, arms))
    return made
