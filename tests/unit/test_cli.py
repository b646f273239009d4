"""Exit codes: 0 done, 1 some runs failed, 2 bad input, 130 interrupted. Errors are one line."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from cal import cli, train
from cal.config import ConfigError
from cal.effective import effective


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """``cli.run`` sets handlers for the process: ours come back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def code(main: Callable[[], int]) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.run(main, module="cal.train")
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize("value", [cli.DONE, cli.SOME_FAILED])
def test_a_command_ends_with_its_code(value: int) -> None:
    assert code(lambda: value) == value


def test_bad_input_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise ConfigError("optim.lr: given 0; allowed: above 0")

    assert code(main) == 2
    assert capsys.readouterr() == ("", "optim.lr: given 0; allowed: above 0\n")


def test_an_interruption_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "seed=3", "data.corrupt_views=[fac, pix]"])

    def main() -> int:
        os.kill(os.getpid(), signal.SIGTERM)  # as ``ray job stop`` does
        return 0

    assert code(main) == 130
    assert capsys.readouterr().err == (
        "interrupted; nothing is lost, go on with: "
        "python -m cal.train seed=3 'data.corrupt_views=[fac, pix]'\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_a_library_turned_into_an_error_is_one(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> int:
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise ConfigError("MLFLOW_TRACKING_URI: its driver is missing") from None
        return 0

    assert code(main) == 130
    assert capsys.readouterr().err.startswith("interrupted; ")


def test_a_signal_while_ray_starts_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    """``ray.init`` has its own handler for SIGTERM until it is done: ``sys.exit(15)``."""

    def main() -> int:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    assert code(main) == 130
    assert capsys.readouterr().err.startswith("interrupted; ")


def test_an_interruption_that_got_lost_is_found_when_ray_is_there() -> None:
    def main() -> int:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        cli.interruptible()  # after ray.init
        return 0

    assert code(main) == 130


def test_one_run_computes_what_its_hash_says() -> None:
    """The effective form: beta 0 is the deterministic slot, as in an ablation."""
    config = train.read(train.parser().parse_args(["cal.bottleneck.beta=0"]))
    assert config == effective(config)
    assert config.cal is not None
    assert not config.cal.bottleneck.enabled


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    def main() -> int:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        cli.run(main, module="cal.train")


def finished(*words: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["cal.acceleration.alpa=2"],
            "cal.acceleration.alpa: unknown field; did you mean cal.acceleration.alpha?",
        ),
        (["--workers", "3"], "--workers: given 3; allowed: a divisor of train.batch=64"),
        (
            ["--workers", "32", "data.probe=48"],
            "--workers: given 32; allowed: a divisor of the pro",
        ),
        (["seed=2023-13-45"], "seed: given '2023-13-45'; allowed: a YAML value"),
        (["data.probe_in_training=true"], "data.probe_in_training: given true with a contribu"),
        (["--workers", "0"], "--workers: given 0; allowed: 1 or more; "),
        (["--wokers=2"], "--wokers: unknown option; did you mean --workers?; "),
        (["--gpus-per-worker", "1.5"], "--gpus-per-worker: given 1.5; allowed: 0 to 1, or a "),
        (["--gpus-per-worker", "1"], "--gpus-per-worker: given 1 without --workers; "),
        (["data.labels_per_class=5"], "train.batch: given 64; allowed: at most the 50 training"),
        (
            ["--config", "no.yaml"],
            "--config: given no.yaml; allowed: a YAML file, or av-junk, ave, ",
        ),
    ],
)
def test_bad_input_of_training_is_one_line_and_code_2(words: list[str], line: str) -> None:
    ended = finished("-m", "cal.train", *words)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(line)
    assert ended.stderr.count("\n") == 1


def test_help_is_instant_because_it_imports_no_engine() -> None:
    script = (
        "import sys, cal.train; cal.train.parser().format_help();"
        "assert not {'torch', 'ray', 'mlflow', 'optuna'} & set(sys.modules)"
    )
    assert finished("-c", script).returncode == 0


@pytest.mark.parametrize(("lines", "value"), [(1, 0), (100_000, 1)])
def test_a_reader_that_leaves_is_told_nothing(lines: int, value: int) -> None:
    """``python -m ... | head -1``: few lines break the pipe at the last flush, when all is done;
    many before, when it is not.
    """
    script = (
        "import os; from cal import cli\n"
        "def main():\n"
        "    for n in range(int(os.environ['LINES_TOLD'])):\n"
        "        print(n)\n"
        "    return 0\n"
        "cli.run(main, module='cal.train')\n"
    )
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", script],
            stdout=write,
            stderr=subprocess.PIPE,
            env=os.environ | {"LINES_TOLD": str(lines), "PYTHONUNBUFFERED": ""},
            timeout=60,
            check=False,
        )
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (value, b"")


def test_no_password_is_in_what_is_kept_of_a_command() -> None:
    words = ["--storage", "postgresql+psycopg2://me:se:cr@et@db:5432/search", "optim.lr=0.1"]
    told = cli.command("search_spaces.explore", words)
    assert told == (
        "python -m search_spaces.explore --storage 'postgresql+psycopg2://me:***@db:5432/search' "
        "optim.lr=0.1"
    )
