"""The phases of a study: re-tuning, training, more seeds. Each may be interrupted; given again it
does what is missing.
"""

import json
from typing import TYPE_CHECKING

from ablations import summary, tuning, until
from ablations.plan import Plan
from ablations.plans import Plans
from ablations.revisions import FILE, declared, revisions
from ablations.telling import begin, entries_in, rows_in, samples_in
from ablations.tuning import Outcome
from ablations.tuning_execute import Runner
from ablations.tuning_search import tune
from cal import cli
from cal.runs import Run

if TYPE_CHECKING:
    from ablations.workplace import Workplace
    from cal.adapters.tracking_ledger import Ledger


def opened(plans: Plans, ledger: "Ledger", *, trials: int | None) -> None:
    """Lay the study out; what it declares anew since it was reported is kept in its plans."""
    plan = _laid_out(plans, ledger)
    text = ledger.kept(plan.study, FILE)
    plans.revisions = revisions(json.loads(text) if text else None, declared(plan, trials=trials))
    if trials is None and ledger.kept(plan.study, tuning.FILE):
        cli.say("re-tuning of an earlier call is left out; --tune-trials N shows it")


def _laid_out(plans: Plans, ledger: "Ledger") -> Plan:
    """The plan as things stand, in the ledger: laid out again only where it changed, since that
    reads every row.
    """
    plan = plans.now()
    if plan != plans.begun:
        begin(plan, ledger)
        plans.begun = plan
    return plan


def tuned(plans: Plans, ledger: "Ledger", place: "Workplace") -> Outcome:
    """Re-tune every compared arm at an equal budget (``options.tune_trials``), on the select part;
    from here on the plans have the tuned arms too.
    """
    plan, trials = plans.now(), place.options.tune_trials
    outcome = tune(plan, trials, Runner(ledger, plan, train=place.train), spec=plan.tuning)
    ledger.keep(tuning.FILE, tuning.to_json(outcome))
    plans.given["arms"] = tuning.tuned_arms(plan, outcome)
    plans.given["contrasts"] = tuning.tuned_contrasts(plan, outcome)
    return outcome


def missing(plan: Plan, ledger: "Ledger") -> list[Run]:
    """The runs that are not FINISHED in the ledger."""
    known = {regime: ledger.entries(regime) for regime in plan.regimes}

    def done(run: Run) -> bool:
        entry = known[run.regime].get(run.hash)
        return entry is not None and entry.status == "FINISHED"

    return [run for run in plan.runs if not done(run)]


def trained(plans: Plans, ledger: "Ledger", place: "Workplace") -> Plan:
    """Train what the ledger lacks, and more seeds while a primary comparison has no verdict."""
    tried = set[tuple[str, str]]()  # what failed is not trained again by the same command
    while True:
        plan = _laid_out(plans, ledger)
        lacking = missing(plan, ledger)
        runs = [run for run in lacking if (run.regime, run.hash) not in tried]
        if runs:
            place.train(runs, ledger, done=len(plan.runs) - len(lacking))
        if not plans.looks:
            return plan
        tried |= {(run.regime, run.hash) for run in runs}
        rows, entries = rows_in(plan, ledger), entries_in(plan, ledger)
        words = summary.words(plan, rows, samples_in(plan, entries, ledger))
        counts = {name: len(seeds) for name, seeds in plan.seeds.items()}
        cli.say(until.line(words, counts))
        more = until.next_seeds(words, counts, plans.looks)
        if more is None:
            return plan
        plans.seeds = more
