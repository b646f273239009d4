"""The rows of the ledger, on real MLflow over SQLite."""

import math
from pathlib import Path

import numpy as np
import pytest

from cal.adapters.tracking import LedgerError, Seed
from cal.adapters.tracking_ledger import Ledger
from cal.config import ConfigError, parse
from cal.records import Epoch, Predictions, Result
from tests.integration.ledgers import complete, epochs, history, opened, predictions, result, seed


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


def test_charts_get_every_tenth_epoch_and_all_validations_and_the_file_every_epoch(
    ledger: Ledger,
) -> None:
    """Of 40 epochs: 1 and each fourth."""
    run_id = ledger.start(seed(0))
    known = {epoch: {"val/nll": 0.5} if epoch % 7 == 0 else {} for epoch in range(1, 41)}
    ledger.log(run_id, [Epoch(e, 40, e, {"train/loss": 1 / e} | known[e]) for e in known])
    ledger.finish(run_id, result(0.9))
    shown = [step for step, _ in history(ledger, run_id, "train/loss")]
    assert shown == [1, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40]
    assert [step for step, _ in history(ledger, run_id, "val/nll")] == [7, 14, 21, 28, 35]
    assert ledger.client.get_run(run_id).data.metrics["train/loss"] == 1 / 40
    kept = ledger.run_curves(ledger.rows("s")[0].artifacts)
    assert kept["train/loss"] == [(e, 1 / e) for e in range(1, 41)]


def test_a_flush_cut_between_batches_is_completed_by_the_next_driver(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,600 points, dead after the first 1,000: those left are the later ones of each metric."""
    many = [Epoch(e, 4, e, {f"train/m{i}": float(e) for i in range(400)}) for e in (1, 2, 3, 4)]
    dead = opened(home)
    run_id = dead.start(seed(0))
    whole, calls = dead.client.log_batch, []

    def cut(*rest: object, **more: object) -> None:
        calls.append(rest)
        if len(calls) > 1:
            raise OSError("power cut")
        whole(*rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(dead.client, "log_batch", cut)
    with pytest.raises(LedgerError, match="power"):
        dead.log(run_id, many)
    dead.close()
    with opened(home) as ledger:
        assert ledger.start(seed(0)) == run_id
        ledger.log(run_id, many)
        ledger.finish(run_id, result(0.9))
        for name in ("train/m0", "train/m399"):
            points = [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
            assert history(ledger, run_id, name) == points
        assert ledger.rows("s")[0].params["model.hidden"] == [64, 64]


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


@pytest.mark.parametrize("name", ["predictions.npz", "curves.json"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"[1, {]", b"[1, 2]", b"\x80\x04."])
def test_a_file_that_is_none_of_ours_is_one_line(ledger: Ledger, name: str, content: bytes) -> None:
    complete(ledger, seed(0), 0.75)
    (row,) = ledger.rows("s")
    Path(row.artifacts, name).write_bytes(content)
    read = {
        "curves.json": lambda: ledger.run_curves(row.artifacts),
        "predictions.npz": lambda: ledger.predictions(row),
    }
    with pytest.raises(LedgerError, match=f"{name} is no file of ours") as caught:
        read[name]()
    assert "\n" not in str(caught.value)
