"""The ledger's note in Markdown: MLflow shows its first lines, so the answer comes first. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from ablations.wording.contrasts import headline
from ablations.wording.verdict import grouped
from evidence.numbers import MINUS, PLACES, points, word

Tree = Mapping[str, Any]
LONGEST = 7_500  # characters; MLflow cuts a tag at 8,000 without a word


def note(summary: Tree) -> str:
    """The headline, a line of sentences for each regime, the table of declared contrasts."""
    general, own = grouped(summary)
    lines = [headline(summary), ""]
    runs = summary["runs"]
    if runs["failed"] or runs["unfinished"]:
        lines.append(
            f"- {runs['failed']} of {runs['distinct']} runs failed, {runs['unfinished']} unfinished"
        )
    for name in summary["regime_order"]:
        limits = summary["regimes"][name]["limits"]
        lines.append(f"- **{name}**: {' '.join(own[name])} {limits}".rstrip())
    lines += [f"- {sentence}" for sentence in general[1:]]
    table = list(_table(summary))
    return "\n".join([*_short(lines, LONGEST - sum(map(len, table))), *table]) + "\n"


def _short(lines: list[str], room: int) -> list[str]:
    """The lines that fit, and a word on those that do not."""
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return [*kept, "- More stands in report.html among the artifacts."]
        kept.append(line)
    return kept


def _table(summary: Tree) -> Iterator[str]:
    regimes = {name: summary["regimes"][name] for name in summary["regime_order"]}
    if not any(regime["contrasts"] for regime in regimes.values()):
        return
    yield from ("", "| regime | contrast | clean | | robust | |", "|---|---|---:|---|---:|---|")
    for name, regime in regimes.items():
        for c in regime["contrasts"]:
            title = f"{c['arm']} {MINUS} {c['reference']}"
            cells = [
                part
                for place in PLACES
                for part in (points(c[place]), word(c[place]["verdict"], summary.get("margin")))
            ]
            bold = f"**{title}**" if c["label"] == "primary" else title
            yield f"| {name} | {bold} | {' | '.join(cells)} |"
