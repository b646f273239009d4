"""Growing noise in words, tables and figures."""

from typing import Any

import pytest

from ablations.charts import robustness as charts
from ablations.pages import robustness as pages
from ablations.wording import noise_title
from ablations.wording.robustness import ahead_words, crossing_words, notes, refusals, under_noise

SETTLED = {"ahead": 1, "at": 1.3333, "low": 0.5, "high": 2.0, "changes": 1, "share": 1.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "1.33 (0.5 to 2)"),
        ({"high": None}, "1.33 (from 0.5, may lie beyond the range)"),
        ({"low": None}, "1.33 (up to 2, order on clean data not settled)"),
        ({"low": None, "high": None}, "1.33 (not settled)"),
        ({"low": None, "high": None, "share": None}, "1.33 (too few seeds for an interval)"),
        ({"changes": 3}, "1.33 (0.5 to 2), the first of 3"),
        ({"at": None, "share": 0.0}, "none within the range"),
        ({"at": None, "share": 0.234}, "none within the range (23 % of resamples have one)"),
        ({"at": None, "share": None}, "none within the range"),
        ({"at": None, "ahead": 0, "share": None}, "none within the range, equal"),
        ({"at": 0.0, "low": 0.0}, "0 (0 to 2)"),
    ],
)
def test_a_crossing_in_words(changes: dict[str, Any], said: str) -> None:
    assert crossing_words("gaussian-single", {**SETTLED, **changes}) == said


def test_a_crossing_in_the_unit_of_its_noise() -> None:
    share = {**SETTLED, "at": 1 / 3, "low": 0.1, "high": 0.5}
    assert crossing_words("missing-single", share) == "33.3 % (10 % to 50 %)"
    loud = {**SETTLED, "at": 10**0.5, "low": 1.0, "high": 10.0}
    assert crossing_words("audio_snr-single", loud) == "\u221210 dB (0 dB to \u221220 dB)"
    assert crossing_words("gaussian-half", None) == "not measured"


def test_who_is_ahead() -> None:
    pair = {"arm": "cal", "reference": "joint"}
    assert ahead_words({**pair, "crossing": SETTLED}) == "cal is ahead, then joint"
    assert ahead_words({**pair, "crossing": {**SETTLED, "ahead": -1}}) == "joint is ahead, then cal"
    none = {**SETTLED, "at": None}
    assert ahead_words({**pair, "crossing": none}) == "cal is ahead throughout"
    assert ahead_words({**pair, "crossing": {**none, "ahead": 0}}) == ""
    assert ahead_words({**pair, "crossing": None}) == ""


def test_what_is_refused_is_said_once(summary: Any) -> None:
    regime = summary["regimes"]["views"]
    (line,) = refusals(regime)
    assert line.startswith("Effective robustness is not given for joint-probe: 3 baseline arms")
    for found in regime["robustness"]["lines"].values():
        for arm in found["arms"].values():
            arm["effective"] = {"refused": "2 baseline arms are too few."}
    assert refusals(regime) == ["Effective robustness is not given: 2 baseline arms are too few."]
    assert pages.effective(summary, "views") is None


def test_notes_name_the_protocol(summary: Any) -> None:
    regime = summary["regimes"]["views"]
    assert notes(regime)[0].startswith("Noise is that of the protocol clean-room; figures under")
    assert notes(regime)[1].endswith("none, joint-probe and reversed-full.")
    regime["robustness"]["protocol"] = "qmf-2023"
    assert "wrapped-around pixels" in notes(regime)[0]
    assert notes({"robustness": None}) == notes({}) == []


def test_the_paragraph_names_what_was_computed(summary: Any) -> None:
    text = under_noise(summary)
    for said in ("Fieller 1954", "Hesterberg 2015", "Taori et al. 2020", "test-time noise"):
        assert said in text
    for regime in summary["regimes"].values():
        regime["robustness"]["protocol"] = "qmf-2023"
        for line in regime["robustness"]["lines"].values():
            for contrast in line["contrasts"]:
                contrast["crossing"] |= {"share": None, "low": None, "high": None}
            for own in line["arms"].values():
                own["effective"] = None
    assert "released code of Zhang et al. 2023" in under_noise(summary)
    assert "Hesterberg" not in under_noise(summary)
    assert "Taori" not in under_noise(summary)
    for regime in summary["regimes"].values():
        regime["robustness"] = None
    assert under_noise(summary) == ""


def texts(table: Any) -> list[list[str]]:
    assert table is not None
    return [[cell.text for cell in row] for row in table.rows]


def test_effects_have_a_band_for_each_line_and_a_row_for_each_severity(summary: Any) -> None:
    table = pages.effects(summary, "views")
    rows = texts(table)
    assert [row[0] for row in rows[:6]] == [
        *("clean", "Gaussian, one modality", "0.5", "1", "2", "area")
    ]
    assert sum(len(row) == 1 for row in rows) == 5
    titles = [column.title for column in table.columns]  # type: ignore[union-attr]
    assert titles[:4] == ["severity", "metric", "acceleration", "bottleneck"]
    assert titles[4] == "cal \u2212 joint"
    # acceleration: .01 (1 + .5), half-width .004
    assert rows[2][2] == "+1.50 (+1.10 to +1.90)"
    assert [cell.look for cell in table.rows[2][1:3]] == ["undecided", "helps"]  # type: ignore[union-attr]


def test_crossings_stand_beside_their_contrast(summary: Any) -> None:
    table = pages.crossings(summary, "views")
    rows = texts(table)
    assert rows[0][:2] == ["cal \u2212 joint", "0.5 (0.25 to 1)"]
    assert rows[1][1] == "0.5 (from 0.01, may lie beyond the range), the first of 2"
    assert rows[2][1] == "none within the range"
    assert table.rows[1][1].hover == "symmetric is ahead, then cal"  # type: ignore[union-attr]


def test_what_is_kept_and_what_is_beyond(summary: Any) -> None:
    """Kept: cal at sigma 2, (.73 - .25) / (.93 - .25) = about 70.6 %; intervals of 2 points."""
    lines = summary["regimes"]["views"]["robustness"]["lines"]
    value = lines["gaussian-single"]["arms"]["cal"]["relative"]["value"][-1]
    rows = texts(pages.relative(summary, "views"))
    said = f"{100 * value:.1f} ({100 * value - 2:.1f} to {100 * value + 2:.1f})"
    assert rows[0][:2] == ["cal", said]
    titles = [c.title for c in pages.relative(summary, "views").columns]  # type: ignore[union-attr]
    assert titles[1] == "Gaussian, one modality, at 2"
    beyond = {row[0]: row[1] for row in texts(pages.effective(summary, "views"))}
    assert beyond["cal"] == "+1.10 (+0.70 to +1.50)*"  # extrapolated
    assert beyond["symmetric"] == "+1.10 (+0.70 to +1.50)"
    assert "joint-probe" not in beyond
    assert texts(pages.areas(summary, "views"))[0][1].endswith("\u00b1 1.0")


def test_what_cannot_be_computed_is_said(summary: Any) -> None:
    line = summary["regimes"]["views"]["robustness"]["lines"]["gaussian-single"]
    line["arms"]["cal"]["relative"] = {"value": [None], "low": [None], "high": [None]}
    line["mechanisms"][0] |= {"value": [None] * 4, "low": [None] * 4, "high": [None] * 4}
    line["mechanisms"][1] |= {"low": [None] * 4, "high": [None] * 4}
    assert texts(pages.relative(summary, "views"))[0][1] == "not above chance"
    assert texts(pages.effects(summary, "views"))[2][1:3] == ["not measured", "+1.50"]


def test_without_noise_there_are_no_tables_and_no_figures(summary: Any) -> None:
    for regime in summary["regimes"].values():
        regime["robustness"] = None
    assert set(pages.tables(summary, "views").values()) == {None}
    for made in (charts.accuracy, charts.effects, charts.modalities):
        assert made(summary) == ()


def test_effects_of_mechanisms_are_drawn_with_their_bands(summary: Any) -> None:
    chart = charts.effects(summary)[0]
    assert chart.name == "severity-views"
    first = chart.panels[0]
    assert [s.label for s in first.series] == [
        *("metric", "acceleration", "bottleneck", "no difference")
    ]
    bottleneck = first.series[2].points
    assert [p.at for p in bottleneck] == [0, 0.5, 1, 2]
    assert [p.value for p in bottleneck] == pytest.approx([2, 3, 4, 6])
    assert all(p.low is not None and p.low == pytest.approx(p.value - 0.4) for p in bottleneck)
    assert [(p.at, p.value) for p in first.series[3].points] == [(0, 0), (2, 0)]


def test_without_mechanisms_the_primary_contrasts_are_drawn(summary: Any) -> None:
    for line in summary["regimes"]["views"]["robustness"]["lines"].values():
        line["mechanisms"] = []
    labels = [s.label for s in charts.effects(summary)[0].panels[0].series]
    assert labels == ["cal \u2212 joint", "cal \u2212 symmetric", "no difference"]


def test_single_modalities_are_folded_away(summary: Any) -> None:
    chart = charts.modalities(summary)[0]
    assert chart.aside
    assert [panel.title for panel in chart.panels] == [
        *("Gaussian on a", "Gaussian on b", "missing: a")
    ]


def test_lines_have_titles() -> None:
    assert noise_title("salt_pepper-pix") == "salt and pepper on pix"
    assert noise_title("audio_snr-single") == "audio noise"
    assert noise_title("audio_snr--5") == "audio noise, \u22125 dB"
    assert noise_title("qmf_gaussian-all") == "Gaussian as released with QMF, eps"
    assert noise_title("unknown") == "unknown"
