"""Evaluation: clean and under every corruption, calibration, per-sample predictions kept.

Legend: R replicas, M modalities, B samples, K classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cal.batches import Stacked
from cal.config import Config
from cal.data.corruptions import Condition, conditions, robust
from cal.data.parts import Parts, SealedError
from cal.modalities import Modality
from cal.model.network import Network
from cal.records import Predictions, Result
from cal.severities import applies
from cal.versions import Versions, pieces, versions

CHUNK = 128  # rows of one forward pass of each replica: larger maps leave the cache
BINS = 15  # of the expected calibration error
KINDS = ("accuracy", "macro_f1", "nll", "ece")
ROOMS = {"report": "test", "select": "select"}  # part -> first word of its metrics


class Samples(Protocol):
    """One part of the data of R replicas (``cal.batches``)."""

    @property
    def labels(self) -> Tensor:
        """[R, N]."""

    def chunks(self, size: int) -> Iterator[list[Tensor]]:
        """M tensors [R, n, ...] of at most ``size`` samples each."""


@torch.no_grad()
def log_probabilities(network: Network, part: Samples) -> Tensor:
    """log p [R, N, K] of the fused head, in evaluation mode."""
    was_training = network.training
    network.eval()
    found = [network.fusion(network.latents(rows)).log_softmax(-1) for rows in part.chunks(CHUNK)]
    network.train(was_training)
    return torch.cat(found, 1)


def calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """ECE in [0, 1] (Guo et al. 2017): 15 equal bins, sum of n_b/N |accuracy_b - confidence_b|."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=correct.astype(float) - confidence, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))


def macro_f1(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of F1 = 2 TP / (2 TP + FP + FN), in [0, 1].

    A class that neither is there nor was predicted does not count; one that was never hit is 0.
    """
    classes = int(max(predicted.max(), labels.max())) + 1
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    total = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes)
    return float((2 * hits[total > 0] / total[total > 0]).mean())


def summarise(log_p: Tensor, labels: Tensor, ids: Tensor) -> tuple[dict[str, float], Predictions]:
    """Accuracy, macro-F1, nll (nats), ECE and predictions of log p [N, K], labels [N], ids [N]."""
    confidence, predicted = log_p.max(-1)
    nll = -log_p.gather(-1, labels[:, None])[:, 0]
    correct = (predicted == labels).cpu().numpy()
    certain = confidence.exp().double().cpu().numpy()
    kind = np.min_scalar_type(log_p.shape[-1] - 1)  # up to 256 classes: uint8
    metrics = {
        "accuracy": float(correct.mean()),
        "macro_f1": macro_f1(predicted.cpu().numpy(), labels.cpu().numpy()),
        "nll": float(nll.double().mean()),
        "ece": calibration_error(certain, correct),
    }
    kept = Predictions(
        ids=ids.cpu().numpy(),
        labels=labels.cpu().numpy().astype(kind),
        predicted=predicted.cpu().numpy().astype(kind),
        confidence=certain.astype(np.float32),
        nll=nll.cpu().numpy(),
    )
    return metrics, kept


def score(network: Network, part: Samples) -> list[dict[str, float]]:
    """Accuracy and nll of every replica on one part."""
    log_p = log_probabilities(network, part)
    hits = (log_p.argmax(-1) == part.labels).float().mean(-1)
    nll = -log_p.gather(-1, part.labels[..., None]).mean((1, 2))
    return [{"accuracy": float(a), "nll": float(n)} for a, n in zip(hits, nll, strict=True)]


def evaluate(
    network: Network, configs: Sequence[Config], data: Sequence[Parts], device: torch.device
) -> list[Result]:
    """The evaluated part under every condition of the configuration, one ``Result`` per replica.

    A tuning run (``evaluate.part=select``) keeps no predictions. Raises ``SealedError`` unless the
    data are those of the configuration's part.
    """
    part = configs[0].evaluate.part
    check_part(configs, data)
    room = ROOMS[part]
    metrics: list[dict[str, float]] = [{} for _ in configs]
    kept: list[dict[str, Predictions]] = [{} for _ in configs]
    found = _under_conditions(network, data, conditions(configs[0]), device)
    for name, log_p in found.items():
        for r, parts in enumerate(data):
            on = parts.evaluated
            numbers, predictions = summarise(log_p[r], on.labels, on.ids)
            metrics[r] |= {f"{room}/{name}/{key}": value for key, value in numbers.items()}
            if part == "report":
                kept[r][name] = predictions
    for numbers in metrics:
        numbers |= robust_metrics(numbers, configs[0].data.every, room=room)
    return [Result(m, k) for m, k in zip(metrics, kept, strict=True)]


@torch.no_grad()
def _under_conditions(
    network: Network, data: Sequence[Parts], noise: tuple[Condition, ...], device: torch.device
) -> dict[str, Tensor]:
    """log p [R, N, K] of the evaluated part under every condition, on the CPU."""
    network.eval()
    found: dict[str, list[Tensor]] = {}
    for piece in zip(*(pieces(parts) for parts in data), strict=True):
        replicas = [versions(parts, noise) for parts in piece]
        z = latents(network, replicas, device)
        for name, picks in replicas[0].table.items():
            chosen = torch.stack([z[pick][:, m] for m, pick in enumerate(picks)], 1)
            log_p = network.fusion(chosen).log_softmax(-1).cpu()
            found.setdefault(name, []).append(log_p)
    return {name: torch.cat(parts, 1) for name, parts in found.items()}


@torch.no_grad()
def latents(network: Network, replicas: Sequence[Versions], device: torch.device) -> list[Tensor]:
    """z [R, M, N, Z] of each version, in evaluation mode; a modality that has fewer repeats its
    clean one.
    """
    counts = [len(tensors) for tensors in replicas[0].inputs]
    found = []
    for v in range(max(counts)):
        inputs = [
            torch.stack([own.inputs[m][v if v < count else 0] for own in replicas]).to(device)
            for m, count in enumerate(counts)
        ]
        labels = torch.zeros(inputs[0].shape[:2])  # nobody looks at them
        chunks = Stacked(tuple(inputs), labels).chunks(CHUNK)
        found.append(torch.cat([network.latents(rows) for rows in chunks], 2))
    return found


def check_part(configs: Sequence[Config], data: Sequence[Parts]) -> None:
    """Raise ``SealedError`` where data of one part are given to a run on the other."""
    for config, parts in zip(configs, data, strict=True):
        if config.evaluate.part != parts.evaluated_on:
            raise SealedError(
                f"evaluate.part: given {config.evaluate.part} with data whose evaluated part is "
                f"{parts.evaluated_on}; a tuning run never sees the report part"
            )


def robust_metrics(
    numbers: Mapping[str, float], modalities: Sequence[Modality], *, room: str = "test"
) -> dict[str, float]:
    """``test/robust/...``: mean of the four noise groups; empty where a group is missing."""
    found = {}
    names = [m.name for m in modalities]
    texts = [m.name for m in modalities if not applies("gaussian", m.kind)]
    for kind in KINDS:
        by_condition = {
            key.split("/")[1]: value for key, value in numbers.items() if key.endswith(f"/{kind}")
        }
        value = robust(by_condition, names, texts=texts)
        if value is not None:
            found[f"{room}/robust/{kind}"] = value
    return found
