"""Nodes of a Ray cluster on this machine, each as if it were a machine of its own.

Each has an address of its own in 127.0.0.0/8, an own temporary folder, and ``own_node`` in its
PYTHONPATH: Ray would take agents, logs and drivers of one node for those of another. Job server and
dashboard listen on loopback only; Ray's other ports listen on all interfaces whatever it is told,
so every cluster asks for a token.
"""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster import calls
from cluster.lab.processes import HOST, Service, environment, free_ports, secret_file

RAY = (sys.executable, "-m", "ray.scripts.scripts")
STORE_BYTES = 100_000_000  # of a node's object store
LABEL = "lab-node"  # of a node: its name
COMMON = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "PYTHONUNBUFFERED": "1",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "120",  # nodes wait for a head that is restarted
}


def head(
    folder: Path,
    *,
    cpus: int = 0,
    env: Mapping[str, str] | None = None,
    redis: Service | None = None,
    resources: Mapping[str, float] | None = None,
) -> Service:
    """A head with its own token and fixed ports; not started yet.

    ``folder``: its home, with a short path (``scratch``). ``env``: added to its environment and
    so to that of drivers and tasks on it. With ``redis`` its state survives a restart.
    ``address`` is that of the job server; ``client["RAY_ADDRESS"]`` that of drivers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, dashboard, agent, clients = free_ports(4)
    host = own_host()
    token = secret_file(folder / "token", secrets.token_hex(32))
    client = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ADDRESS": f"{host}:{port}",
        "RAY_API_SERVER_ADDRESS": f"http://{HOST}:{dashboard}",
    }
    words = [*_start(folder, host, cpus=cpus, resources=resources, agent=agent), "--head"]
    words += [f"--port={port}", f"--ray-client-server-port={clients}"]
    words += [f"--dashboard-host={HOST}", f"--dashboard-port={dashboard}"]
    if redis:  # Ray knows no other way, and hands it to its own processes so: see SECURITY.md
        words += [f"--redis-password={redis.client['REDIS_PASSWORD']}"]
    return Service(
        name="head",
        words=words,
        env=_environment(folder, token, {**(redis.client if redis else {}), **(env or {})}),
        folder=folder,
        address=client["RAY_API_SERVER_ADDRESS"],
        ready=lambda it: _since(it, "head", it.begun),
        client=client,
        stale=[folder / "r" / "ray_current_cluster"],  # "already running", by the nodes that wait
    )


def node(
    head: Service,
    folder: Path,
    *,
    name: str,
    cpus: int = 2,
    env: Mapping[str, str] | None = None,
    resources: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Service:
    """A node that joins ``head``; ready once the head counts it among the living.

    It carries the resource ``name`` (1), so that a task can be put there, and the label
    ``lab-node=name``; names of a cluster are distinct. ``env`` as in ``head``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (agent,) = free_ports(1)
    token = Path(head.client["RAY_AUTH_TOKEN_PATH"])
    own = {name: 1.0, **(resources or {})}
    words = _start(folder, own_host(), cpus=cpus, resources=own, agent=agent)
    tags = {LABEL: name, **(labels or {})}
    words += [f"--labels={','.join(f'{key}={value}' for key, value in tags.items())}"]
    address = head.client["RAY_ADDRESS"]
    return Service(
        name=name,
        words=[*words, f"--address={address}"],
        env=_environment(folder, token, env or {}),
        folder=folder,
        address=address,
        ready=lambda it: _since(head, name, it.begun),
        client=head.client,
    )


def living(head: Service) -> dict[str, str]:
    """Name -> Ray's id of each node that the head counts among the living; its own is ``head``.

    A node that was killed stays in it for some 15 s; of a node started again, the newest counts.
    """
    return {name: one["node_id"] for name, one in _nodes(head).items()}


def _nodes(head: Service) -> dict[str, Any]:
    """Name -> what the head knows of the newest living node of that name."""
    alive = calls.alive(head.address, calls.ray_token(head.client))
    names = ("head" if one["is_head_node"] else one["labels"].get(LABEL, "") for one in alive)
    return dict(zip(names, alive, strict=True))


def _since(head: Service, name: str, begun: float) -> bool:
    """Whether the node joined after ``begun``, and not only its forerunner."""
    try:
        one = _nodes(head).get(name)
    except OSError:  # the head is not there yet, or away
        return False
    return one is not None and float(one["start_time_ms"] or 0) / 1000 >= begun


def ask(head: Service, path: str, given: Mapping[str, Any] | None = None) -> Any:
    """What the dashboard answers, with the token, to a GET or to ``given``. Raises ``OSError``."""
    headers = calls.bearer(calls.ray_token(head.client) or "")
    return calls.ask(head.address + path, headers=headers, given=given)


def own_host() -> str:
    """An address of loopback that no other node has."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def _environment(folder: Path, token: Path, more: Mapping[str, str]) -> dict[str, str]:
    """A node's own; ``own_node`` comes first in whatever PYTHONPATH is given or inherited."""
    found = environment(folder, **COMMON, RAY_AUTH_TOKEN_PATH=str(token)) | dict(more)
    rest = found.get("PYTHONPATH")
    place = str(Path(__file__).parent / "own_node")
    return found | {"PYTHONPATH": os.pathsep.join((place, rest) if rest else (place,))}


def _start(
    folder: Path,
    host: str,
    *,
    cpus: int,
    agent: int,
    resources: Mapping[str, float] | None = None,
) -> list[str]:
    """``ray start`` that stays, with ports of workers chosen by the system: ranges would clash."""
    words = [*RAY, "start", "--block", "--disable-usage-stats", f"--num-cpus={cpus}"]
    words += [f"--temp-dir={folder / 'r'}", f"--object-store-memory={STORE_BYTES}"]
    words += [f"--node-ip-address={host}", "--min-worker-port=0", "--max-worker-port=0"]
    words += [f"--dashboard-agent-listen-port={agent}"]
    words += [f"--resources={json.dumps(dict(resources))}"] if resources else []
    return words
