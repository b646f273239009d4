"""Tables of differences: declared contrasts, checks, other metrics, mechanisms. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.conditions import CONDITIONS
from ablations.wording import MINUS, PLACES, noise_title, number, p_value, signed, span
from ablations.wording.verdict import effect_of
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
METRICS = {"macro_f1": ("macro-F1, points", 100), "nll": ("nll, nats", 1), "ece": ("ECE", 1)}


def contrasts(summary: Tree) -> Table | None:
    """Every declared contrast with its verdicts, a band for each regime."""
    adjusted = _any(summary, "p_adjusted")
    columns = left("contrast", "declared")
    for place in CONDITIONS:
        columns += [Column(f"{place}, points"), *([Column("adjusted p")] if adjusted else [])]
        columns.append(Column("verdict", "left"))
    columns.append(Column("pairs"))
    rows: list[list[Cell]] = []
    for name, regime in _regimes(summary):
        rows.append([Cell(name)])
        for c in regime["contrasts"]:
            paired = c.get("pairing", "paired") == "paired"
            label = c["label"] + ("" if paired else f", not paired: {c['pairing']}")
            row = [Cell(_title(c)), Cell(label, "on" if c["label"] == "primary" else "off")]
            for place in CONDITIONS:
                row.append(of_effect(c[place], key=_key(name, c, place), seeds=regime["seeds"]))
                if adjusted:
                    row.append(_adjusted(c[place]))
                row.append(of_verdict(c[place], summary.get("margin")))
            rows.append([*row, Cell(str(c["clean"]["n"]))])
    level = f"{100 * summary['level']:g} %"
    note = (
        f"Arm minus reference, points of accuracy {chr(177)} half-width of the {level} interval, "
        "paired by seed. Adjusted p: for the whole family of primary contrasts, of difference or, "
        "where the verdict is no effect larger than the margin, of equivalence."
        if adjusted
        else f"Arm minus reference, points of accuracy {chr(177)} half-width of the {level} "
        "interval, paired by seed, not corrected for their number."
    )
    return table("contrasts", "Declared contrasts", columns, rows, note=note)


def _adjusted(effect: Tree) -> Cell:
    same = effect["verdict"] == "equivalent"
    p = effect.get("p_equivalent_adjusted" if same else "p_adjusted")
    return Cell("") if p is None else Cell(p_value(p, ""))


def checks(summary: Tree) -> Table | None:
    """The same contrasts by other procedures, effect size, and what the seeds could find."""
    titles = {
        "bca": "BCa bootstrap",
        "two_way": "two-way bootstrap",
        "p_permutation": "permutation p",
        "p_wilcoxon": "Wilcoxon p",
        "d": "paired d",
        "improvement": "better on a fresh seed",
        "minimum_detectable": "detectable, points",
        "seeds_for_margin": "seeds to see the margin",
    }
    used = [key for key in titles if _any(summary, key)]
    rows: list[list[Cell]] = []
    for name, regime in _regimes(summary):
        rows.append([Cell(name)])
        for c in regime["contrasts"]:
            for place in CONDITIONS:
                if find(c[place], "difference") is not None and used:
                    effect = of_effect(c[place], key=_key(name, c, place), seeds=regime["seeds"])
                    cells = [Cell(_check(c[place], key)) for key in used]
                    rows.append([Cell(f"{_title(c)}, {place}"), effect, *cells])
    columns = [*left("contrast"), *right("points", *(titles[key] for key in used))]
    note = (
        "They decide no verdict. The two-way bootstrap resamples seeds and test samples, so the "
        "sampling error of the test set is in it; it is conservative. Detectable: the effect that "
        f"these seeds find with a probability of {100 * summary.get('power', 0.8):g} %; seeds to "
        "see the margin: how many find a difference of that size so often. Of primary contrasts "
        "both are at the error level of one among the family."
    )
    return table("checks", "The same by other procedures", columns, rows, note=note)


def _check(effect: Tree, key: str) -> str:
    value = effect.get(key)
    if value is None:
        return ""
    if key in ("bca", "two_way"):
        return "" if value[0] is None else span({"low": value[0], "high": value[1]})
    if key == "d":
        return _within(value, "value")
    if key == "improvement":
        return _within(value, "probability")
    if key == "minimum_detectable":
        return f"{100 * value:.2f}"
    return str(value) if key == "seeds_for_margin" else p_value(value, "")


def _within(tree: Tree, key: str) -> str:
    if tree.get(key) is None:
        return ""
    text = f"{tree[key]:.2f}"
    if tree.get("low") is not None and tree.get("high") is not None:
        text += f" ({tree['low']:.2f} to {tree['high']:.2f})"
    return text.replace("-", MINUS)


def metrics(summary: Tree) -> Table | None:
    """Other metrics of every contrast, clean and robust, and the drop from clean to robust."""
    used = [m for m in METRICS if _measured(summary, m)]
    titles = [f"{METRICS[m][0]}, {place}" for m in used for place in CONDITIONS]
    dropped = any(
        find(c, "drop", "difference") is not None
        for _, r in _regimes(summary)
        for c in r["contrasts"]
    )
    rows: list[list[Cell]] = []
    for name, regime in _regimes(summary):
        rows.append([Cell(name)])
        for c in regime["contrasts"]:
            row = [Cell(_title(c))]
            for m in used:
                for place in CONDITIONS:
                    effect = find(c, "metrics", m, place)
                    key = f"{_key(name, c, place)}|{m}"
                    row.append(of_effect(effect, key=key, scale=METRICS[m][1]))
            if dropped:
                row.append(of_effect(c.get("drop"), key=f"{_key(name, c, 'clean')}|drop"))
            rows.append(row)
    titles += ["drop from clean to robust, points"] if dropped else []
    return table(
        "metrics",
        "Other metrics",
        [*left("contrast"), *right(*titles)],
        rows,
        note="Exploratory. For nll, ECE and the drop lower is better; colours follow what is "
        "better.",
    )


def areas(summary: Tree) -> Table | None:
    """The area under the accuracy-severity curve of each kind of noise."""
    kinds = list(
        dict.fromkeys(
            kind
            for _, regime in _regimes(summary)
            for c in regime["contrasts"]
            for kind in c.get("area") or ()
        )
    )
    rows: list[list[Cell]] = []
    for name, regime in _regimes(summary):
        rows.append([Cell(name)])
        for c in regime["contrasts"]:
            key = f"{name}|{c['arm']}|{c['reference']}|robust"
            cells = [of_effect(find(c, "area", kind), key=f"{key}|{kind}") for kind in kinds]
            rows.append([Cell(_title(c)), *cells])
    columns = [*left("contrast"), *right(*(noise_title(kind) for kind in kinds))]
    return table(
        "areas",
        "Area under the accuracy-severity curve",
        columns,
        rows if kinds else [],
        note="Mean accuracy over the severities, points. Exploratory.",
    )


def noise(summary: Tree, name: str) -> Table | None:
    """Differences in every noise group, of one regime."""
    regime = summary["regimes"][name]
    groups = list(dict.fromkeys(g for c in regime["contrasts"] for g in c.get("noise") or ()))
    rows = [
        [
            Cell(_title(c)),
            *(
                of_effect(find(c, "noise", g), key=f"{name}|{c['arm']}|{c['reference']}|{g}")
                for g in groups
            ),
        ]
        for c in regime["contrasts"]
    ]
    columns = [*left("contrast"), *right(*(noise_title(g) for g in groups))]
    return table(
        f"noise-effects-{name}",
        f"{name}: contrasts under each kind of noise",
        columns,
        rows if groups else [],
        note="Points of accuracy, exploratory.",
    )


def mechanisms(summary: Tree) -> Table | None:
    """Main effects, interactions and Shapley values with their intervals."""
    rows: list[list[Cell]] = []
    for name, regime in _regimes(summary):
        found = regime.get("factorial") or {}
        entries = _terms(found)
        if entries:
            rows.append([Cell(name)])
        for term in entries:
            row = [Cell(" x ".join(term))]
            for place in CONDITIONS:
                effect = _term(found.get(place), term)
                shapley = _value(found.get(place), term)
                if effect is None:
                    row += [Cell(""), Cell(""), Cell(shapley)]
                else:
                    shown = of_effect(effect, seeds=regime["seeds"])
                    row += [shown, of_verdict(effect, summary.get("margin")), Cell(shapley)]
            rows.append(row)
        if found and any(find(found, p, "total") for p in CONDITIONS):
            row = [Cell("all together")]
            for place in CONDITIONS:
                total = find(found, place, "total")
                cells = (
                    (of_effect(total), of_verdict(total, summary.get("margin"))) if total else ()
                )
                row += [*(cells or (Cell(""), Cell(""))), Cell("")]
            rows.append(row)
    columns = left("mechanism")
    for place in CONDITIONS:
        columns += [Column(f"{place}, points"), Column("verdict", "left"), Column("Shapley")]
    return table(
        "mechanisms",
        "Mechanisms: main effects, interactions, Shapley values",
        columns,
        rows,
        note="Exploratory, not corrected for their number. Shapley values of the mechanisms sum to "
        "all together: every mechanism on minus every one off.",
    )


def _terms(found: Tree) -> list[tuple[str, ...]]:
    entries = [
        e for key in ("main", "interactions") for p in CONDITIONS for e in find(found, p, key) or ()
    ]
    return list(dict.fromkeys(tuple(e["factors"]) for e in entries))


def _term(found: Tree | None, term: Sequence[str]) -> Tree | None:
    for key in ("main", "interactions"):
        for entry in find(found, key) or ():
            if tuple(entry["factors"]) == tuple(term):
                return effect_of(entry)
    return None


def _value(found: Tree | None, term: Sequence[str]) -> str:
    for entry in find(found, "shapley") or ():
        if [entry["factor"]] == list(term) and entry["mean"] is not None:
            text = signed(entry["mean"])
            return text if entry.get("low") is None else f"{text} ({span(entry)})"
    return ""


def over_regimes(summary: Tree) -> Table | None:
    """Means over regimes, or why there are none."""
    rows = []
    for entry in summary.get("over_regimes") or ():
        name = [
            Cell(entry["contrast"].replace(" - ", f" {MINUS} ")),
            Cell(PLACES[entry["condition"]]),
        ]
        if entry.get("refused"):
            rows.append([*name, Cell(entry["refused"], "none"), Cell(""), Cell("")])
            continue
        text = f"{signed(entry['mean'])} ({span(entry)})"
        low, high = entry["prediction"]
        rows.append(
            [*name, Cell(text), Cell(number(100 * entry["tau"]))]
            + [Cell("" if low is None else span({"low": low, "high": high}))]
        )
    if rows and all(row[2].look == "none" for row in rows):
        return None  # the verdict says why
    columns = [*left("contrast", "condition"), Column("mean over regimes, points", wide=True)]
    columns += right("spread of regimes (tau), points", "in a new regime")
    return table("over-regimes", "Over all regimes", columns, rows)


def _regimes(summary: Tree) -> list[tuple[str, Tree]]:
    return [(name, summary["regimes"][name]) for name in summary["regime_order"]]


def _title(contrast: Tree) -> str:
    return f"{contrast['arm']} {MINUS} {contrast['reference']}"


def _key(name: str, contrast: Tree, place: str) -> str:
    return f"{name}|{contrast['arm']}|{contrast['reference']}|{place}"


def _any(summary: Tree, key: str) -> bool:
    return any(
        c[place].get(key) is not None
        for _, regime in _regimes(summary)
        for c in regime["contrasts"]
        for place in CONDITIONS
    )


def _measured(summary: Tree, metric: str) -> bool:
    return any(
        find(c, "metrics", metric, place, "difference") is not None
        for _, regime in _regimes(summary)
        for c in regime["contrasts"]
        for place in CONDITIONS
    )
