"""The command line of ``search_spaces.explore``."""

import argparse

from cal import cli

EXAMPLES = """examples:
  python -m search_spaces.explore --space acceleration --trials 30      on the embedded data
  python -m search_spaces.explore --space cal --trials 200              all of CAL; then
  python -m search_spaces.explore --space cal --trials 400              extends it to 400
  python -m search_spaces.explore --space bottleneck --config keypad --objective robust
  python -m search_spaces.explore --space my-space.yaml --config my-base.yaml optim.lr=0.1
  python -m search_spaces.explore --objective robust,nll --sampler nsga2 --name two-aims
  ray job submit -- python -m search_spaces.explore --space cal --trials 2000    on a cluster

Give the command again after any interruption: it goes on where it was.
exit codes: 0 done, 1 some trials failed (the report names them), 2 bad input, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """Options in the order in which a reader needs them."""
    p = cli.Parser(
        "python -m search_spaces.explore",
        description="Search a space for the best configuration of a method, with every baseline "
        "searched as carefully, and confirm on fresh seeds what was found.",
        epilog=EXAMPLES,
    )
    p.add_argument("--space", default="cal", help="YAML, or a packaged name (cal)")
    p.add_argument(
        "--trials", type=cli.count, default=100, metavar="N", help="of each arm, in all (100)"
    )
    p.add_argument("--config", default="hw20", metavar="FILE", help="base: YAML, or a name (hw20)")
    p.add_argument("--name", metavar="NAME", help="of the search (SPACE-CONFIG); a name goes on")
    p.add_argument(
        "--objective",
        type=cli.names,
        default=("clean",),
        metavar="A,B",
        help="clean, robust, area (under the noise curve), nll, step_time, parameters (clean)",
    )
    p.add_argument("--sampler", default="tpe", help="tpe, gp, cmaes, random, qmc, nsga2 (tpe)")
    p.add_argument("--scheduler", default="asha", help="asha, hyperband, median, none (asha)")
    p.add_argument(
        "--seeds",
        type=cli.count,
        default=3,
        metavar="S",
        help="most seeds of a trial: more are given to those that may be the best (3)",
    )
    p.add_argument(
        "--against",
        type=cli.names,
        metavar="A,B",
        help="baselines with a search of their own, of as many trials; none: without (all)",
    )
    p.add_argument("--confirm", type=cli.count, default=3, metavar="K", help="best trials (3)")
    p.add_argument(
        "--confirm-seeds", type=cli.count, default=10, metavar="N", help="fresh seeds of each (10)"
    )
    p.add_argument(
        "--warm-start",
        type=cli.names,
        default=(),
        metavar="A,B",
        help="earlier searches in the ledger, whose trials the sampler is told",
    )
    p.add_argument(
        "--storage",
        metavar="URL",
        help="Optuna storage: a journal file, sqlite:///PATH or postgresql+psycopg2://... "
        "(a journal file in the home folder)",
    )
    p.add_argument("--out", default="out-search", metavar="DIR", help="of the report (out-search)")
    p.add_argument(
        "--backend",
        choices=("auto", "packed", "worker", "ray-train"),
        default="auto",
        help="packed: many runs as one computation; worker, ray-train: Ray Tune, a warm worker or "
        "Ray Train workers for each trial (auto: by size of the network)",
    )
    p.add_argument(
        "--workers",
        type=cli.count,
        metavar="N",
        help="packs or trials at a time; ray-train: data-parallel workers of a run",
    )
    p.add_argument(
        "--gpus-per-run",
        type=cli.gpus,
        metavar="G",
        help="GPUs of each worker (by measured memory where there are any, else 0)",
    )
    p.add_argument(
        "--batch",
        type=cli.count,
        metavar="N",
        help="trials under way at most: more fill packs better, fewer let the sampler learn more "
        "often (8 for each place, at most a tenth of all)",
    )
    p.add_argument("--dry-run", action="store_true", help="print what would be searched, and stop")
    p.add_argument("assignments", nargs="*", metavar="FIELD=VALUE", help="changes of the base")
    return p
