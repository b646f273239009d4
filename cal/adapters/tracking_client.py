"""The few things we ask of mlflow's client, with its errors told in one line."""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from sys import intern

from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, Experiment, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking import MlflowClient

from cal.adapters.tracking_rows import (
    FINAL,
    Data,
    Entry,
    LedgerError,
    Point,
    plain_params,
)
from cal.adapters.tracking_store import (
    FIELD,
    Progress,
    absolute,
    check,
    locked,
    sqlite_file,
)
from cal.cli import hidden
from cal.config import ConfigError

BATCH = 1000  # metrics, params and tags MLflow takes at once
PAGE = 500
DIGEST = 36  # characters of a dataset's digest that MLflow holds


@contextmanager
def told(uri: str) -> Iterator[None]:
    """An outage or refusal of the store as one line."""
    try:
        yield
    except (MlflowException, OSError, ImportError) as error:  # ImportError: storage of artifacts
        raise LedgerError(
            f"ledger {hidden(uri)}: {_line(error)}; give the command again, it goes on where it was"
        ) from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def connect(uri: str, *, progress: Progress | None = None) -> MlflowClient:
    """A client of a checked store, its tables made if it is new (5-20 s, one process at a time).

    Raises ``ConfigError`` in one line where the store cannot be used.
    """
    uri = absolute(uri)
    new = check(uri)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # ours is one line
    try:
        with locked(uri, "schema"), warnings.catch_warnings():
            # mlflow 3.17 on SQLAlchemy 2.1, once, where it maps its tables
            warnings.filterwarnings("ignore", "The ``noload`` loader", DeprecationWarning)
            if new and check(uri):
                if progress is not None:
                    progress("making the MLflow store (once, 5 to 20 s)")
                _make(uri)
            client = _opened(uri)
    except ConfigError:
        raise
    except Exception as error:  # drivers, servers and migrations fail in their own ways
        raise ConfigError(f"{FIELD}: given {hidden(uri)}; {_reason(error)}") from error
    return client


def _opened(uri: str) -> MlflowClient:
    client = MlflowClient(tracking_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _make(uri: str) -> None:
    """An SQLite store's tables, all or none: MLflow makes them in hundreds of commits, and what
    an interruption leaves is no store that it opens again.
    """
    path = sqlite_file(uri)
    if path is None:
        return
    part = path.with_name(f"{path.name}.part")
    for leftover in path.parent.glob(f"{part.name}*"):  # its journal too
        leftover.unlink()
    _opened(f"sqlite:///{part}")
    part.replace(path)


def _reason(error: Exception) -> str:
    text = _line(error)
    if "out-of-date" in text or "Can't locate revision" in text:
        return f"of another MLflow version; run: mlflow db upgrade URI ({text[:120]})"
    if isinstance(error, ImportError):
        return f"its driver is missing ({text}); for PostgreSQL install psycopg2-binary"
    return f"the store does not answer as MLflow does: {text}"


class ExperimentTag:
    """One tag of an experiment as the slot of a lease."""

    def __init__(self, client: MlflowClient, uri: str, experiment_id: str, tag: str) -> None:
        self.client, self.uri, self.experiment_id, self.tag = client, uri, experiment_id, tag

    def read(self) -> str | None:
        """Its text, None if there is none."""
        with told(self.uri):
            tags: Mapping[str, str] = self.client.get_experiment(self.experiment_id).tags
        return tags.get(self.tag)

    def write(self, text: str) -> None:
        """Replace it."""
        with told(self.uri):
            self.client.set_experiment_tag(self.experiment_id, self.tag, text)


def experiment(client: MlflowClient, name: str, *, location: str | None) -> Experiment:
    """The experiment of this name, made if there is none. Its artifacts live under ``location``."""
    found = client.get_experiment_by_name(name)
    if found is None:
        folder = f"{location}/{name}" if location else None
        return client.get_experiment(client.create_experiment(name, artifact_location=folder))
    if found.lifecycle_stage != "active":
        raise ConfigError(
            f"study: given {name}; deleted in MLflow; restore experiment {found.experiment_id} "
            "or take another name"
        )
    return found


def search(client: MlflowClient, ids: Sequence[str], query: str) -> Iterator[Run]:
    """All runs that match, oldest first."""
    token = None
    while True:
        page = client.search_runs(
            list(ids),
            query,
            max_results=PAGE,
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def log_points(
    client: MlflowClient,
    run_id: str,
    points: Iterable[Point],
    *,
    start: int,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Points at the time ``start + step`` ms, so that the same point twice is one.

    Batches go in the order given, so that a death in between leaves no gap, and tags come last of
    all. Within a batch, whose points are stored together, the last come first: MLflow then keeps
    each metric's latest value without touching it again at every step.
    """
    metrics = [Metric(name, value, start + step, step) for name, value, step in points]
    entities = [Param(key, value) for key, value in (params or {}).items()]
    labels = [RunTag(key, value) for key, value in (tags or {}).items()]
    room = BATCH - len(entities) - len(labels)
    while len(metrics) > room:
        client.log_batch(run_id, metrics[:BATCH][::-1])
        metrics = metrics[BATCH:]
    client.log_batch(run_id, metrics[::-1], params=entities, tags=labels)


def log_files(artifacts: str, folder: str, *, uri: str) -> None:
    """A folder's files into a run's ``artifacts``, without asking the store for the run."""
    get_artifact_repository(artifacts, tracking_uri=uri).log_artifacts(folder)


def last_steps(client: MlflowClient, run: Run) -> dict[str, int]:
    """For each metric of a run its last step."""
    steps = {}
    for name in run.data.metrics:
        history = client.get_metric_history(run.info.run_id, name)
        steps[name] = max((point.step for point in history), default=-1)
    return steps


def log_data(client: MlflowClient, run_id: str, data: Data) -> None:
    """The data set as the run's input, by our own digest."""
    entity = MlflowDataset(data.name, data.digest[:DIGEST], "cal", data.source or data.name)
    tag = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(entity, [tag])])


def entry(run: Run) -> Entry:
    """A seed run as plain data. Names that every row has are held once: a study has many rows."""
    tags = {
        intern(key): intern(value) for key, value in run.data.tags.items() if key.startswith("cal.")
    }
    return Entry(
        run_id=run.info.run_id,
        regime=tags.get("cal.regime", ""),
        hash=tags.get("cal.hash", ""),
        seed=int(tags.get("cal.seed", "0")),
        variants=tuple(filter(None, tags.get("cal.variants", "").split(","))),
        status=run.info.status,
        metrics={intern(k): v for k, v in run.data.metrics.items() if k.startswith(FINAL)},
        params=plain_params(run.data.params),
        tags=tags,
        start=run.info.start_time,
        artifacts=run.info.artifact_uri,
        error=tags.get("cal.error", ""),
    )
