"""Connecting to Ray: the cluster we are in, the one RAY_ADDRESS names, or our own on this machine.

Our own cluster asks for a token: Ray listens on all interfaces, so the token protects it.
"""

import logging
import os
import secrets
from pathlib import Path
from typing import Any

from cal.cli import interruptible
from cal.home import checkpoints, in_job, local_home


def _own_token() -> None:
    """Token authentication for our own cluster, from a file that only this user can read."""
    if os.environ.get("RAY_AUTH_MODE") or os.environ.get("RAY_ADDRESS") or in_job():
        return
    path = local_home() / "ray-token"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(f"{path}.{os.getpid()}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        part.replace(path)
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)


_own_token()  # Ray reads the mode when it is imported

import ray  # noqa: E402


def ours() -> bool:
    """Whether ``connect`` starts a cluster of our own on this machine."""
    return not (in_job() or os.environ.get("RAY_ADDRESS"))


def connect(*, cpus: int | None = None) -> str:
    """Start or join a cluster -> what to tell the user: which one, and what to beware of.

    ``cpus`` limits our own.
    """
    own: dict[str, Any] = {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    ray.init(log_to_driver=False, logging_level=logging.WARNING, **(own if ours() else {}))
    interruptible()  # ray.init put its own handler of SIGTERM in place
    if ours():
        return f"Ray on this machine with {slots():.0f} CPUs"
    nodes = sum(node["Alive"] for node in ray.nodes())
    where = f"Ray cluster with {slots():.0f} CPUs on {nodes} node(s)"
    return "\n".join([where, *beware(nodes, checkpoints())])


def beware(nodes: int, folder: str) -> list[str]:
    """A line if checkpoints lie on one of several nodes."""
    if nodes < 2 or "://" in folder:
        return []
    return [
        f"{folder} is a folder of each node unless they share it: without shared storage a lost "
        "node repeats its unfinished runs; set CAL_HOME to a shared folder or a storage URI"
    ]


def slots(resource: str = "CPU") -> float:
    """How much of a resource the cluster has now."""
    return float(ray.cluster_resources().get(resource, 0.0))


def disconnect() -> None:
    """Leave the cluster; our own ends."""
    ray.shutdown()
