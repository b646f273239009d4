"""Does the report find what is there? The whole pipeline on planted truths.

Plan, preflight, ledger, aggregation, statistics and report are the real ones; only training is
replaced by results of a known truth (``ablations.planted``). Takes about a minute.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import cli

if TYPE_CHECKING:
    from ablations.plan import Plan
    from cal.adapters.tracking_ledger import Ledger

Tree = Mapping[str, Any]
EXAMPLES = """examples:
  python -m ablations.selfcheck                 a line for each planted truth
  python -m ablations.selfcheck --out check     and keep the report

exit codes: 0 all was found, 1 the report missed something
"""


@dataclass(frozen=True)
class Truth:
    """Something planted, and whether a summary says so."""

    planted: str
    expected: str
    found: Callable[[Tree], str]

    def seen(self, summary: Tree) -> bool:
        """Whether the report says what is true."""
        return self.found(summary) == self.expected


def effect_of(summary: Tree, regime: str, contrast: str, condition: str) -> Any:
    """An effect of the report by its names."""
    contrasts = summary["regimes"][regime]["contrasts"]
    return next(c for c in contrasts if c["name"] == contrast)[condition]


def verdict_of(regime: str, contrast: str, condition: str) -> Callable[[Tree], str]:
    """Reads one verdict."""
    return lambda summary: str(effect_of(summary, regime, contrast, condition)["verdict"])


def _interaction(summary: Tree) -> str:
    found = summary["regimes"]["interaction"]["factorial"]["clean"]
    two = next(e for e in found["interactions"] if len(e["factors"]) == 2)
    return str(two["verdict"])


def _covered(summary: Tree) -> str:
    effect = effect_of(summary, "known-effect", "bottleneck - none", "clean")
    return "3 points inside" if effect["low"] <= 0.03 <= effect["high"] else "3 points outside"


TRUTHS = (
    Truth(
        "the bottleneck adds 3 points",
        "helps",
        verdict_of("known-effect", "bottleneck - none", "clean"),
    ),
    Truth("its interval holds the 3 points", "3 points inside", _covered),
    Truth(
        "acceleration adds nothing",
        "equivalent",
        verdict_of("no-effect", "acceleration - none", "clean"),
    ),
    Truth(
        "alone neither of two does anything",
        "equivalent",
        verdict_of("interaction", "bottleneck - none", "clean"),
    ),
    Truth(
        "together they add 4 points: the cell",
        "helps",
        verdict_of("interaction", "both - none", "clean"),
    ),
    Truth("together they add 4 points: the interaction", "helps", _interaction),
    Truth(
        "a mechanism helps under noise",
        "helps",
        verdict_of("noise-only", "bottleneck - none", "robust"),
    ),
    Truth(
        "and not on clean data",
        "equivalent",
        verdict_of("noise-only", "bottleneck - none", "clean"),
    ),
    Truth(
        "an arm that helps where it survives fails on 4 of 10 seeds",
        "undecided",
        verdict_of("failing", "bottleneck - none", "clean"),
    ),
    Truth(
        "the failed runs are named",
        "4 failed",
        lambda summary: (
            f"{len([f for f in summary['failed'] if f['arms'] == ['bottleneck']])} failed"
        ),
    ),
)


def dead_switches() -> Iterator[tuple[str, str, str]]:
    """Two studies whose switch does nothing, real training: (planted, expected, found)."""
    from ablations import preflight
    from ablations.plan import make_plan
    from ablations.study import Study
    from cal.config import ConfigError

    dead = {
        "a switch that changes no configuration": ({}, "changes no effective configuration"),
        "a switch that changes one, but no parameter": (
            {"train": {"validate_every": 7}},
            "dead switch",
        ),
    }
    for planted, (neutral, expected) in dead.items():
        study = Study.model_validate(
            {
                "name": "dead",
                "base": {"data": {"labels_per_class": 20}, "train": {"epochs": 10}},
                "regimes": {"hw20": {"seeds": 1}},
                "factors": {"switch": {"neutral": neutral}},
            }
        )
        try:
            lines = list(preflight.check(make_plan(study)))
            yield planted, expected, "; ".join(lines) or "nothing"
        except ConfigError as error:
            yield planted, expected, expected if expected in str(error) else str(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 if the report found everything."""
    p = cli.Parser("python -m ablations.selfcheck", description=__doc__, epilog=EXAMPLES)
    p.add_argument("--out", metavar="DIR", type=Path, help="keep the report there")
    options = p.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        out = (options.out or Path(folder, "out")).absolute()
        summary = checked(Path(folder), out)
    results = [(t.planted, t.expected, t.found(summary)) for t in TRUTHS]
    cli.say("preflight on dead switches")
    results += dead_switches()
    for planted, expected, found in results:
        mark = "found " if found == expected else "MISSED"
        print(f"{mark}  {planted}: expected {expected!r}, the report says {found!r}")
    missed = sum(found != expected for _, expected, found in results)
    print(f"{len(results) - missed} of {len(results)} planted truths found")
    return cli.DONE if not missed else cli.SOME_FAILED


def checked(home: Path, out: Path) -> Tree:
    """The summary of the planted study: all of the pipeline but training."""
    from ablations.plan import make_plan
    from ablations.study import read_study
    from ablations.telling import begin, tell
    from cal.adapters.tracking import open_ledger

    plan = make_plan(read_study("selfcheck"))
    uri = f"sqlite:///{home / 'mlflow.db'}"
    with open_ledger(uri, artifacts=str(home / "artifacts"), progress=cli.say) as ledger:
        begin(plan, ledger)
        cli.say(f"{len(plan.runs)} planted runs")
        _execute(plan, ledger)
        return tell(plan, ledger, out=out, command="python -m ablations.selfcheck")


def _execute(plan: "Plan", ledger: "Ledger") -> None:
    """What ``ablations.execute`` does, with planted results."""
    from ablations import planted
    from cal.adapters.tracking import Data, Seed
    from cal.records import Epoch, Failure, Result

    digest = Data("planted", "0" * 64, "ablations.planted")
    for run in plan.runs:
        run_id = ledger.start(Seed(run.hash, run.regime, run.config, run.arms, digest))
        for record in planted.train(run):
            if isinstance(record, Epoch):
                ledger.log(run_id, [record])
            elif isinstance(record, Failure):
                ledger.fail(run_id, record.error)
            elif isinstance(record, Result):
                ledger.finish(run_id, record)


if __name__ == "__main__":
    cli.run(main, module="ablations.selfcheck")
