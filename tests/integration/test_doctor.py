"""``python -m cluster.doctor`` against a lab: sound, then with real faults."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.lab.processes import Service, environment, scratch
from cluster.lab.ray_nodes import head, node
from cluster.lab.whole import Lab, lab
from tests.integration.studies import ROOT

Found = dict[str, tuple[str, str]]


def doctor(top: Service, *words: str, **more: str) -> tuple[int, Found]:
    """Exit code, and the worst finding of each subject: level and text."""
    done = subprocess.run(
        [sys.executable, "-m", "cluster.doctor", "--address", top.address, "--json", *words],
        cwd=ROOT,
        env=environment(top.folder) | dict(top.client) | more,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout, done.stderr
    order = ("ok", "warning", "problem")
    found: Found = {}
    for one in sorted(json.loads(done.stdout), key=lambda one: order.index(one["level"])):
        found[one["about"]] = (one["level"], one["text"])
    return done.returncode, found


@pytest.fixture(scope="module")
def place() -> Iterator[Lab]:
    with lab(database=False, workers=1, cpus=1) as it:
        yield it


def test_a_sound_cluster_and_then_without_mlflow(place: Lab) -> None:
    code, found = doctor(place.head)
    expected = {"head", "token", "nodes", "versions", "storage", "MLflow", "GPUs", "clocks"}
    assert expected <= found.keys()
    assert found["storage"] == ("ok", "s3://lab/home is written and read by all nodes")
    assert found["MLflow"][0] == "ok"
    assert found["nodes"] == ("ok", "2 answer")
    assert code == int("problem" in {level for level, _ in found.values()})  # a full disk is real
    place.mlflow.kill()
    try:
        code, found = doctor(place.head)
    finally:
        place.mlflow.start()
    assert code == 1
    assert found["MLflow"][0] == "problem"
    assert "no answer" in found["MLflow"][1]


def test_a_wrong_and_a_missing_token_are_the_finding(place: Lab) -> None:
    code, found = doctor(place.head, RAY_AUTH_TOKEN="0" * 64)
    assert code == 1
    assert set(found) == {"head"}
    assert "refuses" in found["head"][1]
    code, found = doctor(place.head, RAY_AUTH_TOKEN_PATH="/nowhere")
    assert code == 1
    assert "asks for a token" in found["head"][1]


def test_an_open_token_file_is_warned_of(place: Lab, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(Path(place.head.client["RAY_AUTH_TOKEN_PATH"]).read_text())
    token.chmod(0o644)
    _, found = doctor(place.head, RAY_AUTH_TOKEN_PATH=str(token))
    assert found["token"] == ("warning", "others can read its file (mode 0644)")


def test_folders_of_two_nodes_and_a_home_that_cannot_be_written() -> None:
    """Each node its own folder under one name is what CAL_HOME without shared storage means."""
    with scratch() as folder, head(folder / "h", cpus=0) as top:
        file = folder / "file"
        file.touch()
        with node(top, folder / "a", name="a", cpus=1):
            code, found = doctor(top, "--env", f"CAL_HOME={file}")  # root may write any folder
            assert code == 1
            assert found["storage"][0] == "problem"
            assert f"cannot write {file}: " in found["storage"][1]
            code, found = doctor(top)
            assert code == 1
            assert found["storage"][1].startswith("CAL_HOME differs: ")
            assert "is a file of the driver's node, lost with it" in found["MLflow"][1]
