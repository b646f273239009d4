"""Where a study lives: one absolute folder or storage URI, the same from any directory."""

import os
from pathlib import Path

from cal.fields import ConfigError

CHECKOUT = Path(__file__).resolve().parent.parent


def in_job() -> bool:
    """Whether this process is the driver of a submitted Ray job, whose folder vanishes."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def home() -> str:
    """``CAL_HOME``; else the checkout's ``store``; in a job or without a checkout ``~/cal-lab``.

    An absolute path, or a URI such as ``s3://bucket/lab`` as given. Raises ``ConfigError`` for one
    with a query: folders are appended to it.
    """
    given = os.environ.get("CAL_HOME")
    if given and "://" in given and "?" in given:
        raise ConfigError(
            f"CAL_HOME: given {given}; allowed: a folder, or a storage URI without '?' "
            "(AWS_ENDPOINT_URL names an S3 server that is not Amazon's)"
        )
    if given:
        return given if "://" in given else str(Path(given).expanduser().absolute())
    if (CHECKOUT / "pyproject.toml").is_file() and not in_job():
        return str(CHECKOUT / "store")
    return str(Path.home() / "cal-lab")


def local_home() -> Path:
    """A local folder beside a ``CAL_HOME`` that is a URI: for what only files can be."""
    place = home()
    return Path(place) if "://" not in place else Path.home() / "cal-lab"


def resolve(path: str | Path) -> Path:
    """An absolute output path; inside a job, relative paths stand under the home folder."""
    base = local_home() if in_job() else Path.cwd()
    return (base / Path(path).expanduser()).absolute()


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, else the SQLite file in the home folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{local_home() / 'mlflow.db'}"


def artifacts() -> str:
    """Where MLflow keeps files when the store is ours."""
    return f"{home()}/artifacts"


def spool(study: str) -> str:
    """Where ended runs of a study wait for a ledger that is away."""
    return f"{home()}/spool/{study}"


def checkpoints() -> str:
    """Where runs keep their checkpoints, by hash."""
    return f"{home()}/checkpoints"
