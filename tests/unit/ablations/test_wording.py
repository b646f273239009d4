from dataclasses import replace
from typing import Any

import pytest

from ablations.rows import Row
from ablations.summary import summarise
from ablations.wording import answer, compare, headline, limits, method, note, verdict_words


def effect(low: float | None, high: float | None, verdict: str, n: int = 10) -> dict[str, Any]:
    if low is None or high is None:
        return {"difference": 0.01, "half_width": None, "low": None, "high": None} | {
            "verdict": verdict,
            "n": n,
        }
    middle = (low + high) / 2
    return {"difference": middle, "half_width": (high - low) / 2, "low": low, "high": high} | {
        "verdict": verdict,
        "n": n,
    }


BETTER, WORSE = effect(0.01, 0.03, "helps"), effect(-0.03, -0.01, "hurts")
OPEN, ALONE = effect(-0.01, 0.02, "undecided"), effect(None, None, "no_interval", 1)
SAME = effect(None, None, "same_runs")


@pytest.mark.parametrize(
    ("clean", "robust", "said"),
    [
        (
            BETTER,
            BETTER,
            "a is better than b: +2.00 +- 1.00 points on clean data, "
            "+2.00 +- 1.00 points under noise.",
        ),
        (
            WORSE,
            WORSE,
            "a is worse than b: -2.00 +- 1.00 points on clean data, "
            "-2.00 +- 1.00 points under noise.",
        ),
        (
            BETTER,
            OPEN,
            "a against b: on clean data better, +2.00 +- 1.00 points; under noise undecided, "
            "+0.50 +- 1.50 points (-1.00 to +2.00 remain possible).",
        ),
        (
            ALONE,
            ALONE,
            "a against b has no interval: +1.00 points on clean data, +1.00 points under noise.",
        ),
        (SAME, SAME, "a and b are the same computation here."),
    ],
)
def test_a_contrast_in_words(clean: Any, robust: Any, said: str) -> None:
    found = compare({"arm": "a", "reference": "b", "clean": clean, "robust": robust})
    assert found.replace("\u00b1", "+-").replace("\u2212", "-") == said


@pytest.mark.parametrize("clean", [BETTER, WORSE, OPEN, ALONE, SAME])
@pytest.mark.parametrize("robust", [BETTER, WORSE, OPEN, ALONE, SAME])
def test_no_words_ever_claim_that_there_is_no_effect(clean: Any, robust: Any) -> None:
    contrast = {"arm": "a", "reference": "b", "clean": clean, "robust": robust}
    for text in (compare(contrast), verdict_words(clean, robust)):
        assert "no effect" not in text
        assert "equal" not in text


def test_the_probe_control_stands_beside_a_claim_over_joint(study: Any) -> None:
    regime = summarise(study.plan, study.rows)["regimes"]["views"]
    first, second, *_ = regime["answer"]
    assert first.startswith("cal is better than joint:")
    assert second.startswith("cal is better than joint-probe (joint training on the probe's labels")
    alone = answer(regime, references=["joint", "symmetric"])
    assert alone[1].startswith("No control here trains on the probe's labels")
    assert not regime["variants"]["symmetric"]["uses_probe"]
    contrast = regime["contrasts"][0] | {"arm": "symmetric"}
    (claim,) = answer(regime | {"contrasts": [contrast]}, references=["joint", "joint-probe"])
    assert claim.startswith("symmetric is better than joint:")


def test_robust_is_explained_only_where_it_was_measured(study: Any) -> None:
    def clean_only(row: Row) -> Row:
        found = {k: v for k, v in row.metrics.items() if not k.startswith("test/robust")}
        return replace(row, metrics=found)

    assert any("mean of four groups" in line for line in method(summarise(study.plan, study.rows)))
    lines = method(summarise(study.plan, study.changed(clean_only).rows))
    assert "Robust accuracy was not measured (evaluate.noise: none)." in lines


def test_limits_say_what_undecided_means(study: Any) -> None:
    regime = summarise(study.plan, study.rows)["regimes"]["views"]
    assert limits(regime) == (
        "4 paired seeds; undecided: the interval holds 0, which is not evidence of no effect."
    )


def test_the_headline_tells_the_first_primary_contrast_of_every_regime(study: Any) -> None:
    summary = summarise(study.plan, study.rows)
    assert headline(summary).startswith("cal \u2212 joint, points clean / robust: views +5.00")
    assert "; sound +5.00" in headline(summary)
    assert note(summary).splitlines()[0] == headline(summary)


def test_the_note_has_the_sentences_and_the_table_and_is_never_cut(summary: Any) -> None:
    text = note(summary)
    assert "- 1 of 96 runs failed, 0 unfinished" in text
    assert "- **views**: cal is better than joint: +3.01" in text
    assert "| views | **cal \u2212 symmetric** |" in text
    assert "no effect larger than 0.5 points" in text
    summary["verdict"] = [*summary["verdict"], *["word " * 300] * 10]
    assert 6_000 < len(note(summary)) < 8_000
    assert "More stands in report.html" in note(summary)


def test_a_study_without_contrasts_has_no_answer_but_a_report(study: Any) -> None:
    plan = replace(study.plan, contrasts=())
    summary = summarise(plan, study.rows)
    assert summary["headline"] == "small: no contrast is declared"
    assert "declares no contrast" in summary["regimes"]["views"]["answer"][0]
