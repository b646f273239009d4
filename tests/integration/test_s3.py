"""Prepared data read from an S3 server (moto, on loopback): the run is that of the local folder."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cal.config import ConfigError, merge, parse
from cal.data.loading import fingerprint
from cal.data.stored import open_stored
from cal.effective import run_hash
from cal.records import Result
from cal.trainer import train
from tests.layouts import prepared

TREE = {
    "data": {"name": "nyud2", "probe": 4, "select": 4, "side": 16},
    "model": {"encoder": "resnet18", "d_z": 4},
    "method": "joint",
    "train": {"epochs": 1, "batch": 4},
    "evaluate": {"noise": "none"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Its address, host and port."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"{host}:{port}"
    moto.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A URI of an empty bucket."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=f"http://{server}")
    client.create_bucket(Bucket="lab")
    return f"s3://lab/nyud2?endpoint_override={server}&scheme=http&region=us-east-1"


def test_a_run_from_s3_is_that_of_the_folder(server: str, bucket: str, tmp_path: Path) -> None:
    folder = prepared("nyud2", tmp_path, each=6)
    client = boto3.client("s3", endpoint_url=f"http://{server}")
    for file in folder.iterdir():
        client.upload_file(str(file), "lab", f"nyud2/{file.name}")
    found = {}
    for place in (str(folder), bucket):
        config = parse(merge(TREE, {"data": {"root": place}}))
        *_, last = train(config)
        assert isinstance(last, Result)
        scores = {k: v for k, v in last.metrics.items() if not k.startswith("time/")}
        found[place] = (scores, run_hash(config), fingerprint(config.data, seed=0))
    assert found[str(folder)] == found[bucket]


def test_a_bucket_without_data_is_one_line(bucket: str) -> None:
    line = r"^data\.root: given s3://[^\n]*; no prepared data there [^\n]*$"
    with pytest.raises(ConfigError, match=line):
        open_stored(bucket.replace("nyud2", "nothing"))
