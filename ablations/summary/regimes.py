"""What the summary says over regimes, if there are enough of them to speak of others. Pure."""

import math
from collections.abc import Sequence
from typing import Any

from ablations import statistics as st
from ablations.summary.effects import Rules
from ablations.summary.family import Question

Tree = dict[str, Any]


def over_regimes(questions: Sequence[Question], rules: Rules) -> list[Tree]:
    """The mean of each primary effect over regimes as a sample of regimes, or why not."""
    groups: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        groups.setdefault((question.contrast, question.condition), []).append(question)
    return [
        {"contrast": contrast, "condition": condition} | _over(group, rules)
        for (contrast, condition), group in groups.items()
    ]


def _over(group: Sequence[Question], rules: Rules) -> Tree:
    known = [question.pairs.deltas for question in group if question.pairs.spread]
    means = [float(deltas.mean()) for deltas in known]
    errors = [float(deltas.std(ddof=1)) / math.sqrt(len(deltas)) for deltas in known]
    found = st.over_regimes(means, errors, level=rules.level)
    if isinstance(found, st.Refusal):
        return {"refused": found.reason}
    return {
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "tau": found.tau,
        "prediction": [found.prediction_low, found.prediction_high],
    }
