"""Connecting to Ray: the cluster we are in, the one RAY_ADDRESS names, or our own on this machine.

Our own cluster asks for a token: Ray listens on all interfaces, so the token protects it.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from cal.cli import StoppedError, hidden, interruptible, say
from cal.config import ConfigError
from cal.home import checkpoints, in_job, local_home

T = TypeVar("T")
U = TypeVar("U")
ANSWER_S = 5.0  # for a cluster to take a connection
TRIES = 2  # at our own cluster
SLOW = "timed out during startup"  # what Ray says of itself; a bare ``Exception``


def ours() -> bool:
    """Whether ``connect`` starts a cluster of our own on this machine."""
    return not in_job() and os.environ.get("RAY_ADDRESS", "local") in ("", "local")


def _own_token() -> None:
    """Token authentication for our own cluster, from a file that only this user can read."""
    if os.environ.get("RAY_AUTH_MODE") or not ours():
        return
    path = local_home() / "ray-token"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = Path(f"{path}.{os.getpid()}")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            part.replace(path)
    except OSError as error:
        raise ConfigError(
            f"CAL_HOME: given {path.parent}; cannot be written ({error.strerror})"
        ) from None
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)


_own_token()  # Ray reads the mode when it is imported

import ray  # noqa: E402


def connect(*, cpus: int | None = None) -> str:
    """Start or join a cluster -> what to tell the user: which one, and what to beware of.

    ``cpus``: our own has as many at least. Raises ``ConfigError`` where RAY_ADDRESS is silent,
    ``StoppedError`` where our own does not come up.
    """
    _check_address()
    more = cpus if cpus and cpus > (os.cpu_count() or 1) else None
    own: dict[str, Any] = {"address": "local", "num_cpus": more, "include_dashboard": False}
    _start(own if ours() else {})
    interruptible()  # ray.init put its own handler of SIGTERM in place
    if ours():
        return f"Ray on this machine with {slots():.0f} CPUs"
    nodes = sum(node["Alive"] for node in ray.nodes())
    faults = unshared(nodes)
    if faults:
        raise ConfigError("\n".join(faults))
    where = f"Ray cluster with {slots():.0f} CPUs on {nodes} node(s)"
    return "\n".join([where, *beware(nodes, checkpoints())])


def _start(given: dict[str, Any]) -> None:
    """``ray.init``. It gives its parts 15 and itself 30 s to come up, fixed: a machine that is busy
    with other things gets a second try.
    """
    for attempt in range(TRIES):
        if attempt:
            say("Ray did not come up in its 30 s; once more")
        try:
            ray.init(log_to_driver=False, logging_level=logging.WARNING, **given)
            return
        except Exception as error:
            if SLOW not in str(error):
                raise
            ray.shutdown()
    raise StoppedError(
        f"Ray did not come up on this machine in {TRIES} x 30 s (too busy? its logs: "
        "/tmp/ray/session_latest/logs); give the command again"
    )


def _check_address() -> None:
    """Ray would try for minutes, and say nothing that a user can read."""
    address = os.environ.get("RAY_ADDRESS", "")
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if ours() or not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except OSError as error:
        raise ConfigError(
            f"RAY_ADDRESS: given {address}; no answer ({error.strerror or error}); start that "
            "cluster, or unset it to work on this machine"
        ) from None


def room(*, workers: int, gpus: float, field: str) -> list[str]:
    """Is there room for a run of ``workers``, each with a CPU and ``gpus`` GPUs?

    Raises ``ConfigError`` naming ``field`` where our own cluster can never hold it; another one
    may grow, so a line to tell.
    """
    lines = []
    for resource, needed in (("CPU", float(workers)), ("GPU", gpus * workers)):
        have = slots(resource)
        if needed <= have:
            continue
        name = field if resource == "GPU" else "--workers"
        if ours():
            raise ConfigError(
                f"{name}: a run of {workers} worker(s) needs {needed:g} {resource}s; allowed: at "
                f"most {have:g}, what this machine has"
            )
        lines.append(f"waiting for {needed:g} {resource}s: the cluster has {have:g} now")
    return lines


def unshared(nodes: int) -> list[str]:
    """What was given and cannot be right on a cluster: a place that vanishes with a job's folder,
    or that only one of several nodes has. What was left out is at home; ``beware`` warns of it.
    """
    uri, place = (os.environ.get(n, "") for n in ("MLFLOW_TRACKING_URI", "CAL_HOME"))
    file = uri.partition(":///")[2] if uri.startswith("sqlite:") else ""
    server = "give the address of an MLflow server (http://...), or unset it"
    shared = "give storage that all nodes have: a shared folder by its path, or s3://BUCKET/FOLDER"
    faults = []
    if in_job() and file and not file.startswith("/"):
        faults.append(f"MLFLOW_TRACKING_URI: given {uri}; vanishes with the job's folder; {server}")
    elif file and nodes > 1:
        faults.append(f"MLFLOW_TRACKING_URI: given {uri}; a file of one of {nodes} nodes; {server}")
    if in_job() and place and "://" not in place and place[0] not in "/~":
        faults.append(f"CAL_HOME: given {place}; vanishes with the job's folder; {shared}")
    elif place.startswith("file:") and nodes > 1:
        faults.append(f"CAL_HOME: given {place}; a folder of one of {nodes} nodes; {shared}")
    return faults


def check_files(uri: str, place: str) -> None:
    """Raises ``ConfigError`` where an MLflow server at ``uri`` leaves files to its clients, at a
    ``place`` that only one of several nodes has.
    """
    nodes = sum(node["Alive"] for node in ray.nodes())
    local = place.startswith(("/", "file:", "./"))
    if uri.startswith("http") and local and nodes > 1:
        raise ConfigError(
            f"MLFLOW_TRACKING_URI: given {hidden(uri)}; its artifact root is {place}, a folder of "
            f"one of {nodes} nodes; start the server with --artifacts-destination s3://BUCKET/FOLDER"
        )


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


def alive(node: str) -> bool:
    """Whether a node, by its id, is one of the cluster now."""
    return any(found["Alive"] for found in ray.nodes() if found["NodeID"] == node)


def check_own() -> None:
    """Raises ``StoppedError`` once the node of this driver is dead while others may be alive: no
    task can be given in any more, and Ray waits for ever.
    """
    own = ray.get_runtime_context().get_node_id()
    if any(found["NodeID"] == own and not found["Alive"] for found in ray.nodes()):
        raise own_lost()


def own_lost() -> StoppedError:
    """What to tell of it."""
    return StoppedError(
        "Ray: the raylet of this driver's node died (of too little memory?); give the command "
        "again: runs go on from their checkpoints"
    )


def each(function: Callable[[T], U], items: Iterable[T], *, gpus: float = 0.0) -> Iterator[U]:
    """``map`` by tasks of the cluster, a CPU and ``gpus`` GPUs each; they begin at once."""
    task: Any = ray.remote(num_cpus=1, num_gpus=gpus)(_apply)
    references = [task.remote(function, item) for item in items]
    return (ray.get(reference) for reference in references)


def flow(function: Callable[[T], U], items: Iterable[T], *, ahead: int) -> Iterator[U]:
    """``map`` by tasks of a CPU each, results as they finish: at most ``ahead`` tasks are begun
    beyond what was taken, so that neither items nor results pile up in memory.

    What ``function`` raises comes as it is. Raises ``StoppedError`` where a worker dies of it.
    """
    task: Any = ray.remote(num_cpus=1)(_apply)
    shared, left = ray.put(function), iter(items)
    under_way = [task.remote(shared, item) for item in islice(left, ahead)]
    try:
        while under_way:
            (ready,), under_way = ray.wait(under_way, num_returns=1)
            result = _taken(ready)
            under_way += [task.remote(shared, item) for item in islice(left, 1)]
            yield result
    finally:
        for reference in under_way:
            ray.cancel(reference)


def _taken(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        first = str(error).strip().split("\n")[0]
        raise StoppedError(f"a worker died ({first}); give the command again") from None


def _apply(function: Callable[[T], U], item: T) -> U:
    return function(item)


def memory() -> float:
    """Bytes that the tasks of the smallest node may use, as Ray found them when it started."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return min(float(r["memory"]) for r in nodes if r.get("CPU"))


def disconnect() -> None:
    """Leave the cluster; our own ends."""
    ray.shutdown()
