"""Which combinations of two-level factors a study runs: the cells of its design. Pure.

A cell says of each factor whether it is on. Nested factors need others: with a factor on while one
that it needs is off, the computation is that with both off, so such a cell does not exist.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from ablations.fractions import MOST, aliases_of, fewest_runs, generators_of
from cal.config import ConfigError

Kind = Literal["factorial", "leave-one-out", "add-one-in", "fractional"]
Cell = dict[str, bool]
Needs = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Design:
    """What a reader must know of the cells. The last three are of fractions alone.

    ``generators``: ``D = A*B*C``; ``aliases``: classes of words up to three letters that the
    fraction cannot tell apart.
    """

    kind: Kind = "factorial"
    resolution: int | None = None
    generators: tuple[str, ...] = ()
    aliases: tuple[tuple[str, ...], ...] = ()


def plain(cell: Cell) -> str:
    """``metric+bottleneck``: the factors that are on, or ``none``."""
    return "+".join(name for name, on in cell.items() if on) or "none"


def needed(factor: str, needs: Needs) -> set[str]:
    """The factor and all that it needs, directly or not."""
    found, open_ = set[str](), [factor]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += needs.get(name, ())
    return found


def dependent(factor: str, needs: Needs) -> set[str]:
    """The factor and all that exist only with it."""
    return {factor} | {name for name in needs if factor in needed(name, needs)}


def reduced(on: Iterable[str], factors: Sequence[str], needs: Needs) -> Cell:
    """The cell that exists: what lacks something that it needs is off."""
    wanted = set(on)
    return {name: needed(name, needs) <= wanted for name in factors}


def lay_out(
    kind: Kind,
    factors: Sequence[str],
    *,
    resolution: int | None = None,
    needs: Needs | None = None,
    constraints: Sequence[Mapping[str, bool]] = (),
) -> tuple[Design, dict[str, Cell]]:
    """A design and its cells by their names, the one with most on first (``add-one-in``: none).

    ``constraints``: partial cells that must not exist. Raises ``ConfigError`` in one line for what
    cannot be: the field, what was given, what is allowed.
    """
    nested = {name: tuple(others) for name, others in (needs or {}).items() if others}
    if not factors:
        if kind != "factorial":
            raise ConfigError(f"design.kind: given {kind} without factors; allowed: with factors")
        return Design(), {}
    _check_size(kind, len(factors))
    if kind == "fractional":
        return _fraction(factors, resolution, nested, constraints)
    rule = {"leave-one-out": _leave_one_out, "add-one-in": _add_one_in}.get(kind, _factorial)
    cells = rule(factors, nested)
    left = {name: cell for name, cell in cells.items() if not _forbidden(cell, constraints)}
    gone = [name for name in cells if name not in left]
    if gone and (kind != "factorial" or not left):
        lost = f"which {kind} needs" if left or kind != "factorial" else "so no cell is left"
        raise ConfigError(
            f"constraints: given one that forbids the cell {gone[0]}, {lost}; allowed: constraints "
            f"that leave it{', or design.kind factorial' if kind != 'factorial' else ''}"
        )
    for name in factors:
        levels = {cell[name] for cell in left.values()}
        if len(levels) == 1:
            raise ConfigError(
                f"constraints: given ones that leave {name} {'on' if True in levels else 'off'} in "
                "every cell; allowed: constraints that leave both"
            )
    return Design(kind), left


def natural(
    kind: Kind, cells: Mapping[str, Cell], *, needs: Needs | None = None
) -> list[tuple[str, str]]:
    """The comparisons (arm, reference) for which a design is made, by the names of cells.

    leave-one-out: full - without X; add-one-in: only X - none, and for a nested X the cell with
    X against the same without it. Factorials and fractions speak by their effects.
    """
    names = {plain(cell): name for name, cell in cells.items()}
    if kind == "leave-one-out":
        full, *others = cells
        return [(full, other) for other in others]
    if kind != "add-one-in":
        return []
    factors = list(next(iter(cells.values())))
    pairs = []
    for factor in factors:
        with_it = needed(factor, needs or {})
        arm, reference = (_cell(on, factors) for on in (with_it, with_it - {factor}))
        pairs.append((names[plain(arm)], names[plain(reference)]))
    return pairs


def _check_size(kind: Kind, factors: int) -> None:
    if kind in ("factorial", "fractional") and factors > MOST:
        raise ConfigError(
            f"factors: given {factors} with design.kind {kind}; allowed: at most {MOST}, or "
            "design.kind leave-one-out or add-one-in"
        )


def _cell(on: Iterable[str], factors: Sequence[str]) -> Cell:
    wanted = set(on)
    return {name: name in wanted for name in factors}


def _forbidden(cell: Cell, constraints: Sequence[Mapping[str, bool]]) -> bool:
    return any(all(cell[name] == on for name, on in rule.items()) for rule in constraints)


def _factorial(factors: Sequence[str], needs: Needs) -> dict[str, Cell]:
    every = (
        dict(zip(factors, levels, strict=True))
        for levels in product((True, False), repeat=len(factors))
    )
    real = (cell for cell in every if cell == reduced(_on(cell), factors, needs))
    return {plain(cell): cell for cell in real}


def _leave_one_out(factors: Sequence[str], needs: Needs) -> dict[str, Cell]:
    """What is nested in a factor leaves with it."""
    without = {f: set(factors) - dependent(f, needs) for f in factors}
    cells = {"full": _cell(factors, factors)}
    return cells | {f"without {f}": _cell(on, factors) for f, on in without.items()}


def _add_one_in(factors: Sequence[str], needs: Needs) -> dict[str, Cell]:
    """What a nested factor needs comes in with it, and stands beside it as its reference."""
    cells = {"none": _cell((), factors)}
    cells |= {f"only {f}": _cell((f,), factors) for f in factors if not needs.get(f)}
    for factor in factors:
        with_it = needed(factor, needs)
        for cell in (_cell(with_it, factors), _cell(with_it - {factor}, factors)):
            if cell not in cells.values():
                cells[plain(cell)] = cell
    return cells


def _on(cell: Cell) -> list[str]:
    return [name for name, on in cell.items() if on]


def _fraction(
    factors: Sequence[str],
    resolution: int | None,
    needs: Needs,
    constraints: Sequence[Mapping[str, bool]],
) -> tuple[Design, dict[str, Cell]]:
    other = "a fraction is balanced over all combinations; use design.kind factorial"
    if needs:
        name, others = next(iter(needs.items()))
        given = f"given [{', '.join(others)}]"
        raise ConfigError(
            f"factors.{name}.needs: {given} with design.kind fractional; allowed: none, {other}"
        )
    if constraints:
        given = f"given {len(constraints)}"
        raise ConfigError(
            f"constraints: {given} with design.kind fractional; allowed: none, {other}"
        )
    if resolution is None:
        raise ConfigError(
            "design.resolution: given nothing with design.kind fractional; allowed: 3, 4 or 5"
        )
    found = fewest_runs(len(factors), resolution)
    if found is None:
        most = len(factors)  # the half fraction's: its one word has every letter
        allowed = f"at most {most}" if most >= 3 else "no fraction"
        raise ConfigError(
            f"design.resolution: given {resolution} for {most} factors; allowed: {allowed}, or "
            f"design.kind factorial with all {2**most} cells"
        )
    design = Design(
        "fractional",
        found.resolution,
        generators_of(found, factors),
        aliases_of(found, factors),
    )
    cells = (dict(zip(factors, levels, strict=True)) for levels in found.levels())
    return design, {plain(cell): cell for cell in cells}
