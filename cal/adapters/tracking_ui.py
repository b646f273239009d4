"""``python -m cal.adapters.tracking ui``: MLflow's own UI on loopback, opened at the study.

Examples:
  python -m cal.adapters.tracking ui
  python -m cal.adapters.tracking ui --port 5050 --study default
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cal import cli, home
from cal.adapters.tracking_store import absolute, check
from cal.config import ConfigError

HOST = "127.0.0.1"  # nothing on a public address: the UI asks nobody for a password
WAIT_S = 120.0


def main(argv: Sequence[str]) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    arguments = _parser().parse_args(argv)
    try:
        return serve(port=arguments.port, study=arguments.study)
    except KeyboardInterrupt:
        return cli.INTERRUPTED  # its usual end, which needs no words


def _parser() -> cli.Parser:
    parser = cli.Parser("python -m cal.adapters.tracking")
    commands = parser.add_subparsers(required=True, metavar="ui", parser_class=cli.Parser)
    about = "serve the ledger's pages on this machine until Ctrl-C"
    ui = commands.add_parser("ui", help=about, description=__doc__)
    ui.add_argument("--port", type=int, default=5000, help="default: 5000")
    ui.add_argument("--study", help="default: the newest")
    return parser


def serve(*, port: int, study: str | None) -> int:
    """Serve until Ctrl-C. A store that is a server already is only pointed at."""
    uri = absolute(home.tracking_uri())
    if check(uri):
        raise ConfigError(
            f"CAL_HOME: given {home.home()}; no ledger there yet; make ablation first"
        )
    if uri.startswith("http"):
        _show(uri.rstrip("/"), uri, study)
        return 0
    _check_port(port)
    with _server(uri, port) as process:
        place = f"http://{HOST}:{port}"
        _wait(process, place)
        _show(place, uri, study)
        print("Ctrl-C stops it.", flush=True)
        code = process.wait()
    raise ConfigError(
        f"MLFLOW_TRACKING_URI: given {cli.hidden(uri)}; mlflow server ended with {code}"
    )


def _check_port(port: int) -> None:
    if not 0 < port < 65536:
        raise ConfigError(f"--port: given {port}; allowed: 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = error.strerror or "in use"
            raise ConfigError(f"--port: given {port}; {reason}; allowed: a free port") from None


@contextmanager
def _server(uri: str, port: int) -> "Iterator[subprocess.Popen[bytes]]":
    """MLflow's server and all its children, gone at the end."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--artifacts-destination", home.artifacts()]  # else a folder where we stand
    settings = {
        "MLFLOW_BACKEND_STORE_URI": uri,  # not among the arguments, which every user can list
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 8 idle processes
    }
    process = subprocess.Popen(
        command,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for step in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, step)
            process.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _wait(process: "subprocess.Popen[bytes]", place: str) -> None:
    """Until the server answers."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise ConfigError(f"--port: given {place}; mlflow server ended at once")
        try:
            with urllib.request.urlopen(f"{place}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise ConfigError(f"--port: given {place}; mlflow server did not answer in {WAIT_S:.0f} s")


def _show(place: str, uri: str, study: str | None) -> None:
    """The addresses of the study's pages."""
    from cal.adapters.tracking_client import connect
    from cal.adapters.tracking_read import Reader

    reader = Reader(connect(uri), uri)
    names = reader.studies()
    if study is None and not names:
        print(f"MLflow: {place} (no study in {cli.hidden(uri)} yet)", flush=True)
        return
    chosen = study if study is not None else names[0]
    print(f"study {chosen} in {cli.hidden(uri)}")
    for page in reader.pages(chosen):
        print(f"  {page.at(place)}")
    sys.stdout.flush()
