"""One training run: in this process, or by Ray Train workers (``--workers N``), into MLflow.

Give the command again after any interruption: it resumes, and a finished run is not run again.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from cal import cli, home
from cal.config import (
    CONFIGS,
    Config,
    ConfigError,
    assignments,
    find_yaml,
    merge,
    parse,
    read_yaml,
)
from cal.effective import effective, run_hash

EXAMPLES = """examples:
  python -m cal.train --config hw20
  python -m cal.train method=joint gamma=0 seed=3
  python -m cal.train --config my.yaml cal.acceleration.alpha=2
  python -m cal.train --workers 2                   Ray Train, two data-parallel workers

exit codes: 0 done, 1 the run failed, 2 bad input, 130 interrupted
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = cli.Parser("python -m cal.train", description=__doc__, epilog=EXAMPLES)
    p.add_argument(
        "--config",
        metavar="FILE",
        help="YAML with any part of the configuration, or a packaged name: "
        f"{', '.join(sorted(path.stem for path in CONFIGS.glob('*.yaml')))}",
    )
    p.add_argument(
        "--workers", type=cli.count, metavar="N", help="Ray Train workers (none: this process)"
    )
    p.add_argument(
        "--gpus-per-worker", type=cli.gpus, default=0.0, metavar="G", help="with --workers (0)"
    )
    p.add_argument("assignments", nargs="*", metavar="FIELD=VALUE", help="changes of fields")
    return p


def read(options: argparse.Namespace) -> Config:
    """Defaults, then the file, then the assignments; the effective form, as ablations run it."""
    tree: dict[str, Any] = {}
    if options.config:
        tree = read_yaml(find_yaml(options.config, folder=CONFIGS, option="--config"))
    return effective(parse(merge(tree, assignments(options.assignments))))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    config = read(options)
    if options.gpus_per_worker and not options.workers:
        raise ConfigError(
            f"--gpus-per-worker: given {options.gpus_per_worker:g} without --workers; "
            "allowed: with --workers 1 or more"
        )
    from cal.adapters.tracking import SINGLE, Data, Seed, open_ledger
    from cal.adapters.tracking_data import SOURCE
    from cal.data.loading import load
    from cal.parallel import check_workers

    key = run_hash(config)
    parts = load(config.data, seed=config.seed, evaluated=config.evaluate.part)
    check_workers(
        config,
        samples=len(parts.train.ids),
        workers=options.workers or 1,
        gpus=options.gpus_per_worker,
    )
    print(f"ledger {cli.hidden(home.tracking_uri())}\nrun {key[:16]}", flush=True)
    with open_ledger(home.tracking_uri(), artifacts=home.artifacts(), progress=cli.say) as ledger:
        ledger.begin(SINGLE, regimes={config.data.name: ""}, lease=False)
        entry = ledger.find(config.data.name, key)
        if entry is not None and entry.status == "FINISHED":
            print("finished before; nothing to do")
            _tell(entry.metrics)
            return cli.DONE
        source = Data(config.data.name, parts.fingerprint, SOURCE)
        run_id = ledger.start(Seed(key, config.data.name, config, (), source))
        try:
            result = _follow(_records(config, key, options), ledger, run_id)
        except ConfigError:
            raise  # nothing was trained; the row waits for the command to be given right
        except Exception as error:
            ledger.fail(run_id, error)
            print(f"failed: {error}", file=sys.stderr)
            return cli.SOME_FAILED
        ledger.finish(run_id, result, checkpoint=f"{home.checkpoints()}/{key}.pt")
        _tell(result.metrics)
    return cli.DONE


def _records(config: Config, key: str, options: argparse.Namespace) -> Iterator[Any]:
    from cal.running import Job, resumable

    job = Job(config, key, home.checkpoints())
    if not options.workers:
        import torch

        from cal.packed import alone
        from cal.trainer import Trainer

        if alone(config) is None:
            torch.set_num_threads(1)  # as workers do: the same sums, the same bits, no slower

        yield from (record for _, record in resumable([job], Trainer))
        return
    from cal.adapters import ray_cluster, ray_train

    cli.say(ray_cluster.connect(cpus=options.workers))
    gpus = options.gpus_per_worker
    try:
        for line in ray_cluster.room(workers=options.workers, gpus=gpus, field="--gpus-per-worker"):
            cli.say(line)
        for batch in ray_train.train_records(job, workers=options.workers, gpus=gpus):
            yield from (record for _, record in batch)
    finally:
        ray_cluster.disconnect()


def _follow(records: Iterator[Any], ledger: Any, run_id: str) -> Any:
    """Write each record to the ledger, show progress; the result."""
    from rich.console import Console

    from cal.records import Failure, Result, news

    console, told = Console(stderr=True), set[str]()
    with console.status("training") as status:
        for record in records:
            if isinstance(record, Failure):
                raise FloatingPointError(record.error)
            if isinstance(record, Result):
                return record
            ledger.log(run_id, [record])
            accuracy = record.metrics.get("val/accuracy")
            shown = "" if accuracy is None else f", val accuracy {accuracy:.3f}"
            status.update(f"epoch {record.epoch}/{record.epochs}{shown}")
            for warning in news(record, told):
                console.print(warning, markup=False, highlight=False, soft_wrap=True)
    raise RuntimeError("the run ended without a result")


def _tell(metrics: Any) -> None:
    told = ("clean/accuracy", "clean/nll", "clean/ece", "robust/accuracy")
    for name in (f"{room}/{rest}" for room in ("test", "select") for rest in told):
        if name in metrics:
            print(f"{name} {metrics[name]:.4f}")


if __name__ == "__main__":
    cli.run(main, module="cal.train")
