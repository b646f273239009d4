"""A study of seven arms in two regimes with planted differences, as plan, rows and curves."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from ablations.plan import Arm, Contrast, Plan
from ablations.rows import Row
from ablations.wording import methods, verdict
from cal.config import Config, parse
from cal.runs import Run
from tests.unit.ablations.summaries import full_curves, full_summary

SWITCHES = ("metric", "acceleration", "bottleneck")
ARMS = (
    Arm("cal", "metric+acceleration+bottleneck", {}, dict.fromkeys(SWITCHES, True)),
    Arm(
        "symmetric",
        "acceleration+bottleneck",
        {},
        dict.fromkeys(SWITCHES, True) | {"metric": False},
    ),
    Arm("none", "none", {}, dict.fromkeys(SWITCHES, False)),
    Arm("joint", "joint training", {}, {}),
    Arm("joint-probe", "joint training on the probe as well", {}, {}),
)
# Per arm what it gains in accuracy over joint: clean, robust; ``none`` is the same runs as joint.
GAINS = {
    "cal": (0.05, 0.10),
    "symmetric": (0.05, 0.10),
    "none": (0.0, 0.0),
    "joint": (0.0, 0.0),
    "joint-probe": (0.02, 0.01),
}
SEEDS = (0, 1, 2, 3)


@dataclass(frozen=True)
class Study:
    """What a report is made of."""

    plan: Plan
    rows: list[Row]
    curves: dict[tuple[str, str], dict[str, list[tuple[int, float]]]]

    def changed(self, change: Callable[[Row], Row | None]) -> "Study":
        """Every row changed, or dropped where ``change`` gives None."""
        rows = [new for row in self.rows if (new := change(row)) is not None]
        return replace(self, rows=rows)


@pytest.fixture(scope="session", autouse=True)
def fresh() -> Iterator[Callable[..., Any]]:
    """``files`` of the stills as it is; elsewhere equal charts are drawn once a session, because
    matplotlib takes a third of a second for each.
    """
    from evidence.charts import still

    plain = still.files
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(still, "files", cache(still.files))
        yield plain


@pytest.fixture
def summary() -> dict[str, Any]:
    """A full summary of schema version 2."""
    tree = full_summary()
    return tree | {"verdict": verdict(tree), "methods": methods(tree)}


@pytest.fixture
def curves() -> Any:
    """The curves that belong to it."""
    return full_curves()


@pytest.fixture
def study() -> Study:
    return make_study()


def make_study(*, regimes: tuple[str, ...] = ("views", "sound")) -> Study:
    """Rows whose differences jitter by seed, so that every pair but cal - symmetric is resolved."""
    contrasts = (
        Contrast("cal", "joint", True),
        Contrast("cal", "symmetric", True),
        Contrast("none", "joint", False),
    )
    cells = {
        (regime, arm.name): tuple(_key(regime, arm.name, seed) for seed in SEEDS)
        for regime in regimes
        for arm in ARMS
    }
    plan = Plan(
        study="small",
        title="Which part helps?",
        regimes=regimes,
        titles={name: f"the regime of {name}" for name in regimes},
        factors=SWITCHES,
        arms=ARMS,
        contrasts=contrasts,
        seeds=dict.fromkeys(regimes, SEEDS),
        runs=tuple(
            Run(_key(regime, arm.name, seed), regime, seed, _config(arm), (arm.name,))
            for regime in regimes
            for arm in ARMS
            for seed in SEEDS
        ),
        cells=cells,
    )
    rows = [
        Row(regime, arm.name, seed, _key(regime, arm.name, seed), "FINISHED", _metrics(arm, seed))
        for regime in regimes
        for arm in ARMS
        for seed in SEEDS
    ]
    curves = {(regime, arm.name): _curves(arm.switches) for regime in regimes for arm in ARMS}
    return Study(plan, rows, curves)


def _config(arm: Arm) -> Config:
    """What of an arm's configuration the report looks at: whether the metric acts."""
    return parse({"cal": {"contribution": {"enabled": arm.switches.get("metric", False)}}})


def _key(regime: str, arm: str, seed: int) -> str:
    return f"{regime}-{'joint' if arm == 'none' else arm}-{seed}"


def _metrics(arm: Arm, seed: int) -> dict[str, float]:
    clean, robust = GAINS[arm.name]
    jitter = {"cal": (0.001, -0.002, 0.002, -0.001)}.get(arm.name, (0.0005, 0.001, 0.0, -0.0015))
    shift = 0.0 if arm.name in ("joint", "none") else jitter[seed]
    base = 0.7 + 0.02 * seed
    scores = {
        "clean": base + clean + shift,
        "robust": base - 0.2 + robust + shift,
        "gaussian-a-0.5": 0.6,
        "gaussian-b-0.5": 0.4,
        "gaussian-half-1": 0.3,
        "gaussian-all-2": 0.0,
        "salt_pepper-all-0.1": 0.5,
        "salt_pepper-a-0.1": 0.0,
        "missing-a": 0.2,
        "missing-b": 0.6,
        "audio_snr-a--5": 0.1,
    }
    found: dict[str, float] = {"time/step_ms": 4.0 + seed, "time/train_s": 6.0}
    for condition, accuracy in scores.items():
        found |= {
            f"test/{condition}/accuracy": accuracy,
            f"test/{condition}/nll": 1 - accuracy,
            f"test/{condition}/ece": 0.05,
        }
    return found


def _curves(switches: Mapping[str, bool]) -> dict[str, list[tuple[int, float]]]:
    """Flat where a mechanism is off."""
    found: dict[str, list[tuple[int, float]]] = {"train/loss": [(1, 1.0), (2, 0.5)]}
    if not switches:
        return found
    for name, w in (("a", 0.7), ("b", 0.3)):
        lines: dict[str, Any] = {
            "contribution/{}/W": (w if switches["metric"] else 0.5, 0.5),
            "acceleration/{}/k": (2 * w, 1.0) if switches["acceleration"] else (1.0, 1.0),
            "bottleneck/{}/beta": (0.03, 0.01) if switches["bottleneck"] else (0.0, 0.0),
            "bottleneck/{}/kl_nats": (4.0, 6.0) if switches["bottleneck"] else (0.0, 0.0),
        }
        found |= {key.format(name): [(1, early), (2, late)] for key, (late, early) in lines.items()}
    return found
