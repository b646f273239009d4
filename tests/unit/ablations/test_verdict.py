"""The first screen's sentences: what they claim, what they may not claim, whom they name."""

from typing import Any

import pytest

from ablations.wording import cited, grouped, methods, verdict
from ablations.wording.verdict import control_of
from evidence.numbers import (
    listed,
    margin_words,
    noise_title,
    p_value,
    ranges,
    signed,
    word,
)
from tests.unit.ablations.summaries import effect


def plain(sentences: list[str]) -> list[str]:
    return [s.replace("\u2212", "-").replace("\u00b1", "+-") for s in sentences]


def contrast_of(summary: Any, name: str, regime: str = "views") -> Any:
    return next(c for c in summary["regimes"][regime]["contrasts"] if c["name"] == name)


def said(summary: Any, start: str) -> str:
    return next(s for s in plain(verdict(summary)) if s.startswith(start))


def test_the_first_sentence_tells_the_first_primary_contrast_everywhere(summary: Any) -> None:
    contrast_of(summary, "cal - joint", "sound")["clean"] = effect(0.001, 0.01)
    assert verdict(summary)[0] == (
        "cal against joint: on clean data helps in views, undecided in sound; "
        "under noise helps in views and sound."
    )


def test_regimes_are_taken_apart_again(summary: Any) -> None:
    general, own = grouped(summary)
    assert set(own) == {"views", "sound"}
    assert [f"views: {s}" for s in own["views"]] == [
        s for s in summary["verdict"] if s.startswith("views: ")
    ]
    assert general[0].startswith("cal against joint:")
    assert grouped(summary | {"verdict": []}) == (
        [],
        {"views": ["cal is better than joint."], "sound": ["cal is better than joint."]},
    )


def test_equivalence_is_said_with_its_margin_and_never_as_no_effect(summary: Any) -> None:
    for c in summary["regimes"]["views"]["contrasts"]:
        c["clean"], c["robust"] = effect(0.0, 0.003), effect(0.001, 0.003)
    text = " ".join(verdict(summary))
    assert "cal against joint, no effect larger than 0.5 points:" in text
    assert text.count("no effect") == text.count("no effect larger than 0.5 points")


def test_an_undecided_effect_that_only_the_correction_leaves_open_says_so(summary: Any) -> None:
    reason = "alone it would be helps: not settled over the family"
    open_ = effect(0.02, 0.01) | {"verdict": "undecided", "reason": reason}
    contrast_of(summary, "cal - joint")["clean"] = open_
    assert "(+1.00 to +3.00 remain possible; alone it would be helps: not settled" in said(
        summary, "views: cal against joint:"
    )


def test_a_claim_about_guidance_names_every_control_and_what_it_does_not_show(
    summary: Any,
) -> None:
    contrast_of(summary, "cal - symmetric")["robust"] = effect(0.0, 0.003)
    contrast_of(summary, "cal - symmetric")["clean"] = effect(0.001, 0.003)
    contrast_of(summary, "cal - reversed-full")["clean"] = effect(0.05, 0.003)
    contrast_of(summary, "cal - reversed-full")["robust"] = effect(0.1, 0.004)
    assert said(summary, "views: Guidance") == (
        "views: Guidance by contribution, cal: no effect larger than 0.5 points against "
        "budget-matched uniform weights (symmetric; +0.10 +- 0.30 / 0.00 +- 0.30); better against "
        "contribution turned round (reversed-full, exploratory; +5.00 +- 0.30 / +10.00 +- 0.40). "
        "So misleading it costs; that guiding it gains over uniform weights is not shown."
    )
    contrast_of(summary, "cal - symmetric")["clean"] = effect(0.05, 0.003)
    assert "So misleading" not in said(summary, "views: Guidance")


def test_without_the_uniform_control_no_gain_is_claimed(summary: Any) -> None:
    regime = summary["regimes"]["views"]
    regime["contrasts"] = [c for c in regime["contrasts"] if c["reference"] != "symmetric"]
    assert said(summary, "views: Guidance").endswith(
        "no contrast here sets it beside uniform weights."
    )


@pytest.mark.parametrize(
    ("arm", "reference", "kind"),
    [
        ("cal", "symmetric", "uniform"),
        ("cal", "reversed-full", "reversed"),
        ("cal", "joint", None),
        ("cal", "metric+bottleneck", None),
        ("symmetric", "cal", None),
        ("metric+bottleneck", "symmetric", None),
    ],
)
def test_controls_are_known_by_what_they_are(
    summary: Any, arm: str, reference: str, kind: str | None
) -> None:
    contrast = {"arm": arm, "reference": reference}
    assert control_of(summary["regimes"]["views"], contrast) == kind


def test_mechanisms_and_their_interactions(summary: Any) -> None:
    assert said(summary, "views: Mechanisms") == (
        "views: Mechanisms, each on average over the others (exploratory): "
        "metric no effect larger than 0.5 points (0.00 +- 0.40 / 0.00 +- 0.40); "
        "acceleration better (+1.00 +- 0.40 / +1.00 +- 0.40); "
        "bottleneck better (+2.00 +- 0.40 / +2.00 +- 0.40)."
    )
    assert said(summary, "views: They do not simply add up") == (
        "views: They do not simply add up: on clean data metric x bottleneck -1.20 +- 0.40; "
        "under noise metric x bottleneck -1.20 +- 0.40."
    )


def test_both_deltas_and_the_budget_of_a_re_tuning(summary: Any) -> None:
    assert said(summary, "views: Each at its best") == (
        "views: Each at its best (12 trials each), cal against joint (exploratory): undecided "
        "clean, better under noise (+0.40 +- 0.60 / +4.00 +- 0.80); with the same hyperparameters "
        "+2.00 +- 0.50 / +4.00 +- 0.80."
    )


def test_failures_are_named_with_their_share(summary: Any) -> None:
    assert said(summary, "sound: Failed runs").startswith("sound: Failed runs: cal 1 of 8 (12 %).")
    assert not [s for s in verdict(summary) if s.startswith("views: Failed")]


def test_how_sure_names_the_family_and_why_there_is_no_mean_over_regimes(summary: Any) -> None:
    assert "corrected for 8 tests" in said(summary, "How sure")
    assert said(summary, "Over all regimes").endswith("it needs 5.")


def test_a_study_without_contrasts_says_so(summary: Any) -> None:
    for regime in summary["regimes"].values():
        regime["contrasts"] = []
    assert verdict(summary)[0].startswith("The study declares no contrast")


def test_methods_cite_what_was_used_and_nothing_else(summary: Any) -> None:
    text = methods(summary)
    assert set(cited(text)) == {
        *("Efron 1987", "Holm 1979", "Maurer and Bretz 2013", "McNemar 1947", "Owen 2007"),
        *("Schuirmann 1987", "Shaffer 1986", "Shapley 1953", "Wang and Tsiatis 1987"),
        *("Wilcoxon 1945", "Fieller 1954", "Hesterberg 2015", "Taori et al. 2020"),
        *("Friedman 1937", "Iman and Davenport 1980", "Nemenyi 1963", "Wilcoxon 1945"),
    }
    summary |= dict.fromkeys(("sequential", "family", "margin", "leader_board"))
    summary["split"]["interval"] = "corrected resampled t"
    for regime in summary["regimes"].values():
        regime |= {"factorial": None, "tuning": None, "robustness": None}
        for contrast in regime["contrasts"]:
            for place in ("clean", "robust"):
                contrast[place] |= dict.fromkeys(("bca", "two_way", "mcnemar", "p_wilcoxon"))
    assert set(cited(methods(summary))) == {"Nadeau and Bengio 2003"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ranges([3, 0, 1, 2, 7]), "0-3, 7"),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (p_value(0.00001), "< 0.0001"),
        (p_value(0.0123, ""), "0.012"),
        (signed(-0.00001), "0.00"),
        (signed(0.01), "+1.00"),
        (signed(-0.01), "\u22121.00"),
        (margin_words(0.01), "1 point"),
        (word("equivalent", 0.005), "no effect larger than 0.5 points"),
        (word("equivalent"), "no effect larger than the margin"),
        (noise_title("gaussian-single-0.5"), "Gaussian 0.5, one modality"),
        (noise_title("gaussian-single"), "Gaussian, one modality"),
        (noise_title("audio_snr--5"), "audio noise, \u22125 dB"),
        (noise_title("unknown"), "unknown"),
    ],
)
def test_numbers_in_words(found: str, expected: str) -> None:
    assert found == expected


def test_other_declared_contrasts_stand_in_one_sentence(summary: Any) -> None:
    """Controls and the one on the probe are told elsewhere."""
    plain = contrast_of(summary, "cal - joint") | {"label": "exploratory", "reference": "none"}
    summary["regimes"]["views"]["contrasts"].append(plain)
    line = said(summary, "views: Beside that (exploratory): ")
    assert line.endswith("cal against none better (+3.01 +- 0.30 / +5.99 +- 0.40).")
    assert line.count("against") == 1
