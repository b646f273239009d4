"""The raylet of the driver's own node dies alone, as by the system's killer of too large processes.

Ray lets a driver wait for ever then, and running tasks go on until they end.
"""

import multiprocessing
import os
import signal
from pathlib import Path

from cal.adapters import ray_cluster
from cal.adapters.ray_backend import Backend
from cal.adapters.ray_pool import Pool, Said
from cal.adapters.ray_workers import Workers
from cal.cli import StoppedError
from cal.config import parse
from cal.running import Job
from tests.integration.own_ray import raylet

LONG = {"data": {"labels_per_class": 20}, "train": {"epochs": 1_000_000}}


def _told(folder: str) -> str:
    """In a process of its own: what the pool says of a raylet that dies while a run is trained."""
    ray_cluster.connect(cpus=2)
    pool = Pool(Backend("packed", None, 0.0), workers=Workers(1, gpus=0.0))
    try:
        pool.submit([Job(parse(LONG), "run", folder)])
        while not any(isinstance(event, Said) for event in pool.events()):
            pass
        os.kill(raylet(), signal.SIGKILL)
        while not pool.idle:
            pool.events()
    except StoppedError as error:
        return str(error)
    finally:
        pool.close()
        ray_cluster.disconnect()
    return "nothing"


def test_the_command_ends_and_says_what_to_do(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as children:
        told = children.apply_async(_told, (str(tmp_path),)).get(timeout=240)
    assert told.startswith("Ray: the raylet of this driver's node died")
    assert "give the command again" in told
