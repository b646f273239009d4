"""Who is let in: Ray's job server and ports, MLflow's API, with real processes and real requests.

What holds is tested, and so is what does not hold, so that SECURITY.md stays true.
"""

import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import pytest

from cluster import calls
from cluster.lab.mlflow_server import mlflow_server
from cluster.lab.processes import HOST, Service, environment, scratch
from cluster.lab.ray_nodes import ask, head

FOREIGN = "rebound.example"
LOOPBACK = "0100007F"  # 127.0.0.1 as /proc/net/tcp has it
ANYWHERE = ("00000000", "0" * 32)


@dataclass(frozen=True)
class Place:
    """A head with one job that runs, and an MLflow server."""

    head: Service
    mlflow: Service
    job: str
    token: str


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with (
        scratch() as folder,
        mlflow_server(folder / "m") as mlflow,
        head(folder / "h", cpus=1) as top,
    ):
        token = calls.ray_token(top.client) or ""
        code = "import time; print(7 * 6, flush=True); time.sleep(900)"
        given = {"entrypoint": f"{sys.executable} -c {shlex.quote(code)}"}
        url = f"{top.address}/api/jobs/"
        made = calls.ask(url, headers=calls.bearer(token), given=given, seconds=60)
        found = Place(top, mlflow, made["submission_id"], token)
        for _ in range(600):
            if "42\n" in ask(top, f"/api/jobs/{found.job}/logs")["logs"]:
                break
            time.sleep(0.1)
        yield found


def status(
    url: str, headers: Mapping[str, str], *, method: str = "GET", data: str | None = None
) -> int:
    """The HTTP status of a request."""
    sent = {"Content-Type": "application/json", **headers}
    body = None if data is None else data.encode()
    request = urllib.request.Request(url, data=body, headers=sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


NOBODY: dict[str, str] = {}
WRONG = calls.bearer("0" * 64)
STRANGERS = pytest.mark.parametrize(
    ("headers", "refusal"),
    [(NOBODY, 401), (WRONG, 403), ({"Cookie": "ray-authentication-token=0"}, 403)],
    ids=["no token", "wrong token", "wrong cookie"],
)
JOB_CALLS = [
    ("POST", "/api/jobs/", '{"entrypoint": "touch stolen"}'),
    ("POST", "/api/jobs/JOB/stop", None),
    ("DELETE", "/api/jobs/JOB", None),
    ("GET", "/api/jobs/", None),
    ("GET", "/api/jobs/JOB", None),
    ("GET", "/api/jobs/JOB/logs", None),
    ("GET", "/api/jobs/JOB/logs/tail", None),
    ("PUT", "/api/packages/gcs/_ray_pkg_0123456789abcdef.zip", "code"),
    ("GET", "/api/v0/nodes", None),
    ("GET", "/api/v0/logs?node_id=0", None),
    ("GET", "/nodes?view=summary", None),
    ("GET", "/worker/traceback?pid=1", None),
]


@STRANGERS
@pytest.mark.parametrize(("method", "path", "data"), JOB_CALLS)
def test_jobs_are_closed_to_strangers(
    place: Place, headers: dict[str, str], refusal: int, method: str, path: str, data: str | None
) -> None:
    url = place.head.address + path.replace("JOB", place.job)
    assert status(url, headers, method=method, data=data) == refusal


def test_after_all_those_tries_there_is_one_job_and_it_runs(place: Place) -> None:
    """Also that the token opens the same doors: else the refusals would say nothing."""
    jobs = ask(place.head, "/api/jobs/")
    assert [(one["submission_id"], one["status"]) for one in jobs] == [(place.job, "RUNNING")]
    assert "42\n" in ask(place.head, f"/api/jobs/{place.job}/logs")["logs"]


@STRANGERS
def test_a_nodes_own_agent_is_closed_too(
    place: Place, headers: dict[str, str], refusal: int
) -> None:
    """It serves logs and stops jobs by itself, on the address of the node."""
    agent = ask(place.head, f"/api/jobs/{place.job}")["driver_agent_http_address"]
    for method, path in ("GET", "logs"), ("POST", "stop"):
        url = f"{agent}/api/job_agent/jobs/{place.job}/{path}"
        assert status(url, headers, method=method) == refusal
    url = f"{agent}/api/job_agent/jobs/{place.job}/logs"
    assert status(url, calls.bearer(place.token)) == 200


@pytest.mark.parametrize("token", [None, "0" * 64], ids=["no token", "wrong token"])
def test_a_driver_is_refused_by_ray_itself(place: Place, token: str | None, tmp_path: Path) -> None:
    """The port of the cluster's state, which listens on every interface."""
    env = environment(tmp_path) | {"RAY_ADDRESS": place.head.client["RAY_ADDRESS"]}
    env |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
    code = "import ray; ray.init(); print('I am', 'in')"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "I am in" not in done.stdout
    assert "uthentication" in done.stderr or "Unauthenticated" in done.stderr, done.stderr[-500:]


BROWSER = pytest.mark.parametrize(
    "sign",
    [
        {"Origin": f"http://{FOREIGN}"},
        {"Referer": f"http://{FOREIGN}/"},
        {"User-Agent": "Mozilla/5.0"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=lambda sign: next(iter(sign)),
)


@BROWSER
@pytest.mark.parametrize(("method", "path", "data"), [c for c in JOB_CALLS if c[0] != "GET"])
def test_a_page_in_a_browser_changes_nothing_even_with_the_token(
    place: Place, sign: dict[str, str], method: str, path: str, data: str | None
) -> None:
    url = place.head.address + path.replace("JOB", place.job)
    headers = calls.bearer(place.token) | sign
    assert status(url, headers, method=method, data=data) == 405


def test_ray_does_not_look_at_the_host_so_only_the_token_keeps_a_rebound_page_out(
    place: Place,
) -> None:
    url, host = f"{place.head.address}/api/jobs/", {"Host": FOREIGN}
    assert status(url, host) == 401
    assert status(url, host | WRONG) == 403
    assert status(url, host | calls.bearer(place.token)) == 200


def good(mlflow: Service) -> dict[str, str]:
    return calls.account(mlflow.client)


API = "/api/2.0/mlflow"
MLFLOW_CALLS = [
    ("POST", f"{API}/experiments/search", '{"max_results": 10}'),
    ("POST", f"{API}/experiments/create", '{"name": "stolen"}'),
    ("POST", f"{API}/runs/create", '{"experiment_id": "0"}'),
    ("POST", f"{API}/runs/search", '{"experiment_ids": ["0"]}'),
    ("POST", f"{API}/users/create", '{"username": "me", "password": "long enough for it"}'),
    ("PATCH", f"{API}/users/update-password", '{"username": "admin", "password": "mine, now!"}'),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts?path=", None),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/stolen.txt", "x"),
    ("GET", "/ajax-api/2.0/mlflow/experiments/search?max_results=10", None),
    ("GET", "/get-artifact?run_uuid=0&path=x", None),
    ("POST", "/graphql", '{"query": "{ __typename }"}'),
    ("GET", "/", None),
]


@pytest.mark.parametrize(
    "headers",
    [NOBODY, calls.basic("admin", "wrong"), calls.basic("nobody", "")],
    ids=["nobody", "wrong password", "unknown user"],
)
@pytest.mark.parametrize(("method", "path", "data"), MLFLOW_CALLS)
def test_mlflow_is_closed_to_strangers(
    place: Place, headers: dict[str, str], method: str, path: str, data: str | None
) -> None:
    assert status(place.mlflow.address + path, headers, method=method, data=data) == 401


@pytest.mark.parametrize(("method", "path", "data"), MLFLOW_CALLS)
def test_mlflow_stumbles_over_another_kind_of_credentials_and_stays_closed(
    place: Place, method: str, path: str, data: str | None
) -> None:
    answer = status(place.mlflow.address + path, WRONG, method=method, data=data)
    assert answer in (401, 500)  # 500 as of 3.17


def test_mlflow_opens_to_the_administrator_and_holds_nothing_stolen(place: Place) -> None:
    url = f"{place.mlflow.address}{API}/experiments/search"
    listed = calls.ask(url, headers=good(place.mlflow), given={"max_results": 10})
    assert [one["name"] for one in listed["experiments"]] == ["Default"]


@pytest.mark.parametrize(("method", "path", "data"), MLFLOW_CALLS)
def test_mlflow_refuses_a_foreign_host_even_with_the_password(
    place: Place, method: str, path: str, data: str | None
) -> None:
    headers = good(place.mlflow) | {"Host": FOREIGN}
    assert status(place.mlflow.address + path, headers, method=method, data=data) == 403


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [c for c in MLFLOW_CALLS if c[0] in ("POST", "PUT", "PATCH") and c[1].startswith("/api/")],
)
def test_mlflow_refuses_pages_of_other_sites_even_with_the_password(
    place: Place, method: str, path: str, data: str | None
) -> None:
    headers = good(place.mlflow) | {"Origin": f"http://{FOREIGN}"}
    assert status(place.mlflow.address + path, headers, method=method, data=data) == 403


def test_mlflow_does_not_look_at_the_origin_of_graphql(place: Place) -> None:
    """It reads only, and asks for the password like the rest. If this fails, MLflow is better."""
    headers = good(place.mlflow) | {"Origin": f"http://{FOREIGN}"}
    data, url = '{"query": "{ __typename }"}', f"{place.mlflow.address}/graphql"
    assert status(url, headers, method="POST", data=data) == 200
    assert status(url, {"Origin": f"http://{FOREIGN}"}, method="POST", data=data) == 401


def listening(service: Service) -> dict[int, set[str]]:
    """Port -> addresses that any process of a service listens on, as /proc/net/tcp has them."""
    own = set()
    for pid in service.members():
        with suppress(OSError):  # it ended meanwhile
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    own.add(os.readlink(entry))
    found: dict[int, set[str]] = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in own:
                address, port = words[1].split(":")
                found.setdefault(int(port, 16), set()).add(address)
    return found


def test_dashboard_and_mlflow_listen_on_loopback_alone(place: Place) -> None:
    for service in (place.head, place.mlflow):
        port = int(service.address.rpartition(":")[2])
        assert listening(service)[port] == {LOOPBACK}, service.name
    assert set(listening(place.mlflow)) == {int(place.mlflow.address.rpartition(":")[2])}


def test_rays_other_ports_listen_everywhere_so_the_token_is_no_option(place: Place) -> None:
    """If this fails, Ray has become better: say so in SECURITY.md."""
    open_to_all = {p for p, where in listening(place.head).items() if where & set(ANYWHERE)}
    assert int(place.head.client["RAY_ADDRESS"].rpartition(":")[2]) in open_to_all


def test_metrics_of_a_node_are_read_without_a_token(place: Place) -> None:
    """Names and numbers, no code: but they are why Ray's ports belong behind a firewall."""
    ports = [p for p, where in listening(place.head).items() if where == {"00000000"}]
    found = []
    for port in ports:
        try:
            found.append(status(f"http://{HOST}:{port}/metrics", NOBODY))
        except (OSError, ValueError, HTTPException):  # a port that speaks another language
            continue
    assert 200 in found, found  # Ray has one or two such ports
