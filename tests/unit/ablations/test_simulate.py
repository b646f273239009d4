"""The simulation in short: the claims of docs/simulation.md, within three Monte-Carlo errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from ablations import simulate, simulated
from cal.config import ConfigError
from evidence.statistics import mean_interval, sequential_p, shares

ROOT = Path(__file__).resolve().parents[3]
# Studies of each part: a wrong procedure shows, and all of it takes some seconds.
SHORT = {"a": 2000, "b": 1500, "c": 600, "d": 1000, "e": 300, "f": 100, "g": 100, "h": 1000}


@pytest.mark.parametrize("part", SHORT)
def test_error_and_coverage(part: str) -> None:
    """Deterministic: the generators are seeded. With other seeds a claim that holds exactly at
    its bound would fail once in 700; ours lie inside.
    """
    found = simulated.simulate(SHORT[part], parts=part)
    assert not [(x.procedure, x.setting, x.value) for x in found if not simulate.holds(x)]


def test_a_wrong_procedure_is_noticed() -> None:
    """Peeking, a normal quantile in place of t, and no step-down are all outside."""
    looks = simulated.simulate(600, parts="c")
    peeking = [x for x in looks if x.procedure.startswith("peeking, 1") and x.setting[0] == "0"]
    assert all(x.value > 0.08 for x in peeking)
    alone = [x for x in simulated.simulate(1500, parts="b") if x.procedure.startswith("each")]
    assert all(x.value > 0.2 for x in alone)
    x = np.random.default_rng(0).normal(size=(2000, 5))
    mean, half = mean_interval(x)
    missed = np.abs(mean) > half * 1.96 / 2.776
    bad = simulated.rate("a", "z", "", missed, simulated.NOMINAL)
    assert not simulate.holds(bad)


def test_what_counts_as_wrong() -> None:
    words = np.array([["helps", "hurts", "equivalent", "undecided"]])
    truths = {
        (0.01, -0.01, 0.0, 0.0): False,
        (0.001, -0.001, 0.001, 0.0): False,
        (0.0, -0.01, 0.0, 0.0): True,
        (-0.01, -0.01, 0.0, 0.0): True,
        (0.01, 0.0, 0.0, 0.0): True,
        (0.01, -0.01, 0.005, 0.0): True,
        (0.01, -0.01, -0.005, 0.0): True,
    }
    for truth, expected in truths.items():
        assert simulated.wrong(words, np.array(truth)).tolist() == [expected]


@pytest.mark.parametrize("sides", [1, 2])
def test_the_quick_sequential_p_is_the_one_of_the_report(sides: int) -> None:
    p = np.random.default_rng(0).random((300, 3)) ** 4
    f = shares((10, 14, 18, 22))
    exact = sequential_p(p, f, sides=sides)
    assert simulated.quick_p(p, f, sides=sides) == pytest.approx(exact, rel=1e-4)


def test_noise_is_what_it_says() -> None:
    """40,000 values; standard errors .005 (mean, correlation), .012 and .02 (skewness)."""
    generator = np.random.default_rng(0)
    x = simulated.noise(generator, (20_000, 2), skewness=0.5)
    assert x.mean() == pytest.approx(0, abs=0.03)
    assert x.std() == pytest.approx(1, abs=0.03)
    assert (x**3).mean() == pytest.approx(0.5, abs=0.15)
    y = simulated.noise(generator, (20_000, 3, 2), rho=0.5)
    assert np.corrcoef(y[:, 0, 0], y[:, 1, 0])[0, 1] == pytest.approx(0.5, abs=0.03)
    assert np.corrcoef(y[:, 0, 0], y[:, 1, 1])[0, 1] == pytest.approx(0, abs=0.03)
    assert y.std() == pytest.approx(1, abs=0.03)


def test_the_command_writes_a_page_and_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "docs" / "simulation.md"
    given = ["--studies", "300", "--parts", "af", "--out", str(out)]
    assert simulate.main(given) == 0
    first = out.read_bytes()
    assert simulate.main(given) == 0
    assert out.read_bytes() == first
    assert "0 outside their claim" in capsys.readouterr().out
    text = out.read_text(encoding="utf-8")
    assert "| paired t, error | normal, n = 5 | 4 to 6 % |" in text
    tree = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert tree["studies"] == 300
    assert all(row["holds"] for row in tree["rows"])
    assert {row["unit"] for row in tree["rows"]} == {"share", "seeds"}


def test_the_page_in_docs_is_of_these_procedures() -> None:
    tree = json.loads((ROOT / "docs" / "simulation.json").read_text(encoding="utf-8"))
    assert tree["studies"] >= simulate.STUDIES
    assert all(row["holds"] for row in tree["rows"])
    now = [(x.part, x.procedure, x.setting) for x in simulated.simulate(4)]
    assert [(row["part"], row["procedure"], row["setting"]) for row in tree["rows"]] == now


def test_a_missed_claim_ends_the_command_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = simulated.Found("a", "t", "normal", 0.2, 0.01, 0.04, 0.06, 1000)
    monkeypatch.setattr(simulated, "simulate", lambda *_, **__: [bad])
    assert simulate.main(["--parts", "a", "--out", str(tmp_path / "s.md")]) == 1
    assert "t; normal: 20.00 % (1.00)" in capsys.readouterr().out
    assert "**outside**" in (tmp_path / "s.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [["--parts", "z"], ["--seed", "-1"], ["--studies", "0"]])
def test_bad_options_are_refused(given: list[str]) -> None:
    with pytest.raises(ConfigError, match="given"):
        simulate.main(given)
