"""SECURITY.md claims nothing that no test holds: every test it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
FILES = {path.name: path for path in (ROOT / "tests").rglob("test_*.py")}


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", TEXT))
    assert len(named) > 5
    assert named <= FILES.keys()


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    written = "\n".join(path.read_text(encoding="utf-8") for path in FILES.values())
    assert len(named) > 15
    assert not [name for name in named if f"\ndef {name}(" not in written]


def test_every_test_of_access_is_told() -> None:
    """What was found out about Ray and MLflow does not stay among the tests."""
    tests = re.findall(r"^def (test_\w+)\(", FILES["test_access.py"].read_text(), re.MULTILINE)
    silent = {
        "test_after_all_those_tries_there_is_one_job_and_it_runs",
        "test_mlflow_opens_to_the_administrator_and_holds_nothing_stolen",
        "test_mlflow_stumbles_over_another_kind_of_credentials_and_stays_closed",
    }
    assert not [name for name in tests if name not in silent and name not in TEXT]
