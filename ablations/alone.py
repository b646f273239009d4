"""Which modality is best alone? Each is trained by itself in every regime of a study and judged on
the select part, on seeds that no report uses: the report part chooses nothing.

The answer is printed as an arm of the study file, whose ``regimes`` name the best of each.
"""

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cal import cli

if TYPE_CHECKING:
    from ablations.study import Study
    from cal.config import Config

EXAMPLES = """examples:
  python -m ablations.alone --config baselines
  python -m ablations.alone --config my-study.yaml --seeds 5 train.epochs=30
"""
METRIC = "select/clean/accuracy"
ARM: dict[str, Any] = {"method": "joint", "gamma": 0}  # one encoder, one linear layer
Scores = Mapping[str, float]
"""Modality -> mean accuracy on the select part, a share."""


def configs(
    study: "Study", regime: str, *, overrides: Mapping[str, Any], seeds: int
) -> dict[str, list["Config"]]:
    """Modality -> one run for each seed, as tuning runs are: the report part is sealed."""
    from cal.config import merge, parse
    from cal.effective import effective
    from search_spaces.seeds import FIRST_SEED

    base = merge(merge(study.base, study.regimes[regime].config), overrides)
    sealed = {"evaluate": {"part": "select", "noise": "none", "audio_snr_db": []}}
    tree = merge(merge(base, ARM), sealed)
    return {
        name: [
            effective(parse(merge(tree, {"data": {"modalities": [name]}, "seed": seed})))
            for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        ]
        for name in parse(tree).data.every_modality
    }


def score(runs: Sequence["Config"]) -> float:
    """Mean accuracy on the select part. Raises ``FloatingPointError`` where a run diverges."""
    from cal.packed import alone
    from cal.records import Failure, Result
    from cal.trainer import Trainer

    found = []
    for pack in [[run] for run in runs] if alone(runs[0]) else [list(runs)]:
        for records in Trainer(pack).records():
            failed = next((r.error for r in records if isinstance(r, Failure)), None)
            if failed is not None:
                raise FloatingPointError(failed)
            found += [r.metrics[METRIC] for r in records if isinstance(r, Result)]
    return math.fsum(found) / len(found)


def best(scores: Scores) -> str:
    """The modality of the highest score, the first of equal ones."""
    return max(scores, key=lambda name: scores[name])


def lines(scores: Mapping[str, Scores]) -> Iterator[str]:
    """What was found of each regime, and the arm that follows from it."""
    for regime, found in scores.items():
        each = ", ".join(f"{name} {100 * value:.1f}" for name, value in found.items())
        yield f"{regime}: {best(found)} ({each} % on the select part)"
    yield "\n  unimodal:\n    title: the best modality alone, chosen on the select part"
    yield "    config: {method: joint, gamma: 0}\n    regimes:"
    for regime, found in scores.items():
        yield f"      {regime}: {{data: {{modalities: [{best(found)}]}}}}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0."""
    options = parser().parse_args(arguments)
    from ablations.study import read_study
    from cal.config import assignments

    study, overrides = read_study(options.config), assignments(options.assignments)
    scores = {}
    for regime in study.regimes:
        cli.say(f"{regime}: each modality alone")
        runs = configs(study, regime, overrides=overrides, seeds=options.seeds)
        scores[regime] = {name: score(own) for name, own in runs.items()}
    print(*lines(scores), sep="\n")
    return cli.DONE


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = cli.Parser("python -m ablations.alone", description=__doc__, epilog=EXAMPLES)
    p.add_argument("--config", default="baselines", metavar="STUDY", help="a study (baselines)")
    p.add_argument("--seeds", type=cli.count, default=3, metavar="N", help="of each modality (3)")
    p.add_argument("assignments", nargs="*", metavar="FIELD=VALUE", help="changes of the base")
    return p


if __name__ == "__main__":
    cli.run(main, module="ablations.alone")
