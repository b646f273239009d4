"""Following a job: every line once over lost connections, and what an end means."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from cal import cli
from cal.cli import StoppedError
from cluster.following import Info, Log, ending, exit_code, follow, revealing

RUNNING = {"status": "RUNNING"}
DONE = {"status": "SUCCEEDED", "driver_exit_code": 0}
TEXT = "ledger http://mlflow:5000\none\ntwo\nthree\n"


def served(*passes: tuple[str, bool]) -> Callable[[], Iterable[str]]:
    """A log that each connection serves from its start, as (text, whether it breaks then); the
    last one for ever.
    """
    left = list(passes)

    def chunks() -> Iterator[str]:
        text, breaks = left.pop(0) if len(left) > 1 else left[0]
        for start in range(0, len(text), 7):  # chunks are cut anywhere
            yield text[start : start + 7]
        if breaks:
            raise ConnectionError

    return chunks


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.time = 0.0

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def now(self) -> float:
        return self.time


def followed(
    *passes: tuple[str, bool], infos: list[Info | None], patience: float = 60
) -> tuple[str, list[str], Info]:
    """What was shown, what was said, and the end."""
    shown: list[str] = []
    said: list[str] = []
    answers, clock = iter(infos), Clock()
    end, _ = follow(
        chunks=served(*passes),
        info=lambda: next(answers),
        show=shown.append,
        say=said.append,
        patience=patience,
        sleep=clock.sleep,
        now=clock.now,
    )
    return "".join(shown), said, end


def test_a_job_that_runs_through_is_shown_once() -> None:
    assert followed((TEXT, False), infos=[DONE]) == (TEXT, [], DONE)


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_no_line_twice_wherever_the_connection_breaks(cut: int) -> None:
    shown, said, _ = followed((TEXT[:cut], True), (TEXT, False), infos=[RUNNING, DONE])
    assert shown == TEXT
    assert said == []


def test_a_silent_head_is_waited_for_and_told_once() -> None:
    shown, said, end = followed(
        (TEXT[:9], True), ("", True), ("", True), (TEXT, False), infos=[None, None, RUNNING, DONE]
    )
    assert shown == TEXT
    assert said == ["connection lost; trying for 60 s, the job itself goes on", "connected again"]
    assert end == DONE


def test_patience_ends() -> None:
    with pytest.raises(StoppedError, match="^no answer for 6 s; the job may go on$"):
        followed(*[("", True)] * 9, infos=[None] * 9, patience=6)


def test_the_rest_of_the_log_is_fetched_when_the_job_ended_meanwhile() -> None:
    for breaks in (True, False):  # a cut connection may look like a closed one
        shown, _, _ = followed((TEXT[:9], breaks), (TEXT, False), infos=[DONE])
        assert shown == TEXT


def test_a_log_that_cannot_be_fetched_any_more_does_not_hide_the_end() -> None:
    assert followed((TEXT[:9], True), ("", True), infos=[DONE])[2] == DONE


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("SUCCEEDED", 0, 0),
        ("FAILED", 1, 1),
        ("FAILED", 2, 2),
        ("FAILED", 130, 130),
        ("FAILED", -9, 137),
        ("FAILED", None, 1),
        ("FAILED", 0, 1),  # a failure is never zero
        ("STOPPED", None, 130),
        ("STOPPED", 130, 130),
    ],
)
def test_the_exit_code_is_the_entrypoints(status: str, code: int | None, expected: int) -> None:
    assert exit_code({"status": status, "driver_exit_code": code}) == expected


def test_the_end_tells_where_results_are_also_after_a_failure() -> None:
    log = Log()
    log.fresh(TEXT)
    lines = ending("job-1", {"status": "FAILED", "driver_exit_code": 1}, log)
    assert lines == ["job job-1 failed, exit code 1", "MLflow: http://mlflow:5000"]


def test_a_local_ledger_is_said_to_be_on_the_drivers_node() -> None:
    log = Log()
    log.fresh("study x\nledger sqlite:////home/me/mlflow.db\n")
    assert ending("job-1", DONE, log)[-1] == (
        "MLflow: sqlite:////home/me/mlflow.db on the driver's node"
    )


def test_a_lost_driver_says_why_and_what_to_do() -> None:
    info = {"status": "FAILED", "driver_exit_code": None, "message": "Its node died.\nTrace"}
    lines = ending("job-1", info, Log())
    assert "its driver did not end by itself: Its node died." in lines
    assert "submit the same command again: a study does only what is missing" in lines


@pytest.mark.parametrize(
    "name",
    [
        *("MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "HF_TOKEN"),
        *("WANDB_API_KEY", "apikey", "PASSWD", "GOOGLE_CREDENTIALS", "RAY_AUTH_TOKEN_PATH"),
    ],
)
def test_names_of_secrets_are_seen(name: str) -> None:
    assert revealing(name, "x")


@pytest.mark.parametrize("name", ["CAL_HOME", "KEYPAD_DIR", "MONKEYS", "AUTHOR", "OMP_NUM_THREADS"])
def test_other_names_pass(name: str) -> None:
    assert not revealing(name, "s3://bucket/lab")


def test_an_address_with_a_password_is_a_secret_under_any_name() -> None:
    assert revealing("STORE", "postgresql+psycopg2://me:pw@host/db")
    assert not revealing("STORE", "http://host:5000/a@b")


def test_an_interrupt_that_a_library_swallowed_ends_the_following(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli, "_signals", [2])
    with pytest.raises(KeyboardInterrupt):
        follow(
            chunks=lambda: ["line\n"],
            info=lambda: {"status": "RUNNING"},
            show=lambda text: None,
            say=lambda text: None,
            patience=1.0,
        )
