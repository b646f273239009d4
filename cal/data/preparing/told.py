"""A ``Report`` in words."""

from collections.abc import Iterator
from typing import Any

from cal.data.layouts.index import Fault, Layout
from cal.data.preparing.checks import Report
from cal.data.preparing.prepare import TOLD, listed


def told(report: Report) -> Iterator[str]:
    """Line by line."""
    yield f"{report.data_set} in {report.where}: {report.samples} samples"
    for split, counts in report.splits.items():
        yield f"  {split}: {_against(counts['found'] or 0, counts['published'])}"
    yield from _damage(report)
    yield from _balance(report.classes)
    if report.groups:
        yield f"groups (speakers): {report.groups['all']}{_in_two(report.groups)}"
    if report.texts:
        yield f"texts that several samples share: {_shared(report.texts)}"
    if report.files:
        yield f"contents that several samples share: {_shared(report.files)}"
    for modality in sorted({entry["modality"] for entry in report.blank}):
        names = [entry["sample"] for entry in report.blank if entry["modality"] == modality]
        yield f"{modality} of one value throughout (silent, blank): {_few(names)}"
    yield from (f"note: {line}" for line in report.notes)


def described(layout: Layout) -> list[str]:
    """A data set that is known by name: modalities, counts, layout on disk."""
    inputs = ", ".join(f"{m.name} ({m.kind})" for m in layout.modalities)
    counts = ", ".join(f"{split} {count}" for split, count in layout.published.items())
    words = " ".join((type(layout).__doc__ or "").split())
    return [f"{layout.name}: {inputs}", f"  published: {counts or 'no counts'}", f"  {words}"]


def _against(found: int, published: int | None) -> str:
    if published is None:
        return str(found)
    if found == published:
        return f"{found}, as published"
    return f"{found}, published {published} ({found - published:+d})"


def _damage(report: Report) -> Iterator[str]:
    if not report.damaged:
        yield "damaged or missing: nothing"
        return
    yield f"damaged or missing: {len(report.damaged)}"
    faults = [Fault(**entry) for entry in report.damaged]
    yield from (f"  {line}" for line in listed(faults[:TOLD]))
    if len(faults) > TOLD:
        yield f"  and {len(faults) - TOLD} more (--json lists all)"


def _balance(classes: dict[str, dict[str, int]]) -> Iterator[str]:
    totals = {name: sum(counts.values()) for name, counts in classes.items()}
    if not totals:
        return
    small, large = min(totals, key=lambda n: totals[n]), max(totals, key=lambda n: totals[n])
    sizes = f"{totals[small]} ({small}) to {totals[large]} ({large})"
    yield f"{len(totals)} classes of {sizes} samples"
    empty = [name for name, total in totals.items() if not total]
    if empty:
        yield f"classes without a sample: {_few(empty)}"
    if len(totals) <= TOLD:
        for name, counts in classes.items():
            parts = ", ".join(f"{split} {count}" for split, count in counts.items() if count)
            yield f"  {name}: {parts or 'none'}"


def _in_two(counts: dict[str, Any]) -> str:
    """Counts of the pairs of splits among other entries."""
    pairs = {name.replace("+", " and "): count for name, count in counts.items() if "+" in name}
    return "".join(f"; {count} in both {names}" for names, count in pairs.items())


def _shared(entry: dict[str, Any]) -> str:
    first = "; ".join(", ".join(ids) for ids in entry["samples"][:3])
    return f"{entry['shared']}{_in_two(entry)} (the first: {first})"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
