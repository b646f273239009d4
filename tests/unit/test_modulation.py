"""Where k acts: on the gradient or on the rate, each replica by its own configuration."""

import torch
from torch import nn

from cal.model.encoders import Owned
from cal.modulation import factors, split

K = torch.tensor([[2.0, 0.5], [3.0, 0.25]])


def test_k_goes_to_one_of_both_and_is_exactly_one_in_the_other() -> None:
    on_gradient, on_rate = split(K, ["gradient", "learning_rate"])
    assert on_gradient is not None
    assert on_rate is not None
    assert on_gradient.tolist() == [[2.0, 0.5], [1.0, 1.0]]
    assert on_rate.tolist() == [[1.0, 1.0], [3.0, 0.25]]


def test_of_one_form_k_itself_is_used_and_the_other_has_nothing() -> None:
    assert split(K, ["gradient"] * 2) == (K, None)
    assert split(K, ["learning_rate"] * 2) == (None, K)


def test_each_parameter_has_the_k_of_its_modality() -> None:
    """Of one modality [R, H], of all [R, M, H], of an ordinary module [H] (R = 1)."""
    own, joined, plain = (nn.Parameter(torch.zeros(s)) for s in ((2, 4), (2, 2, 4), (4,)))
    owners = {"own": Owned(own, 1), "joined": Owned(joined, None), "plain": Owned(plain, 0, False)}
    found = factors(owners, K)
    assert found["own"].tolist() == [[0.5], [0.25]]
    assert torch.equal(found["joined"], K[..., None])
    assert found["plain"].item() == 2.0
    assert factors(owners, None) == {}
