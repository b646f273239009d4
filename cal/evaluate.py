"""Evaluation: clean and under every corruption, calibration, per-sample predictions kept.

Legend: R replicas, M modalities, B samples, K classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from cal.config import Config
from cal.data import Condition, Parts, SealedError, conditions, corrupt, robust
from cal.model.network import Network
from cal.records import Predictions, Result

CHUNK = 128  # rows of one forward pass of each replica: larger maps leave the cache
BINS = 15  # of the expected calibration error
KINDS = ("accuracy", "macro_f1", "nll", "ece")
ROOMS = {"report": "test", "select": "select"}  # part -> first word of its metrics


class Labelled(Protocol):
    """Inputs M x [R, N, ...] and labels [R, N]."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """M tensors."""

    @property
    def labels(self) -> Tensor:
        """[R, N]."""


def chunks(inputs: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """M tensors [R, N, ...], ``CHUNK`` samples at a time."""
    for start in range(0, inputs[0].shape[1], CHUNK):
        yield [x[:, start : start + CHUNK] for x in inputs]


@torch.no_grad()
def log_probabilities(network: Network, inputs: Sequence[Tensor]) -> Tensor:
    """log p [R, N, K] of the fused head on M tensors [R, N, ...], in evaluation mode."""
    was_training = network.training
    network.eval()
    parts = [network.fusion(network.latents(rows)).log_softmax(-1) for rows in chunks(inputs)]
    network.train(was_training)
    return torch.cat(parts, 1)


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
    metrics = {
        "accuracy": float(correct.mean()),
        "macro_f1": macro_f1(predicted.cpu().numpy(), labels.cpu().numpy()),
        "nll": float(nll.double().mean()),
        "ece": calibration_error(certain, correct),
    }
    kept = Predictions(
        ids=ids.cpu().numpy(),
        labels=labels.cpu().numpy().astype(np.uint8),
        predicted=predicted.cpu().numpy().astype(np.uint8),
        confidence=certain.astype(np.float32),
        nll=nll.cpu().numpy(),
    )
    return metrics, kept


def score(network: Network, part: Labelled) -> list[dict[str, float]]:
    """Accuracy and nll of every replica on one part."""
    log_p = log_probabilities(network, part.inputs)
    hits = (log_p.argmax(-1) == part.labels).float().mean(-1)
    nll = -log_p.gather(-1, part.labels[..., None]).mean((1, 2))
    return [{"accuracy": float(a), "nll": float(n)} for a, n in zip(hits, nll, strict=True)]


@dataclass(frozen=True)
class Versions:
    """The evaluated part under every condition, each modality's distinct inputs kept once.

    ``inputs``: for each modality its distinct tensors [N, ...], the clean one first; ``table``:
    condition -> which of them, for each modality.
    """

    inputs: tuple[tuple[Tensor, ...], ...]
    table: dict[str, tuple[int, ...]]


@lru_cache(maxsize=32)
def versions(parts: Parts, noise: tuple[Condition, ...]) -> Versions:
    """Made once for all runs of a process on the same data and seed: most conditions touch one
    modality, so the encoders see far fewer inputs than there are conditions x modalities.
    """
    found = [[x] for x in parts.evaluated.inputs]
    table = {"clean": (0,) * len(found)}
    for condition in noise:
        picks = []
        for seen, x in zip(found, corrupt(parts, condition), strict=True):
            if x is seen[0]:
                picks.append(0)
            else:
                picks.append(len(seen))
                seen.append(x)
        table[condition.name] = tuple(picks)
    return Versions(tuple(map(tuple, found)), table)


@torch.no_grad()
def latents(network: Network, replicas: Sequence[Versions], device: torch.device) -> list[Tensor]:
    """z [R, M, N, Z] of each version, in evaluation mode; a modality that has fewer repeats its
    clean one.
    """
    network.eval()
    counts = [len(tensors) for tensors in replicas[0].inputs]
    found = []
    for v in range(max(counts)):
        inputs = [
            torch.stack([own.inputs[m][v if v < count else 0] for own in replicas]).to(device)
            for m, count in enumerate(counts)
        ]
        found.append(torch.cat([network.latents(rows) for rows in chunks(inputs)], 2))
    return found


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
    replicas = [versions(parts, conditions(configs[0])) for parts in data]
    z = latents(network, replicas, device)
    for name, picks in replicas[0].table.items():
        chosen = torch.stack([z[pick][:, m] for m, pick in enumerate(picks)], 1)
        with torch.no_grad():
            log_p = network.fusion(chosen).log_softmax(-1).cpu()
        for r, parts in enumerate(data):
            on = parts.evaluated
            numbers, predictions = summarise(log_p[r], on.labels, on.ids)
            metrics[r] |= {f"{room}/{name}/{key}": value for key, value in numbers.items()}
            if part == "report":
                kept[r][name] = predictions
    for numbers in metrics:
        numbers |= robust_metrics(numbers, configs[0].data.every_modality, room=room)
    return [Result(m, k) for m, k in zip(metrics, kept, strict=True)]


def check_part(configs: Sequence[Config], data: Sequence[Parts]) -> None:
    """Raise ``SealedError`` where data of one part are given to a run on the other."""
    for config, parts in zip(configs, data, strict=True):
        if config.evaluate.part != parts.evaluated_on:
            raise SealedError(
                f"evaluate.part: given {config.evaluate.part} with data whose evaluated part is "
                f"{parts.evaluated_on}; a tuning run never sees the report part"
            )


def robust_metrics(
    numbers: Mapping[str, float], modalities: Sequence[str], *, room: str = "test"
) -> dict[str, float]:
    """``test/robust/...``: mean of the four noise groups; empty where a group is missing."""
    found = {}
    for kind in KINDS:
        by_condition = {
            key.split("/")[1]: value for key, value in numbers.items() if key.endswith(f"/{kind}")
        }
        value = robust(by_condition, modalities)
        if value is not None:
            found[f"{room}/robust/{kind}"] = value
    return found
