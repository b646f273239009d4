"""What 100,000 runs cost the driver: the plan, the report, and the ledger's look-up in PostgreSQL.

    python -m benchmarks.scale                         all, at 1,000, 10,000 and 100,000 runs
    python -m benchmarks.scale plan --runs 1000,10000
    python -m benchmarks.scale ledger --runs 10000     needs PostgreSQL (Debian: postgresql)

Each part and size is a process of its own, so that peak memory is its own. Rows of the report are
made up in memory; those of the ledger are copies of one real run, inserted by SQL (decisions 5).
``docs/scale.md`` reads the numbers.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ablations.plan import Plan, from_json, make_plan, to_json
from ablations.rows import Row, rows_of
from ablations.study import read_study
from ablations.summary import analyse
from ablations.writing import drawn, write_report
from cal import cli
from cal.adapters.tracking_rows import Entry
from cal.runs import Run

SIZES = (1_000, 10_000, 100_000)
SEVERITIES = (0.5, 1, 2)
CONDITIONS = ("clean", "robust") + tuple(
    f"{noise}-{target}-{severity}"
    for noise in ("gaussian", "salt_pepper")
    for target in ("single", "half", "all")
    for severity in SEVERITIES
)
KINDS = ("accuracy", "macro_f1", "nll", "ece")
Figures = dict[str, float]


@contextmanager
def timed(found: Figures, name: str) -> Iterator[None]:
    """Seconds on the clock, and of this process's CPU: a shared machine spoils the first."""
    begun, used = time.perf_counter(), time.process_time()
    yield
    found[f"{name}, s"] = round(time.perf_counter() - begun, 3)
    found[f"{name}, CPU s"] = round(time.process_time() - used, 3)


def peak_gb() -> float:
    """Of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def planned(runs: int) -> Plan:
    """The default study with as many seeds as make this many runs."""
    study = read_study("default")
    each = len(make_plan(study, seeds=1).runs)
    return make_plan(study, seeds=max(2, runs // each))


def plan(runs: int) -> Figures:
    """Made, written for the ledger and read back."""
    found: Figures = {}
    with timed(found, "make"):
        made = planned(runs)
    with timed(found, "to JSON"):
        text = to_json(made)
    with timed(found, "from JSON"):
        from_json(text)
    return found | {"runs": len(made.runs), "JSON, MB": round(len(text) / 1e6, 1)}


def entry(run: Run, generator: random.Random) -> Entry:
    """A finished row with made-up scores under every condition."""
    accuracy = generator.gauss(0.8 + 0.02 * ("cal" in run.arms), 0.01)
    metrics = {
        f"test/{condition}/{kind}": accuracy if kind in KINDS[:2] else 1 - accuracy
        for condition in CONDITIONS
        for kind in KINDS
    }
    times = {"time/step_ms": 1.0, "time/train_s": 2.0}
    tags = {"cal.git": "a" * 40, "cal.data": "d" * 64}
    return Entry(
        *(run.hash[:32], run.regime, run.hash, run.seed, run.arms, "FINISHED"),
        metrics=metrics | times,
        tags=tags,
    )


def report(runs: int) -> Figures:
    """Judged and written from rows in memory, without predictions and curves."""
    found: Figures = {}
    made, generator = planned(runs), random.Random(0)
    entries = [entry(run, generator) for run in made.runs]
    found["rows in memory, GB"] = peak_gb()
    with timed(found, "rows of arms"):
        rows: list[Row] = rows_of(made, entries)
    with timed(found, "judge"):
        summary, effects = analyse(made, rows, provenance={})
    with tempfile.TemporaryDirectory() as folder, timed(found, "draw and write"):
        out = Path(folder)
        names = write_report(summary, effects, rows, drawn(summary, {}, over=map), out=out)
        sizes = {name: (out / name).stat().st_size for name in names}
    for name in ("report.html", "summary.json", "runs.csv"):
        found[f"{name}, MB"] = round(sizes[name] / 1e6, 1)
    return found | {"runs": len(made.runs), "rows": len(rows)}


def ledger(runs: int) -> Figures:
    """See ``benchmarks.scale_ledger``, which alone needs PostgreSQL."""
    from benchmarks.scale_ledger import measured

    return measured(runs)


PARTS: dict[str, Callable[[int], Figures]] = {"plan": plan, "report": report, "ledger": ledger}


def alone(part: str, runs: int) -> Figures:
    """A part in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scale", part, "--runs", str(runs), "--here"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{part} at {runs} runs:\n{done.stderr[-2000:]}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """The command."""
    parser = cli.Parser("python -m benchmarks.scale", description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=str([*PARTS]))
    parser.add_argument("--runs", type=cli.names, default=tuple(map(str, SIZES)), metavar="N,N")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for part in options.parts:
        for runs in map(cli.count, options.runs):
            if options.here:
                print(json.dumps(PARTS[part](runs) | {"peak, GB": peak_gb()}))
            else:
                words = (f"{name} {value}" for name, value in alone(part, runs).items())
                print(f"{part:7}{runs:>8}: {'; '.join(words)}", flush=True)
    return cli.DONE


if __name__ == "__main__":
    cli.run(main, module="benchmarks.scale")
