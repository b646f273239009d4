"""Calls of a web API with a token or an account: Ray's dashboard, MLflow. Nothing is retried."""

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cal.config import ConfigError

SECONDS = 10.0


def bearer(token: str) -> dict[str, str]:
    """The header that carries Ray's token."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    """The header that carries an account of MLflow."""
    both = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {both}"}


def account(env: Mapping[str, str]) -> dict[str, str]:
    """The header of the MLflow account that an environment holds; none without one."""
    user, password = env.get("MLFLOW_TRACKING_USERNAME"), env.get("MLFLOW_TRACKING_PASSWORD")
    return basic(user, password) if user is not None and password is not None else {}


def token_file(env: Mapping[str, str]) -> Path:
    """Where Ray looks for its token, unless RAY_AUTH_TOKEN holds it."""
    return Path(env.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def ray_token(env: Mapping[str, str] | None = None) -> str | None:
    """Ray's token where Ray itself looks for it; None where there is none."""
    given = os.environ if env is None else env
    if given.get("RAY_AUTH_TOKEN"):
        return given["RAY_AUTH_TOKEN"]
    try:
        return token_file(given).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def ask(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    given: Mapping[str, Any] | None = None,
    method: str | None = None,
    seconds: float = SECONDS,
) -> Any:
    """The JSON that a server answers; ``given`` is sent as JSON (POST).

    Raises ``urllib.error.HTTPError`` for a refusal, ``OSError`` without an answer, ``ValueError``
    for one that is no JSON.
    """
    data = None if given is None else json.dumps(given).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=data, headers=sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise


def alive(address: str, token: str | None) -> list[dict[str, Any]]:
    """What a head of Ray knows of its living nodes, oldest first. Raises ``OSError``."""
    headers = bearer(token) if token else {}
    answer = ask(f"{address}/api/v0/nodes?detail=1&limit=1000", headers=headers)
    listed: list[dict[str, Any]] = answer["data"]["result"]["result"]
    by_start = sorted(listed, key=lambda one: float(one["start_time_ms"] or 0))
    return [one for one in by_start if one["state"] == "ALIVE"]


def reached(address: str, token: str | None) -> None:
    """Raises ``ConfigError`` where the job server is silent or does not let us in."""
    try:
        ask(f"{address}/api/jobs/", headers=bearer(token) if token else {})
    except urllib.error.HTTPError as error:
        raise _refused(address, error.code, given=token is not None) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ConfigError(
            f"--address: given {address}; no answer ({reason}); allowed: the job server of a "
            "running head, http://HOST:8265 (on Kubernetes after kubectl port-forward)"
        ) from None


def _refused(address: str, status: int, *, given: bool) -> ConfigError:
    if status == 401 or not given:
        return ConfigError(
            f"RAY_AUTH_TOKEN_PATH: given none; {address} asks for a token; name the file that "
            "holds the cluster's"
        )
    if status == 403:
        return ConfigError(
            f"RAY_AUTH_TOKEN_PATH: given a token that {address} refuses; allowed: the cluster's own"
        )
    return ConfigError(f"--address: given {address}; it answers with HTTP status {status}")
