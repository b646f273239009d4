"""Tables of the re-tuning, of published numbers and of the design. Pure."""

from collections.abc import Mapping
from typing import Any

from ablations.conditions import CONDITIONS
from ablations.wording import MINUS, PLACES, number, signed
from evidence.charts.spec import find
from evidence.pages.table import (
    Cell,
    Column,
    Table,
    left,
    of_effect,
    of_verdict,
    right,
    table,
)

Tree = Mapping[str, Any]


def tuned(summary: Tree) -> Table | None:
    """Both deltas side by side: the same hyperparameters, each at its best."""
    rows: list[list[Cell]] = []
    for name, tuning in _tunings(summary):
        rows.append([Cell(name)])
        for c in tuning["contrasts"]:
            for place in CONDITIONS:
                row = [Cell(f"{c['arm']} {MINUS} {c['reference']}, {PLACES[place]}")]
                for key in ("same", "tuned"):
                    effect = find(c, key, place)
                    pair = (c["arm"], c["reference"])
                    if key == "tuned":
                        pair = tuple(tuning["arms"][arm]["tuned_arm"] for arm in pair)
                    cell = "|".join((name, *pair))
                    row.append(of_effect(effect, key=cell))
                    row.append(of_verdict(effect, summary.get("margin")) if effect else Cell(""))
                rows.append(row)
    columns = left("contrast")
    for title in ("same hyperparameters, points", "each at its best, points"):
        columns += [Column(title), Column("verdict", "left")]
    return table(
        "tuned",
        "The same hyperparameters, and each at its best",
        columns,
        rows,
        note="Each arm was searched by itself with the same budget and then trained on fresh seeds "
        "that no search has seen, and evaluated on the report part.",
    )


def budgets(summary: Tree) -> Table | None:
    """What each arm's search used, its optimism, and whether the best lies at an edge."""
    rows: list[list[Cell]] = []
    for name, tuning in _tunings(summary):
        rows.append([Cell(name)])
        for arm, entry in tuning["arms"].items():
            budget = entry.get("budget") or {}
            rows.append(
                [
                    Cell(arm),
                    *(Cell(_count(budget.get(key))) for key in ("trials", "runs", "epochs")),
                    Cell(_count(budget.get("train_s"), digits=1)),
                    *(Cell(_score(entry.get(k))) for k in ("search_score", "fresh_score")),
                    Cell("" if entry.get("optimism") is None else signed(entry["optimism"])),
                    Cell("; ".join(entry.get("edges") or ()) or "inside", _edge(entry)),
                ]
            )
    columns = [
        *left("arm"),
        *right("trials", "runs", "epochs", "training, s", "search score, %", "fresh seeds, %"),
        Column("optimism, points"),
        Column("best value at an edge of its range", "left", wide=True),
    ]
    return table(
        "budgets",
        "Budget of each search, and its optimism",
        columns,
        rows,
        note="Optimism: search score (selection split) minus the score on fresh seeds. A best "
        "value at the edge of its range says that a wider range might do better.",
    )


def _edge(entry: Tree) -> str:
    return "hurts" if entry.get("edges") else "off"


def best(summary: Tree) -> Table | None:
    """The values each search chose, beside the study's own."""
    rows: list[list[Cell]] = []
    for name, tuning in _tunings(summary):
        fields = list(
            dict.fromkeys(f for e in tuning["arms"].values() for f in e.get("best") or ())
        )
        rows.append([Cell(name)])
        for arm, entry in tuning["arms"].items():
            for field in fields:
                if field in (entry.get("best") or {}):
                    default = (entry.get("default") or {}).get(field)
                    rows.append(
                        [Cell(f"{arm}: {field}"), Cell(_value(entry["best"][field]))]
                        + [Cell("" if default is None else _value(default))]
                    )
    columns = [*left("field"), *right("best", "in the study")]
    return table("best", "Hyperparameters that the searches chose", columns, rows)


def _tunings(summary: Tree) -> list[tuple[str, Tree]]:
    regimes = summary["regimes"]
    return [(n, regimes[n]["tuning"]) for n in summary["regime_order"] if regimes[n].get("tuning")]


def _count(value: Any, *, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _score(value: Any) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return str(value)


def published(summary: Tree) -> Table | None:
    """Published numbers, each with what makes it comparable or not."""
    rows = []
    for entry in summary.get("published") or ():
        fair = entry.get("comparable")
        why = "; ".join(entry.get("differences") or ())
        accuracy = entry.get("accuracy")
        rows.append(
            [
                Cell(entry["method"]),
                Cell(_data(entry)),
                Cell("" if accuracy is None else f"{100 * accuracy:.1f}"),
                Cell("yes" if fair else "no", "helps" if fair else "hurts", chip=True),
                Cell(why),
                Cell(str(entry.get("source", ""))),
            ]
        )
    columns = [*left("method", "data"), Column("accuracy, %"), *left("comparable")]
    columns += [Column("what differs", "left", wide=True), Column("source", "left", wide=True)]
    return table(
        "published",
        "Published numbers",
        columns,
        rows,
        note="A number that is not comparable stands here to say why, not to be compared.",
    )


def _data(entry: Tree) -> str:
    noise = entry.get("noise") or "clean"
    return str(entry.get("data", "")) + ("" if noise == "clean" else f", {noise}")


def aliases(summary: Tree) -> Table | None:
    """Which effects a fractional design cannot tell apart."""
    design = summary.get("design") or {}
    rows = [
        [Cell(str(i)), Cell(" = ".join(_words(words)))]
        for i, words in enumerate(design.get("aliases") or (), 1)
    ]
    generators = ", ".join(map(str, design.get("generators") or ()))
    return table(
        "aliases",
        f"Aliases of the fractional design, resolution {design.get('resolution')}",
        [*left("group"), Column("one number stands for all of", "left", wide=True)],
        rows,
        note=f"Generators: {generators}. What stands in one row was not told apart by this design.",
    )


def _words(words: Any) -> list[str]:
    return [w if isinstance(w, str) else " x ".join(map(str, w)) for w in words]
