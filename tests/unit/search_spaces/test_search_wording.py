"""Sentences of a search: none says more than its interval."""

from typing import Any

import pytest

from search_spaces import wording
from tests.unit.search_spaces import search_trees as made
from tests.unit.search_spaces.search_trees import CLEAN, NLL, TIME


@pytest.fixture
def search() -> dict[str, Any]:
    return made.search()


def about(search: dict[str, Any], start: str) -> str:
    """The sentence that begins so."""
    (found,) = [s for s in wording.verdict(search) if s.startswith(start)]
    return found


def contrast(search: dict[str, Any], verdict: str, low: float, high: float) -> str:
    """The sentence on the first primary contrast, which is so on clean data."""
    first = search["confirmed"]["contrasts"][0]
    middle = (low + high) / 2
    first["clean"] |= {"verdict": verdict, "difference": middle, "low": low, "high": high}
    return about(search, f"{first['arm']} against {first['reference']}")


def test_a_search_is_told_from_found_to_failed(search: dict[str, Any]) -> None:
    heads = [sentence.partition(":")[0] for sentence in wording.verdict(search)]
    best = search["confirmed"]["arms"][0]["name"]
    assert heads[:4] == [
        "Found",
        f"{best} against cal default",
        *(f"{best} against {a['name']}" for a in search["confirmed"]["arms"][4:]),
    ]
    assert heads[4:6] == ["Optimism of the search", "Fields that matter"]
    assert heads[-2:] == ["Cost", "Failed"]


@pytest.mark.parametrize(
    ("verdict", "low", "high", "said"),
    [
        ("helps", 0.01, 0.02, "better on clean data, +1.50 points (+1.00 to +2.00)"),
        ("hurts", -0.02, -0.01, "worse on clean data, \u22121.50 points"),
        ("undecided", -0.01, 0.02, "undecided on clean data, +0.50 points (\u22121.00 to +2.00)"),
        ("equivalent", -0.001, 0.002, "no effect larger than 0.5 points on clean data"),
    ],
)
def test_a_contrast_says_its_verdict_and_its_interval(
    search: dict[str, Any], verdict: str, low: float, high: float, said: str
) -> None:
    sentence = contrast(search, verdict, low, high)
    assert said in sentence
    assert sentence.endswith("on 8 fresh seeds.")
    if verdict in ("undecided", "equivalent"):
        assert "better on clean" not in sentence


def test_an_unmeasured_condition_is_left_out(search: dict[str, Any]) -> None:
    first = search["confirmed"]["contrasts"][0]
    empty = dict.fromkeys(first["clean"]) | {"n": 0, "verdict": "not_measured"}
    first["robust"] = empty
    assert "noise" not in about(search, f"{first['arm']} against {first['reference']}")
    first["clean"] = dict(empty)
    assert "not measured" in about(search, f"{first['arm']} against {first['reference']}")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.002, 0.01, "too high"),
        (-0.01, -0.002, "too low"),
        (-0.002, 0.01, "not told apart from 0"),
        (None, None, "no interval"),
    ],
)
def test_optimism_says_what_its_interval_says(
    search: dict[str, Any], low: float | None, high: float | None, said: str
) -> None:
    middle = 0.004 if low is None or high is None else (low + high) / 2
    search["confirmed"]["arms"][0]["optimism"] = {"mean": middle, "low": low, "high": high}
    sentence = about(search, "Optimism")
    assert said in sentence
    assert sum(w in sentence for w in ("too high", "too low", "not told apart", "no interval")) == 1


def test_optimism_of_a_loss_is_told_in_its_unit(search: dict[str, Any]) -> None:
    search["objectives"] = [NLL]
    assert "nats" in about(search, "Optimism")
    assert "points" not in about(search, "Optimism")


def test_only_fields_whose_interval_lies_above_equal_shares_matter(search: dict[str, Any]) -> None:
    first, second = search["arms"][0]["importance"]["evaluators"]
    assert about(search, "Fields").startswith("Fields that matter: optim.lr (fANOVA 60 %, 45 to 75")
    assert "weight_decay" not in about(search, "Fields")
    second["rows"] = [r | {"low": 0.0} for r in second["rows"]]
    assert "by one measure alone" in about(search, "Fields")
    first["rows"] = [r | {"low": 0.0} for r in first["rows"]]
    assert about(search, "Fields") == (
        "Fields that matter: none stands out from equal importance of all."
    )
    search["arms"][0]["importance"]["warning"] = "30 complete trials are few"
    assert "But 30 complete trials are few." in about(search, "Fields")


def test_an_edge_comes_with_the_range_to_search_next(search: dict[str, Any]) -> None:
    arm = search["arms"][0]
    arm["edges"] = ["optim.lr = 0.149 is at the upper end of its range 0.01 to 0.15, log: close"]
    arm["proposals"] = [{"field": "optim.lr", "low": 0.01, "high": 0.58, "text": ""}]
    assert about(search, "At the edge").endswith("A search from 0.01 to 0.58 would tell.")
    arm["proposals"] = []
    assert about(search, "At the edge").endswith("The field takes nothing beyond it.")
    arm["edges"] = []
    assert about(search, "Edges").startswith("Edges: no value")


def test_undecided_mechanisms_are_never_said_to_be_off(search: dict[str, Any]) -> None:
    for entry in search["arms"][0]["off"]:
        entry["verdict"] = "undecided"
    text = " ".join(wording.verdict(search))
    assert "would switch it off" not in text
    assert "no evidence of no effect" in text
    search["arms"][0]["off"][0] |= {"verdict": "off", "text": "acceleration (x): the search would"}
    assert about(search, "By where the best trials lie, acceleration")


def test_without_confirmation_nothing_is_compared(search: dict[str, Any]) -> None:
    search["confirmed"] = None
    text = " ".join(wording.verdict(search))
    assert "no comparison with the default or a baseline" in text
    assert "against" not in text
    assert "better" not in text


def test_a_default_that_was_not_beaten_is_what_was_found(search: dict[str, Any]) -> None:
    arm = search["arms"][0]
    arm["best"] = arm["default"]
    assert about(search, "Found").startswith("Found: nothing better than the default")


def test_an_empty_search_says_so() -> None:
    found = wording.verdict(made.bare(made.search()))
    assert found[0] == "Found: nothing yet; no trial of cal has a score."
    assert not [s for s in found if "better" in s]


def test_an_interim_report_is_called_one(search: dict[str, Any]) -> None:
    for trial in search["arms"][1]["trials"][-2:]:
        trial["status"] = "running"
    assert "2 trials without an end; this is an interim report" in about(search, "Unfinished")


def test_a_trade_off_is_told_by_its_front() -> None:
    search = made.search(objectives=(CLEAN, TIME))
    count = len(search["arms"][0]["front"])
    assert f"Trade-off: {count} trials of cal" in about(search, "Trade-off")
    assert "scalarisation 0." in about(search, "Found")


def test_only_what_was_used_is_cited(search: dict[str, Any]) -> None:
    keys = set(wording.cited(wording.method(search)))
    assert {"Akiba 2019", "Bergstra 2011", "Li 2020", "Hutter 2014", "Watanabe 2023"} <= keys
    assert not keys & {"Hansen 2016", "Li 2018", "Deb 2002"}
    search["sampler"]["name"], search["scheduler"]["name"] = "CMA-ES", "none"
    search["confirmed"] = None
    for arm in search["arms"]:
        arm |= {"importance": None, "off": []}
    paragraphs = wording.method(search)
    assert set(wording.cited(paragraphs)) == {"Akiba 2019", "Hansen 2016"}
    assert "Nothing was confirmed" in " ".join(paragraphs)


def test_values_are_short() -> None:
    values = {f"a.f{i}": 0.123456 * (i + 1) for i in range(8)}
    assert wording.values_words(values).endswith("a.f5 0.741 and 2 more fields")
    assert wording.value_text((64, 64)) == "64, 64"
    assert wording.value_text(False) == "no"
    assert wording.lasting(7300) == "2.0 h"


def test_the_note_begins_with_what_was_found_and_fits(search: dict[str, Any]) -> None:
    text = wording.note(search)
    assert text.startswith("- Found: trial ")
    assert "| **cal #" in text
    search["verdict"] = ["A long sentence. " * 100] * 9
    short = wording.note(search)
    assert len(short) < 8_000
    assert "More stands in report.html" in short
    assert "| **cal #" in short
    assert wording.note(made.bare(made.search())).startswith("- Found: nothing yet")


def test_a_source_is_cited_once_whoever_names_it(search: dict[str, Any]) -> None:
    search["sampler"]["words"] = "TPE (Bergstra et al. 2011; multivariate)."
    paragraphs = wording.method(search)
    assert sum(text.count("Bergstra") for text in paragraphs) == 1
    assert "Bergstra 2011" in wording.cited(paragraphs)
    assert ".." not in " ".join(paragraphs)


def test_an_undecided_contrast_that_leaves_out_0_says_why(search: dict[str, Any]) -> None:
    assert "undecided on clean data, +1.50 points (+1.00 to +2.00), not settled over all" in (
        contrast(search, "undecided", 0.01, 0.02)
    )
    search["confirmed"]["arms"][0]["failed"] = 1
    assert "not settled with failed runs counted as guesses" in (
        contrast(search, "undecided", 0.01, 0.02)
    )
    assert "settled" not in contrast(search, "undecided", -0.01, 0.02)
