"""Tables of the leader board: standings with groups, and the tests behind them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablations.conditions import CONDITIONS
from ablations.wording import PLACES, PLUS_MINUS, p_value
from ablations.wording.leaders import SETTINGS
from evidence.charts.hover import sample_lines
from evidence.pages.table import Cell, Column, Table, left, right, table

Tree = Mapping[str, Any]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def boards(summary: Tree) -> list[dict[str, Any]]:
    """Of each board its title, sentences and tables."""
    found = summary.get("leader_board") or {}
    return [
        {
            "title": SETTINGS[board["settings"]],
            "answer": board["answer"],
            "standings": standings(summary, board),
            "tests": tests(summary, board),
        }
        for board in found.get("boards") or ()
    ]


def files(summary: Tree) -> list[Table | None]:
    """The tables that stand beside the page as files."""
    return [t for board in boards(summary) for t in (board["standings"], board["tests"])]


def standings(summary: Tree, board: Tree) -> Table | None:
    """Every method in every regime: mean, mean rank and groups under both conditions."""
    printed = _printed(summary)
    rows: list[list[Cell]] = []
    for name in summary["regime_order"]:
        columns = board["regimes"][name]
        methods = _methods(columns.values())
        if methods:
            rows.append([Cell(name)])
        for method in methods:
            row = [Cell(method, hover=_title(summary, name, board["arms"][method]))]
            for place in CONDITIONS:
                row += _cells(summary, columns[place], method, f"{name}|{board['arms'][method]}")
            if printed:
                row.append(printed.get((name, method), Cell("")))
            rows.append(row)
    rows += _over(board, bool(printed))
    columns_ = left("method")
    for place in CONDITIONS:
        columns_ += [*right(f"{place}, %", "rank"), Column("group", "left")]
    columns_ += left("published, %") if printed else []
    level = f"{100 * summary['level']:g} %"
    return table(
        f"leader-board-{board['settings']}",
        f"Leader board: {SETTINGS[board['settings']].lower()}",
        columns_,
        rows,
        note=f"Mean {PLUS_MINUS} half-width of its {level} interval over seeds, of each method by "
        "itself; mean rank over seeds, 1 is best. Methods that share a letter are not told apart "
        "(paired t tests, Holm over all pairs of the column), which does not make them equal. All "
        "regimes: the mean over regimes of the rank by the regime's mean, a description.",
    )


def _methods(columns: Any) -> list[str]:
    """In the order of their means on clean data, those measured under noise alone after them."""
    found = [row["method"] for column in columns if column is not None for row in column["rows"]]
    return list(dict.fromkeys(found))


def _title(summary: Tree, name: str, arm: str) -> str:
    """What the method is, and which modalities it sees where it does not see all."""
    variant = summary["regimes"][name]["variants"][arm]
    seen = ((variant.get("overrides") or {}).get("data") or {}).get("modalities")
    title = "" if variant["title"] == arm else str(variant["title"])
    return f"{title} ({', '.join(seen)})".strip() if seen else title


def _cells(summary: Tree, column: Tree | None, method: str, key: str) -> list[Cell]:
    row = next((r for r in (column or {}).get("rows", ()) if r["method"] == method), None)
    if column is None or row is None:
        return [Cell("not measured", "none"), Cell(""), Cell("")]
    text = f"{100 * row['mean']:.2f}"
    if row["half_width"] is not None:
        text += f" {PLUS_MINUS} {100 * row['half_width']:.2f}"
    hover = "\n".join(sample_lines(row))
    return [Cell(text, "", hover, key), Cell(f"{row['rank']:.1f}"), Cell(letters(column, method))]


def letters(column: Tree, method: str) -> str:
    """``ab``: the groups that hold the method, a the one of the highest means."""
    return "".join(
        LETTERS[i % len(LETTERS)] for i, group in enumerate(column["groups"]) if method in group
    )


def _printed(summary: Tree) -> dict[tuple[str, str], Cell]:
    """(regime, method) -> what was published of it on the regime's data set."""
    found: dict[tuple[str, str], list[Tree]] = {}
    for entry in summary.get("published") or ():
        if entry.get("arm"):
            found.setdefault((entry["regime"], entry["arm"]), []).append(entry)
    return {key: _published(entries) for key, entries in found.items()}


def _published(entries: Sequence[Tree]) -> Cell:
    parts = [
        f"{100 * e['accuracy']:.1f}"
        + ("" if e["noise"] == "clean" else f" ({e['noise']})")
        + (", comparable" if e["comparable"] else ", not comparable")
        for e in entries
    ]
    fair = all(entry["comparable"] for entry in entries)
    why = "\n".join(f"{e['source']}: {'; '.join(e['differences'])}" for e in entries)
    return Cell("; ".join(parts), "" if fair else "off", why)


def _over(board: Tree, printed: bool) -> Iterator[list[Cell]]:
    found = {place: tree for place, tree in board["over_regimes"].items() if tree is not None}
    if not found or len(next(iter(found.values()))["regimes"]) < 2:
        return
    yield [Cell("all regimes")]
    ranks = {
        place: {r["method"]: r["rank"] for r in tree["ranks"]} for place, tree in found.items()
    }
    for method in dict.fromkeys(m for rank in ranks.values() for m in rank):
        row = [Cell(method)]
        for place in CONDITIONS:
            rank = ranks.get(place, {}).get(method)
            group = letters(found[place], method) if "groups" in found.get(place, {}) else ""
            row += [Cell(""), Cell("" if rank is None else f"{rank:.1f}"), Cell(group)]
        yield row + ([Cell("")] if printed else [])


def tests(summary: Tree, board: Tree) -> Table | None:
    """Friedman's test, the critical difference and the pairs told apart, for every column."""
    rows = []
    for name in summary["regime_order"]:
        for place in CONDITIONS:
            column = board["regimes"][name][place]
            if column is not None:
                apart = sum(pair["p_adjusted"] <= summary["alpha"] for pair in column["pairs"])
                told = f"{apart} of {len(column['pairs'])}"
                rows.append(
                    [Cell(f"{name}, {PLACES[place]}"), Cell(str(len(column["blocks"])))]
                    + [*_friedman(column), Cell(told)]
                )
    for place, tree in board["over_regimes"].items():
        if tree is not None and "critical_difference" in tree:
            row = [Cell(f"over regimes, {PLACES[place]}"), Cell(str(len(tree["regimes"])))]
            rows.append([*row, *_friedman(tree), Cell("")])
    return table(
        f"rank-tests-{board['settings']}",
        f"Is any method better? {SETTINGS[board['settings']]}",
        [*left("column"), *right("blocks", "Friedman chi2", "p", "F", "p of F")]
        + right("critical difference of ranks", "pairs told apart"),
        rows,
        note="F: Iman and Davenport's form of Friedman's test. Critical difference: Nemenyi's, at "
        f"{100 * summary['alpha']:g} %. Pairs told apart: by paired t tests with Holm.",
    )


def _friedman(tree: Tree) -> list[Cell]:
    found, least = tree["friedman"], Cell(f"{tree['critical_difference']:.2f}")
    if found is None:
        return [Cell("all tied", "none"), Cell(""), Cell(""), Cell(""), least]
    f = "" if found["f"] is None else f"{found['f']:.2f}"
    p = [Cell(p_value(found[key], "")) for key in ("p", "p_f")]
    return [Cell(f"{found['chi2']:.1f}"), p[0], Cell(f), p[1], least]
