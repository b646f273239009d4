"""Tables of growing noise: areas, what is kept, crossings, effects at each severity. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.charts.robustness import lines
from ablations.wording import MINUS, noise_title, signed
from ablations.wording.robustness import ahead_words, crossing_words
from evidence.pages.table import Cell, Column, Table, left, of_sample, right, table

Tree = Mapping[str, Any]


def areas(summary: Tree, name: str) -> Table | None:
    """Area under every arm's line of accuracy over severity."""
    regime = summary["regimes"][name]
    found = lines(regime, mains=True)
    rows = [
        [
            Cell(arm),
            *(
                of_sample(
                    regime["variants"][arm],
                    line["arms"][arm]["area"],
                    key=f"{name}|{arm}",
                    seeds=regime["seeds"],
                )
                for line in found.values()
            ),
        ]
        for arm in summary["arms"]
    ]
    return table(
        f"line-areas-{name}",
        f"{name}: area under accuracy over severity",
        [*left("arm"), *_titles(found, last=False)],
        rows if found else [],
        note="Percent: mean height of the line from clean to the last severity, trapezoids; mean "
        "and standard deviation over seeds. It depends on the severities that were measured.",
    )


def relative(summary: Tree, name: str) -> Table | None:
    """What is kept of accuracy above chance at the last severity."""
    regime = summary["regimes"][name]
    found = lines(regime, mains=True)
    rows = [
        [Cell(arm), *(_kept(line["arms"][arm]["relative"]) for line in found.values())]
        for arm in summary["arms"]
    ]
    return table(
        f"relative-{name}",
        f"{name}: relative robustness",
        [*left("arm"), *_titles(found, last=True)],
        rows if found else [],
        note="Percent: (accuracy under noise - chance) / (clean accuracy - chance), chance 1 / "
        "classes, with Fieller's interval over seeds. An arm that is worse on clean data keeps "
        "more of less.",
    )


def effective(summary: Tree, name: str) -> Table | None:
    """Accuracy beyond what clean accuracy predicts; none where it is refused for every arm."""
    regime = summary["regimes"][name]
    found = lines(regime, mains=True)
    kept = [
        arm
        for arm in summary["arms"]
        if any("mean" in (line["arms"][arm]["effective"] or {}) for line in found.values())
    ]
    rows = [
        [Cell(arm), *(_beyond(line["arms"][arm]["effective"]) for line in found.values())]
        for arm in kept
    ]
    return table(
        f"effective-{name}",
        f"{name}: effective robustness",
        [*left("arm"), *_titles(found, last=False)],
        rows,
        note="Points of accuracy, mean over severities: beyond what a line through the baseline "
        "arms (logits of clean accuracy and of accuracy under noise, least squares; the arm itself "
        "left out) predicts from the arm's clean accuracy (Taori et al. 2020). Interval over "
        "seeds; that other baseline arms would give another line is not in it. *: beyond the "
        "baselines' clean accuracies.",
    )


def crossings(summary: Tree, name: str) -> Table | None:
    """Where the two arms of each declared contrast cross."""
    regime = summary["regimes"][name]
    found = lines(regime, mains=True)
    names = [c["name"] for line in list(found.values())[:1] for c in line["contrasts"]]
    rows = []
    for i, contrast in enumerate(names):
        row = [Cell(contrast.replace(" - ", f" {MINUS} "))]
        for key, line in found.items():
            own = line["contrasts"][i]
            row.append(Cell(crossing_words(key, own["crossing"]), hover=ahead_words(own)))
        rows.append(row)
    return table(
        f"crossings-{name}",
        f"{name}: where two arms cross",
        [*left("contrast"), *(Column(noise_title(key), "left", wide=True) for key in found)],
        rows,
        note="Severity at which the mean difference, with straight lines between severities, first "
        "changes its sign, and its bootstrap interval over seeds.",
    )


def effects(summary: Tree, name: str) -> Table | None:
    """Mechanisms and declared contrasts at each severity, a band for each line."""
    regime = summary["regimes"][name]
    found = lines(regime, mains=True)
    rows: list[list[Cell]] = []
    titles: list[str] = []
    for key, line in found.items():
        entries = [*line["mechanisms"], *line["contrasts"]]
        titles = [e.get("factor") or e["name"].replace(" - ", f" {MINUS} ") for e in entries]
        if not rows:  # the same on every line
            rows.append([Cell("clean"), *(_effect(entry, 0) for entry in entries)])
        rows.append([Cell(noise_title(key))])
        for p, words in list(enumerate(line["labels"]))[1:]:
            rows.append([Cell(words), *(_effect(entry, p) for entry in entries)])
        rows.append([Cell("area"), *(_of(entry["area"]) for entry in entries)])
    return table(
        f"severity-effects-{name}",
        f"{name}: effects at each severity",
        [*left("severity"), *right(*titles)],
        rows if titles else [],
        note="Points of accuracy with the interval over paired seeds, exploratory and not "
        "corrected: main effects of mechanisms, then declared contrasts.",
    )


def _titles(found: Mapping[str, Tree], *, last: bool) -> list[Column]:
    return right(
        *(
            noise_title(key) + (f", at {line['labels'][-1]}" if last else "")
            for key, line in found.items()
        )
    )


def _kept(relative: Tree) -> Cell:
    value, low, high = (relative[key][-1] for key in ("value", "low", "high"))
    if value is None:
        return Cell("not above chance", "none")
    text = f"{100 * value:.1f}".replace("-", MINUS)
    if low is not None:
        text += f" ({100 * low:.1f} to {100 * high:.1f})".replace("-", MINUS)
    return Cell(text)


def _beyond(found: Tree | None) -> Cell:
    if found is None or "mean" not in found:
        return Cell("refused", "none", (found or {}).get("refused", ""))
    return _of(found["mean"], "*" if found["extrapolated"] else "")


def _effect(entry: Tree, p: int) -> Cell:
    return _of({key: entry[key][p] for key in ("value", "low", "high")})


def _of(bounds: Tree, mark: str = "") -> Cell:
    return _interval(bounds["value"], bounds["low"], bounds["high"], mark)


def _interval(value: float | None, low: float | None, high: float | None, mark: str) -> Cell:
    """A difference in points; its look says on which side of 0 the interval lies."""
    if value is None:
        return Cell("not measured", "none")
    if low is None or high is None:
        return Cell(signed(value) + mark)
    look = "helps" if low > 0 else "hurts" if high < 0 else "undecided"
    return Cell(f"{signed(value)} ({signed(low)} to {signed(high)}){mark}", look)


def tables(summary: Tree, name: str) -> dict[str, Table | None]:
    """All of them for one regime, in the order in which they are read."""
    made: Sequence[Any] = (effects, crossings, areas, relative, effective)
    return {one.__name__: one(summary, name) for one in made}
