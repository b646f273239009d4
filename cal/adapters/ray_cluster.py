"""Connecting to Ray: the cluster we are in, the one RAY_ADDRESS names, or our own on this machine.

Our own cluster asks for a token: Ray listens on all interfaces, so the token protects it.
"""

import logging
import os
import secrets
from pathlib import Path

from cal.home import in_job, local_home


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


def connect(*, cpus: int | None = None) -> str:
    """Start or join a cluster -> one line that says which. ``cpus`` limits our own."""
    if in_job() or os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
        return f"Ray cluster with {slots():.0f} CPUs on {len(ray.nodes())} node(s)"
    ray.init(
        address="local",
        num_cpus=cpus,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    return f"Ray on this machine with {slots():.0f} CPUs"


def slots(resource: str = "CPU") -> float:
    """How much of a resource the cluster has now."""
    return float(ray.cluster_resources().get(resource, 0.0))


def disconnect() -> None:
    """Leave the cluster; our own ends."""
    ray.shutdown()
