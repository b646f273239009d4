"""The arms of a study: cells of its design, further arms, levels of its sweeps; what is compared.
Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ablations.designs import Cell, Design, lay_out, natural, plain
from ablations.pairing import PAIRED
from ablations.study import Study, level_text
from cal.config import ConfigError, merge

Tree = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One arm; ``switches``: factor -> on, empty where the arm is no cell of the design.

    ``by_regime``: regime -> what lies over ``overrides`` there alone.
    """

    name: str
    title: str
    overrides: Tree
    switches: dict[str, bool]
    by_regime: dict[str, Tree] = field(default_factory=dict)

    def tree(self, regime: str) -> Tree:
        """All that the arm lays over a regime's configuration."""
        return merge(self.overrides, self.by_regime.get(regime, {}))


@dataclass(frozen=True)
class Contrast:
    """A paired comparison ``arm - reference``.

    ``pairing``: ``paired``, or what its two arms do not share; ``note``: what differs by design.
    """

    arm: str
    reference: str
    primary: bool
    pairing: str = PAIRED
    note: str = ""

    @property
    def name(self) -> str:
        """For example ``cal - joint``."""
        return f"{self.arm} - {self.reference}"


@dataclass(frozen=True)
class Level:
    """One value of a sweep and its arm."""

    value: Any  # as in the study: a number, a text, ...
    arm: str


@dataclass(frozen=True)
class Sweep:
    """Arms along one dimension; ``field`` is empty where levels are trees with names."""

    name: str
    field: str
    reference: str  # an arm
    levels: tuple[Level, ...]


def cells_of(study: Study) -> tuple[Design, list[Arm], list[tuple[str, str]]]:
    """The design, the arms of its cells, and its natural comparisons (arm, reference)."""
    needs = {name: factor.needs for name, factor in study.factors.items()}
    design, cells = lay_out(
        study.design.kind,
        tuple(study.factors),
        resolution=study.design.resolution,
        needs=needs,
        constraints=study.constraints,
    )
    there = {plain(cell) for cell in cells.values()}
    unknown = [name for name in study.cells if name not in there]
    if unknown:
        raise ConfigError(
            f"cells: given {unknown[0]!r}; allowed: factors joined by +"
            + ("" if design.kind == "factorial" else f", of the cells that {design.kind} has")
        )
    names = {name: study.cells.get(plain(cell), name) for name, cell in cells.items()}
    arms = [
        Arm(names[name], plain(cell), _neutral(study, cell), cell) for name, cell in cells.items()
    ]
    pairs = natural(design.kind, cells, needs=needs)
    return design, arms, [(names[arm], names[reference]) for arm, reference in pairs]


def _neutral(study: Study, cell: Cell) -> Tree:
    tree: Tree = {}
    for name, on in cell.items():
        tree = tree if on else merge(tree, study.factors[name].neutral)
    return tree


def arms_of(study: Study) -> list[Arm]:
    """The arms beside the cells."""
    return [Arm(name, a.title or name, a.config, {}, a.regimes) for name, a in study.arms.items()]


def sweeps_of(study: Study) -> tuple[tuple[Sweep, ...], list[Arm]]:
    """The sweeps, and their arms over the full arm (which has no overrides)."""
    sweeps, arms = [], []
    for name, spec in study.sweeps.items():
        reference = f"{name}={level_text(spec.reference)}"
        levels = []
        for text, (value, tree) in spec.trees().items():
            arm = f"{name}={text}"
            title = f"{spec.field or name} at {text}"
            arms.append(Arm(arm, title, tree, {}))
            levels.append(Level(value, arm))
        sweeps.append(Sweep(name, spec.field, reference, tuple(levels)))
    return tuple(sweeps), arms


def contrasts_of(
    study: Study,
    arms: Sequence[Arm],
    natural_pairs: Sequence[tuple[str, str]],
    sweeps: Sequence[Sweep],
) -> list[Contrast]:
    """The declared contrasts, then those that design and sweeps ask for, exploratory.

    Raises ``ConfigError`` for one of no arm.
    """
    names = [arm.name for arm in arms]
    declared = [Contrast(c.arm, c.reference, c.primary) for c in study.contrasts]
    for contrast in declared:
        for name in (contrast.arm, contrast.reference):
            if name not in names:
                allowed = ", ".join(names)
                raise ConfigError(f"contrasts: given {name!r}; allowed: {allowed}")
    swept = [
        (level.arm, sweep.reference)
        for sweep in sweeps
        for level in sweep.levels
        if level.arm != sweep.reference
    ]
    known = {frozenset((c.arm, c.reference)) for c in declared}
    more = [pair for pair in (*natural_pairs, *swept) if frozenset(pair) not in known]
    return [*declared, *(Contrast(arm, reference, False) for arm, reference in more)]


def check_names(arms: Sequence[Arm]) -> None:
    """Raises ``ConfigError`` for no arm and for a name that comes twice."""
    names = [arm.name for arm in arms]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled or not arms:
        raise ConfigError(f"arms: given {', '.join(sorted(doubled)) or 'none'}; each name once")
