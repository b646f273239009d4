"""The answer on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations.wording import MINUS, PLUS_MINUS, points, verdict_words


def answer_table(summary: Mapping[str, Any]) -> Table:
    """The declared contrasts for the terminal: points of accuracy and verdicts."""
    level = f"{100 * summary['level']:g} %"
    study = escape(summary["study"])
    table = Table(title=f"{study}: paired differences, points, {level} intervals")
    table.add_column("regime", style="bold")
    table.add_column("contrast", overflow="fold")
    table.add_column("clean", justify="right", no_wrap=True)
    table.add_column("robust", justify="right", no_wrap=True)
    table.add_column("verdict")
    for name in summary["regime_order"]:
        contrasts = summary["regimes"][name]["contrasts"]
        for i, contrast in enumerate(contrasts):
            star = " *" if contrast["label"] == "primary" else ""
            clean, robust = contrast["clean"], contrast["robust"]
            table.add_row(
                escape(name) if i == 0 else "",
                escape(f"{contrast['name']}{star}"),
                _ascii(clean),
                _ascii(robust),
                verdict_words(clean, robust),
                end_section=i == len(contrasts) - 1,
            )
    table.caption = (
        "* primary, corrected over all of them; the others are exploratory. Undecided: not settled."
    )
    return table


def show(table: Table) -> None:
    """Print it; into a pipe or file without cutting it to 80 columns."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(table)


def _ascii(effect: Mapping[str, Any]) -> str:
    return points(effect).replace(MINUS, "-").replace(PLUS_MINUS, "+-")
