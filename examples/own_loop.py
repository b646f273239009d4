"""CAL in a training loop of your own: functions of ``cal.mechanisms`` around any torch model.

    .venv/bin/python -m examples.own_loop

Three views of a tumour (means, errors and worst values of ten measurements, 569 patients, UCI
Breast Cancer Wisconsin, CC BY 4.0, as scikit-learn ships it). What CAL adds are the 15 lines
between the rulers; everything else is a plain loop. Legend: M modalities, S coalitions, B samples,
Z latent features, K classes; the leading axis 1 that the functions want is R, runs that train as
one.
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from cal.mechanisms import acceleration, bottleneck, coalitions, contribution

VIEWS = ("mean", "error", "worst")
STEPS, INTERVAL, START = 300, 5, 30  # steps; between two looks at the probe; of uniform W
ALPHA, BETA = torch.ones(1), 0.003
LAM, TAU, FLOOR = (torch.tensor([value]) for value in (0.5, 0.2, 1e-3))
EMA = torch.tensor([0.9, 0.9])  # of I and of D
METRIC = {"combine": "sum", "energy": False, "lam": LAM, "tau": TAU, "floor": FLOOR}
RAMP = {"schedule": "linear", "warmup": 0.3, "cycles": 1}
GAME = coalitions.exact(len(VIEWS))


class Tumour(nn.Module):
    """An encoder for each view, linear fusion, a linear head for each view."""

    def __init__(self, *, features: int = 10, latent: int = 8, classes: int = 2) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, 2 * latent))
            for _ in VIEWS
        )
        self.fusion = nn.Linear(len(VIEWS) * latent, classes)
        self.heads = nn.ModuleList(nn.Linear(latent, classes) for _ in VIEWS)

    def encode(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """[M, B, D] -> mean and log variance of z, each [M, B, Z]."""
        both = [encoder(x) for encoder, x in zip(self.encoders, views, strict=True)]
        mean, log_variance = torch.stack(both).chunk(2, -1)
        return mean, (log_variance + bottleneck.LOG_VARIANCE_BIAS).clamp(*bottleneck.LOG_VARIANCE)

    def fuse(self, z: Tensor) -> Tensor:
        """[..., M, B, Z] -> logits [..., B, K]; a modality that is absent is 0."""
        return self.fusion(z.movedim(-3, -2).flatten(-2))

    def alone(self, z: Tensor) -> Tensor:
        """[M, B, Z] -> logits of the heads [M, B, K]."""
        return torch.stack([head(one) for head, one in zip(self.heads, z, strict=True)])


def tumours(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Parts train, probe and test: standardised views [M, N, 10], labels [N]."""
    values, labels = load_breast_cancer(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    x, y = torch.tensor(values, dtype=torch.float32)[order], torch.tensor(labels)[order]
    x = (x - x[:300].mean(0)) / x[:300].std(0)
    views = torch.stack(x.split(10, 1))
    cuts = {"train": slice(300), "probe": slice(300, 400), "test": slice(400, None)}
    return {name: (views[:, cut], y[cut]) for name, cut in cuts.items()}


def train(parts: dict[str, tuple[Tensor, Tensor]], *, seed: int) -> tuple[Tumour, Tensor]:
    """A trained model, and W [1, M] as it was at the end."""
    torch.manual_seed(seed)
    model = Tumour()
    owned = [(p, m) for m, encoder in enumerate(model.encoders) for p in encoder.parameters()]
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    probe, probe_labels = parts["probe"]  # never trained on
    weights = contribution.uniform(1, len(VIEWS))
    average: Tensor | None = None  # of I and D, [2, M]
    for step in range(STEPS):
        rows = torch.randint(len(parts["train"][1]), (64,))
        views, labels = parts["train"][0][:, rows], parts["train"][1][rows]
        mean, log_variance = model.encode(views)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        loss = cross_entropy(model.fuse(z), labels)
        loss += sum(cross_entropy(logits, labels) for logits in model.alone(z))
        # ---- CAL: contribution, and a bottleneck that compresses what contributes little
        if step >= START and step % INTERVAL == 0:
            with torch.no_grad():
                seen, _ = model.encode(probe)
                logits = model.fuse(GAME.masks[:, :, None, None] * seen).mT[None]  # [1, S, K, B]
                shown = {"unimodal": model.alone(seen).mT[None], "labels": probe_labels[None]}
            found = contribution.information("shapley", logits=logits, game=GAME, **shown)
            trust = contribution.confidence("true_class", **shown)
            average = contribution.moving_average(average, torch.cat([found, trust]), decay=EMA)
            weights = contribution.weights(*average.split(1), **METRIC)
        beta = bottleneck.beta_at((step + 1) / STEPS, beta=BETA, **RAMP)
        kl = bottleneck.kl_divergence(mean[None], log_variance[None])  # [1, M], nats
        loss += beta * (bottleneck.shares(weights, asymmetry="inverse") * kl).sum()
        # ----
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        # ---- CAL: acceleration of what contributes much (under Adam: of its learning rate)
        k = acceleration.coefficients(weights, alpha=ALPHA)[0]
        for parameter, m in owned:
            parameter.grad *= k[m]
        # ----
        optimiser.step()
    return model, weights


def main() -> None:
    """Train, and tell accuracy and W."""
    parts = tumours(seed=0)
    model, weights = train(parts, seed=0)
    with torch.no_grad():
        mean, _ = model.encode(parts["test"][0])
        right = (model.fuse(mean).argmax(-1) == parts["test"][1]).float().mean()
    print(f"accuracy on {len(parts['test'][1])} patients: {right:.3f}")
    print("W:", ", ".join(f"{n} {w:.2f}" for n, w in zip(VIEWS, weights[0].tolist(), strict=True)))


if __name__ == "__main__":
    main()
