"""The leader board in words: who is first, who cannot be told apart from it, and what such a table
cannot say. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evidence.numbers import PLACES, listed, ranges

Tree = Mapping[str, Any]
SETTINGS = {"same": "The same hyperparameters", "tuned": "Each at its best"}
FEW = 4  # names that a sentence lists; more are counted


def standings(summary: Tree, board: Tree) -> list[str]:
    """A sentence for each regime, and one on all regimes."""
    found = [
        f"{name}: {'; '.join(parts)}."
        for name in summary["regime_order"]
        if (parts := list(_places(board["regimes"][name])))
    ]
    return found + list(_over(board))


def _places(columns: Tree) -> Iterator[str]:
    for place, where in PLACES.items():
        if columns[place] is not None:
            first, *others = columns[place]["rows"]
            beside = not_apart(columns[place], first["method"])
            text = f"{where} {first['method']} is first ({100 * first['mean']:.1f} %), "
            yield text + _beside(beside, len(others))


def _beside(beside: Sequence[str], others: int) -> str:
    if not beside:
        return "told apart from all others" if others > 1 else "told apart from the other"
    if len(beside) == others:
        return "not told apart from any other"
    names = listed(beside) if len(beside) <= FEW else f"{len(beside)} of the {others} others"
    return f"not told apart from {names}"


def not_apart(column: Tree, method: str) -> list[str]:
    """The methods that share a group with one, in the order of their means."""
    together = {m for group in column["groups"] if method in group for m in group} - {method}
    return [row["method"] for row in column["rows"] if row["method"] in together]


def _over(board: Tree) -> Iterator[str]:
    known = {place: found for place, found in board["over_regimes"].items() if found is not None}
    if not known or len(next(iter(known.values()))["regimes"]) < 2:
        return
    parts = []
    for place, found in known.items():
        best = found["ranks"][0]
        names = [row["method"] for row in found["ranks"] if row["rank"] == best["rank"]]
        parts.append(f"of {listed(names)} {PLACES[place]} ({best['rank']:.1f})")
    first = next(iter(known.values()))
    tail = f"; {first['refused']}" if "refused" in first else ""
    over = listed(first["regimes"])
    yield f"Over {over} the lowest mean rank is that {' and '.join(parts)}{tail}."


def cautions(summary: Tree, boards: Sequence[Tree]) -> list[str]:
    """What ranks, groups and critical differences rest on, and what they do not say."""
    columns = [(name, c) for board in boards for name, c in _columns(board)]
    if not columns:
        return ["Nothing was measured that could be ranked."]
    alpha, counts = f"{100 * summary['alpha']:g} %", sorted({len(c["pairs"]) for _, c in columns})
    pairs = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    fixed = (summary.get("split") or {}).get("kind") != "resampled"
    part = "all seeds of a regime share one report part" if fixed else "a seed draws its test part"
    on = " on these test samples" if fixed else ""
    found = [
        f"A block is a seed, and {part}: ranks, groups and critical differences speak of other "
        f"seeds in these regimes{on}, never of other data sets.",
        "Groups are made of paired t tests with Holm's step-down over all pairs of a column "
        f"({pairs}): in each column the chance of telling two equal methods apart is at most "
        f"{alpha}, and there are {len(columns)} columns. That methods share a group says that "
        "these seeds do not settle their order, never that they are equally good.",
        "Nemenyi's critical difference depends on which other methods are in the table, and asks "
        "for methods of one spread: it is shown and decides nothing.",
    ]
    found += _few([column for _, column in columns], summary["alpha"])
    return [*found, *_reservations(summary, boards), *_printed(summary)]


def _few(columns: Sequence[Tree], alpha: float) -> Iterator[str]:
    """Why not by signed ranks, where their smallest p could not settle a single pair."""
    lost = [c for c in columns if len(c["pairs"]) * 2 / 2 ** len(c["blocks"]) > alpha]
    if lost:
        seeds, pairs = len(lost[0]["blocks"]), len(lost[0]["pairs"])
        yield (
            f"Signed ranks could tell no two methods apart here: of {seeds} seeds their smallest p "
            f"is 2 / 2^{seeds}, and Holm multiplies it by {pairs} pairs."
        )


def _reservations(summary: Tree, boards: Sequence[Tree]) -> Iterator[str]:
    if summary.get("sequential"):
        yield (
            "Seeds were added until the primary contrasts were settled; the p values of this board "
            "do not know of the looks, so they are too small."
        )
    left = {
        f"{method} in {name}"
        for board in boards
        for name, column in _columns(board)
        for method in column["left_out"]
    }
    if left:
        yield f"Not measured, so not ranked: {listed(sorted(left))}."
    if any(
        v["runs"]["failed"] for r in summary["regimes"].values() for v in r["variants"].values()
    ):
        yield (
            "A run that failed ranks as a guess among the classes, and its pairs must be told "
            "apart both without it and with that guess."
        )
    lost = {
        f"{name} {ranges(gone)}"
        for board in boards
        for name, column in _columns(board)
        if (gone := set(summary["regimes"][name]["seeds"]) - set(column["blocks"]))
    }
    if lost:
        yield f"Seeds that some method has not finished are no blocks: {listed(sorted(lost))}."
    if any(board["settings"] == "tuned" for board in boards):
        yield (
            "Each at its best: every method had one search of the same budget on the select part; "
            "the luck of that search is in no interval."
        )


def _printed(summary: Tree) -> Iterator[str]:
    """What was published on the data sets of the study, and whether any of it compares."""
    names = list(dict.fromkeys(regime.get("data", "") for regime in summary["regimes"].values()))
    entries = summary.get("published") or ()
    fair = [entry for entry in entries if entry["comparable"]]
    parts = []
    for name in names:
        count = sum(entry["data"] == name for entry in entries)
        parts.append(f"on {name} {count or 'no'} number{'s' if count > 1 else ''}")
    lead = f"{len(fair)} of them compare" if fair else "none of them compares"
    if not entries:
        yield f"Nothing published compares: {listed(parts)} known to us."
        return
    yield (
        f"Published numbers, {listed(parts)}: {lead} with a regime here; the table of published "
        "numbers says of each what differs. One that does not compare is there to be read, not to "
        "be beaten."
    )


def _columns(board: Tree) -> Iterator[tuple[str, Tree]]:
    """Regime and column, of those that were measured."""
    for name, columns in board["regimes"].items():
        for column in columns.values():
            if column is not None:
                yield name, column
