"""Calls of a web API with a token or an account: Ray's dashboard, MLflow. Nothing is retried."""

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def ray_token(env: Mapping[str, str] | None = None) -> str | None:
    """Ray's token where Ray itself looks for it; None where there is none."""
    given = os.environ if env is None else env
    if given.get("RAY_AUTH_TOKEN"):
        return given["RAY_AUTH_TOKEN"]
    path = Path(given.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    try:
        return path.read_text(encoding="utf-8").strip()
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
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.load(answer)
