"""One metric for each way to measure W: who looks together, and whose numbers are whose."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cal.config import Config, parse
from cal.methods.grouped import Grouped, metric_of
from cal.methods.metric import Metric, UniformMetric

M, K, SAMPLES = 6, 3, 4
Asked = tuple[int | None, int, tuple[int, ...] | None]


@dataclass
class Seen:
    """Of replica r modality m is right with logit (r + 1) m."""

    rows: Sequence[int]

    @property
    def labels(self) -> Tensor:
        return (torch.arange(SAMPLES) % K).expand(len(self.rows), -1)

    @property
    def unimodal(self) -> Tensor:
        right = torch.nn.functional.one_hot(self.labels, K).float().transpose(-1, -2)[:, None]
        strength = (torch.tensor(self.rows)[:, None] + 1.0) * torch.arange(M)
        return strength[..., None, None] * right

    def coalitions(self, masks: Tensor) -> Tensor:
        return torch.einsum("sm,rmkb->rskb", masks, self.unimodal)

    def only(self, rows: Sequence[int]) -> "Seen":
        assert set(rows) <= set(self.rows)
        return Seen(rows)


@dataclass
class Looker:
    """Remembers what it was asked for; ``size`` replicas."""

    size: int
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, samples: int | None, turn: int, rows: Sequence[int] | None = None) -> Seen:
        self.asked.append((samples, turn, None if rows is None else tuple(rows)))
        return Seen(range(self.size) if rows is None else rows)


def runs(*sections: dict[str, Any]) -> list[Config]:
    return [parse({"cal": {"contribution": s}, "seed": i}) for i, s in enumerate(sections)]


def observed(configs: Sequence[Config], steps: int) -> tuple[Any, Looker]:
    found, looker = metric_of(configs), Looker(len(configs))
    for step in range(steps):
        found.observe(step, steps, looker, lambda x: x)
    return found, looker


EVERY = {"start": 0, "interval": 1}
THIRD = {"start": 0, "interval": 3, "information": "kl"}


def test_alike_runs_have_the_metric_itself() -> None:
    assert isinstance(metric_of(runs(EVERY, EVERY | {"tau": 0.4})), Metric)
    assert type(metric_of(runs({"enabled": False}, {"enabled": False}))) is UniformMetric
    assert isinstance(metric_of(runs(EVERY, {"enabled": False})), Grouped)


def test_those_that_are_due_look_together_and_others_are_not_looked_at() -> None:
    """Rows 0 and 2 at every step, 1 and 3 at 0 and 3, row 4 never: one pass a step."""
    _, looker = observed(runs(EVERY, THIRD, EVERY, THIRD, {"enabled": False}), 5)
    often, both = (None, 0, (0, 2)), (None, 0, (0, 1, 2, 3))
    assert looker.asked == [both, often, often, both, often]


def test_when_all_are_due_nothing_is_cut() -> None:
    _, looker = observed(runs(EVERY, THIRD), 1)
    assert looker.asked == [(None, 0, None)]


def test_rotating_samples_are_looked_at_by_those_at_the_same_turn() -> None:
    """Both take 32, but the second begins later and stands at other samples."""
    part, late = EVERY | {"probe_batch": 32}, EVERY | {"probe_batch": 32, "start": 0.5}
    other = part | {"combine": "product"}
    _, looker = observed(runs(part, late, other), 4)
    together = [(32, 0, (0, 2)), (32, 1, (0, 2))]
    apart = [(32, 2, (0, 2)), (32, 0, (1,)), (32, 3, (0, 2)), (32, 1, (1,))]
    assert looker.asked == together + apart


def test_numbers_come_back_in_the_order_of_the_replicas() -> None:
    """W, falling, reports and states of each are those of the run alone."""
    configs = runs(EVERY, THIRD, {"enabled": False}, EVERY | {"control": "reversed"}, THIRD)
    found, _ = observed(configs, 4)
    assert found.falling().shape == (5, M)
    for r, config in enumerate(configs):
        alone = metric_of([config])
        for step in range(4):

            def look(
                samples: int | None, turn: int, rows: Sequence[int] | None = None, r: int = r
            ) -> Seen:
                return Seen([r])

            alone.observe(step, 4, look, lambda x: x)
        assert torch.equal(found.weights[r], alone.weights[0])
        assert torch.equal(found.falling()[r], alone.falling()[0])
        for ours, theirs in ((found.reports(), alone.reports()), (found.states(), alone.states())):
            assert ours[r].keys() == theirs[0].keys()
            assert str(ours[r]) == str(theirs[0])


def test_states_go_to_their_replicas_in_whatever_order() -> None:
    configs = runs(EVERY, THIRD, EVERY, {"enabled": False})
    states = observed(configs, 4)[0].states()
    order = [3, 2, 1, 0]
    other = metric_of([configs[r] for r in order])
    other.load_states([states[r] for r in order])
    assert str(other.states()) == str([states[r] for r in order])
    assert torch.equal(other.weights[3], states[0]["weights"])
    assert torch.equal(other.weights[0], torch.full((M,), 1 / M))


def test_w_is_the_same_tensor_until_one_of_them_looked() -> None:
    """What follows from W is computed anew only then."""
    found, looker = metric_of(runs(THIRD, {"enabled": False})), Looker(2)
    found.observe(0, 9, looker, lambda x: x)
    first = found.weights
    found.observe(1, 9, looker, lambda x: x)
    assert found.weights is first
    found.observe(3, 9, looker, lambda x: x)
    assert found.weights is not first
