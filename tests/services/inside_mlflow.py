"""PostgreSQL and MLflow's server as the manifests start them; run inside ``confined``.

python -m tests.services.inside_mlflow PG_CONFIG COMMAND
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg2
import requests

PAGE = "/api/2.0/mlflow/experiments/search?max_results=1"
ADMIN = (os.environ["MLFLOW_AUTH_ADMIN_USERNAME"], os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"])


def postgres(pg_config: str) -> subprocess.Popen[bytes]:
    """A database as the official image makes it: a password, two databases, this port."""
    binaries = subprocess.check_output([pg_config, "--bindir"], text=True).strip()
    data, password = Path("/tmp/pgdata"), Path("/tmp/password")
    password.write_text(os.environ["PGPASSWORD"], encoding="utf-8")
    make = [f"{binaries}/initdb", "-D", str(data), "-U", "mlflow", f"--pwfile={password}"]
    subprocess.run([*make, "--auth=scram-sha-256"], check=True, stdout=subprocess.DEVNULL)
    options = ["-c", "unix_socket_directories=/tmp", "-c", "listen_addresses=127.0.0.1"]
    server = subprocess.Popen([f"{binaries}/postgres", "-D", str(data), *options])
    ready = [f"{binaries}/pg_isready", "-h", "127.0.0.1", "-q"]
    while subprocess.run(ready).returncode:
        assert server.poll() is None
        time.sleep(0.1)
    psql = [f"{binaries}/psql", "-h", "postgres", "-U", "mlflow", "-d", "postgres", "-q"]
    subprocess.run([*psql, "-c", "CREATE DATABASE mlflow"], check=True)
    subprocess.run([*psql, "-f", "/tmp/given/databases.sql"], check=True)
    return server


def status(host: str = "mlflow:5000", **given: Any) -> int:
    """HTTP status of a page of the API, asked for under a host's name."""
    address = f"http://127.0.0.1:5000{PAGE}"
    return requests.get(address, headers={"Host": host}, timeout=30, **given).status_code


def tables(database: str) -> set[str]:
    """Names of the tables of a database."""
    with psycopg2.connect(host="postgres", user="mlflow", dbname=database) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in cursor.fetchall()}


def main(pg_config: str, command: str) -> None:
    """Start both, ask what may and may not be, look where it was written."""
    postgres(pg_config)
    server = subprocess.Popen(shlex.split(command), cwd="/tmp")
    for _ in range(1200):
        assert server.poll() is None
        try:
            if requests.get("http://127.0.0.1:5000/health", timeout=5).ok:
                break
        except requests.ConnectionError:
            time.sleep(0.2)
    assert status() == 401
    assert status(auth=("admin", "wrong")) == 401
    assert status(auth=ADMIN) == 200
    assert status(auth=ADMIN, host="localhost:8080") == 200  # a port-forward
    assert status(auth=ADMIN, host="evil.example") == 403
    probe = requests.get("http://127.0.0.1:5000/health", headers={"Host": "10.1.2.3:5000"})
    assert probe.status_code == 200  # as the kubelet asks
    assert "experiments" in tables("mlflow")
    assert "users" in tables("mlflow_auth")
    assert not [path for path in Path("/tmp").glob("*.db")]
    print("all held", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
