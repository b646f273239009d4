"""The parts that a configuration cuts from a user's data, over three seeds."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cal.config import Data
from cal.data.loading import load, loaded
from cal.data.parts import Parts
from cal.data.raw import Raw, by_feature, missing
from cal.suite import parts as contract
from cal.suite.finding import Finding, few

SEEDS = (0, 1, 2)
ROUNDING = 1e-3  # of moments in float32, which are measured where values are large


def sizes(raw: Raw) -> dict[str, int]:
    """Sizes that fit where the user names none: of the samples that are no test, at most a sixth
    for the probe and a fifth for selection.
    """
    if raw.official is None:
        pool = len(raw.labels) - round(0.2 * len(raw.labels))
    else:
        pool = int((raw.official == 0).sum())
    return {"probe": max(1, min(128, pool // 6)), "select": max(1, min(400, pool // 5))}


def check(data: Data, raw: Raw) -> Iterator[Finding]:
    """Parts of three seeds. Raises ``ConfigError`` where they cannot be cut."""
    found = [load(data, seed=seed) for seed in SEEDS]
    yield _shapes(data, found)
    yield _disjoint(found)
    yield coverage(found[0])
    if raw.groups is not None:
        yield _groups(data, raw, found)
    yield _standard(data, raw, found[0])
    yield _again(data, found[0])


def _told(check: str, faults: Sequence[str], otherwise: str) -> Finding:
    return Finding(check, "wrong", few([*faults])) if faults else Finding(check, "ok", otherwise)


def _shapes(data: Data, found: Sequence[Parts]) -> Finding:
    counts = [f"{name} {len(part.ids)}" for name, part in contract.named(found[0]).items()]
    asked = f"data.probe={data.probe} data.select={data.select}"
    faults = [fault for parts in found for fault in contract.malformed(parts)]
    return _told("parts", faults, f"{', '.join(counts)} ({asked})")


def _disjoint(found: Sequence[Parts]) -> Finding:
    faults = [fault for parts in found for fault in contract.shared(parts)]
    reports = {tuple(parts.report.ids.tolist()) for parts in found}
    faults += ["the report part differs between seeds"] if len(reports) > 1 else []
    return _told("disjoint", faults, "no sample in two parts, one report part for all seeds")


def coverage(parts: Parts) -> Finding:
    """A class that is never trained on cannot be right; one that is elsewhere absent may be."""
    absent = dict(contract.without(parts))
    told = [f"{name} has none of class {few([*map(str, c)])}" for name, c in absent.items()]
    if "train" in absent:
        text = f"{'; '.join(told)}; allowed: every class in train (more samples, another split)"
        return Finding("coverage", "wrong", text)
    if told:
        return Finding("coverage", "note", "; ".join(told))
    return Finding("coverage", "ok", "every class in every part")


def _groups(data: Data, raw: Raw, found: Sequence[Parts]) -> Finding:
    """Who stands in two parts: what is learnt of a person is not what a new person shows."""
    assert raw.groups is not None
    counts: Mapping[tuple[str, str], int] = {
        (one, other): max(_both(raw.groups, parts, one, other) for parts in found)
        for one, other in (("train", "report"), ("train", "select"))
    }
    total = len(np.unique(raw.groups))
    told = [f"{n} in both {one} and {other}" for (one, other), n in counts.items() if n]
    if not told:
        return Finding("groups", "ok", f"{total}, none in both train and report or select")
    published = raw.official is not None and bool((raw.official == 1).any())
    cures = []
    if counts["train", "report"]:
        cures.append("whole groups in official's test")
    if counts["train", "select"]:
        more = "whole groups in official's validation"
        cures.append(more if published else "data.select_by_group=true")
    text = f"{total}; {', '.join(told)}"
    return Finding("groups", "note", f"{text}; to keep them apart: {', '.join(cures)}")


def _both(groups: Any, parts: Parts, one: str, other: str) -> int:
    named = contract.named(parts)
    left, right = (np.unique(groups[named[name].ids.numpy()]) for name in (one, other))
    return len(np.intersect1d(left, right))


def _standard(data: Data, raw: Raw, parts: Parts) -> Finding:
    """Mean 0 and deviation 1 of the training samples that have a modality."""
    columns = dict(zip(data.every_modality, raw.inputs, strict=True))
    ids, faults = parts.train.ids.numpy(), list[str]()
    for modality, x in zip(data.seen, parts.train.tensors, strict=True):
        there = ~missing(columns[modality.name][ids])
        alone = by_feature(raw, modality)
        off = contract.off_standard(x, alone=alone, there=there)
        if not off < ROUNDING:
            faults.append(
                f"{modality.name} is {off:.2g} off mean 0 and deviation 1; allowed: {ROUNDING:g} "
                "(take a large offset away first: float32 has 7 digits)"
            )
    return _told("standard", faults, "mean 0 and deviation 1 in training")


def _again(data: Data, parts: Parts) -> Finding:
    """The parts made anew from what was loaded: using them must not have changed it."""
    again = loaded.__wrapped__(data, SEEDS[0], "report")
    faults = [f"made twice, other {what}" for what in contract.changed(parts, again)]
    return _told("again", faults, "parts made twice are the same to the bit")
