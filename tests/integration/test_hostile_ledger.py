"""Hostile texts as names of studies, arms and folders of the ledger, in a real MLflow store."""

import shutil
from pathlib import Path

import pytest

from cal.adapters.tracking import Variant, open_ledger
from cal.config import ConfigError
from tests.hostile import STRINGS
from tests.integration.ledgers import complete, opened, seed

FOLDERS = {
    *("both quotes", "new line", "backslashes", "SQL, always true", "shell, command", "option"),
    *("Jinja, expression", "percent format", "this folder", "spaces only", "emoji with joiners"),
    *("query and fragment of an address", "LaTeX, option of a line break", "rich markup"),
}
"""What stands between the slashes of an address of SQLite, and of artifacts."""


def names_in(home: Path) -> set[str]:
    with opened(home, begin=False) as ledger:
        return set(ledger.studies())


@pytest.mark.parametrize("place", ["study", "regime"])
def test_a_name_is_found_again_or_refused_before_anything_is_written(
    place: str, home: Path
) -> None:
    """MLflow's filters hold names in quotes: none can end them."""
    taken, refused = set(), list[str]()
    for text in STRINGS.values():
        study, regime = (text, "r") if place == "study" else ("s", text)
        with opened(home, begin=False) as ledger:
            try:
                ledger.begin(study, regimes={regime: "t"}, variants=[Variant("one")])
            except ConfigError as error:
                refused.append(str(error))
                continue
            taken.add(study)
            assert regime in ledger.experiments(study) or place == "study"
    assert names_in(home) == taken
    assert all("\n" not in message for message in refused)
    assert not {name for name in taken if "'" in name or "`" in name or ".." in name}


def test_a_look_up_by_a_hostile_name_finds_nothing_and_says_so(home: Path) -> None:
    with opened(home) as ledger:
        complete(ledger, seed(0), 0.9)
        for text in STRINGS.values():
            for look in (ledger.experiments, ledger.rows, ledger.plan, ledger.curves):
                with pytest.raises(ConfigError, match="^(--)?study: given"):
                    look(text)
        assert len(ledger.rows("s")) == 1


def test_an_arm_of_any_name_has_its_own_row_and_no_other(home: Path) -> None:
    taken, refused = [], list[str]()
    with opened(home) as ledger:
        for i, text in enumerate(STRINGS.values()):
            try:
                ledger.begin("s", regimes={"hw20": "t"}, variants=[Variant(text, text)])
            except ConfigError as error:
                refused.append(str(error))
                continue
            complete(ledger, seed(i, text, hash=f"h{i}"), 0.5)
            ledger.aggregate("hw20", text, hashes=[f"h{i}"], effects={})
            taken.append(text)
        rows = ledger.rows("s")
        assert {row.variants for row in rows} == {(text,) for text in taken}
        runs = ledger.variant_runs(ledger.experiments("s")["hw20"])
        assert set(taken) <= set(runs)
    assert all("\n" not in message for message in refused)
    assert len(taken) > 30


@pytest.mark.parametrize("what", sorted(FOLDERS))
def test_a_home_of_any_name_works_or_is_refused_in_one_line(
    what: str, tmp_path: Path, template: Path
) -> None:
    """Nothing may come to lie beside the folder that was meant."""
    base = tmp_path / "base"
    name = STRINGS[what].replace("/", "|").replace(".", "dot") or "none"
    folder = base / name
    folder.mkdir(parents=True)
    shutil.copy(template, folder / "mlflow.db")
    refused = ""
    try:
        use(folder)
    except ConfigError as error:
        refused = str(error)
    assert "\n" not in refused
    assert ("?" in name) == bool(refused)
    assert [path.name for path in base.iterdir()] == [name]
    assert {p.name.partition(".")[0] for p in folder.iterdir()} <= {"mlflow", "artifacts"}


def use(folder: Path) -> None:
    """A run written and read."""
    with open_ledger(f"sqlite:///{folder}/mlflow.db", artifacts=f"{folder}/artifacts") as found:
        found.begin("s", regimes={"hw20": "t"}, variants=[Variant("cal")])
        run_id = complete(found, seed(0), 0.75)
        (row,) = found.rows("s")
        assert row.run_id == run_id
        assert found.predictions(row)["clean"].ids.tolist() == list(range(7))
