import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ablations.rows import Row, by_seed, rows_of, runs_csv
from ablations.summary import comparable, summarise
from ablations.wording import method, note, verdict_words
from evidence.statistics import describe, paired


def test_a_variant_has_mean_sd_n_and_paired_differences(study: Any) -> None:
    summary = summarise(study.plan, study.rows)
    cal = summary["regimes"]["views"]["variants"]["cal"]
    values = {
        arm: [
            r.metrics["test/robust/accuracy"]
            for r in study.rows
            if (r.regime, r.arm) == ("views", arm)
        ]
        for arm in ("cal", "joint", "symmetric")
    }
    sample = describe(values["cal"])
    assert (cal["robust"]["mean"], cal["robust"]["sd"], cal["robust"]["n"]) == (
        sample.mean,
        sample.sd,
        4,
    )
    for reference in ("joint", "symmetric"):
        effect = paired(values["cal"], values[reference])
        told = cal["robust"]["versus"][reference]
        assert (told["difference"], told["low"], told["high"]) == (
            effect.difference,
            effect.low,
            effect.high,
        )
    assert cal["clean"]["versus"]["joint"]["difference"] == pytest.approx(0.05)
    assert cal["clean"]["versus"]["joint"]["verdict"] == "helps"
    assert cal["clean"]["versus"]["symmetric"]["verdict"] == "equivalent"
    assert cal["calibration"]["nll"]["mean"] == pytest.approx(1 - cal["clean"]["mean"])
    assert cal["switches"] == {"metric": True, "acceleration": True, "bottleneck": True}


def test_contrasts_keep_their_order_and_label(study: Any) -> None:
    contrasts = summarise(study.plan, study.rows)["regimes"]["sound"]["contrasts"]
    assert [(c["name"], c["label"]) for c in contrasts] == [
        ("cal - joint", "primary"),
        ("cal - symmetric", "primary"),
        ("none - joint", "exploratory"),
    ]


def test_arms_with_the_same_runs_are_not_judged(study: Any) -> None:
    summary = summarise(study.plan, study.rows)
    none = summary["regimes"]["views"]["variants"]["none"]
    assert none["same_runs_as"] == ["joint"]
    assert none["clean"]["versus"]["joint"]["verdict"] == "same_runs"
    # Distinct: four arms, four seeds, two regimes. Intervals: two contrasts, clean and robust.
    assert summary["runs"] == {
        "distinct": 32,
        "finished": 32,
        "failed": 0,
        "unfinished": 0,
        "in_arms": 40,
    }
    assert summary["intervals"] == {"count": 8, "excluding_0": 4}


def test_a_failed_run_is_named_and_its_seed_leaves_the_pairs(study: Any) -> None:
    def fail(row: Row) -> Row:
        broken = (row.regime, row.arm, row.seed) == ("views", "cal", 2)
        return replace(row, status="FAILED", metrics={}, error="loss: nan") if broken else row

    summary = summarise(study.plan, study.changed(fail).rows)
    regime = summary["regimes"]["views"]
    effect = regime["contrasts"][0]["clean"]
    assert (effect["n"], effect["dropped"]) == (3, [2])
    assert regime["variants"]["cal"]["runs"] == {
        "finished": 3,
        "failed": 1,
        "unfinished": 0,
        "failed_share": 0.25,
    }
    assert "runs of cal failed" in regime["limits"]
    assert summary["failed"] == [
        {
            "regime": "views",
            "arms": ["cal"],
            "seed": 2,
            "hash": "views-cal-2",
            "status": "FAILED",
            "error": "loss: nan",
        }
    ]
    assert "1 of 32 runs failed" in note(summary)


def test_a_shared_run_that_failed_is_named_once_with_all_its_arms(study: Any) -> None:
    def fail(row: Row) -> Row:
        return replace(row, status="FAILED", metrics={}) if row.hash == "views-joint-0" else row

    failed = summarise(study.plan, study.changed(fail).rows)["failed"]
    assert [(run["arms"], run["seed"]) for run in failed] == [(["none", "joint"], 0)]


def test_runs_never_begun_are_unfinished(study: Any) -> None:
    entries = [
        SimpleNamespace(
            regime=r.regime,
            hash=r.hash,
            status=r.status,
            metrics=r.metrics,
            error="",
            run_id="",
            tags={},
        )
        for r in study.rows
        if r.hash != "sound-joint-3"
    ]
    rows = rows_of(study.plan, entries)  # type: ignore[arg-type]
    assert len(rows) == len(study.rows)
    summary = summarise(study.plan, rows)
    assert [(u["arms"], u["status"]) for u in summary["unfinished"]] == [
        (["none", "joint"], "MISSING")
    ]


def test_values_that_are_not_finite_are_left_out(study: Any) -> None:
    def explode(row: Row) -> Row:
        if row.arm != "cal" or row.seed != 1:
            return row
        return replace(row, metrics={**row.metrics, "test/clean/nll": math.nan})

    summary = summarise(study.plan, study.changed(explode).rows)
    cal = summary["regimes"]["views"]["variants"]["cal"]
    assert (cal["calibration"]["nll"]["n"], cal["clean"]["n"]) == (3, 4)
    json.dumps(summary, allow_nan=False)


def test_a_study_without_noise_says_not_measured(study: Any) -> None:
    def quiet(row: Row) -> Row:
        kept = {k: v for k, v in row.metrics.items() if k.startswith("test/clean/")}
        return replace(row, metrics=kept)

    summary = summarise(study.plan, study.changed(quiet).rows)
    regime = summary["regimes"]["views"]
    assert regime["variants"]["cal"]["robust"]["mean"] is None
    assert regime["contrasts"][0]["robust"]["verdict"] == "not_measured"
    assert "under noise" not in " ".join(regime["answer"])
    assert verdict_words(regime["contrasts"][0]["clean"], regime["contrasts"][0]["robust"]) == (
        "clean helps"
    )


def test_nothing_run_yet_is_a_summary_too(study: Any) -> None:
    summary = summarise(study.plan, rows_of(study.plan, []))
    assert summary["runs"]["unfinished"] == 32
    assert summary["regimes"]["views"]["answer"][0] == "cal against joint is not measured."
    assert method(summary)


def test_two_executions_differ_in_provenance_alone(study: Any) -> None:
    def slower(row: Row) -> Row:
        return replace(row, metrics={**row.metrics, "time/step_ms": 99.0})

    first = summarise(study.plan, study.rows, provenance={"date": "today"})
    second = summarise(
        study.plan, study.changed(slower).rows[::-1], provenance={"date": "tomorrow"}
    )
    assert first["provenance"] != second["provenance"]
    assert json.dumps(comparable(first)) == json.dumps(comparable(second))


@pytest.mark.parametrize("rows", ["twice", "unknown"])
def test_rows_that_do_not_fit_the_plan_are_refused(study: Any, rows: str) -> None:
    more = study.rows[0] if rows == "twice" else replace(study.rows[0], arm="other")
    with pytest.raises(ValueError, match=r"rows: given .*(twice|not in the plan)"):
        summarise(study.plan, [*study.rows, more])


# --- noise groups and the table of runs


def test_noise_groups_stand_in_the_order_of_severity(study: Any) -> None:
    noise = summarise(study.plan, study.rows)["regimes"]["views"]["variants"]["cal"]["noise"]
    assert list(noise) == [
        "gaussian-single-0.5",
        "gaussian-half",
        "salt_pepper-all",
        "missing-single",
        "audio_snr--5",
    ]


def test_runs_csv_has_a_row_for_each_run_and_condition(study: Any) -> None:
    rows = [study.rows[0], replace(study.rows[1], status="FAILED")]
    lines = runs_csv(rows, study="small").splitlines()
    assert lines[0] == "study,regime,arm,seed,hash,status,condition,accuracy,macro_f1,nll,ece"
    assert lines[1] == "small,views,cal,0,views-cal-0,FINISHED,clean,0.751,,0.249,0.05"
    assert len(lines) == 1 + 11 + 1
    assert lines[-1] == "small,views,cal,1,views-cal-1,FAILED,,,,,"


def test_only_finished_rows_have_values() -> None:
    metrics = {"test/clean/accuracy": 0.5}
    running = Row("r", "a", 0, "h", "RUNNING", metrics)
    assert by_seed([running], metric="test/clean/accuracy") == {}
