"""The prepared pages, and the command that serves them. (What a browser shows: see the README.)"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cal.adapters.tracking import Seed, Variant, open_ledger
from cal.adapters.tracking_view import TAG, addresses, decode, encode, view_state
from cal.config import parse
from cal.records import Epoch, Result
from cluster.lab.processes import answers, free_ports, within

METRICS = (
    "seeds",
    "test/clean/accuracy",
    "test/clean/accuracy_sd",
    "test/robust/accuracy",
    "test/gaussian-fac-0.5/accuracy",
    "val/accuracy",
    "contribution/fac/W",
    "contribution/zer/W",
)


def test_bars_and_curves_come_first_and_the_rest_is_folded() -> None:
    state = view_state(METRICS)
    charts = [(card["type"], card["metricKey"]) for card in state["compareRunCharts"]]
    assert charts == [
        ("BAR", "test/clean/accuracy"),
        ("BAR", "test/robust/accuracy"),
        ("LINE", "val/accuracy"),
        ("LINE", "contribution/fac/W"),
        ("LINE", "contribution/zer/W"),
    ]
    shown = {section["name"]: section["display"] for section in state["compareRunSections"]}
    assert shown == {
        "Accuracy: clean test, robust test, validation": True,
        "Contribution W": True,
        "": False,
        "test/clean": False,
        "test/gaussian-fac-0.5": False,
    }
    places = {section["uuid"] for section in state["compareRunSections"]}
    assert {card["metricSectionId"] for card in state["compareRunCharts"]} <= places


@settings(max_examples=30)
@given(st.dictionaries(st.text(), st.text() | st.booleans() | st.lists(st.integers())))
def test_a_state_survives_its_tag(state: dict[str, object]) -> None:
    assert decode(encode(state)) == state


def test_another_form_of_tag_is_refused() -> None:
    with pytest.raises(ValueError, match="view state: given 'gzip'"):
        decode("gzip;AAAA")


def test_addresses_open_each_regime_all_of_them_and_the_report() -> None:
    pages = {
        page.title: page.fragment for page in addresses({"a": "2", "b": "3"}, report=("1", "r"))
    }
    assert list(pages) == ["charts a", "charts b", "charts all", "report"]
    assert pages["charts a"] == (
        "#/experiments/2/runs?workflowType=machine_learning&compareRunsMode=CHART"
        "&viewStateShareKey=cal"
    )
    assert pages["charts all"].startswith(
        "#/compare-experiments/s?experiments=%5B%222%22%2C%223%22%5D"
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A store with a small study that is done."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copy(template, folder)
    with open_ledger(f"sqlite:///{folder}/mlflow.db", artifacts=f"{folder}/artifacts") as ledger:
        ledger.begin("small", regimes={"r": "one regime"}, variants=[Variant("joint")], plan="{}")
        run_id = ledger.start(Seed("h", "r", parse({"method": "joint"}), ("joint",)))
        ledger.log(run_id, [Epoch(1, 1, 1, {"val/accuracy": 0.5})])
        ledger.finish(run_id, Result({"test/clean/accuracy": 0.5}))
        ledger.aggregate("r", "joint", hashes=["h"])
        ledger.report({}, note="done")
        ledger.view()
        ledger.view()
    return folder


def test_the_view_and_its_link_are_kept_with_the_experiment(home: Path) -> None:
    ledger = open_ledger(f"sqlite:///{home}/mlflow.db", artifacts="")
    tags = ledger.client.get_experiment(ledger.experiments("small")["r"]).tags
    keys = [card["metricKey"] for card in decode(tags[TAG])["compareRunCharts"]]
    assert keys == ["test/clean/accuracy", "val/accuracy"]
    note = tags["mlflow.note.content"]
    assert note.startswith("[Charts of all arms side by side](#/experiments/")
    assert "[seeds grouped by arm](#/experiments/" in note
    assert note.endswith(") | one regime")


def command(*words: str, home: Path) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    return subprocess.Popen(
        [sys.executable, "-m", "cal.adapters.tracking", *words],
        env=environment | {"CAL_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_help_is_instant_and_imports_no_mlflow() -> None:
    script = "import sys, cal.adapters.tracking, cal.adapters.tracking_ui; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    assert not {"mlflow", "torch", "ray"} & set(modules)
    with command("ui", "--help", home=Path()) as process:
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "python -m cal.adapters.tracking ui --port" in said


def test_a_port_in_use_is_one_line(home: Path, taken: int) -> None:
    with command("ui", "--port", str(taken), home=home) as process:
        said, error = process.communicate(timeout=20)
    assert (process.returncode, said) == (2, "")
    assert error == f"--port: given {taken}; Address already in use; allowed: a free port\n"


def test_no_ledger_yet_is_one_line_and_makes_none(tmp_path: Path) -> None:
    with command("ui", home=tmp_path) as process:
        _, error = process.communicate(timeout=20)
    assert process.returncode == 2
    assert error.startswith(f"CAL_HOME: given {tmp_path}; no ledger there yet")
    assert list(tmp_path.iterdir()) == []


def test_the_ui_serves_the_study_takes_rows_and_leaves_nothing_running(home: Path) -> None:
    """The same server as a tracking server: MLFLOW_TRACKING_URI=http://... of another driver."""
    (port,) = free_ports(1)
    place = f"http://127.0.0.1:{port}"
    with command("ui", "--port", str(port), home=home) as process:
        assert process.stdout is not None
        lines = [line.strip() for line in takewhile("Ctrl-C stops it.\n".__ne__, process.stdout)]
        assert lines[0] == f"study small in sqlite:///{home}/mlflow.db"
        assert lines[1].startswith(f"charts r: {place}/#/experiments/")
        assert lines[2].startswith(f"report: {place}/#/experiments/")
        with urllib.request.urlopen(place, timeout=10) as page:
            assert b"MLflow" in page.read()
        with open_ledger(place, artifacts="unused") as ledger:
            ledger.begin("remote", regimes={"r": ""}, variants=[Variant("cal")], plan="{}")
            run_id = ledger.start(Seed("h", "r", parse({}), ("cal",)))
            ledger.log(run_id, [Epoch(1, 1, 1, {"val/accuracy": float("nan")})])
            ledger.finish(run_id, Result({"test/clean/accuracy": 0.5}))
            ledger.aggregate("r", "cal", hashes=["h"])
            assert ledger.rows("remote")[0].metrics == {"test/clean/accuracy": 0.5}
            assert json.loads(ledger.plan("remote")) == {}
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    assert within(10, lambda: not answers(port))
    assert any((home / "artifacts").rglob("plan.json"))
