"""The ledger's rules, on real MLflow over SQLite."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cal.adapters.tracking import SINGLE, Data, LedgerError, Seed, Variant, open_ledger
from cal.adapters.tracking_ledger import Ledger
from cal.config import ConfigError, parse
from cal.records import Epoch, Predictions, Result

ARMS = (
    Variant("cal", "all on", "cal", {"metric": True, "acceleration": True, "bottleneck": True}),
    Variant("metric+bottleneck", "", "cal", {"metric": True, "acceleration": False}),
    Variant("joint", "plain", "joint"),
)
PLAN = '{"arms": ["cal", "joint"]}'


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    shutil.copyfile(template, tmp_path / "mlflow.db")
    return tmp_path


def opened(home: Path, *, begin: bool = True) -> Ledger:
    ledger = open_ledger(f"sqlite:///{home}/mlflow.db", artifacts=f"{home}/artifacts")
    if begin:
        regimes = {"hw20": "20 labels a class", "junk": "four views drowned"}
        ledger.begin("s", regimes=regimes, variants=ARMS, plan=PLAN)
    return ledger


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with opened(home) as it:
        yield it


def seed(number: int, *arms: str, regime: str = "hw20", hash: str = "") -> Seed:
    arms = arms or ("cal",)
    config = parse({"seed": number, "method": "joint" if arms[0] == "joint" else "cal"})
    return Seed(hash or f"{arms[0]}-{number}", regime, config, arms, Data("views", "ab" * 32))


def epochs(last: int, *, offset: float = 0.0) -> list[Epoch]:
    return [
        Epoch(e, last, 3 * e, {"train/loss": 1.0 / e + offset, "contribution/fac/W": 0.1 * e})
        for e in range(1, last + 1)
    ]


def predictions(conditions: tuple[str, ...] = ("clean", "missing-fac")) -> dict[str, Predictions]:
    ids, labels = np.arange(7), np.arange(7, dtype=np.uint8)
    return {
        name: Predictions(ids, labels, labels, np.full(7, 0.5, np.float32), np.float32(i) + ids)
        for i, name in enumerate(conditions)
    }


def result(accuracy: float, **more: float) -> Result:
    metrics = {"test/clean/accuracy": accuracy, "time/step_ms": 1.25, **more}
    return Result(metrics, predictions())


def complete(ledger: Ledger, row: Seed, accuracy: float) -> str:
    run_id = ledger.start(row)
    ledger.log(run_id, epochs(3))
    ledger.finish(run_id, result(accuracy))
    return run_id


def history(ledger: Ledger, run_id: str, name: str) -> list[tuple[int, float]]:
    points = ledger.client.get_metric_history(run_id, name)
    return sorted((point.step, point.value) for point in points)


def test_a_finished_row_is_found_by_its_hash_and_never_started_again(ledger: Ledger) -> None:
    assert not ledger.finished("hw20", "cal-0")
    run_id = complete(ledger, seed(0), 0.9)
    assert ledger.finished("hw20", "cal-0")
    assert not ledger.finished("junk", "cal-0")
    assert ledger.start(seed(0)) == run_id
    assert len(ledger.rows("s")) == 1


def test_a_row_reads_back_as_it_was_written(home: Path) -> None:
    with opened(home) as ledger:
        run_id = ledger.start(seed(7, "cal", "metric+bottleneck"))
        ledger.log(run_id, epochs(3))
        ledger.finish(run_id, result(0.875), checkpoint="/checkpoints/x")
        written = ledger.entries("hw20")["cal-7"]
    (row,) = opened(home, begin=False).rows("s")
    assert (row.seed, row.hash, row.regime) == (7, "cal-7", "hw20")
    assert row.variants == ("cal", "metric+bottleneck")
    assert (row.status, row.metrics) == ("FINISHED", written.metrics)
    assert row.metrics == {"test/clean/accuracy": 0.875, "time/step_ms": 1.25}
    assert row.params["cal.acceleration.alpha"] == 1.0
    assert row.params["model.hidden"] == [64, 64]
    assert row.params["data.labels_per_class"] is None
    assert row.tags["cal.metric"] == "on"
    assert row.tags["cal.variant"] == "cal"


def test_predictions_come_back_bit_for_bit_and_need_no_pickle(ledger: Ledger) -> None:
    complete(ledger, seed(0), 0.9)
    back = ledger.predictions(ledger.rows("s")[0])
    assert list(back) == ["clean", "missing-fac"]
    for name, given in predictions().items():
        for field, array in vars(given).items():
            np.testing.assert_array_equal(vars(back[name])[field], array)


def test_conditions_over_different_samples_are_refused(ledger: Ledger) -> None:
    run_id = ledger.start(seed(0))
    mixed = predictions()
    mixed["missing-fac"] = Predictions(*(array[:3] for array in vars(mixed["clean"]).values()))
    with pytest.raises(ValueError, match="missing-fac: other samples"):
        ledger.finish(run_id, Result({"test/clean/accuracy": 1.0}, mixed))
    assert not ledger.finished("hw20", "cal-0")


def test_data_and_checkpoint_stand_on_the_run(ledger: Ledger) -> None:
    run_id = ledger.start(seed(0))
    ledger.finish(run_id, result(0.9), checkpoint="/checkpoints/x")
    run = ledger.client.get_run(run_id)
    assert run.inputs is not None
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("views", "ab" * 18)
    (model,) = ledger.client.search_logged_models([ledger.ids["hw20"]])
    assert (model.source_run_id, model.params) == (run_id, {"path": "/checkpoints/x"})


def test_replayed_epochs_change_nothing(ledger: Ledger) -> None:
    """A worker that died streams its epochs again from the first."""
    run_id = ledger.start(seed(0))
    ledger.log(run_id, epochs(2))
    ledger.log(run_id, epochs(4))
    ledger.log(run_id, epochs(4))
    ledger.finish(run_id, result(0.9))
    assert [step for step, _ in history(ledger, run_id, "train/loss")] == [1, 2, 3, 4]


def test_a_row_left_running_is_taken_over_with_what_it_has(home: Path) -> None:
    """Its points were computed before; another machine's last digits must not double them."""
    dead = opened(home)
    run_id = dead.start(seed(0))
    dead.log(run_id, epochs(2))
    dead.close()  # flushes, and leaves the row RUNNING
    with opened(home) as ledger:
        row = ledger.find("hw20", "cal-0")
        assert row is not None
        assert row.status == "RUNNING"
        assert ledger.start(seed(0)) == run_id
        ledger.log(run_id, epochs(4, offset=1e-9))
        ledger.finish(run_id, result(0.9))
        steps = history(ledger, run_id, "train/loss")
        assert [step for step, _ in steps] == [1, 2, 3, 4]
        assert steps[0][1] == 1.0
        assert len(ledger.rows("s")) == 1


def test_death_between_the_last_point_and_finished_leaves_one_value(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = opened(home)
    run_id = dead.start(seed(0))
    monkeypatch.setattr(dead.client, "set_terminated", _die)
    with pytest.raises(LedgerError, match="power"):
        dead.finish(run_id, result(0.9), checkpoint="/checkpoints/x")
    dead.close()
    with opened(home) as ledger:
        ledger.start(seed(0))
        again = Result({"test/clean/accuracy": 0.9, "time/step_ms": 7.0}, predictions())
        ledger.finish(run_id, again, checkpoint="/checkpoints/x")
        assert history(ledger, run_id, "time/step_ms") == [(0, 1.25)]
        assert len(ledger.client.search_logged_models([ledger.ids["hw20"]])) == 1
        assert ledger.rows("s")[0].status == "FINISHED"


def _die(*_: object) -> None:
    raise OSError("power cut")


def test_a_failure_keeps_its_traceback_and_can_be_tried_again(ledger: Ledger) -> None:
    run_id = ledger.start(seed(0))
    ledger.log(run_id, epochs(1))
    try:
        raise ValueError("loss is not finite")
    except ValueError as error:
        ledger.fail(run_id, error)
    (row,) = ledger.rows("s")
    assert (row.status, row.error) == ("FAILED", "ValueError: loss is not finite")
    text = ledger.client.download_artifacts(run_id, "traceback.txt")
    assert "test_tracking.py" in Path(text).read_text()
    assert complete(ledger, seed(0), 0.9) == run_id
    (row,) = ledger.rows("s")
    assert (row.status, row.error) == ("FINISHED", "")


def test_of_two_rows_with_one_hash_the_finished_then_the_oldest_counts(ledger: Ledger) -> None:
    first = ledger.start(seed(0))
    twin = ledger.client.create_run(
        ledger.ids["hw20"], tags={"cal.level": "seed", "cal.regime": "hw20", "cal.hash": "cal-0"}
    )
    assert ledger.rows("s")[0].run_id == first
    ledger.client.set_terminated(twin.info.run_id, "FINISHED")
    assert ledger.rows("s")[0].run_id == twin.info.run_id


def test_nan_stays_and_infinity_is_named_instead_of_falsified(ledger: Ledger) -> None:
    run_id = ledger.start(seed(0))
    ledger.log(run_id, [Epoch(1, 1, 3, {"train/loss": math.inf, "val/nll": math.nan})])
    ledger.finish(run_id, result(0.9))
    run = ledger.client.get_run(run_id)
    assert math.isnan(run.data.metrics["train/loss"])
    assert math.isnan(run.data.metrics["val/nll"])
    assert run.data.tags["cal.infinite"] == "train/loss"


@pytest.mark.parametrize("name", ["train/a+b", "../x", "/x", "a//b", "", "50%"])
def test_names_mlflow_refuses_are_refused_before_anything_is_written(
    ledger: Ledger, name: str
) -> None:
    run_id = ledger.start(seed(0))
    with pytest.raises(ConfigError, match="metrics: given .*; allowed: letters"):
        ledger.log(run_id, [Epoch(1, 1, 3, {name: 1.0})])
    with pytest.raises(ConfigError, match="study: given .*; allowed: letters"):
        ledger.begin(name, regimes={})
    assert ledger.studies() == ["s"]


def test_a_value_too_long_for_the_ledger_is_refused_not_cut(ledger: Ledger) -> None:
    wide = parse({"model": {"hidden": [10] * 3000}})
    with pytest.raises(ConfigError, match="model.hidden: given 12000 characters; allowed: 6000"):
        ledger.start(Seed("x", "hw20", wide, ("cal",)))
    assert ledger.rows("s") == []


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
        whole = dead.client.set_tag

        def cut(run_id: str, key: str, value: str) -> None:
            if not value.startswith("writing"):
                raise OSError("power cut")
            whole(run_id, key, value)

        monkeypatch.setattr(dead.client, "set_tag", cut)
        with pytest.raises(LedgerError, match="power"):
            dead.aggregate("hw20", "cal", hashes=["cal-0"])
        first = dead.variant_runs(dead.ids["hw20"])["cal"].info.run_id
    with opened(home) as ledger:
        assert ledger.curves("s") == {}
        ledger.aggregate("hw20", "cal", hashes=["cal-0"])
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


def test_the_report_run_holds_verdict_and_files(ledger: Ledger, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<h1>Answer</h1>")
    for note in ("**+2 points**", "**+3 points**"):
        ledger.report({"report.html": page, "figures/a.svg": str(page)}, note=note)
    own = ledger.experiments("s")[""]
    (run,) = ledger.report_runs(own)
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.note.content"] == "**+3 points**"
    names = {file.path for file in ledger.client.list_artifacts(run.info.run_id)}
    assert names == {"report.html", "figures", "plan.json"}
    assert ledger.pages("s")[-1].fragment.endswith(
        f"/{run.info.run_id}/artifacts/report.html?workflowType=machine_learning"
    )


def test_a_long_note_is_cut_at_a_line_and_says_so(ledger: Ledger) -> None:
    ledger.report({}, note="\n".join(["verdict", *["x" * 99] * 90]))
    (run,) = ledger.report_runs(ledger.experiments("s")[""])
    note = run.data.tags["mlflow.note.content"]
    assert len(note) <= 8000
    assert note.startswith("verdict\n")
    assert note.endswith("x\n\n(cut here; the whole text is among the artifacts)")


def test_a_run_of_its_own_stands_at_the_top_without_variants(home: Path) -> None:
    with opened(home, begin=False) as ledger:
        ledger.begin("train", regimes={"handwritten": ""}, lease=False)
        run_id = ledger.start(Seed("h", "handwritten", parse({"method": "joint"})))
        ledger.finish(run_id, result(0.9))
        assert "mlflow.parentRunId" not in ledger.client.get_run(run_id).data.tags
        assert len(ledger.view()) == 1
        assert ledger.finished("handwritten", "h")


def test_an_unknown_study_is_answered_with_those_there_are(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="--study: given 'defualt'; allowed: s"):
        ledger.rows("defualt")
