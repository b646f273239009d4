"""The default study from the shell to the report, in a new home whose store must be made.

    python -m benchmarks.default_study

What is neither a training step nor the final evaluation of a run is the platform: start, preflight,
sizes of packs, ledger, validation, idle cores, report.
"""

import json
import os
import tempfile

from benchmarks.command import full
from cal.adapters.tracking import open_ledger


def measure() -> dict[str, float]:
    """Seconds by the clock, core-seconds of steps and of evaluation, and the share of the rest."""
    with tempfile.TemporaryDirectory() as home:
        wall = full(home)
        with open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=f"{home}/artifacts") as ledger:
            rows = ledger.rows("default")
    cores = os.cpu_count() or 1
    train, evaluate = (sum(r.metrics[f"time/{n}_s"] for r in rows) for n in ("train", "evaluate"))
    return {
        "runs": len(rows),
        "wall_s": wall,
        "train_s": train,
        "evaluate_s": evaluate,
        "overhead": 1 - (train + evaluate) / (cores * wall),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
