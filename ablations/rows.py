"""The ledger's rows as the report sees them: one per arm and seed. Pure."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ablations.conditions import KINDS, by_condition, order
from cal.interruptions import Interruptions, interruptions

if TYPE_CHECKING:
    from ablations.plan import Plan
    from cal.adapters.tracking import Entry

COLUMNS = (
    "study",
    "regime",
    "arm",
    "seed",
    "hash",
    "status",
    "condition",
    "accuracy",
    "macro_f1",
    "nll",
    "ece",
)


@dataclass(frozen=True)
class Row:
    """One run in one arm; a run that arms share has a row in each.

    ``status``: FINISHED, FAILED, RUNNING (begun, not ended) or MISSING (never begun).
    ``metrics``: of the whole run, ``test/CONDITION/accuracy`` and ``time/...``. ``run_id``, ``git``
    and ``data`` (fingerprint) say where the numbers come from.
    """

    regime: str
    arm: str
    seed: int
    hash: str
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    run_id: str = ""
    git: str = ""
    data: str = ""
    interruptions: Interruptions = Interruptions()


def rows_of(plan: "Plan", entries: Iterable["Entry"]) -> list[Row]:
    """A row for every arm and seed of the plan, in its order; what the ledger lacks is MISSING."""
    found = {(entry.regime, entry.hash): entry for entry in entries}
    rows = []
    for regime in plan.regimes:
        for arm in plan.arms:
            hashes = plan.arm_hashes(regime, arm.name)
            for seed, key in zip(plan.seeds[regime], hashes, strict=True):
                rows.append(_row(regime, arm.name, seed, key, found.get((regime, key))))
    return rows


def _row(regime: str, arm: str, seed: int, key: str, entry: "Entry | None") -> Row:
    if entry is None:
        return Row(regime, arm, seed, key, "MISSING")
    return Row(
        *(regime, arm, seed, key, entry.status),
        metrics=dict(entry.metrics),
        error=entry.error,
        run_id=entry.run_id,
        git=entry.tags.get("cal.git", ""),
        data=entry.tags.get("cal.data", ""),
        interruptions=interruptions(entry.tags),
    )


def cells(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """(regime, arm) -> its rows. Raises ``ValueError`` for a seed that comes twice."""
    found: dict[tuple[str, str], list[Row]] = {}
    seen: set[tuple[str, str, int]] = set()
    for row in rows:
        if (row.regime, row.arm, row.seed) in seen:
            raise ValueError(f"rows: given seed {row.seed} of {row.arm} in {row.regime} twice")
        seen.add((row.regime, row.arm, row.seed))
        found.setdefault((row.regime, row.arm), []).append(row)
    return found


def by_seed(rows: Iterable[Row], *, metric: str) -> dict[int, float]:
    """Seed -> value over finished rows. Values that are absent or not finite are left out."""
    return {
        row.seed: row.metrics[metric]
        for row in rows
        if row.status == "FINISHED" and math.isfinite(row.metrics.get(metric, math.nan))
    }


def runs_csv(rows: Sequence[Row], *, study: str) -> str:
    """One line per run and condition; a run without tests has one line with an empty condition."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_lines(rows, study))
    return text.getvalue()


def _lines(rows: Iterable[Row], study: str) -> Iterator[tuple[object, ...]]:
    for row in rows:
        run = (study, row.regime, row.arm, row.seed, row.hash, row.status)
        found = by_condition(row.metrics) if row.status == "FINISHED" else {}
        for condition in sorted(found or [""], key=order):
            kinds = found.get(condition, {})
            yield (*run, condition, *(kinds.get(kind, "") for kind in KINDS))
