"""Small real studies, run as a user runs them: the command in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ablations.summary import comparable

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 1200  # against what hangs, not for speed: workers' priority is low, tests run beside
SMALL = """
name: small
base:
  data: {labels_per_class: 20}
  cal: {contribution: {interval: 1, start: 0}, bottleneck: {warmup: 0.1}}
  train: {epochs: 8, validate_every: 2}
regimes:
  hw20: {title: Handwritten, seeds: 2}
factors:
  metric: {neutral: {cal: {contribution: {enabled: false}}}}
  acceleration: {neutral: {cal: {acceleration: {enabled: false}}}}
  bottleneck: {neutral: {cal: {bottleneck: {enabled: false}}}}
cells: {metric+acceleration+bottleneck: cal, acceleration+bottleneck: symmetric}
arms:
  joint: {config: {method: joint, gamma: 0}}
  alone: {config: {method: joint, gamma: 0}, regimes: {hw20: {data: {modalities: [pix]}}}}
contrasts:
  - {arm: cal, reference: joint, primary: true}
analysis: {leader_board: true}
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment with an own home and no store or cluster from outside."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "MLFLOW_", "CAL_"))}
    return kept | {"CAL_HOME": str(home), "PYTHONPATH": str(ROOT)} | more


def small_study(folder: Path, text: str = SMALL) -> Path:
    """The small study as a file."""
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def command(*words: str | Path) -> list[str]:
    """A Python module as a command."""
    return [sys.executable, "-m", *map(str, words)]


def run(*words: str | Path, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a module to its end; its output as text."""
    return subprocess.run(
        command(*words),
        env=environment(home, **more),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def kill_after(*words: str | Path, home: Path, seconds: float) -> None:
    """Run a module and kill -9 it (the driver alone) after some seconds, if it runs still."""
    quiet = subprocess.DEVNULL
    with (
        begun(*words, home=home, stdout=quiet, stderr=quiet) as process,
        suppress(subprocess.TimeoutExpired),
    ):
        process.wait(seconds)


@contextmanager
def begun(*words: str | Path, home: Path, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """A module that runs; killed with 9 (the driver alone) where this ends."""
    process = subprocess.Popen(
        command(*words), env=environment(home), cwd=home.parent, text=True, **streams
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def summary(out: Path) -> dict[str, Any]:
    """summary.json without what may differ: timings, dates, run ids."""
    return comparable(json.loads((out / "summary.json").read_text(encoding="utf-8")))
