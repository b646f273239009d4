"""A full summary of schema version 2, and its curves, from small random numbers: every part that a
report may have is there, with failures, a refusal and parts that were not measured.
"""

from random import Random
from typing import Any

from tests.unit.ablations.boards import leader_board
from tests.unit.ablations.noise_trees import robustness

Tree = dict[str, Any]
FACTORS = ("metric", "acceleration", "bottleneck")
CELLS = {
    "cal": (True, True, True),
    "metric+bottleneck": (True, False, True),
    "symmetric": (False, True, True),
    "none": (False, False, False),
}
OTHERS = ("joint", "joint-probe", "reversed-full")
ARMS = (*CELLS, *OTHERS)
REGIMES = ("views", "sound")
SEEDS = list(range(8))
CONTRASTS = (
    ("cal", "joint", "primary"),
    ("cal", "symmetric", "primary"),
    ("cal", "reversed-full", "exploratory"),
    ("cal", "joint-probe", "exploratory"),
)
GAIN = {"cal": 0.03, "metric+bottleneck": 0.02, "symmetric": 0.029, "reversed-full": -0.02}
KINDS = [
    f"{noise}-{target}"
    for noise in ("gaussian", "salt_pepper")
    for target in ("single", "half", "all")
]
MARGIN = 0.005
BRIEF = ("difference", "half_width", "low", "high", "t", "p", "n", "dropped", "better", "verdict")


def sample(mean: float | None, *, sd: float = 0.01, n: int = 8) -> Tree:
    if mean is None:
        return {"mean": None, "sd": None, "half_width": None, "n": 0}
    return {"mean": mean, "sd": sd, "half_width": 2.36 * sd / n**0.5, "n": n}


def effect(difference: float, half: float, **more: Any) -> Tree:
    low, high = difference - half, difference + half
    verdict = "helps" if low > 0 else "hurts" if high < 0 else "undecided"
    if low > -MARGIN and high < MARGIN:
        verdict = "equivalent"
    p = 0.001 if low > 0 or high < 0 else 0.4
    found = {
        "difference": difference,
        "half_width": half,
        "low": low,
        "high": high,
        "t": 2.36 * difference / half,
        "p": p,
        "n": 8,
        "dropped": [],
        "verdict": verdict,
        "better": "higher",
        "p_adjusted": None,
        "p_equivalent": 0.2,
        "p_equivalent_adjusted": None,
        "bca": [low, high],
        "p_permutation": p,
        "p_wilcoxon": p,
        "d": {"value": difference / half, "low": -0.1, "high": 1.5},
        "improvement": {"probability": 0.9, "low": 0.6, "high": 0.98},
        "two_way": [low - 0.01, high + 0.01],
        "mcnemar": {"only_arm": 9.0, "only_reference": 4.0, "p": [0.2] * 8},
        "minimum_detectable": 0.006,
        "seeds_for_margin": 21,
        "seeds": SEEDS,
        "failures": {"arm": 0, "reference": 0},
        "alpha": 0.05,
        "reason": "",
    }
    return found | more


def brief(difference: float, half: float) -> Tree:
    """Without what only contrasts show."""
    return {key: value for key, value in effect(difference, half).items() if key in BRIEF}


def contrast(arm: str, reference: str, label: str, random: Random) -> Tree:
    difference = GAIN.get(arm, 0.0) - GAIN.get(reference, 0.0)
    more = {"p_adjusted": 0.012, "p_equivalent_adjusted": 0.5} if label == "primary" else {}
    lower = {"better": "lower"}

    def one(size: float, half: float = 0.004) -> Tree:
        return effect(size + random.uniform(-1e-4, 1e-4), half)

    return {
        "name": f"{arm} - {reference}",
        "arm": arm,
        "reference": reference,
        "label": label,
        "pairing": "paired",
        "clean": one(difference, 0.003) | more,
        "robust": one(2 * difference) | more,
        "metrics": {
            "macro_f1": {"clean": one(difference), "robust": one(2 * difference)},
            "nll": {"clean": one(-difference) | lower, "robust": one(-difference) | lower},
            "ece": {"clean": one(-difference) | lower, "robust": one(-difference) | lower},
        },
        "drop": one(-difference) | lower,
        "area": {kind: one(difference) for kind in KINDS},
        "noise": {"gaussian-single-0.5": one(difference), "missing-single": one(difference)},
        "per_class": [
            {"class": i, "difference": d, "low": d - 0.02, "high": d + 0.02}
            for i in range(4)
            for d in (difference + random.uniform(-0.02, 0.02),)
        ],
    }


def variant(regime: str, arm: str, random: Random) -> Tree:
    clean = 0.9 + GAIN.get(arm, 0.0)
    failed = 1 if (regime, arm) == ("sound", "cal") else 0
    return {
        "title": f"the arm {arm}",
        "switches": dict(zip(FACTORS, CELLS[arm], strict=True)) if arm in CELLS else {},
        "same_runs_as": {"none": ["joint"], "joint": ["none"]}.get(arm, []),
        "uses_probe": arm in ("cal", "metric+bottleneck", "reversed-full"),
        "runs": {"finished": 8 - failed, "failed": failed, "unfinished": 0}
        | {"failed_share": failed / 8},
        "clean": sample(clean) | {"versus": versus(arm)},
        "robust": sample(clean - 0.2) | {"versus": versus(arm)},
        "macro_f1": {"clean": sample(clean - 0.01), "robust": sample(clean - 0.21)},
        "drop": sample(0.2),
        "calibration": {"nll": sample(0.4), "ece": sample(0.03)},
        "noise": {"gaussian-single-0.5": sample(0.8), "missing-single": sample(0.6)},
        "area": {kind: sample(0.7) for kind in KINDS},
        "robustness": {
            kind: [
                {"severity": s, **sample(clean - 0.1 * s + random.uniform(-0.01, 0.01))}
                for s in (0, 0.5, 1, 2)
            ]
            for kind in KINDS
        },
        "reliability": [
            {"confidence": i / 10 + 0.05, "accuracy": i / 10 + 0.03, "share": 0.125}
            for i in range(2, 10)
        ],
        "per_class": [{"class": i, "recall": sample(0.9)} for i in range(4)],
        "overrides": {"cal": {"contribution": {"control": "reversed"}}}
        if arm == "reversed-full"
        else {},
        "traces": [
            {
                "seed": seed,
                "run_id": f"{random.getrandbits(128):032x}",
                "hash": f"{random.getrandbits(256):064x}",
                "status": "FAILED" if failed and seed == 3 else "FINISHED",
                "git": "abc1234",
                "data": "sha256:feedbeef",
            }
            for seed in SEEDS
        ],
    }


def versus(arm: str) -> Tree:
    return {
        other: brief(GAIN.get(arm, 0.0) - GAIN.get(other, 0.0), 0.004)
        for other in ("joint", "joint-probe", "symmetric")
        if other != arm
    }


def factorial() -> Tree:
    def word(*factors: str, size: float) -> Tree:
        return {"factors": list(factors), "aliases": [], **brief(size, 0.004)}

    table = {
        "main": [word(f, size=0.01 * i) for i, f in enumerate(FACTORS)],
        "interactions": [
            word("metric", "bottleneck", size=-0.012),
            word("metric", "acceleration", size=0.001),
            word(*FACTORS, size=0.0),
        ],
        "shapley": [
            {"factor": f, "mean": 0.01 * i, "low": 0.01 * i - 0.003, "high": 0.01 * i + 0.003}
            | {"share": i / 3}
            for i, f in enumerate(FACTORS)
        ],
        "total": brief(0.03, 0.005),
    }
    return {"clean": table, "robust": table}


def sweeps() -> list[Tree]:
    def level(name: str, value: Any, gain: float) -> Tree:
        return {
            "level": value,
            "arm": f"{name}={value}",
            "clean": sample(0.9 + gain),
            "robust": sample(0.7 + gain),
            "versus": {"clean": brief(gain, 0.004), "robust": brief(gain, 0.004)},
        }

    return [
        {"name": "alpha", "field": "cal.acceleration.alpha", "reference": "alpha=1"}
        | {"levels": [level("alpha", a, 0.01 * a) for a in (0, 0.5, 1, 2)]},
        {"name": "beta", "field": "", "reference": "beta=low"}
        | {"levels": [level("beta", "low", 0.0), level("beta", "high", 0.02)]},
    ]


def tuning() -> Tree:
    def arm(name: str, edge: list[str]) -> Tree:
        return {
            "tuned_arm": f"{name}:tuned",
            "budget": {"trials": 12, "runs": 36, "epochs": 3600, "train_s": 211.5},
            "best": {"optim.lr": 0.08, "gamma": 1},
            "default": {"optim.lr": 0.05, "gamma": 1},
            "best_trial": 3,
            "default_score": 0.935,
            "default_fresh_score": 0.93,
            "search_score": 0.94,
            "fresh_score": 0.931,
            "optimism": 0.009,
            "edges": edge,
            "history": [[i, 0.0 if i == 4 else 0.9 + 0.003 * (i % 5)] for i in range(12)],
        }

    sides = {"clean": brief(0.02, 0.005), "robust": brief(0.04, 0.008)}
    return {
        "space": "nuisance",
        "sampler": "TPE",
        "trials": 12,
        "seeds": [100, 101, 102],
        "objective": "clean",
        "arms": {"cal": arm("cal", []), "joint": arm("joint", ["optim.lr at its upper edge"])},
        "contrasts": [
            {"name": "cal - joint", "arm": "cal", "reference": "joint"}
            | {"same": sides, "tuned": {"clean": brief(0.004, 0.006), "robust": sides["robust"]}}
        ],
    }


def regime(name: str, random: Random) -> Tree:
    first = name == "views"
    return {
        "title": f"the regime of {name}",
        "data": "handwritten",
        "seeds": SEEDS,
        "answer": ["cal is better than joint."],
        "limits": "8 paired seeds.",
        "samples": 400,
        "classes": 4,
        "variants": {arm: variant(name, arm, random) for arm in ARMS},
        "contrasts": [contrast(*words, random) for words in CONTRASTS],
        "factorial": factorial(),
        "robustness": robustness({a: 0.9 + GAIN.get(a, 0.0) for a in ARMS}, CONTRASTS, random),
        "sweeps": sweeps() if first else [],
        "tuning": tuning() if first else None,
    }


def full_summary() -> Tree:
    random = Random(0)
    regimes = {name: regime(name, random) for name in REGIMES}
    return {
        "schema_version": 2,
        "study": "small",
        "title": "Which part helps?",
        "level": 0.95,
        "alpha": 0.05,
        "margin": MARGIN,
        "power": 0.8,
        "metric": "accuracy",
        "arms": list(ARMS),
        "factors": list(FACTORS),
        "regime_order": list(REGIMES),
        "references": ["joint", "joint-probe", "symmetric"],
        "headline": "cal - joint: helps",
        "regimes": regimes,
        "design": {"kind": "fractional", "resolution": 3, "generators": ["bottleneck = metric x a"]}
        | {"aliases": [["metric", "acceleration x bottleneck"]]},
        "split": {"kind": "fixed", "interval": "paired t", "why": "The report split is fixed."},
        "family": {"size": 8, "procedure": "Holm-Shaffer step-down", "scope": "primary contrasts"}
        | {"tests": [["views", "cal - joint", "clean"]], "revisions": []},
        "selection": ["last"],
        "sequential": {"looks": {"views": [4, 8]}, "max_seeds": 8, "block": 4}
        | {"taken": {"views": 8}},
        "over_regimes": [
            {"contrast": "cal - joint", "condition": "clean"}
            | {"regimes": list(REGIMES), "left_out": []}
            | {"refused": "2 regimes carry no model over regimes; it needs 5."}
        ],
        "leader_board": leader_board(REGIMES),
        "published": [
            {"method": "CAL", "data": "handwritten", "accuracy": 0.98, "source": "a table"}
            | {"arm": "cal", "noise": "clean"}
            | {"regime": "views", "comparable": False}
            | {"differences": ["200 labels per class, here 20"]}
        ],
        "verdict": [],
        "methods": [],
        "runs": {"distinct": 96, "finished": 95, "failed": 1, "unfinished": 0, "in_arms": 112},
        "failed": [
            {"regime": "sound", "arms": ["cal"], "seed": 3, "hash": "f" * 64}
            | {"status": "FAILED", "error": "loss is <nan>"}
        ],
        "unfinished": [],
        "intervals": {"count": 16, "excluding_0": 12},
        "provenance": {"date": "today", "command": "make", "git": "abc1234", "versions": {}}
        | {"timings": {name: {arm: timing() for arm in ARMS} for name in REGIMES}}
        | {"interruptions": {"sound": {"cal": interruption()}}},
    }


def timing() -> Tree:
    return {"step_ms": sample(3.0), "train_s": sample(5.0)}


def interruption() -> Tree:
    return {"runs": 2, "resumed": 3, "preempted": 1, "lost_s": 4.56}


def full_curves() -> dict[tuple[str, str], dict[str, list[tuple[int, float]]]]:
    found = {}
    for name in REGIMES:
        for arm in ARMS:
            lines = {"train/loss": [(e, 1 / e) for e in range(1, 21)]}
            lines["val/accuracy"] = [(e, 0.9 - 0.5 / e) for e in range(1, 21, 5)]
            if arm in ("cal", "metric+bottleneck"):
                for m, w in (("a", 0.7), ("b", 0.3)):
                    lines[f"contribution/{m}/W"] = [
                        (e, 0.5 + (w - 0.5) * e / 20) for e in range(20)
                    ]
                    lines[f"acceleration/{m}/k"] = [(e, 1 + 2 * w * e / 20) for e in range(20)]
            found[name, arm] = lines
    return found
