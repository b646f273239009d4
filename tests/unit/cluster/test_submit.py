"""The command line of ``cluster.submit``: faults in one line, before anything is contacted."""

import pytest

from cal.config import ConfigError
from cluster.submit import job_environment, main, parser


def test_the_command_keeps_its_own_options() -> None:
    words = ["--no-wait", "--", "python", "-m", "ablations.full", "--seeds", "3"]
    options = parser().parse_args(words)
    assert options.words == ["python", "-m", "ablations.full", "--seeds", "3"]
    assert options.no_wait


def test_the_address_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://head:8265")
    assert parser().parse_args(["--follow", "x"]).address == "http://head:8265"
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS")
    assert parser().parse_args(["--follow", "x"]).address == "http://127.0.0.1:8265"


def test_settings_travel_and_may_hold_equals_signs() -> None:
    pairs = ["CAL_HOME=s3://bucket/lab?region=x", "EMPTY="]
    assert job_environment(pairs) == {"CAL_HOME": "s3://bucket/lab?region=x", "EMPTY": ""}


@pytest.mark.parametrize("pair", ["CAL_HOME", "=x", "A B=x", "1A=x"])
def test_a_malformed_setting_is_one_line(pair: str) -> None:
    with pytest.raises(ConfigError, match=r"^--env: given [^\n]*; allowed: NAME=VALUE$"):
        job_environment([pair])


def test_a_secret_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="^--env: given MLFLOW_TRACKING_PASSWORD, which") as told:
        job_environment(["MLFLOW_TRACKING_PASSWORD=hunter2"])
    assert "hunter2" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_password_in_the_command_is_refused_and_not_repeated() -> None:
    words = ["--", "env", "MLFLOW_TRACKING_URI=postgresql://me:hunter2@host/db", "python"]
    with pytest.raises(ConfigError, match="^COMMAND: ") as told:
        main(words)
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    "words", [[], ["--follow", "a", "--stop", "b"], ["--stop", "a", "--", "python"]]
)
def test_one_thing_at_a_time(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="^COMMAND: give one of"):
        main(words)


def test_a_missing_folder_is_one_line() -> None:
    with pytest.raises(ConfigError, match="^--working-dir: given /nowhere/x; allowed: a folder$"):
        main(["--working-dir", "/nowhere/x", "--", "python"])


def test_no_head_is_one_line() -> None:
    line = r"^--address: given http://127\.0\.0\.1:9; no answer \([^\n]*\); allowed: [^\n]*$"
    with pytest.raises(ConfigError, match=line):
        main(["--address", "http://127.0.0.1:9", "--", "python"])


@pytest.mark.parametrize("value", ["--adress=x", "--no-wiat"])
def test_a_misspelt_option_names_the_nearest(value: str) -> None:
    with pytest.raises(ConfigError, match="did you mean --"):
        parser().parse_args([value])
