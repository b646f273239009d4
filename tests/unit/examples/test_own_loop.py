"""CAL in a plain loop: functions of the mechanisms alone, and what they are worth there."""

import inspect

import pytest
import torch

from examples import own_loop


@pytest.fixture(scope="module")
def parts() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    return own_loop.tumours(seed=0)


def test_parts_are_disjoint_and_standardised(
    parts: dict[str, tuple[torch.Tensor, torch.Tensor]],
) -> None:
    assert {name: tuple(x.shape) for name, (x, _) in parts.items()} == {
        "train": (3, 300, 10),
        "probe": (3, 100, 10),
        "test": (3, 169, 10),
    }
    assert parts["train"][0].mean(1).abs().max() < 1e-5


def test_it_learns_and_w_is_a_share(
    parts: dict[str, tuple[torch.Tensor, torch.Tensor]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 169 patients; 63 % are benign, so .9 is far from guessing (7 deviations)."""
    model, weights = own_loop.train(parts, seed=0)
    with torch.no_grad():
        mean, _ = model.encode(parts["test"][0])
        right = (model.fuse(mean).argmax(-1) == parts["test"][1]).float().mean()
    assert right > 0.9
    assert weights.sum().item() == pytest.approx(1)
    own_loop.main()
    told = capsys.readouterr().out
    assert told.startswith(f"accuracy on 169 patients: {right:.3f}")


def test_w_finds_a_view_that_was_shuffled_among_patients(
    parts: dict[str, tuple[torch.Tensor, torch.Tensor]],
) -> None:
    """Such a view tells nothing; it has the least W, and the others' order stays."""
    draw = torch.Generator().manual_seed(1)
    spoilt = {}
    for name, (views, labels) in parts.items():
        order = torch.randperm(len(labels), generator=draw)
        spoilt[name] = (torch.stack([views[0], views[1], views[2][order]]), labels)
    _, weights = own_loop.train(spoilt, seed=0)
    assert weights[0].argmin() == 2
    assert weights[0].argmax() == 0


def test_neutral_values_are_a_plain_loop_bit_for_bit(
    parts: dict[str, tuple[torch.Tensor, torch.Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """alpha 0 and beta 0: whatever W is, the parameters are those of a run that never looks."""
    monkeypatch.setattr(own_loop, "ALPHA", torch.zeros(1))
    monkeypatch.setattr(own_loop, "BETA", 0.0)
    looking, weights = own_loop.train(parts, seed=0)
    monkeypatch.setattr(own_loop, "START", own_loop.STEPS)
    plain, uniform = own_loop.train(parts, seed=0)
    assert not torch.equal(weights, uniform)
    pairs = zip(looking.parameters(), plain.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_cal_is_as_short_as_the_docs_say() -> None:
    """Lines of code between the rulers, without comments."""
    inside, count = False, 0
    for line in map(str.strip, inspect.getsource(own_loop.train).split("\n")):
        if line.startswith("# ----"):
            inside = not inside
        else:
            count += inside and not line.startswith("#")
    assert (inside, count) == (False, 15)
