"""A whole cluster, small: PostgreSQL, S3, MLflow with accounts, a head and workers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.lab.databases import postgres
from cluster.lab.databases import redis as redis_server
from cluster.lab.mlflow_server import mlflow_server
from cluster.lab.processes import Service, scratch
from cluster.lab.ray_nodes import head, node
from cluster.lab.s3_server import bucket, s3_server

QUIET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}  # two lines for each run
Say = Callable[[str], None]


@dataclass(frozen=True)
class Lab:
    """Running services; ``postgres`` and ``redis`` only where asked for.

    ``folder`` holds the logs and homes of all, ``env`` is what each node was given.
    """

    folder: Path
    head: Service
    nodes: dict[str, Service]
    mlflow: Service
    s3: Service
    postgres: Service | None
    redis: Service | None
    env: dict[str, str]

    @property
    def services(self) -> list[Service]:
        """All that run."""
        maybe = (self.postgres, self.redis)
        rest = [self.mlflow, self.s3, *(one for one in maybe if one is not None)]
        return [self.head, *self.nodes.values(), *rest]


@contextmanager
def lab(
    *,
    workers: int = 2,
    cpus: int = 2,
    database: bool = True,
    redis: bool = False,
    say: Say = lambda line: None,
) -> Iterator[Lab]:
    """Start all, and end all at the end. The head has no CPU, so that nothing is placed there.

    ``cpus``: of each worker (worker-1, ...). ``database``: MLflow's store and accounts are in
    PostgreSQL, else in SQLite files. ``redis``: the head keeps its state there.
    Checkpoints and artifacts are in S3. Raises ``ConfigError`` for a Debian package that lacks,
    ``StoppedError`` for what does not start.
    """
    with scratch() as folder, ExitStack() as stack:
        folder.chmod(0o711)  # PostgreSQL may run as a user of its own
        up = stack.enter_context
        data = up(postgres(folder / "pg", databases=("mlflow", "accounts"))) if database else None
        state = up(redis_server(folder / "redis")) if redis else None
        storage = up(s3_server(folder / "s3"))
        uri = bucket(storage, "lab")
        say(f"{'PostgreSQL, ' if data else ''}{'Redis, ' if state else ''}S3 {storage.address}")
        tracking = mlflow_server(
            folder / "mlflow",
            store=data.client["MLFLOW_URI"] if data else None,
            accounts=data.client["ACCOUNTS_URI"] if data else None,
            artifacts=f"{uri}/artifacts",
            env=storage.client,
        )
        env = {**storage.client, **tracking.client, "CAL_HOME": f"{uri}/home", **QUIET}
        top = head(folder / "head", cpus=0, env=env, redis=state)
        _all_up(stack, [tracking, top])
        say(f"MLflow {tracking.address}; head {top.address}")
        names = [f"worker-{number}" for number in range(1, workers + 1)]
        nodes = {n: node(top, folder / n, name=n, cpus=cpus, env=env) for n in names}
        _all_up(stack, list(nodes.values()))
        say(f"{workers} workers with {cpus} CPUs each")
        yield Lab(folder, top, nodes, tracking, storage, data, state, env)


def _all_up(stack: ExitStack, services: list[Service]) -> None:
    """Start at a time; each ends with the stack."""
    for service in services:
        stack.callback(service.stop)
        service.begin()
    for service in services:
        service.wait()
