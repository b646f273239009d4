"""Rows for a small study of three arms, for the tests of the ledger."""

from pathlib import Path

import numpy as np

from cal.adapters.tracking import Data, Seed, Variant, open_ledger
from cal.adapters.tracking_ledger import Ledger
from cal.config import parse
from cal.records import Epoch, Predictions, Result

ARMS = (
    Variant("cal", "all on", "cal", {"metric": True, "acceleration": True, "bottleneck": True}),
    Variant("metric+bottleneck", "", "cal", {"metric": True, "acceleration": False}),
    Variant("joint", "plain", "joint"),
)
PLAN = '{"arms": ["cal", "joint"]}'


def opened(home: Path, *, begin: bool = True) -> Ledger:
    ledger = open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=f"{home}/artifacts")
    if begin:
        regimes = {"hw20": "20 labels a class", "junk": "four views drowned"}
        ledger.begin("s", regimes=regimes, variants=ARMS, plan=PLAN)
    return ledger


def seed(number: int, *arms: str, regime: str = "hw20", hash: str = "") -> Seed:
    arms = arms or ("cal",)
    config = parse({"seed": number, "method": "joint" if arms[0] == "joint" else "cal"})
    return Seed(hash or f"{arms[0]}-{number}", regime, config, arms, Data("views", "ab" * 32))


def epochs(last: int, *, offset: float = 0.0) -> list[Epoch]:
    return [
        Epoch(e, last, 3 * e, {"train/loss": 1.0 / e + offset, "contribution/fac/W": 0.1 * e})
        for e in range(1, last + 1)
    ]


def predictions(conditions: tuple[str, ...] = ("clean", "missing-fac")) -> dict[str, Predictions]:
    ids, labels = np.arange(7), np.arange(7, dtype=np.uint8)
    return {
        name: Predictions(ids, labels, labels, np.full(7, 0.5, np.float32), np.float32(i) + ids)
        for i, name in enumerate(conditions)
    }


def result(accuracy: float, **more: float) -> Result:
    metrics = {"test/clean/accuracy": accuracy, "time/step_ms": 1.25, **more}
    return Result(metrics, predictions())


def complete(ledger: Ledger, row: Seed, accuracy: float) -> str:
    run_id = ledger.start(row)
    ledger.log(run_id, epochs(3))
    ledger.finish(run_id, result(accuracy))
    return run_id


def history(ledger: Ledger, run_id: str, name: str) -> list[tuple[int, float]]:
    points = ledger.client.get_metric_history(run_id, name)
    return sorted((point.step, point.value) for point in points)
