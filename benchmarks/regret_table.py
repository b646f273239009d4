"""The table of the regret benchmark: random points of a space, trained once and kept.

    python -m benchmarks.regret_table --space cal --config hw20 --points 1000 --processes 16 \\
        --out benchmarks/results/regret/hw20.json.xz

Every point is trained under three seeds, in packs, and scored on the select part (evaluate.noise
none): its curves of val/accuracy and val/nll, and how it ended. Behind the random points stand
those that a search may begin with: the configuration's own and the published. Runs that are done
stand in OUT.jsonl, so that the same command goes on after an interruption.

A cluster sample, because most of what a contribution metric is made of is shared by a pack: a few
points each share those values, so that they can train together; all others they draw alone.
"""

import argparse
import datetime
import json
import lzma
import math
import multiprocessing
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.regret_points import Point, drawn, known_points
from cal.allocator import keep_freed_memory
from cal.config import CONFIGS, Config, ConfigError, find_yaml, merge, parse, read_yaml
from cal.effective import code_version
from cal.packed import check_pack, halves, packs, shape
from cal.records import Failure, Record, Result
from cal.trainer import State, Trainer
from search_spaces.dimension import Dimension
from search_spaces.fields import laid
from search_spaces.space import acting, read_space

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (1000, 1001, 1002)
EVERY = {100: 4, 60: 3}  # epochs of a run -> between validations: 25 and 20 points of a curve
ALIKE = 5  # points: with three seeds a pack of 15
PACK = 16  # runs; on a GPU several hundred
Row = dict[str, Any]


def base_of(name_or_path: str) -> Config:
    """A packaged configuration by name, or a file, made ready to be searched."""
    tree = read_yaml(find_yaml(name_or_path, folder=CONFIGS, option="--config"))
    config = parse(merge(tree, {"evaluate": {"part": "select", "noise": "none"}}))
    every = EVERY.get(config.train.epochs, max(1, config.train.epochs // 20))
    return laid(config, {"train.validate_every": every})


def packed_by(dimensions: Sequence[Dimension], config: Config) -> set[str]:
    """Fields whose values the runs of one pack share."""
    found = set()
    for d in dimensions:
        if d.label != "fixed" and acting([d], config):
            try:
                check_pack([laid(config, {d.field: end}) for end in d.extremes()])
            except ValueError:
                found.add(d.field)
    return found


def random_points(
    dimensions: Sequence[Dimension], config: Config, *, count: int, seed: int, alike: int
) -> list[Point]:
    """``count`` points, ``alike`` of them each with equal values of ``packed_by``. The first n are
    the same for any count.
    """
    fields = packed_by(dimensions, config)
    found: list[Point] = []
    for i in range(count):
        leader = found[i - i % alike] if i % alike else {}
        shared = {field: leader[field] for field in fields if field in leader}
        found.append(drawn(dimensions, config, np.random.default_rng([seed, i]), shared=shared))
    return found


def train(configs: Sequence[Config], keys: Sequence[tuple[int, int]], *, device: str) -> list[Row]:
    """A row for each run of a pack; ``keys``: (point, seed). A pack that fails is tried in halves,
    so that one run's fault is its own.
    """
    begin = time.perf_counter()
    try:
        rows = _trained(configs, keys, device)
    except (RuntimeError, ValueError) as error:
        if len(configs) == 1:
            point, seed = keys[0]
            ended = {"curve": [], "nll_curve": [], "error": str(error)}
            return [{"point": point, "seed": seed, **ended}]
        parts = zip(halves(configs), halves(keys), strict=True)
        return [row for own, their in parts for row in train(own, their, device=device)]
    took = round((time.perf_counter() - begin) / len(rows), 4)
    return [row | {"seconds": took} for row in rows]


def _trained(configs: Sequence[Config], keys: Sequence[tuple[int, int]], device: str) -> list[Row]:
    """A run that diverges leaves the pack."""
    rows: list[Row] = [
        {"point": point, "seed": seed, "curve": [], "nll_curve": [], "error": None}
        for point, seed in keys
    ]
    members, states = list(range(len(rows))), list[State]()
    while members:
        trainer = Trainer([configs[m] for m in members], device=device)
        if states:
            trainer.load_states(states)
        for records in trainer.records():
            for m, record in zip(members, records, strict=True):
                _noted(rows[m], record)
            if any(isinstance(record, Failure) for record in records):
                kept = [i for i, record in enumerate(records) if not isinstance(record, Failure)]
                states = [state for i, state in enumerate(trainer.states()) if i in kept]
                members = [members[i] for i in kept]
                break
        else:
            break
    return rows


def _noted(row: Row, record: Record) -> None:
    if isinstance(record, Failure):
        row["error"] = record.error
    elif isinstance(record, Result):
        for name in ("accuracy", "nll"):
            row[name] = _short(record.metrics[f"select/clean/{name}"])
    elif "val/accuracy" in record.metrics:
        row["curve"].append(_short(record.metrics["val/accuracy"]))
        row["nll_curve"].append(_short(record.metrics["val/nll"], digits=4))


def _short(value: float, *, digits: int = 6) -> float | None:
    """Six digits are exact for shares of 400 samples; JSON has no NaN."""
    return round(value, digits) if math.isfinite(value) else None


def batches(configs: Sequence[Config], *, largest: int) -> Iterator[list[int]]:
    """Indices of runs as packs."""
    order = sorted(range(len(configs)), key=lambda i: repr(shape(configs[i])))
    for _, group in groupby(order, key=lambda i: shape(configs[i])):
        own = list(group)
        for pack in packs([configs[i] for i in own], target=largest, largest=largest):
            yield [own[i] for i in pack]


class Kept:
    """The rows that are done, a line of JSON each behind the settings they were made under."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Raises ``ConfigError`` where the file was made under other settings."""
        self.path = path
        self.rows: dict[tuple[int, int], Row] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8") if path.exists() else ""
        head, *lines = text.splitlines() or [""]
        if head and json.loads(head) != settings:
            raise ConfigError(f"--out: given {path}, made under other settings; allowed: a new one")
        if not head:
            path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        if text and not text.endswith("\n"):
            path.write_text(f"{text}\n", encoding="utf-8")
        for line in lines:
            if line.endswith("}"):  # the last may have been cut
                self._put(json.loads(line))

    def _put(self, row: Row) -> None:
        self.rows[row["point"], row["seed"]] = row

    def add(self, rows: Sequence[Row]) -> None:
        """Keep rows for good."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in rows)
        for row in rows:
            self._put(row)


def fill(
    kept: Kept, configs: Mapping[tuple[int, int], Config], *, processes: int, size: int, device: str
) -> None:
    """Train what is missing in the order of the points, and say how far it is: what is done by
    then is a table of fewer points.
    """
    keys = [key for key in configs if key not in kept.rows]
    parts = sorted(batches([configs[key] for key in keys], largest=size), key=min)
    print(f"{len(keys)} of {len(configs)} runs in {len(parts)} packs", flush=True)
    begin, done, said = time.monotonic(), 0, 0.0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _alone) as pool:
        waiting = [
            pool.submit(
                partial(train, device=device),
                [configs[keys[i]] for i in part],
                [keys[i] for i in part],
            )
            for part in parts
        ]
        for future in as_completed(waiting):
            rows = future.result()
            kept.add(rows)
            done, passed = done + len(rows), time.monotonic() - begin
            if passed - said > 5 or done == len(keys):
                said = passed
                left = passed / done * (len(keys) - done)
                print(f"{done} of {len(keys)} runs, {passed:.0f} s, {left:.0f} s left", flush=True)


def _alone() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()


def gathered(kept: Kept, found: Mapping[int, Point], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The table: for each point its values, and by seed its curve and its end. None: not reached,
    or no number.
    """
    names = ("curve", "nll_curve", "accuracy", "nll", "error")
    rows = [[kept.rows[i, seed] for seed in SEEDS] for i in found]
    return {
        **settings,
        "random_points": sum(i >= 0 for i in found),
        "made": made(kept),
        "points": list(found.values()),
        **{name: [[row.get(name) for row in own] for own in rows] for name in names},
    }


def made(kept: Kept) -> dict[str, Any]:
    """How and of what."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        commit = ""
    return {
        "command": shlex.join(["python", "-m", "benchmarks.regret_table", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "code_version": _code_version(),
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy")},
        "train_s": round(sum(row.get("seconds", 0.0) for row in kept.rows.values()), 1),
    }


def _code_version() -> str:
    try:
        return code_version()
    except PackageNotFoundError:  # a machine without torchvision
        return ""


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--space", default="cal", help="name or YAML file")
    p.add_argument("--config", default="hw20", help="hw20, keypad, or a YAML file")
    p.add_argument("--points", type=int, default=1000, help="fewer or more of the same OUT.jsonl")
    p.add_argument("--seed", type=int, default=0, help="of the draw of the points")
    p.add_argument("--alike", type=int, default=ALIKE, help="points that share what packs share")
    p.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    p.add_argument("--pack", type=int, default=PACK, help="runs trained as one")
    p.add_argument("--device", default="cpu", help="cpu, the reference, or cuda with --pack 512")
    p.add_argument("--out", type=Path, required=True, help="a .json.xz")
    options = p.parse_args()
    space, base = read_space(options.space), base_of(options.config)
    drawn_points = random_points(
        space.dimensions, base, count=options.points, seed=options.seed, alike=options.alike
    )
    known = {-1 - i: point for i, point in enumerate(known_points(space, base))}
    found = dict(enumerate(drawn_points)) | known
    settings = {
        "space": space.model_dump(mode="json"),
        "base": base.model_dump(mode="json"),
        "seeds": list(SEEDS),
        "seed": options.seed,
        "alike": options.alike,
        "device": options.device,
    }
    kept = Kept(options.out.with_name(options.out.name + ".jsonl"), settings)
    configs = {
        (i, seed): laid(base, {**point, "seed": seed})
        for i, point in found.items()
        for seed in SEEDS
    }
    fill(kept, configs, processes=options.processes, size=options.pack, device=options.device)
    text = json.dumps(gathered(kept, found, settings), separators=(",", ":"))
    options.out.write_bytes(lzma.compress(text.encode(), preset=9))
    failed = sum(row["error"] is not None for row in kept.rows.values())
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, {failed} runs failed")


if __name__ == "__main__":
    main()
