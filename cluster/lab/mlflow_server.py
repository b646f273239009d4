"""MLflow's own server with accounts, on a database, with files in S3 or a folder."""

import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster import calls
from cluster.lab.processes import HOST, Service, environment, free_ports

ADMIN = "admin"


def mlflow_server(
    folder: Path,
    *,
    store: str | None = None,
    accounts: str | None = None,
    artifacts: str | None = None,
    env: Mapping[str, str] | None = None,
) -> Service:
    """A server that asks for a password; not started yet.

    ``store`` and ``accounts``: databases, ``postgresql+psycopg2://...`` (SQLite files in
    ``folder``). ``artifacts``: what it stores files in (a folder in ``folder``); it alone needs
    the credentials, given by ``env``. ``client`` holds address and an administrator's account.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    address, password = f"http://{HOST}:{port}", secrets.token_urlsafe(16)
    words = [sys.executable, "-m", "mlflow", "server", "--app-name=basic-auth", "--workers=1"]
    words += [f"--host={HOST}", f"--port={port}", "--serve-artifacts"]
    words += [f"--artifacts-destination={artifacts or folder / 'artifacts'}"]
    own = {
        "MLFLOW_BACKEND_STORE_URI": store or f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_AUTH_CONFIG_PATH": str(
            _settings(folder, accounts or f"sqlite:///{folder / 'accounts.db'}")
        ),
        "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight idle processes
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return Service(
        name="mlflow",
        words=words,
        env=environment(folder) | own | dict(env or {}),
        folder=folder,
        address=address,
        ready=lambda _: _healthy(address),
        client={
            "MLFLOW_TRACKING_URI": address,
            "MLFLOW_TRACKING_USERNAME": ADMIN,
            "MLFLOW_TRACKING_PASSWORD": password,
        },
        seconds=180.0,  # the first start makes the tables
    )


def seed_runs(mlflow: Service, study: str, *, seconds: float = calls.SECONDS) -> list[Any]:
    """Every seed run of a study, as MLflow's API gives it. Raises ``OSError``."""
    url, headers = f"{mlflow.address}/api/2.0/mlflow", calls.account(mlflow.client)
    given: dict[str, Any] = {"filter": f"tags.`cal.study` = '{study}'", "max_results": 100}
    found = calls.ask(f"{url}/experiments/search", headers=headers, given=given, seconds=seconds)
    ids = [one["experiment_id"] for one in found.get("experiments", [])]
    if not ids:
        return []
    given = {"experiment_ids": ids, "filter": "tags.`cal.level` = 'seed'", "max_results": 1000}
    found = calls.ask(f"{url}/runs/search", headers=headers, given=given, seconds=seconds)
    return list(found.get("runs", []))


def _settings(folder: Path, accounts: str) -> Path:
    """MLflow's file about accounts; without the cache each request costs a slow password hash."""
    path = folder / "accounts.ini"
    path.touch(mode=0o600)  # the address of a database holds its password
    path.write_text(
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = {accounts}\n"
        "auth_cache_ttl_seconds = 60\n"
    )
    return path


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
    except OSError:
        return False
