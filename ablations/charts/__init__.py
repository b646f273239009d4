"""Which figures a report has: summary and curves -> charts, by the section they stand in. Pure."""

from collections.abc import Mapping
from typing import Any

from ablations.charts import behaviour, effects, leaders, robustness, training
from evidence.charts.spec import Chart, Gallery


def gallery(summary: Mapping[str, Any], curves: training.AllCurves) -> Gallery:
    """Section -> its charts, empty where there is nothing to draw."""
    return {
        "effects": effects.forest(summary),
        "leaders": leaders.standings(summary),
        "accuracy": effects.accuracy(summary),
        "mechanisms": (
            *effects.factorial(summary),
            *effects.shapley(summary),
            *behaviour.interactions(summary),
        ),
        "robustness": (
            *robustness.accuracy(summary),
            *robustness.effects(summary),
            *robustness.modalities(summary),
        ),
        "training": training.training(summary, curves),
        "learning": training.learning(summary, curves),
        "calibration": behaviour.reliability(summary),
        "classes": behaviour.classes(summary),
        "sweeps": training.sweeps(summary),
        "tuning": (*training.tuned(summary), *training.searches(summary)),
    }


__all__ = ["Chart", "Gallery", "gallery"]
