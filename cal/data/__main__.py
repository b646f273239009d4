"""Your copy of a data set, in the layout in which it is passed around -> data that runs read.

The command of ``prepare`` goes on after any interruption when it is given again.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cal import cli, home, own
from cal.config import ConfigError

EXAMPLES = """examples:
  python -m cal.data list
  python -m cal.data check crema-d --source ~/CREMA-D
  python -m cal.data prepare crema-d --source ~/CREMA-D --out ~/prepared/crema-d
  python -m cal.data check crema-d --root ~/prepared/crema-d
  python -m cal.data check my_module:MyData         your own class (docs/own-data.md)

exit codes: 0 done, 1 check found something wrong, 2 bad input (prepare: damaged files),
130 interrupted
"""
SETTINGS = ("size", "frames", "rate", "seconds", "text_bytes")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = cli.Parser("python -m cal.data", description=__doc__, epilog=EXAMPLES)
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="data sets, what they hold, how they lie on disk")
    prepare = commands.add_parser("prepare", help="decode a copy once, into memory-mapped arrays")
    check = commands.add_parser("check", help="what is there, missing, damaged, counted twice")
    for sub in (prepare, check):
        sub.add_argument("name", metavar="NAME", help="as in list, or my.module:MyData")
        _decoding(sub)
    prepare.add_argument("--source", required=True, metavar="DIR", help="the copy")
    prepare.add_argument("--out", required=True, metavar="DIR", help="made here; not there yet")
    prepare.add_argument(
        "--on-error",
        choices=("fail", "skip"),
        default="fail",
        help="damaged files: list them all and publish nothing; or leave those samples out (fail)",
    )
    where = check.add_mutually_exclusive_group()
    where.add_argument("--source", metavar="DIR", help="a copy in its published layout")
    where.add_argument("--root", metavar="DIR", help="prepared data")
    check.add_argument(
        "assignments",
        nargs="*",
        metavar="FIELD=VALUE",
        help="my.module:MyData with load(): what to try it with, as for cal.train",
    )
    check.add_argument("--json", action="store_true", help="all of it, as JSON")
    return p


def _decoding(p: argparse.ArgumentParser) -> None:
    p.add_argument("--size", type=cli.count, metavar="PIXELS", help="side of a stored picture")
    p.add_argument("--frames", type=cli.count, metavar="N", help="of a video")
    p.add_argument("--rate", type=cli.count, metavar="HZ", help="of a stored waveform")
    p.add_argument("--seconds", type=_seconds, metavar="S", help="of a stored waveform")
    p.add_argument("--text-bytes", type=cli.count, metavar="N", help="of a stored text")
    p.add_argument(
        "--workers",
        type=cli.count,
        metavar="N",
        help="samples are decoded by N tasks of Ray; 1: in this process (a task a CPU)",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"given {text}; allowed: above 0, at most 3600")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    return COMMANDS[options.command](options)


def _list(options: argparse.Namespace) -> int:
    from cal.data.layouts.table import LAYOUTS
    from cal.data.preparing.told import described

    for layout in LAYOUTS.values():
        print("\n".join(described(layout)))
    for name in own.names():
        if own.is_own(name):
            inputs = ", ".join(f"{m.name} ({m.kind})" for m in own.modalities(name))
            print(f"{name}: {inputs}\n  yours: {own.path_of(name)}")
    return cli.DONE


def _prepare(options: argparse.Namespace) -> int:
    from cal.data.layouts.table import find_layout
    from cal.data.preparing.prepare import prepare

    layout = find_layout(options.name)
    out = home.resolve(options.out)
    with _watched() as seen, _flow(options.workers) as flow:
        done = prepare(
            layout,
            _folder("--source", options.source),
            out,
            settings=_settings(options, layout.settings),
            on_error=options.on_error,
            flow=flow,
            seen=seen,
        )
    counts = ", ".join(f"{name} {count}" for name, count in done.manifest["counts"].items())
    print(f"{'already there' if done.already else 'prepared'}: {layout.name} in {out}")
    print(f"samples: {counts}")
    print(f"digest {done.manifest['digest'][:16]}")
    return cli.DONE


def _check(options: argparse.Namespace) -> int:
    from cal.data.layouts.table import find_layout
    from cal.data.preparing.checks import check_source, check_stored, same_data_set
    from cal.data.preparing.told import told

    if not options.source and not options.root:
        return _check_own(options)
    if options.assignments:
        raise ConfigError(
            f"{options.assignments[0]}: given with --source or --root; allowed: for a class of "
            "yours with load()"
        )
    layout = find_layout(options.name)
    with _watched("files" if options.root else "samples") as seen:
        if options.root:
            root = _folder("--root", options.root)
            same_data_set(root, layout.name)
            report = check_stored(root, published=layout.published, seen=seen)
        else:
            source = _folder("--source", options.source)
            settings = _settings(options, layout.settings)
            with _flow(options.workers) as flow:
                report = check_source(layout, source, settings=settings, flow=flow, seen=seen)
    print(json.dumps(report.plain(), indent=1) if options.json else "\n".join(told(report)))
    return cli.SOME_FAILED if report.damaged else cli.DONE


def _check_own(options: argparse.Namespace) -> int:
    """The contract suite on a class of the user's that loads into memory."""
    if not own.is_own(options.name) or not own.in_memory(options.name):
        raise ConfigError(
            "one of the arguments --source --root is required (but for a class of yours with "
            "load()); python -m cal.data --help explains"
        )
    import torch

    from cal.suite.run import check, lines, plain

    torch.set_num_threads(1)  # as workers do
    found = list(check(options.name, options.assignments))
    told = plain(options.name, found)
    print(json.dumps(told, indent=1) if options.json else "\n".join(lines(options.name, found)))
    return cli.DONE if told["ok"] else cli.SOME_FAILED


def _settings(options: argparse.Namespace, own: Any) -> Any:
    """Those of the layout but for what was given."""
    given = {name: getattr(options, name) for name in SETTINGS}
    made = replace(own, **{name: value for name, value in given.items() if value is not None})
    if made.rate * made.seconds < 1:
        raise ConfigError(
            f"--seconds: given {made.seconds:g}; allowed: at least {1 / made.rate:g}, one sample "
            f"at {made.rate} Hz"
        )
    return made


def _folder(option: str, text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise ConfigError(f"{option}: given {path}; allowed: a folder that is there")
    return path


@contextmanager
def _watched(what: str = "samples") -> Iterator[Any]:
    from cal.data.preparing.watching import Watching

    with Watching(what) as watching:
        yield watching


@contextmanager
def _flow(workers: int | None) -> Iterator[Any]:
    """A parallel map on Ray, or ``map`` itself for one worker."""
    if workers == 1:
        yield map
        return
    from functools import partial

    from cal.adapters import ray_cluster

    cli.say(ray_cluster.connect(cpus=workers))
    try:
        ahead = workers or round(ray_cluster.slots()) + 1  # one waits while one is written
        yield partial(ray_cluster.flow, ahead=ahead)
    finally:
        ray_cluster.disconnect()


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "prepare": _prepare,
    "check": _check,
}


if __name__ == "__main__":
    cli.run(main, module="cal.data")
