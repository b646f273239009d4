"""The ledger's rows as the report sees them: one per arm and seed. Pure."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
KINDS = ("accuracy", "macro_f1", "nll", "ece")


@dataclass(frozen=True)
class Row:
    """One run in one arm; a run that arms share has a row in each.

    ``status``: FINISHED, FAILED, RUNNING (begun, not ended) or MISSING (never begun).
    ``metrics``: of the whole run, ``test/CONDITION/accuracy`` and ``time/...``.
    """

    regime: str
    arm: str
    seed: int
    hash: str
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


def rows_of(plan: "Plan", entries: Iterable["Entry"]) -> list[Row]:
    """A row for every arm and seed of the plan, in its order; what the ledger lacks is MISSING."""
    found = {(entry.regime, entry.hash): entry for entry in entries}
    rows = []
    for regime in plan.regimes:
        for arm in plan.arms:
            hashes = plan.arm_hashes(regime, arm.name)
            for seed, key in zip(plan.seeds[regime], hashes, strict=True):
                entry = found.get((regime, key))
                if entry is None:
                    rows.append(Row(regime, arm.name, seed, key, "MISSING"))
                else:
                    status, error = entry.status, entry.error
                    rows.append(
                        Row(regime, arm.name, seed, key, status, dict(entry.metrics), error)
                    )
    return rows


def cells(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """(regime, arm) -> its rows. Raises ``ValueError`` for a seed that comes twice."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cell = found.setdefault((row.regime, row.arm), [])
        if any(row.seed == other.seed for other in cell):
            raise ValueError(f"rows: given seed {row.seed} of {row.arm} in {row.regime} twice")
        cell.append(row)
    return found


def by_seed(rows: Iterable[Row], *, metric: str) -> dict[int, float]:
    """Seed -> value over finished rows. Values that are absent or not finite are left out."""
    return {
        row.seed: row.metrics[metric]
        for row in rows
        if row.status == "FINISHED" and math.isfinite(row.metrics.get(metric, math.nan))
    }


def by_condition(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Condition -> accuracy, macro_f1, nll (nats), ece: the ``test/CONDITION/KIND`` metrics."""
    found: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        room, _, rest = name.partition("/")
        condition, _, kind = rest.rpartition("/")
        if room == "test" and kind in KINDS:
            found.setdefault(condition, {})[kind] = value
    return found


def noise_groups(metrics: Mapping[str, float]) -> dict[str, float]:
    """Mean accuracy of each noise group of one run.

    ``gaussian-single-SIGMA``: one modality, mean over which; ``gaussian-half``, mean over sigma;
    ``salt_pepper-all``, mean over shares; ``missing-single``, mean over which;
    ``audio_snr-DB``. Equal weights for the mean over sigma of the first, then the next three, give
    ``robust``. Conditions outside it (Gaussian on all, ...) have no group.
    """
    members: dict[str, list[float]] = {}
    for condition, kinds in by_condition(metrics).items():
        group = _group(condition)
        if group and "accuracy" in kinds:
            members.setdefault(group, []).append(kinds["accuracy"])
    return {group: math.fsum(values) / len(values) for group, values in members.items()}


def _group(condition: str) -> str:
    kind, _, rest = condition.partition("-")
    target, _, severity = rest.partition("-")
    if kind == "missing":
        return "missing-single"
    if kind == "audio_snr":
        return f"audio_snr-{severity}"
    if kind == "salt_pepper":
        return "salt_pepper-all" if target == "all" else ""
    if kind != "gaussian" or target == "all":
        return ""
    return "gaussian-half" if target == "half" else f"gaussian-single-{severity}"


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
        for condition, kinds in (found or {"": {}}).items():
            yield (*run, condition, *(kinds.get(kind, "") for kind in KINDS))
