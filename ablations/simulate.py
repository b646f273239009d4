"""Proof by simulation: how often the procedures of the report go wrong on studies of known truth.

Writes the page and, beside it, the same as JSON; numpy only, one core, some minutes.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cal import cli
from cal.config import ConfigError

if TYPE_CHECKING:
    from ablations.known_truth import Found

STUDIES = 10_000  # from here on bounds hold as they are; fewer are given three standard errors
COMMAND = "python -m ablations.simulate"
TITLES = {
    "a": "One comparison, a fixed number of seeds",
    "b": "A family of 18 comparisons, a fixed number of seeds",
    "c": "Several looks, stopping when every comparison has a verdict",
    "d": "Permutation and signed-rank tests",
    "e": "Bootstrap intervals, which never decide a verdict",
    "f": "What the looks save and cost",
    "g": "Mean over regimes",
    "h": "A leader board of ten methods",
}
NOTES = {
    "a": "Differences of a mean of 0 (errors) or .02 (coverage) over n seeds, normal or of a gamma "
    "distribution.",
    "b": "The whole procedure of the report: t test and TOST (margin .005), step-down over both "
    "questions of all 18, verdict at 5 %. Wrong is *helps* or *hurts* where the truth is 0 or of "
    "the other sign, and *equivalent* where it is at least the margin. A study counts as wrong if "
    "any of its verdicts is. *On its own*: without the step-down, for comparison.",
    "c": "`sequential_p` over the planned looks, then the step-down, at each look. *Peeking*: each "
    "look judged as if it were the only one, and the first verdict of a comparison stays.",
    "d": "Their null is a distribution symmetric about 0, so the skewed rows show what happens "
    "outside of it.",
    "e": "BCa of the mean. Two-way: differences = seed + sample + rest, all random; other seeds "
    "*and* other test samples.",
    "f": "*Right*: helps (for a positive effect), equivalent (for 0); over the comparisons that "
    "have an effect, if any has.",
    "g": "Standard errors from .002 to .01, tau the standard deviation of the regimes' true "
    "effects.",
    "h": "Each value is the luck of its block, which all methods share, and as much luck of its "
    "own, sd 1. *Clear*: better by 2 sd. *Uneven*: half of the methods have three times the sd at "
    "the same mean. *Any wrong pair*: two methods of one mean are told apart. Holm over paired t "
    "tests decides the groups of the leader board; Friedman's test and Nemenyi's critical "
    "difference are shown beside it, and ask for methods of one distribution, which the uneven "
    "rows are not.",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = cli.Parser(COMMAND, description=__doc__)
    p.add_argument("--studies", type=cli.count, default=STUDIES, metavar="N", help="of each row")
    p.add_argument("--seed", type=int, default=0, help="of the generators (0)")
    p.add_argument("--parts", default="".join(TITLES), help=f"letters of {''.join(TITLES)} (all)")
    p.add_argument(
        "--out", default="docs/simulation.md", metavar="FILE", help="the page (docs/simulation.md)"
    )
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every claim holds, 1 if one does not."""
    options = parser().parse_args(arguments)
    unknown = sorted(set(options.parts) - set(TITLES))
    if unknown:
        raise ConfigError(f"--parts: given {unknown[0]}; allowed: letters of {''.join(TITLES)}")
    if options.seed < 0:
        raise ConfigError(f"--seed: given {options.seed}; allowed: 0 or more")
    from ablations.simulated import simulate

    found = []
    for part in options.parts:
        cli.say(f"{part}: {TITLES[part]}")
        found += simulate(options.studies, seed=options.seed, parts=part)
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(found, studies=options.studies, seed=options.seed), encoding="utf-8")
    tree = {"studies": options.studies, "seed": options.seed, "rows": rows(found)}
    text = json.dumps(tree, indent=1, sort_keys=True)
    out.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    missed = [f"{x.procedure}; {x.setting}: {figure(x)}" for x in found if not holds(x)]
    print("\n".join([*missed, f"{len(found)} rows, {len(missed)} outside their claim: {out}"]))
    return cli.SOME_FAILED if missed else cli.DONE


def holds(found: "Found") -> bool:
    """Whether the claim holds; with few studies within three Monte-Carlo errors of its bounds."""
    return found.within(errors=0 if found.studies >= STUDIES else 3)


def rows(found: Sequence["Found"]) -> list[dict[str, object]]:
    """Rows as JSON; low and high are null where nothing is claimed."""
    return [
        asdict(x)
        | {"claim": claim(x), "holds": holds(x)}
        | ({"low": None, "high": None} if claim(x) == "shown" else {})
        for x in found
    ]


def claim(found: "Found") -> str:
    """The bounds in words."""
    low, high = (f"{100 * bound:g}" for bound in (found.low, found.high))
    if found.unit != "share" or (found.low, found.high) == (0, 1):
        return "shown"
    if found.low == 0:
        return f"at most {high} %"
    return f"at least {low} %" if found.high == 1 else f"{low} to {high} %"


def figure(found: "Found") -> str:
    """``4.97 % (.22)``, or ``14.1 seeds (.03)``: value and Monte-Carlo standard error."""
    if found.unit != "share":
        return f"{found.value:.1f} {found.unit} ({found.error:.2f})"
    return f"{100 * found.value:.2f} % ({100 * found.error:.2f})"


def page(found: Sequence["Found"], *, studies: int, seed: int) -> str:
    """The Markdown page; the same numbers give the same page."""
    missed = sum(not holds(x) for x in found)
    shown = sum(claim(x) == "shown" for x in found)
    command = f"{COMMAND} --studies {studies} --seed {seed}"
    lines = [
        "# Error and coverage by simulation",
        "",
        f"Written by `make simulate` ({command}): {studies:,} studies of known truth a row, judged "
        "by the functions that the report uses. In brackets the Monte-Carlo standard error. "
        f"{len(found) - shown} rows carry a claim, {missed} of them are outside of it; the others "
        "are shown for what they are, and nothing is decided by them. The same numbers as JSON: "
        "simulation.json. `make test` runs a shortened form.",
    ]
    for part in dict.fromkeys(x.part for x in found):
        lines += ["", f"## {TITLES[part]}", "", f"{NOTES[part]} `{COMMAND} --parts {part}`", ""]
        lines += ["| procedure | setting | claim | found |", "|---|---|---|---|"]
        for x in found:
            if x.part == part:
                mark = "" if holds(x) else " **outside**"
                lines.append(f"| {x.procedure} | {x.setting} | {claim(x)} | {figure(x)}{mark} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    cli.run(main, module="ablations.simulate")
