"""What an arm shows at the top of its regime: never doubled, never half."""

from pathlib import Path

import pytest
from mlflow.entities import Metric, Param, RunTag

from cal.adapters.tracking import SINGLE, LedgerError, open_ledger
from cal.adapters.tracking_ledger import Ledger
from tests.integration.ledgers import PLAN, complete, history, opened, seed


def test_variants_stand_at_the_top_and_their_rows_below(ledger: Ledger) -> None:
    run_id = complete(ledger, seed(0), 0.9)
    runs = ledger.variant_runs(ledger.ids["hw20"])
    assert list(runs) == ["cal", "metric+bottleneck", "joint"]
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs.values())
    parent = ledger.client.get_run(run_id).data.tags["mlflow.parentRunId"]
    assert parent == runs["cal"].info.run_id
    assert runs["metric+bottleneck"].data.tags["cal.acceleration"] == "off"
    assert "cal.acceleration" not in runs["joint"].data.tags


def test_beginning_again_finds_everything(home: Path) -> None:
    ids = []
    for _ in range(2):
        with opened(home) as ledger:
            runs = [ledger.variant_runs(ledger.ids[r]) for r in ("hw20", "junk")]
            ids.append([run.info.run_id for found in runs for run in found.values()])
            assert ledger.plan("s") == PLAN
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 6


def test_an_aggregate_is_mean_sd_and_t_interval_over_seeds(ledger: Ledger) -> None:
    """.8, .9, 1.0: mean .9, sd .1, half width t(.975, 2) * .1 / sqrt(3) = .24841."""
    for number, accuracy in enumerate((0.8, 0.9, 1.0)):
        complete(ledger, seed(number), accuracy)
    ledger.aggregate("hw20", "cal", hashes=["cal-0", "cal-1", "cal-2"])
    run = ledger.variant_runs(ledger.ids["hw20"])["cal"]
    name = "test/clean/accuracy"
    found = {key: run.data.metrics[f"{name}{key}"] for key in ("", "_sd", "_low", "_high")}
    assert found == pytest.approx(
        {"": 0.9, "_sd": 0.1, "_low": 0.65159, "_high": 1.14841}, abs=1e-5
    )
    assert run.data.metrics["seeds"] == 3
    assert run.info.status == "FINISHED"
    curve = dict(ledger.curves("s")["hw20", "cal"]["contribution/fac/W"])
    assert curve == pytest.approx({1: 0.1, 2: 0.2, 3: 0.3})


def test_aggregating_again_never_leaves_two_points(ledger: Ledger) -> None:
    """The same rows: nothing written. More rows: the variant run is made anew, once."""
    rows = ["cal-0", "cal-1"]
    experiment = ledger.ids["hw20"]
    complete(ledger, seed(0), 0.8)
    ledger.aggregate("hw20", "cal", hashes=rows)
    first = ledger.variant_runs(experiment)["cal"]
    assert first.info.status == "RUNNING"
    ledger.aggregate("hw20", "cal", hashes=rows)
    assert ledger.variant_runs(experiment)["cal"].info.run_id == first.info.run_id
    child = complete(ledger, seed(1), 1.0)
    ledger.aggregate("hw20", "cal", hashes=rows)
    runs = ledger.variant_runs(experiment)
    assert sorted(runs) == ["cal", "joint", "metric+bottleneck"]
    second = runs["cal"]
    assert second.info.run_id != first.info.run_id
    assert second.info.start_time == first.info.start_time  # the order of arms stays
    assert history(ledger, second.info.run_id, "test/clean/accuracy") == [(0, 0.9)]
    assert history(ledger, second.info.run_id, "seeds") == [(0, 2.0)]
    assert [s for s, _ in history(ledger, second.info.run_id, "train/loss")] == [1, 2, 3]
    for run_id in (child, ledger.entries("hw20")["cal-0"].run_id):
        parent = ledger.client.get_run(run_id).data.tags["mlflow.parentRunId"]
        assert parent == second.info.run_id


def test_an_aggregate_cut_short_is_completed_in_place(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead after the points and before the mark that says they are all there."""
    with opened(home) as dead:
        complete(dead, seed(0), 0.8)
        whole = dead.client.log_batch

        def cut(run_id: str, metrics: list[Metric], **rest: list[Param] | list[RunTag]) -> None:
            whole(run_id, metrics)
            if rest.get("tags"):
                raise OSError("power cut")

        monkeypatch.setattr(dead.client, "log_batch", cut)
        with pytest.raises(LedgerError, match="power"):
            dead.aggregate("hw20", "cal", hashes=["cal-0"])
        first = dead.variant_runs(dead.ids["hw20"])["cal"].info.run_id
    with opened(home) as ledger:
        assert ledger.curves("s") == {}
        ledger.aggregate("hw20", "cal", hashes=["cal-0"])
        means = ledger.means("hw20", "cal", hashes=["cal-0"])
        assert ledger.curves("s") == {("hw20", "cal"): means}
        run = ledger.variant_runs(ledger.ids["hw20"])["cal"]
        assert run.info.run_id == first
        assert history(ledger, first, "test/clean/accuracy") == [(0, 0.8)]


def test_a_variant_lost_to_a_crash_is_made_again_with_its_children(home: Path) -> None:
    with opened(home) as dead:
        run_id = complete(dead, seed(0), 0.8)
        dead.client.delete_run(dead.variants["hw20", "cal"].info.run_id)
    with opened(home) as ledger:
        parent = ledger.client.get_run(run_id).data.tags["mlflow.parentRunId"]
        assert parent == ledger.variant_runs(ledger.ids["hw20"])["cal"].info.run_id


def test_children_that_a_crash_left_without_a_parent_are_adopted(home: Path) -> None:
    """Dead after the new variant run was made and before its rows were moved to it."""
    with opened(home) as dead:
        run_id = complete(dead, seed(0), 0.8)
        dead.client.set_tag(run_id, "mlflow.parentRunId", "gone")
    with opened(home) as ledger:
        parent = ledger.client.get_run(run_id).data.tags["mlflow.parentRunId"]
        assert parent == ledger.variants["hw20", "cal"].info.run_id


def test_single_runs_come_after_the_studies(ledger: Ledger, home: Path) -> None:
    with open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=f"{home}/artifacts") as later:
        later.begin(SINGLE, regimes={"handwritten": ""}, lease=False)
    assert ledger.studies() == ["s", SINGLE]


def test_a_failed_row_shows_on_its_variant_and_is_left_out_of_the_means(ledger: Ledger) -> None:
    complete(ledger, seed(0), 0.8)
    ledger.fail(ledger.start(seed(1)), "worker died")
    ledger.aggregate("hw20", "cal", hashes=["cal-0", "cal-1"])
    run = ledger.variant_runs(ledger.ids["hw20"])["cal"]
    assert run.info.status == "FAILED"
    assert run.data.metrics["seeds"] == 1
    assert "test/clean/accuracy_sd" not in run.data.metrics


def test_arms_that_share_a_row_show_the_same_numbers(ledger: Ledger) -> None:
    complete(ledger, seed(0, "cal", "joint"), 0.8)
    for arm in ("cal", "joint"):
        ledger.aggregate("hw20", arm, hashes=["cal-0"], effects={"effect/clean/accuracy": 0.01})
    runs = ledger.variant_runs(ledger.ids["hw20"])
    assert runs["cal"].data.metrics == runs["joint"].data.metrics
    assert runs["cal"].data.metrics["effect/clean/accuracy"] == 0.01
