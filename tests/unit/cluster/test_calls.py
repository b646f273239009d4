"""Calls of a web API: which credentials are sent, and how a refusal is told."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cal.config import ConfigError
from cluster import calls

NODES = [
    {"node_id": "new", "state": "ALIVE", "start_time_ms": 20},
    {"node_id": "gone", "state": "DEAD", "start_time_ms": 5},
    {"node_id": "old", "state": "ALIVE", "start_time_ms": 10},
]


class Answer(BaseHTTPRequestHandler):
    """A job server whose token is ``right``."""

    def do_GET(self) -> None:
        given = self.headers.get("Authorization")
        self.send_response({None: 401, "Bearer right": 200, "Bearer ill": 500}.get(given, 403))
        self.end_headers()
        self.wfile.write(json.dumps({"data": {"result": {"result": NODES}}}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, "^RAY_AUTH_TOKEN_PATH: given none; .* asks for a token"),
        ("wrong", "^RAY_AUTH_TOKEN_PATH: given a token that .* refuses"),
        ("ill", "^--address: given .*; it answers with HTTP status 500$"),
    ],
)
def test_a_refusal_is_one_line_without_the_token(
    address: str, token: str | None, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        calls.reached(address, token)
    assert "\n" not in str(error.value)


def test_the_right_token_is_let_in_and_sees_living_nodes_oldest_first(address: str) -> None:
    calls.reached(address, "right")
    assert [one["node_id"] for one in calls.alive(address, "right")] == ["old", "new"]


def test_the_token_is_where_ray_looks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("of the file\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert calls.ray_token({}) is None
    assert calls.ray_token({"RAY_AUTH_TOKEN_PATH": str(file)}) == "of the file"
    both = {"RAY_AUTH_TOKEN_PATH": str(file), "RAY_AUTH_TOKEN": "given"}
    assert calls.ray_token(both) == "given"
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("at home")
    assert calls.ray_token({}) == "at home"


def test_an_account_is_sent_only_whole() -> None:
    name = {"MLFLOW_TRACKING_USERNAME": "me"}
    assert calls.account(name) == {}
    sent = calls.account(name | {"MLFLOW_TRACKING_PASSWORD": "a:b"})["Authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"me:a:b"
