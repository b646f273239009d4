"""The full ablation: plan, preflight, execute, judge, tell.

Give the command again after any interruption: it does only what is missing.
"""

import argparse
import gc
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cal import cli, home
from cal.config import assignments

if TYPE_CHECKING:
    from ablations.backend import Backend
    from ablations.plan import Plan, Run
    from ablations.units import Network
    from cal.adapters.tracking_ledger import Ledger
    from cal.footprint import Size

EXAMPLES = """examples:
  python -m ablations.full                          the default study on the embedded data
  python -m ablations.full --seeds 3 --out quick    three seeds a regime
  python -m ablations.full --config my-study.yaml   your own study (see ablations/default.yaml)
  python -m ablations.full --dry-run --price 0.04   what would be run, how long and at what cost
  python -m ablations.full cal.acceleration.alpha=2 another base configuration
  ray job submit -- python -m ablations.full        the same on a cluster

exit codes: 0 done, 1 some runs failed (the report names them), 2 bad input, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = cli.Parser("python -m ablations.full", description=__doc__, epilog=EXAMPLES)
    p.add_argument("--config", default="default", help="study file, or a packaged name (default)")
    p.add_argument("--seeds", type=cli.count, metavar="N", help="seeds of every regime")
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
    p.add_argument("assignments", nargs="*", metavar="FIELD=VALUE", help="changes of the base")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    from ablations.plan import make_plan, to_json
    from ablations.study import read_study

    begin = time.monotonic()
    overrides = assignments(options.assignments)
    study = read_study(options.config)
    plan = make_plan(study, seeds=options.seeds, overrides=overrides)
    cells = sum(len(hashes) for hashes in plan.cells.values())
    print(
        f"study {plan.study}: {len(plan.regimes)} regimes x {len(plan.arms)} arms, {cells} cells "
        f"x seeds, {len(plan.runs)} distinct runs"
    )
    if options.dry_run:
        return _dry_run(plan, options)
    out = home.resolve(options.out)
    from ablations.report import check_out
    from cal.adapters.tracking import Variant, hidden, is_new, open_ledger

    print(f"ledger {hidden(home.tracking_uri())}\nreport goes to {out}", flush=True)
    check_out(out)
    variants = [Variant(arm.name, arm.title, "", arm.switches) for arm in plan.arms]
    # A new store lacks every run: it is made while the cluster is looking at the plan.
    ready = _prepare(plan, options, plan.runs) if is_new(home.tracking_uri()) else None
    from ablations.execute import missing

    with open_ledger(home.tracking_uri(), artifacts=home.artifacts(), progress=cli.say) as ledger:
        ledger.begin(
            plan.study,
            regimes={name: plan.titles[name] for name in plan.regimes},
            variants=variants,
            plan=to_json(plan),
            title=plan.title,
        )
        runs = missing(plan, ledger)
        if runs:
            ready = ready or _prepare(plan, options, runs)
            done = len(plan.runs) - len(runs)
            _train(runs, ready, ledger, done=done, price=options.price)
        return _tell(plan, ledger, out, begin)


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
    return cli.DONE


@dataclass(frozen=True)
class _Ready:
    """A cluster at work on what is asked before runs are trained."""

    backend: "Backend"
    passed: Iterator[str]  # lines of the preflight
    sizes: Iterator[tuple["Network", "Size"]]  # of packs


def _prepare(plan: "Plan", options: argparse.Namespace, runs: Sequence["Run"]) -> _Ready:
    """Connect, choose the backend, begin the preflight and the measurements."""
    from ablations import backend as backends
    from ablations import preflight, sizing
    from cal.adapters import ray_cluster

    asked = backends.Backend(options.backend, options.workers, options.gpus_per_run)
    cli.say(ray_cluster.connect(cpus=options.workers))
    backend = backends.choose(plan, asked, devices=ray_cluster.slots("GPU"))
    parallel, gpus = backends.data_parallel(backend), backend.gpus or 0.0
    preflight.check_workers_of(plan, workers=parallel, gpus=gpus)
    for line in ray_cluster.room(workers=parallel, gpus=gpus, field="--gpus-per-run"):
        cli.say(line)
    cli.say(f"backend {backend.name} ({backend.why}), {gpus:g} GPUs a worker")
    passed = preflight.check(plan, over=ray_cluster.each)
    sizes = sizing.sizes_of(runs, backend) if backend.name == "packed" else iter(())
    return _Ready(backend, passed, sizes)


def _train(
    runs: "Sequence[Run]", ready: _Ready, ledger: "Ledger", *, done: int, price: float | None
) -> None:
    """Execute what the ledger lacks once the preflight passed; ``done`` runs are there already."""
    from ablations import backend as backends
    from ablations import estimate, execute, sizing, units
    from ablations.progress import Progress
    from cal.adapters import ray_cluster

    backend, places = ready.backend, backends.places(ready.backend)
    cli.say("preflight: does every switch act?")
    for line in ready.passed:
        cli.say(f"  {line}")
    work: list[units.Unit] = [(run,) for run in runs]
    if backend.name == "packed":
        cli.say("how many runs to train at once, measured:")
        sizes = dict(ready.sizes)
        work = units.packed(runs, sizes, places=places)
        for line in sizing.lines(runs, sizes, work):
            cli.say(f"  {line}")
        for line in estimate.forecast(runs, sizes, places=places, price=price, gpus=backend.gpus):
            cli.say(line)
    gc.freeze()  # what was imported stays: a collection need not look at it again and again
    with Progress(runs, done=done, places=places) as progress:
        execute.execute(work, ledger, backend=backend, listener=progress)
    ray_cluster.disconnect()


def _tell(plan: "Plan", ledger: "Ledger", out: Path, begin: float) -> int:
    """Aggregate over seeds, report, and show the answer."""
    from ablations import execute, report, wording
    from ablations.rows import rows_of
    from ablations.terminal import answer_table, show
    from cal.adapters.tracking import hidden

    cli.say("aggregating over seeds")
    for _ in execute.aggregate(plan, ledger):
        pass
    entries = [row for regime in plan.regimes for row in ledger.entries(regime).values()]
    provenance = report.provenance_of(
        command=shlex.join(["python", "-m", "ablations.full", *sys.argv[1:]]),
        git=(entry.tags.get("cal.git", "") for entry in entries),
        wall_s=round(time.monotonic() - begin, 1),
    )
    rows = rows_of(plan, entries)
    summary, names = report.write_report(plan, rows, ledger.means(), out=out, provenance=provenance)
    ledger.report({name: out / name for name in names}, note=wording.note(summary))
    pages, store = ledger.view(), hidden(home.tracking_uri())
    show(answer_table(summary))
    print(f"report: {out / 'report.html'}")
    if store.startswith("http"):
        print("MLflow:", *(page.at(store) for page in pages), sep="\n  ")
    else:
        print("MLflow: `make ui` serves it and prints the address of each page")
    return cli.SOME_FAILED if summary["failed"] else cli.DONE


if __name__ == "__main__":
    cli.run(main, module="ablations.full")
