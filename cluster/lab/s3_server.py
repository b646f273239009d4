"""An S3 server on loopback: moto's, whose objects live as long as its process."""

import secrets
import sys
import urllib.request
from pathlib import Path

from cluster.lab.processes import HOST, Service, answers, environment, free_ports

REGION = "us-east-1"


def s3_server(folder: Path) -> Service:
    """A server without buckets; not started yet. It takes any credentials, ``client`` has some."""
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    address = f"http://{HOST}:{port}"
    return Service(
        name="s3",
        words=[sys.executable, "-m", "moto.server", f"--host={HOST}", f"--port={port}"],
        env=environment(folder),
        folder=folder,
        address=address,
        ready=lambda _: answers(port),
        client={
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": address,  # of boto3 and so of MLflow
            "MLFLOW_S3_ENDPOINT_URL": address,
        },
    )


def bucket(server: Service, name: str) -> str:
    """Make a bucket -> its URI, for clients that have the environment ``server.client``."""
    request = urllib.request.Request(f"{server.address}/{name}", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()
    return f"s3://{name}"
