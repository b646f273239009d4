"""Re-tuning on real data, real Ray and real MLflow: a tiny study, given twice."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations.plan import Plan, make_plan, to_json
from ablations.study import Study
from ablations.tuning import Outcome, from_json, tuned_arms, tuned_contrasts
from ablations.tuning import to_json as outcome_json
from ablations.tuning_execute import Runner
from ablations.tuning_search import tune
from ablations.workplace import Workplace
from cal.adapters.tracking import LedgerError, Seed, Variant, open_ledger
from cal.adapters.tracking_ledger import Ledger
from cal.adapters.tracking_view import TAG, addresses, decode
from cal.config import parse, parse_as
from cal.units import distinct
from tests.integration.ledgers import result, seed

TINY: dict[str, Any] = {
    "name": "tiny",
    "base": {
        "data": {"labels_per_class": 20},
        "cal": {"contribution": {"interval": 1, "start": 0}},
        "train": {"epochs": 8, "validate_every": 8},
    },
    "regimes": {"hw20": {"title": "Handwritten", "seeds": 1}},
    "arms": {"cal": {}, "joint": {"config": {"method": "joint", "gamma": 0}}},
    "contrasts": [{"arm": "cal", "reference": "joint", "primary": True}],
}


def planned(**more: Any) -> Plan:
    return make_plan(parse_as(Study, TINY), **more)


def begun(home: Path, plan: Plan) -> Ledger:
    ledger = open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=f"{home}/artifacts")
    variants = [Variant(arm.name) for arm in plan.arms]
    ledger.begin(plan.study, regimes=plan.titles, variants=variants, plan=to_json(plan))
    return ledger


@pytest.fixture
def place() -> Iterator[Workplace]:
    """Ray on this machine, as a study starts it."""
    options = Namespace(backend="packed", workers=2, gpus_per_run=0.0, price=None)
    found = Workplace(planned(), options)
    yield found
    found.close()


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("everything was in the ledger")


def test_a_tiny_study_is_tuned_and_the_second_call_runs_nothing(
    place: Workplace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two arms, 3 trials of 3 seeds, 8 epochs: 18 runs in one round, none of a report sample."""
    monkeypatch.setenv("CAL_HOME", str(home))
    plan = planned()
    with begun(home, plan) as ledger:
        runner = Runner(ledger, plan, train=place.train)
        outcome = tune(plan, 3, runner)
        ledger.keep("tuning.json", outcome_json(outcome))
        assert runner.rounds == 1
        _rows_stand_apart(ledger, outcome)
        assert ledger.kept("tiny", "none.json") is None
        pages = {page.title: page.fragment for page in ledger.view()}
        assert list(pages) == ["charts hw20", "charts hw20:tune"]
        tags = ledger.client.get_experiment(ledger.ids["hw20:tune"]).tags
        charts = [card["metricKey"] for card in decode(tags[TAG])["compareRunCharts"]]
        assert "select/clean/accuracy" in charts
    with begun(home, plan) as ledger:
        assert tune(plan, 3, Runner(ledger, plan, train=never)) == outcome
        assert from_json(ledger.kept("tiny", "tuning.json") or "") == outcome
    more = planned(arms=tuned_arms(plan, outcome), contrasts=tuned_contrasts(plan, outcome))
    assert [c.name for c in more.contrasts] == ["cal - joint", "cal:tuned - joint:tuned"]


def _rows_stand_apart(ledger: Ledger, outcome: Outcome) -> None:
    """An experiment of their own, at its top level, by stage; the regime's has no new row."""
    rows = ledger.entries("hw20:tune")
    assert len(rows) == 2 * 3 * 3
    assert not ledger.entries("hw20")
    for row in rows.values():
        assert (row.status, row.variants, row.tags["cal.stage"]) == ("FINISHED", (), "tune")
        assert not [name for name in row.metrics if name.startswith("test/")]
        run = ledger.client.get_run(row.run_id)
        assert "mlflow.parentRunId" not in run.data.tags
        assert run.data.params["evaluate.part"] == "select"
        files = {item.path for item in ledger.client.list_artifacts(row.run_id)}
        assert not [name for name in files if "predictions" in name]
    for arm in outcome.arms:
        assert 0.3 < arm.search_score <= 1  # ten classes, 24 steps
        assert arm.search_score >= arm.default_score
        assert arm.budget.train_s > 0
        assert arm.budget.evaluate_s > 0


def test_a_run_that_failed_is_run_again_and_scores_nothing_until_then(home: Path) -> None:
    """A row FAILED is no answer; the search goes on with the worst score."""
    plan = planned()
    with begun(home, plan) as ledger:
        ledger.add({"hw20:tune": ""})
        failing = _Failing(ledger)
        outcome = tune(plan, 1, failing)
        assert {trial.failed for arm in outcome.arms for trial in arm.trials} == {3}
        assert {row.status for row in ledger.entries("hw20:tune").values()} == {"FAILED"}
        answers = Runner(ledger, plan, train=never)
        with pytest.raises(AssertionError, match="everything was in the ledger"):
            answers(failing.runs)  # it would be run again


class _Failing:
    """A cluster on which every run fails."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.runs: list[Any] = []

    def __call__(self, runs: Any) -> dict[Any, Any]:
        self.runs += runs
        for run in runs:
            row = self.ledger.start(Seed(run.hash, run.regime, run.config, run.arms))
            self.ledger.fail(row, LedgerError("no luck"))
        return {}


def test_stages_and_choices_are_tags(ledger: Ledger) -> None:
    """tune stays tune to the end; what was chosen on the test set says so."""
    tuning = parse({"evaluate": {"part": "select"}})
    chosen = parse({"evaluate": {"selection": "test-best"}})
    for config, stage, selection in ((tuning, "tune", None), (chosen, "evaluate", "test-best")):
        row = replace(seed(0, hash=stage), config=config, variants=())
        ledger.finish(ledger.start(row), result(0.5))
        tags = ledger.client.get_run(ledger.entries("hw20")[stage].run_id).data.tags
        assert tags["cal.stage"] == stage
        assert tags.get("cal.selection") == selection


def test_equal_regimes_are_executed_one_after_the_other() -> None:
    """Under way a run is known by its hash alone."""
    twins = make_plan(parse_as(Study, TINY | {"regimes": {"a": {"seeds": 1}, "b": {"seeds": 1}}}))
    parts = distinct(twins.runs)
    assert [[run.regime for run in part] for part in parts] == [["a", "a"], ["b", "b"]]


def test_tuning_is_not_compared_with_arms_on_one_page() -> None:
    pages = addresses({"a": "1", "b": "2", "a:tune": "3", "b:tune": "4"})
    everything = next(page.fragment for page in pages if page.title == "charts all")
    assert "%221%22" in everything
    assert "%223%22" not in everything
