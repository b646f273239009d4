"""One absolute place, the same from any directory, and never a job's vanishing folder."""

from pathlib import Path

import pytest

from cal import home
from cal.fields import ConfigError

JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without settings, working in an empty folder."""
    for name in ("CAL_HOME", "MLFLOW_TRACKING_URI", JOB):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


def test_a_checkout_keeps_its_own_store() -> None:
    assert home.home() == str(home.CHECKOUT / "store")
    assert home.tracking_uri() == f"sqlite:///{home.CHECKOUT}/store/mlflow.db"
    assert home.checkpoints() == f"{home.CHECKOUT}/store/checkpoints"
    assert home.artifacts() == f"{home.CHECKOUT}/store/artifacts"


def test_an_installed_package_uses_the_users_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(home, "CHECKOUT", tmp_path / "site-packages")
    assert home.home() == str(tmp_path / "user" / "cal-lab")


def test_a_job_uses_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(JOB, "{}")
    assert home.in_job()
    assert home.home() == str(tmp_path / "user" / "cal-lab")
    assert home.resolve("out") == tmp_path / "user" / "cal-lab" / "out"


def test_a_given_home_wins_and_becomes_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(JOB, "{}")
    for given, found in {"lab": tmp_path / "lab", "~/lab": tmp_path / "user" / "lab"}.items():
        monkeypatch.setenv("CAL_HOME", given)
        assert home.home() == str(found)
        assert home.tracking_uri() == f"sqlite:///{found}/mlflow.db"


def test_a_bucket_keeps_checkpoints_and_a_folder_what_only_files_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CAL_HOME", "s3://bucket/lab")
    assert home.checkpoints() == "s3://bucket/lab/checkpoints"
    assert home.artifacts() == "s3://bucket/lab/artifacts"
    assert home.local_home() == tmp_path / "user" / "cal-lab"
    assert home.tracking_uri() == f"sqlite:///{tmp_path}/user/cal-lab/mlflow.db"


def test_a_given_store_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert home.tracking_uri() == "http://host:5000"


def test_outside_a_job_relative_paths_are_the_shells(tmp_path: Path) -> None:
    assert home.resolve("out") == tmp_path / "out"
    assert home.resolve("/abs/out") == Path("/abs/out")
    assert home.resolve("~/out") == tmp_path / "user" / "out"


def test_a_uri_with_a_query_is_refused_since_folders_are_appended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAL_HOME", "s3://bucket/lab?endpoint_override=localhost:9000")
    with pytest.raises(ConfigError, match="^CAL_HOME: given s3.*without '[?]' .AWS_ENDPOINT_URL"):
        home.home()
