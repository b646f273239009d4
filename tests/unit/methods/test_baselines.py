"""The formulas of the baselines, by hand."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from cal.config import ConfigError, parse
from cal.losses import cross_entropies
from cal.methods import arl, mmpareto, pmr, qmf, tmc
from cal.model import late
from cal.trainer import Trainer

SMALL: dict[str, Any] = {
    "data": {"labels_per_class": 20},
    "train": {"epochs": 4, "validate_every": 2},
    "evaluate": {"noise": "none"},
}


def own_mean(tensor: Tensor) -> Tensor:
    """One worker."""
    return tensor


def test_arl_weighs_by_certainty_beside_strong_others() -> None:
    """d = (.75 .25); entropy shares (.2 .8), at least .3: q = (8/11 3/11); T d_other q =
    8 (.25 * 8/11, .75 * 3/11) = (16/11, 18/11), of which the softmax is 1 / (1 + e^(2/11)).
    """
    found = arl.weights(
        torch.tensor([[3.0, 1.0]]), torch.tensor([[0.2, 0.8]]), temperature=torch.tensor([8.0])
    )
    first = 1 / (1 + math.exp(2 / 11))
    assert found.tolist() == [pytest.approx([first, 1 - first])]


def test_arl_as_released_scales_all_alike_and_nothing_before_its_start() -> None:
    config = parse({**SMALL, "method": "arl", "arl": {"as_released": True, "start": 0.5}})
    method = Trainer([config]).method
    outputs = SimpleNamespace(
        fused=torch.randn(1, 4, 10), unimodal=torch.randn(1, 6, 4, 10), kl=torch.zeros(1, 6)
    )
    batch: Any = SimpleNamespace(outputs=outputs, labels=torch.zeros(1, 4, dtype=torch.long))
    k = []
    for step in (4, 5):
        method.objective(batch, step, 10, own_mean)
        k.append(method.scale(batch, own_mean))
    assert torch.equal(k[0], torch.ones(1, 6))
    assert torch.allclose(k[1], torch.full((1, 6), 1 + 1 / 6))


def test_pmr_prototypes_are_class_means_with_a_memory() -> None:
    """Class 0 at 1 and 3, then at 4: .5 * 2 + .5 * 4; class 1 at 5, then not met: it stays."""
    config = parse({**SMALL, "method": "pmr"})
    method = pmr.Pmr([config])
    for values, labels in (([1.0, 3.0, 5.0], [0, 0, 1]), ([4.0, 4.0, 4.0], [0, 0, 0])):
        z = torch.tensor(values).view(1, 1, 3, 1).expand(1, 6, 3, 1)
        outputs = SimpleNamespace(
            z=z, fused=torch.zeros(1, 3, 3), unimodal=torch.zeros(1, 6, 3, 3), kl=torch.zeros(1, 6)
        )
        batch: Any = SimpleNamespace(outputs=outputs, labels=torch.tensor([labels]))
        method.objective(batch, 0, 10, own_mean)
        method.epoch_ended()
    assert method.prototypes[0, 0, :2, 0].tolist() == [3, 5]
    assert method.prototypes[0, 0, 2].isnan().all(), "never met"


def test_pmr_keeps_whoever_leads_from_being_certain_in_the_first_steps() -> None:
    """Two modalities, prototypes at 0 and 2, one sample of class 0. The first at .5 is .5 and 1.5
    away, so p = 1 / (1 + e^-1) = .731; the second at 1 is undecided, p = .5. rho = .731 / .5 =
    1.462: the second is drawn with .462 alpha, and .462 mu H(.731) is taken off.
    """
    changes = {"method": "pmr", "pmr": {"alpha": 2, "entropy": 0.3, "early": 0.5}}
    data = {"data": {"labels_per_class": 20, "modalities": ["fac", "pix"]}}
    method = pmr.Pmr([parse({**SMALL, **changes, **data})])
    method.prototypes = torch.tensor([0.0, 2.0]).view(1, 1, 2, 1).expand(1, 2, 2, 1)
    z = torch.tensor([0.5, 1.0]).view(1, 2, 1, 1)
    outputs = SimpleNamespace(
        z=z, fused=torch.zeros(1, 1, 2), unimodal=torch.zeros(1, 2, 1, 2), kl=torch.zeros(1, 2)
    )
    batch: Any = SimpleNamespace(outputs=outputs, labels=torch.tensor([[0]]))
    p = 1 / (1 + math.exp(-1))
    weight, entropy = p / 0.5 - 1, -p * math.log(p) - (1 - p) * math.log(1 - p)
    plain = 3 * math.log(2) + 2 * weight * math.log(2)  # CE of fused and heads, of the second
    early, late = (method.objective(batch, step, 10, own_mean).item() for step in (4, 5))
    assert late == pytest.approx(plain, rel=1e-5)
    assert early == pytest.approx(plain - 0.3 * weight * entropy, rel=1e-5)
    (told,) = method.reports()
    assert told["modulation/{}/beta"].tolist() == pytest.approx([0, weight], rel=1e-5)
    assert told["modulation/{}/entropy"].tolist() == [0, 0]


def test_pmr_without_the_entropy_trains_as_before_it_had_any() -> None:
    """Where it acts it changes the parameters; weight 0 and no early steps are the same."""
    trained = []
    for own in ({"entropy": 0}, {"early": 0}, {"entropy": 0.5, "early": 1}):
        trainer = Trainer([parse({**SMALL, "method": "pmr", "pmr": own})])
        list(trainer.records())
        trained.append(trainer.network.state_dict()["encoders.first.0"])
    assert torch.equal(trained[0], trained[1])
    assert not torch.equal(trained[0], trained[2])


def test_mmpareto_takes_the_shortest_combination_of_opposed_gradients() -> None:
    """(1 0) and (-1 2): .75 and .25 give (.5 .5), at right angles to their difference. Of those
    that agree both count alike; of opposite ones of a length as well.
    """
    fused, own, dot = (torch.tensor(v) for v in ([1.0, 1.0, 1.0], [5.0, 4.0, 1.0], [-1.0, 1.0, -1]))
    assert mmpareto.shares(fused, own, dot).tolist() == pytest.approx([0.75, 0.5, 0.5])


def test_mmpareto_s_gradient_of_an_encoder_is_the_formula_s() -> None:
    """Of modality 2, recomputed from single gradients of its slice of every joined parameter."""
    config = parse({**SMALL, "method": "mmpareto"})
    trainer = Trainer([config])
    batch = trainer.train_part.batch(torch.arange(64)[None])
    outputs = trainer.network(batch.inputs, None, trainer.gamma)
    view: Any = SimpleNamespace(outputs=outputs, labels=batch.labels)
    loss = trainer.method.objective(view, 0, 10, own_mean)
    names = [n for n, o in trainer.owners.items() if o.modality is None]
    owned = [trainer.owners[n].parameter for n in names]
    terms = cross_entropies(outputs.fused, outputs.unimodal, batch.labels)[0]
    fused, own = (
        torch.autograd.grad(t, owned, retain_graph=True) for t in (terms[0], terms[1:].sum())
    )
    single = [n for n, o in trainer.owners.items() if o.modality == 2]
    alone = [trainer.owners[n].parameter for n in single]
    more = [torch.autograd.grad(t, alone, retain_graph=True) for t in (terms[0], terms[1:].sum())]
    f = torch.cat([*(g[0, 2].flatten() for g in fused), *(g.flatten() for g in more[0])])
    g = torch.cat([*(x[0, 2].flatten() for x in own), *(x.flatten() for x in more[1])])
    a = 0.5 if f @ g > 0 else float(((g @ g - f @ g) / (f - g).square().sum()).clamp(0, 1))
    trainer.method.backward(loss, trainer.owners)
    one, other = fused[0][0, 2], own[0][0, 2]
    new = 2 * a * one + 2 * (1 - a) * other
    longer = max(1.0, float((one + other).norm() / new.norm()))
    found = owned[0].grad
    assert found is not None
    assert torch.allclose(found[0, 2], 1.5 * longer * new, rtol=1e-4, atol=1e-8)
    head = trainer.network.head_weight.grad
    assert head is not None
    assert head.abs().sum() > 0, "the heads have the gradient of the sum"


def test_qmf_ranks_by_the_history_of_losses() -> None:
    """Losses .5 and .2: certainties in that order miss by their distance and the margin, 1 + .3;
    the other way round they satisfy it. As released the margin forgives: 1 - .3.
    """
    history = torch.tensor([[[0.5, 0.2]]]).expand(3, 1, 2)
    confidence = torch.tensor([[[2.0, 1.0]], [[1.0, 2.0]], [[2.0, 1.0]]])
    found = qmf.rank_loss(confidence, history, sign=torch.tensor([1.0, 1.0, -1.0]))
    assert found.flatten().tolist() == pytest.approx([1.3, 0, 0.7])


def test_tmc_s_loss_by_hand() -> None:
    """alpha (2 1): digamma(3) - digamma(2) = 1/2 for class 0, whose rest is uniform. For class 1 it
    is 3/2, and KL(Dir(2, 1) || Dir(1, 1)) = ln 2 - 1/2.
    """
    alpha = torch.tensor([[2.0, 1.0], [2.0, 1.0]])
    hot = torch.eye(2)
    found = tmc.evidential(alpha, hot, strength=torch.tensor(1.0))
    assert found.tolist() == pytest.approx([0.5, 1.5 + math.log(2) - 0.5], abs=1e-5)
    assert tmc.divergence(torch.ones(10)).item() == pytest.approx(0, abs=1e-5)


def logits_of(evidence: list[float]) -> Tensor:
    """What softplus makes this evidence of."""
    values = torch.tensor(evidence, dtype=torch.float64)
    return torch.where(values > 0, values.expm1().log(), -50.0).float()


def test_dempster_s_rule_by_hand() -> None:
    """e = (2 0) and (1 1): b = (.5 0) u = .5 and b = (.25 .25) u = .5; conflict .125; b = (.5 .125)
    and u = .25, all over .875; K / u = 7, so alpha = (5 2).
    """
    logits = torch.stack([logits_of([2, 0]), logits_of([1, 1])]).view(1, 2, 1, 2)
    both = late.evidence(logits, torch.ones(2)).exp()
    assert both.flatten().tolist() == pytest.approx([5, 2], rel=1e-4)
    alone = late.evidence(logits, torch.tensor([1.0, 0.0])).exp()
    assert alone.flatten().tolist() == pytest.approx([3, 1], rel=1e-4), "a vacuous opinion"
    nobody = late.evidence(logits, torch.zeros(2)).exp()
    assert nobody.flatten().tolist() == pytest.approx([1, 1])


def test_rules_without_evidence() -> None:
    logits = torch.tensor([[[[1.0, 3.0]], [[3.0, 5.0]]]])
    everybody, second = torch.ones(2), torch.tensor([0.0, 1.0])
    assert late.average(logits, everybody).flatten().tolist() == [2, 4]
    assert late.average(logits, second).flatten().tolist() == [3, 5]
    weights = logits.logsumexp(-1) / 10
    expected = (weights[..., None] * logits)[0, :, 0].sum(0)
    assert torch.allclose(late.energy(logits, everybody)[0, 0], expected)


@pytest.mark.parametrize("fusion", ["average", "energy", "evidence"])
def test_a_late_fusion_has_the_heads_and_coalitions_of_all_are_the_batch_s(fusion: str) -> None:
    trainer = Trainer([parse({**SMALL, "model": {"fusion": fusion}, "seed": s}) for s in (0, 1)])
    z = torch.randn(2, 6, 5, 16)
    network = trainer.network
    whole = network.fusion(z)
    masks = torch.stack([torch.ones(6), torch.eye(6)[1], torch.zeros(6)])
    found = network.fusion.coalitions(z, masks)
    assert torch.allclose(found[:, 0].transpose(-1, -2), whole, atol=1e-5)
    assert found.shape == (2, 3, 10, 5)
    assert torch.equal(network.fusion.alone(z), network.heads(z))
    assert len(set(found[:, 2].flatten().tolist())) == 1, "nobody says nothing"
    uniform = functional.log_softmax(found[:, 2], 1).exp()
    assert torch.allclose(uniform, torch.full_like(uniform, 0.1))


@pytest.mark.parametrize(
    ("tree", "line"),
    [
        ({"method": "qmf"}, "model.fusion: given 'linear'; allowed for method=qmf: energy"),
        ({"method": "tmc"}, "model.fusion: given 'linear'; allowed for method=tmc: evidence"),
        ({"method": "pmr", "pmr": None}, "pmr: given null; method=pmr needs this section"),
    ],
)
def test_bad_input_is_one_line(tree: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(tree)
    assert str(caught.value) == line
