"""What the doctor judges: plain facts of a cluster -> findings, each with its cure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

# Whose versions must agree on all nodes: what travels between them is made by one of these.
PACKAGES = ("ray", "torch", "numpy", "pyarrow", "mlflow", "optuna", "pydantic")
GB = 1e9
LOW, FULL = 5 * GB, 1 * GB  # free bytes of a disk: a warning, a problem
SKEW_WARNING_S, SKEW_PROBLEM_S = 2.0, 30.0  # times in logs and MLflow come from all nodes

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line: ``about`` what, what was found, and what to do (empty where all is well)."""

    level: Level
    about: str
    text: str
    cure: str = ""


@dataclass(frozen=True)
class Client:
    """The machine that asks. ``token_mode``: of the file with the token, None without a file."""

    python: str
    packages: Mapping[str, str | None]
    token_mode: int | None = None
    token_asked: bool = True  # whether the head refuses a request without one


@dataclass(frozen=True)
class Node:
    """One node. Bytes and seconds; ``wrote``: why the write failed, empty if it did not.

    ``gpus``: what torch sees, None where nothing speaks of a GPU. ``saw``: nodes whose file in
    ``home`` it read. ``home_free``: None for a storage URI. ``skew_s``: at least so far off the
    driver's clock.
    """

    name: str
    python: str
    packages: Mapping[str, str | None]
    home: str
    wrote: str = ""
    saw: tuple[str, ...] = ()
    ray_gpus: float = 0.0
    gpus: int | None = None
    skew_s: float = 0.0
    temp_free: float = 100 * GB
    home_free: float | None = None
    shm_free: float = 100 * GB
    store: float = 0.0


@dataclass(frozen=True)
class Facts:
    """All that was found. ``tracking``: address of the ledger; ``tracking_error``: why a probe
    experiment could not be written there, empty if it could. ``silent``: nodes without an answer.
    """

    client: Client
    nodes: tuple[Node, ...]
    tracking: str = ""
    tracking_error: str = ""
    silent: tuple[str, ...] = ()
    driver: str = ""


def judge(facts: Facts) -> list[Finding]:
    """Findings, in the order in which they are best cured."""
    return [finding for check in CHECKS for finding in check(facts)]


def _token(facts: Facts) -> Iterator[Finding]:
    mode = facts.client.token_mode
    if not facts.client.token_asked:
        yield Finding(
            "problem",
            "token",
            "the head answers without one: whoever reaches a port of Ray runs commands",
            "start every node with RAY_AUTH_MODE=token (SECURITY.md)",
        )
    elif mode is not None and mode & 0o077:
        yield Finding(
            "warning", "token", f"others can read its file (mode {mode:04o})", "chmod 600 it"
        )
    else:
        yield Finding("ok", "token", "asked for and taken")


def _answers(facts: Facts) -> Iterator[Finding]:
    for name in facts.silent:
        yield Finding(
            "problem",
            "nodes",
            f"{name} does not answer",
            "look at its raylet.out; a node that hangs holds runs: remove it",
        )
    if not facts.silent:
        yield Finding("ok", "nodes", f"{len(facts.nodes)} answer")


def _versions(facts: Facts) -> Iterator[Finding]:
    found = list(_differing(facts.nodes))
    yield from found
    if facts.nodes and not found:
        yield Finding("ok", "versions", "Python and packages agree on all nodes")
    yield from _client_versions(facts)


def _differing(nodes: tuple[Node, ...]) -> Iterator[Finding]:
    """Packages (and Python) of which nodes have different versions, or which one lacks."""
    for what in ("python", *PACKAGES):
        held: dict[str, list[str]] = {}
        for node in nodes:
            held.setdefault(_version(node, what), []).append(node.name)
        if len(held) > 1 or "none" in held:
            shown = "; ".join(f"{version} on {', '.join(names)}" for version, names in held.items())
            cure = "the same image, or the same requirements.lock, on all nodes"
            yield Finding("problem", "versions", f"{what}: {shown}", cure)


def _version(of: "Node | Client | None", what: str) -> str:
    if of is None:
        return "none"
    return (of.python if what == "python" else of.packages.get(what)) or "none"


def _client_versions(facts: Facts) -> Iterator[Finding]:
    driver = next((node for node in facts.nodes if node.name == facts.driver), None)
    for what in ("python", "ray") if driver else ():
        mine, theirs = _version(facts.client, what), _version(driver, what)
        if mine != theirs:
            yield Finding(
                "warning",
                "versions",
                f"{what}: {mine} here, {theirs} on the cluster",
                "submitted jobs run with the cluster's; ray.init(address=...) from here will not",
            )


def _storage(facts: Facts) -> Iterator[Finding]:
    homes = {node.home for node in facts.nodes}
    for node in facts.nodes:
        if node.wrote:
            yield Finding(
                "problem",
                "storage",
                f"{node.name} cannot write {node.home}: {node.wrote}",
                "give the nodes CAL_HOME as a folder they may write, or a bucket with credentials",
            )
    if len(homes) > 1:
        yield Finding(
            "problem",
            "storage",
            f"CAL_HOME differs: {', '.join(sorted(homes))}",
            "set one CAL_HOME for all nodes, or give it to the job by --env",
        )
        return
    writers = {node.name for node in facts.nodes if not node.wrote}
    blind = [n.name for n in facts.nodes if not n.wrote and not writers <= set(n.saw)]
    if blind:
        yield Finding(
            "problem" if len(facts.nodes) > 1 else "warning",
            "storage",
            f"{homes.pop()} is not shared: {', '.join(blind)} cannot read what others wrote",
            "mount one folder on all nodes or set CAL_HOME to a storage URI; else a lost node "
            "repeats its unfinished runs",
        )
    elif len(writers) == len(facts.nodes) and writers:
        yield Finding("ok", "storage", f"{homes.pop()} is written and read by all nodes")


def _ledger(facts: Facts) -> Iterator[Finding]:
    where = facts.tracking
    if where.startswith("sqlite"):
        several = len(facts.nodes) + len(facts.silent) > 1
        yield Finding(
            "problem" if several else "ok",
            "MLflow",
            f"{where} is a file of the driver's node" + (", lost with it" if several else ""),
            "set MLFLOW_TRACKING_URI on the nodes to a server or PostgreSQL" if several else "",
        )
    elif facts.tracking_error:
        yield Finding(
            "problem",
            "MLflow",
            f"{where}: {facts.tracking_error}",
            "start it, or correct MLFLOW_TRACKING_URI, _USERNAME, _PASSWORD on the nodes",
        )
    elif where:
        yield Finding("ok", "MLflow", f"{where} takes a probe experiment from the driver's node")


def _gpus(facts: Facts) -> Iterator[Finding]:
    for node in facts.nodes:
        if (node.gpus or 0) != node.ray_gpus:
            yield Finding(
                "problem",
                "GPUs",
                f"{node.name}: Ray offers {node.ray_gpus:g}, torch sees {node.gpus or 0}",
                "a driver or a CUDA build is missing, or ray start has another --num-gpus",
            )
    if not any((node.gpus or 0) != node.ray_gpus for node in facts.nodes):
        yield Finding("ok", "GPUs", f"{sum(node.ray_gpus for node in facts.nodes):g}, all seen")


def _clocks(facts: Facts) -> Iterator[Finding]:
    worst = max(facts.nodes, key=lambda node: node.skew_s, default=None)
    if worst is None:
        return
    text = f"{worst.name} is {worst.skew_s:.1f} s off the driver's clock"
    if worst.skew_s > SKEW_PROBLEM_S:
        yield Finding("problem", "clocks", text, "run chrony or another NTP client on the nodes")
    elif worst.skew_s > SKEW_WARNING_S:
        yield Finding("warning", "clocks", text, "run chrony or another NTP client on the nodes")
    else:
        yield Finding("ok", "clocks", f"agree within {SKEW_WARNING_S:g} s")


def _space(facts: Facts) -> Iterator[Finding]:
    found = False
    for node in facts.nodes:
        places = {"Ray's temporary folder": node.temp_free, node.home: node.home_free}
        for place, free in places.items():
            if free is not None and free < LOW:
                found = True
                yield Finding(
                    "problem" if free < FULL else "warning",
                    "space",
                    f"{node.name}: {place} has {free / GB:.1f} GB left",
                    "remove old sessions and checkpoints, or give the node a larger disk",
                )
        if node.shm_free < node.store:
            found = True
            yield Finding(
                "warning",
                "space",
                f"{node.name}: /dev/shm has {node.shm_free / GB:.1f} GB for an object store of "
                f"{node.store / GB:.1f} GB",
                "a larger /dev/shm (docker --shm-size), or ray start --object-store-memory",
            )
    if facts.nodes and not found:
        yield Finding("ok", "space", f"over {LOW / GB:g} GB on all disks")


CHECKS = (_token, _answers, _versions, _storage, _ledger, _gpus, _clocks, _space)


def plain(findings: list[Finding]) -> list[dict[str, str]]:
    """Findings as JSON."""
    return [asdict(finding) for finding in findings]


def bad(findings: list[Finding]) -> bool:
    """Whether there is a problem among them."""
    return any(finding.level == "problem" for finding in findings)
