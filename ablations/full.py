"""The full ablation: plan, preflight, execute, judge, tell.

Give the command again after any interruption: it does only what is missing.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import cli, home
from cal.config import ConfigError

if TYPE_CHECKING:
    from ablations.plan import Plan

EXAMPLES = """examples:
  python -m ablations.full                          the default study on the embedded data
  python -m ablations.full --seeds 3 --out quick    three seeds a regime
  python -m ablations.full --config my-study.yaml   your own study (see ablations/default.yaml)
  python -m ablations.full --dry-run --price 0.04   what would be run, how long and at what cost
  python -m ablations.full cal.acceleration.alpha=2 another base configuration
  python -m ablations.full --until-resolved --max-seeds 30   more seeds until there are verdicts
  python -m ablations.full --regimes hw20 --tune-trials 12   each arm at its best as well, at equal
                                                    budget, in one regime
  ray job submit -- python -m ablations.full        the same on a cluster

exit codes: 0 done, 1 some runs failed (the report names them), 2 bad input, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = cli.Parser("python -m ablations.full", description=__doc__, epilog=EXAMPLES)
    p.add_argument("--config", default="default", help="study file, or a packaged name (default)")
    p.add_argument("--seeds", type=cli.count, metavar="N", help="seeds of every regime")
    p.add_argument(
        "--regimes", type=cli.names, metavar="A,B", help="only these regimes of the study"
    )
    p.add_argument("--out", default="out", metavar="DIR", help="folder of the report (out)")
    p.add_argument(
        "--backend",
        choices=("auto", "packed", "worker", "ray-train"),
        default="auto",
        help="packed: many runs as one computation; worker: one by one in warm workers; "
        "ray-train: each run has Ray Train workers (auto: by size of the networks)",
    )
    p.add_argument(
        "--workers",
        type=cli.count,
        metavar="N",
        help="packed, worker: packs or runs at a time; ray-train: data-parallel workers of a run",
    )
    p.add_argument(
        "--gpus-per-run",
        type=cli.gpus,
        metavar="G",
        help="GPUs of each worker (1 for large networks where there are any, else 0)",
    )
    p.add_argument(
        "--dry-run", action="store_true", help="print plan, measured hours and cost, and stop"
    )
    p.add_argument(
        "--price",
        type=cli.price,
        metavar="P",
        help="what a core-hour (with GPUs: a GPU-hour) costs, for the forecast",
    )
    p.add_argument(
        "--until-resolved",
        action="store_true",
        help="add seeds in blocks until every primary comparison has a verdict; the p values know "
        "of the looks",
    )
    p.add_argument("--max-seeds", type=cli.count, metavar="N", help="until-resolved: at most (30)")
    p.add_argument("--block", type=cli.count, metavar="N", help="until-resolved: seeds a block (4)")
    p.add_argument(
        "--tune-trials",
        type=cli.count,
        metavar="N",
        help="re-tune each compared arm by a search of its own with N trials, on the select part; "
        "the report shows both differences",
    )
    p.add_argument("assignments", nargs="*", metavar="FIELD=VALUE", help="changes of the base")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    from ablations.plans import Plans
    from ablations.study import read_study

    begun = time.monotonic()
    _check(options)
    plans = Plans(read_study(options.config), options)
    plan = plans.now()
    cells = sum(len(hashes) for hashes in plan.cells.values())
    print(
        f"study {plan.study}: {len(plan.regimes)} regimes x {len(plan.arms)} arms, {cells} cells "
        f"x seeds, {len(plan.runs)} distinct runs"
    )
    if options.dry_run:
        return _dry_run(plan, options)
    out = home.resolve(options.out)
    from cal.adapters.tracking import is_new, open_ledger
    from evidence.writing import check_out

    uri = home.tracking_uri()
    print(f"ledger {cli.hidden(uri)}\nreport goes to {out}", flush=True)
    check_out(out)
    from ablations.phases import opened, trained, tuned
    from ablations.telling import tell
    from ablations.workplace import Workplace

    place = Workplace(plan, options)
    if is_new(uri):  # it lacks every run: it is made while the cluster is looking at the plan
        place.open(plan.runs)
    with open_ledger(uri, artifacts=home.artifacts(), progress=cli.say) as ledger:
        opened(plans, ledger, trials=options.tune_trials)
        outcome = tuned(plans, ledger, place) if options.tune_trials else None
        plan = trained(plans, ledger, place)
        command = cli.command("ablations.full")
        summary = tell(
            plan, ledger, out=out, command=command, begun=begun, outcome=outcome, over=place.each
        )
        place.close()
        pages = ledger.view()
    return _shown(summary, pages, out)


def _check(options: argparse.Namespace) -> None:
    for name in ("max_seeds", "block"):
        if getattr(options, name) and not options.until_resolved:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option}: given without --until-resolved; allowed: with it")


def _dry_run(plan: "Plan", options: argparse.Namespace) -> int:
    """What would be done, how long it would take and cost: measured in this process alone."""
    from ablations import estimate

    for line in estimate.described(plan):
        print(line, flush=True)
    here = estimate.here(workers=options.workers, gpus=options.gpus_per_run)
    print(here.words, flush=True)
    sizes = dict(estimate.measured(plan.runs, here, packed=options.backend in ("auto", "packed")))
    lines = estimate.forecast(
        plan.runs, sizes, places=here.places, price=options.price, gpus=here.gpus
    )
    print(*lines, sep="\n")
    for line in estimate.beyond(plan, sizes, places=here.places, trials=options.tune_trials):
        print(line)
    return cli.DONE


def _shown(summary: dict[str, Any], pages: Sequence[Any], out: Path) -> int:
    """The answer on the terminal, and where everything is."""
    from ablations.terminal import answer_table, show

    store = cli.hidden(home.tracking_uri())
    show(answer_table(summary))
    print(f"report: {out / 'report.html'}")
    if store.startswith("http"):
        print("MLflow:", *(page.at(store) for page in pages), sep="\n  ")
    else:
        print("MLflow: `make ui` serves it and prints the address of each page")
    return cli.SOME_FAILED if summary["failed"] else cli.DONE


if __name__ == "__main__":
    cli.run(main, module="ablations.full")
