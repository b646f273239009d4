"""Every test has a home of its own, no store or cluster from outside, and one thread of torch.

One thread: sums over several threads are added in another order, and our runs promise bits.
"""

import os
import shutil
import signal
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Before collection, because importing ``cal.adapters.ray_cluster`` writes a token."""
    home = tempfile.mkdtemp(prefix="cal-lab-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["CAL_HOME"] = home
    for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        os.environ.pop(name, None)
    # In a script's background Ctrl-C is ignored, and what tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if find_spec("hypothesis"):
        from hypothesis import settings

        settings.register_profile("shared", deadline=None)  # of a machine that others use too
        settings.load_profile("shared")
    _own_ports(os.environ.get("PYTEST_XDIST_WORKER", ""))


def _own_ports(worker: str) -> None:
    """Services of two test processes never draw the same port; there are four at most."""
    if worker:
        from cluster.lab import processes

        processes.PORTS = processes.PORTS[int(worker.removeprefix("gw")) % 4 :: 4]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Units first, what starts Ray last: a living thread of Ray would miss what units hide."""
    rank = {"tests/unit": 0, "tests/integration": 2}
    items.sort(key=lambda item: rank.get("/".join(item.nodeid.split("/")[:2]), 1))


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Torch is opened here, not at the top: the conftest of a run without it still imports."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own ``CAL_HOME``; fixtures of wider scope see the session's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("CAL_HOME", str(home))
    return home
