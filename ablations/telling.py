"""From a ledger that has the runs to everything that tells of them: aggregates, report, notes."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import revisions, tuning, wording, writing
from ablations.conditions import CONDITIONS
from ablations.plan import Plan, from_json, to_json
from ablations.rows import Row, rows_of
from ablations.summary import analyse
from ablations.summary.samples import Samples, samples_of
from cal import cli
from cal.adapters.tracking import Entry, Variant
from evidence.writing import Over, now, provenance_of

if TYPE_CHECKING:
    from ablations.tuning import Outcome
    from cal.adapters.tracking_ledger import Ledger
    from cal.adapters.tracking_read import Reader

Tree = dict[str, Any]


def begin(plan: Plan, ledger: "Ledger") -> None:
    """Lay the study out in the ledger, or what a plan that has grown adds to it."""
    ledger.begin(
        plan.study,
        regimes={name: plan.titles[name] for name in plan.regimes},
        variants=[Variant(arm.name, arm.title, "", arm.switches) for arm in plan.arms],
        plan=to_json(plan),
        title=plan.title,
    )


def entries_in(plan: Plan, ledger: "Ledger") -> list[Entry]:
    """All rows of the plan's regimes in the ledger of the study that was begun."""
    return [row for regime in plan.regimes for row in ledger.entries(regime).values()]


def rows_in(plan: Plan, ledger: "Ledger") -> list[Row]:
    """The plan's own rows."""
    return rows_of(plan, entries_in(plan, ledger))


def samples_in(plan: Plan, entries: Iterable[Entry], reader: "Reader") -> dict[str, Samples]:
    """Hash -> what each finished run of the plan got right; 2 ms a run in a local folder."""
    asked = {run.hash for run in plan.runs}
    found = {
        entry.hash: samples_of(reader.predictions(entry))
        for entry in entries
        if entry.status == "FINISHED" and entry.hash in asked
    }
    return {key: samples for key, samples in found.items() if samples is not None}


def tell(
    plan: Plan,
    ledger: "Ledger",
    *,
    out: Path,
    command: str,
    begun: float | None = None,
    outcome: "Outcome | None" = None,
    over: Over = map,
) -> Tree:
    """Judge, aggregate over seeds and report -> the summary. ``begun``: monotonic seconds;
    ``over``: the map that draws figures, one that works ahead begins at once.
    """
    entries = entries_in(plan, ledger)
    rows = rows_of(plan, entries)
    provenance = provenance_of(
        command=command,
        git=(entry.tags.get("cal.git", "") for entry in entries),
        wall_s=None if begun is None else round(time.monotonic() - begun, 1),
    )
    cli.say("judging")
    runs = samples_in(plan, entries, ledger)
    summary, effects = analyse(plan, rows, runs=runs, provenance=provenance, outcome=outcome)
    curves = {(r, a): ledger.means(r, a, hashes=h) for (r, a), h in plan.cells.items()}
    curves = {key: lines for key, lines in curves.items() if lines}
    drawn = writing.drawn(summary, curves, over=over)  # while the ledger is written
    cli.say("aggregating over seeds")
    for (regime, arm), hashes in plan.cells.items():
        shown = effects_shown(summary, regime, arm)
        ledger.aggregate(regime, arm, hashes=hashes, effects=shown)
    cli.say("writing the report")
    ledger.keep(writing.PROVENANCE, json.dumps(provenance))
    _keep_declared(plan, ledger, None if outcome is None else outcome.trials)
    names = writing.write_report(summary, effects, rows, drawn, out=out)
    ledger.report({name: out / name for name in names}, note=wording.note(summary))
    return summary


def _keep_declared(plan: Plan, ledger: "Ledger", trials: int | None) -> None:
    """From this report on, other contrasts, seeds or configurations are a change."""
    text = ledger.kept(plan.study, revisions.FILE)
    now = revisions.declared(plan, trials=trials)
    ledger.keep(revisions.FILE, json.dumps(revisions.kept(json.loads(text) if text else None, now)))


def retold(study: str, ledger: "Ledger", *, out: Path, command: str) -> Tree:
    """The report of a study again, from the ledger alone: the same but for its date."""
    plan = from_json(ledger.plan(study))
    entries, curves = ledger.rows(study), ledger.curves(study)
    kept = {name: ledger.kept(study, name) for name in (writing.PROVENANCE, tuning.FILE)}
    first = kept[writing.PROVENANCE]
    provenance = json.loads(first) if first else provenance_of(command=command)
    searched = kept[tuning.FILE]
    rows = rows_of(plan, entries)
    summary, effects = analyse(
        plan,
        rows,
        runs=samples_in(plan, entries, ledger),
        provenance=provenance | {"date": now()},
        outcome=tuning.from_json(searched) if searched else None,
    )
    drawn = writing.drawn(summary, curves, over=map)
    writing.write_report(summary, effects, rows, drawn, out=out)
    return summary


def effects_shown(summary: Mapping[str, Any], regime: str, arm: str) -> dict[str, float]:
    """What a variant run shows beside its means: its difference to the first reference, with the
    interval, as metrics ``effect/CONDITION/accuracy``.
    """
    variant = summary["regimes"][regime]["variants"][arm]
    found = {}
    for condition in CONDITIONS:
        versus: Sequence[Tree] = list(variant[condition]["versus"].values())
        if not versus or versus[0]["low"] is None:
            continue
        name = f"effect/{condition}/accuracy"
        found[name] = versus[0]["difference"]
        found |= {f"{name}_low": versus[0]["low"], f"{name}_high": versus[0]["high"]}
    return found
