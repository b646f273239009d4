"""Bookkeeping of a study's runs: how many, which failed, how long they took. Pure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablations.conditions import CONDITIONS
from ablations.rows import Row
from ablations.summary.evidence import Evidence
from ablations.summary.variants import sample

if TYPE_CHECKING:
    from ablations.plan import Plan

Tree = dict[str, Any]
TIMES = ("step_ms", "train_s")


def counts(rows: Sequence[Row]) -> Tree:
    """Distinct computations by state, and rows with shared runs counted in each arm."""
    status = {(row.regime, row.hash): row.status for row in rows}
    states = list(status.values())
    return {
        "distinct": len(states),
        "finished": states.count("FINISHED"),
        "failed": states.count("FAILED"),
        "unfinished": states.count("RUNNING") + states.count("MISSING"),
        "in_arms": len(rows),
    }


def broken(plan: "Plan", rows: Sequence[Row], states: tuple[str, ...]) -> list[Tree]:
    """Distinct runs in these states, in the order of the plan."""
    found: dict[tuple[str, str], Tree] = {}
    for row in rows:
        if row.status in states:
            entry = {"regime": row.regime, "seed": row.seed, "hash": row.hash, "arms": []}
            entry |= {"status": row.status, "error": row.error}
            found.setdefault((row.regime, row.hash), entry)["arms"].append(row.arm)
    order = {regime: i for i, regime in enumerate(plan.regimes)}
    return sorted(found.values(), key=lambda e: (order[e["regime"]], e["arms"], e["seed"]))


def intervals(regimes: Mapping[str, Tree]) -> Tree:
    """How many intervals of accuracy the declared contrasts have, and how many exclude 0."""
    effects = [
        contrast[condition]
        for regime in regimes.values()
        for contrast in regime["contrasts"]
        for condition in CONDITIONS
        if contrast[condition]["low"] is not None
    ]
    excluding = sum(effect["low"] > 0 or effect["high"] < 0 for effect in effects)
    return {"count": len(effects), "excluding_0": excluding}


def timings(evidence: Evidence) -> Tree:
    """Regime -> arm -> ms a step and seconds a run, each over seeds."""
    return {
        regime: {
            arm.name: {
                name: sample(
                    evidence.cell(regime, arm.name), f"time/{name}", evidence.rules[regime].level
                )
                for name in TIMES
            }
            for arm in evidence.plan.arms
        }
        for regime in evidence.plan.regimes
    }


def interrupted(evidence: Evidence) -> Tree:
    """Regime -> arm -> how often its runs were interrupted and the seconds of training that were
    done again; only arms that were. A run that arms share counts in each.
    """
    found: Tree = {}
    for regime in evidence.plan.regimes:
        for arm in evidence.plan.arms:
            runs = [row.interruptions for row in evidence.cell(regime, arm.name)]
            if any(run.resumed for run in runs):
                found.setdefault(regime, {})[arm.name] = {
                    "runs": sum(run.resumed > 0 for run in runs),
                    "resumed": sum(run.resumed for run in runs),
                    "preempted": sum(run.preempted for run in runs),
                    "lost_s": sum(run.lost_s for run in runs),
                }
    return found
