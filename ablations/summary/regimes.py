"""What the summary says over regimes, if there are enough of them to speak of others. Pure."""

import math
from collections.abc import Sequence
from typing import Any

from ablations.summary.family import Question
from ablations.summary.pairs import widened
from evidence import statistics as st

Tree = dict[str, Any]


def over_regimes(questions: Sequence[Question]) -> list[Tree]:
    """The mean of each primary effect over regimes as a sample of regimes, or why not."""
    groups: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        groups.setdefault((question.contrast, question.condition), []).append(question)
    return [
        {"contrast": contrast, "condition": condition} | _over(group)
        for (contrast, condition), group in groups.items()
    ]


def _over(group: Sequence[Question]) -> Tree:
    """``left_out``: regimes whose effect has no error to weigh it by (no pairs, or no spread)."""
    known = [question for question in group if question.pairs.spread]
    deltas = [widened(question.pairs.deltas, question.rules) for question in known]
    means = [float(row.mean()) for row in deltas]
    errors = [float(row.std(ddof=1)) / math.sqrt(len(row)) for row in deltas]
    found = st.over_regimes(means, errors, level=group[0].rules.level)
    left_out = [question.regime for question in group if not question.pairs.spread]
    tree: Tree = {"regimes": [question.regime for question in known], "left_out": left_out}
    if isinstance(found, st.Refusal):
        return tree | {"refused": found.reason}
    return tree | {
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "tau": found.tau,
        "prediction": [found.prediction_low, found.prediction_high],
    }
