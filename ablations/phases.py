"""The phases of a study: re-tuning, training, more seeds. Each may be interrupted; given again it
does what is missing.
"""

from typing import TYPE_CHECKING

from ablations import summary, tuning, until
from ablations.execute import missing
from ablations.plan import Plan
from ablations.plans import Plans
from ablations.telling import begin, rows_in
from ablations.tuning import Outcome
from ablations.tuning_execute import Runner
from ablations.tuning_search import tune
from cal import cli

if TYPE_CHECKING:
    from ablations.workplace import Workplace
    from cal.adapters.tracking_ledger import Ledger


def tuned(plans: Plans, ledger: "Ledger", place: "Workplace") -> Outcome:
    """Re-tune every compared arm at an equal budget (``options.tune_trials``); from here on the
    plans have the tuned arms too, and the report part is read for the first time after it.
    """
    plan, trials = plans.now(), place.options.tune_trials
    outcome = tune(plan, trials, Runner(ledger, plan, train=place.train), spec=plan.tuning)
    ledger.keep(tuning.FILE, tuning.to_json(outcome))
    plans.given["arms"] = tuning.tuned_arms(plan, outcome)
    plans.given["contrasts"] = tuning.tuned_contrasts(plan, outcome)
    return outcome


def trained(plans: Plans, ledger: "Ledger", place: "Workplace") -> Plan:
    """Train what the ledger lacks, and more seeds while a primary comparison has no verdict."""
    while True:
        plan = plans.now()
        begin(plan, ledger)
        runs = missing(plan, ledger)
        if runs:
            place.train(runs, ledger, done=len(plan.runs) - len(runs))
        if not plans.looks:
            return plan
        words = summary.words(plan, rows_in(plan, ledger))
        counts = {name: len(seeds) for name, seeds in plan.seeds.items()}
        cli.say(until.line(words, counts))
        more = until.next_seeds(words, counts, plans.looks)
        if more is None:
            return plan
        plans.seeds = more
