"""What can break under a study, each done to real processes of a lab."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cluster.lab.processes import Service
from cluster.lab.ray_nodes import living
from cluster.lab.whole import Lab

REPLACED_S = 5.0  # until a lost node is replaced
NOTICE_S = 3.0  # from the notice to the end of a spot node
OUTAGE_S = (8.0, 20.0)  # of a server, before it is started again
STOPPED_S = (5.0, 40.0)  # of a node; from about 14 s on it is taken for dead


@dataclass
class Trial:
    """One study under way, and who may be hurt. ``dice``: its own random numbers."""

    place: Lab
    dice: random.Random
    driver: Callable[[], int | None]  # its process id; None while there is none
    over: Callable[[], bool]  # whether the job ended
    home: Path  # a folder of its own: CAL_HOME of ``disk``


@dataclass(frozen=True)
class Fault:
    """``inject`` returns once what it broke works again, where it does so by itself."""

    name: str
    title: str
    inject: Callable[[Trial], None]
    backend: str = "packed"
    redis: bool = False  # the head keeps its state there
    database: bool = False  # needs PostgreSQL
    folder: bool = False  # CAL_HOME is ``Trial.home``, not S3


def nodes(trial: Trial, *, with_driver: bool = False) -> list[Service]:
    """Living nodes without the driver, or that with it."""
    driver = trial.driver()
    found = [node for node in trial.place.nodes.values() if node.alive]
    return [node for node in found if (driver in node.members()) == with_driver]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _worker(trial: Trial) -> None:
    """A process of Ray that trains, on any node."""
    everywhere = trial.place.nodes.values()
    if found := [pid for node in everywhere for pid in node.find("ray::in_worker")]:
        _kill(trial.dice.choice(found))


def _node(trial: Trial) -> None:
    node = trial.dice.choice(nodes(trial))
    node.kill()
    time.sleep(REPLACED_S)
    node.start()


def _spot(trial: Trial) -> None:
    """The notice of a spot node: SIGTERM, then SIGKILL; another comes."""
    node = trial.dice.choice(nodes(trial))
    node.terminate()
    time.sleep(NOTICE_S)
    node.kill()
    time.sleep(REPLACED_S)
    node.start()


def _driver(trial: Trial) -> None:
    driver = trial.driver()
    if driver is not None:
        _kill(driver)


def _driver_node(trial: Trial) -> None:
    for node in nodes(trial, with_driver=True):
        node.kill()
        time.sleep(REPLACED_S)
        node.start()


def _head(trial: Trial) -> None:
    """Without Redis its nodes know nobody any more: they are replaced too, as an operator does."""
    trial.place.head.kill()
    for node in trial.place.nodes.values():
        node.kill()
    trial.place.head.start()
    for node in trial.place.nodes.values():
        node.start()


def _head_with_state(trial: Trial) -> None:
    trial.place.head.kill()
    time.sleep(2.0)
    trial.place.head.start()


def _down(service: Service, trial: Trial) -> None:
    service.kill()
    time.sleep(trial.dice.uniform(*OUTAGE_S))
    service.start()


def _mlflow(trial: Trial) -> None:
    _down(trial.place.mlflow, trial)


def _mlflow_long(trial: Trial) -> None:
    """Away until the job gave up."""
    trial.place.mlflow.kill()
    while not trial.over():
        time.sleep(0.5)
    trial.place.mlflow.start()


def _mlflow_slow(trial: Trial) -> None:
    """It answers for a moment now and then."""
    for _ in range(6):
        trial.place.mlflow.pause()
        time.sleep(trial.dice.uniform(2.0, 5.0))
        trial.place.mlflow.resume()
        time.sleep(trial.dice.uniform(0.2, 1.0))


def _postgres(trial: Trial) -> None:
    assert trial.place.postgres is not None
    _down(trial.place.postgres, trial)


def _stopped(trial: Trial) -> None:
    """SIGSTOP of a whole node, as a machine that hangs; replaced if it was taken for dead."""
    node = trial.dice.choice(nodes(trial))
    node.pause()
    time.sleep(trial.dice.uniform(*STOPPED_S))
    node.resume()
    time.sleep(REPLACED_S)
    if node.name not in living(trial.place.head):
        node.kill()
        node.start()


def _disk(trial: Trial) -> None:
    """A small disk is full for a while."""
    ballast = trial.home / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(2**16))
    time.sleep(trial.dice.uniform(*OUTAGE_S))
    ballast.unlink()


def _clock(trial: Trial) -> None:
    """The driver's clock jumps: ``cluster.lab.own_clock`` reads the file (simulated)."""
    hours = trial.dice.choice([-3, 3])
    (trial.home / "clock").write_text(str(3600 * hours))


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("worker", "kill -9 of a worker that trains one run", _worker, backend="worker"),
        Fault("pack", "kill -9 of a worker that trains a pack", _worker),
        Fault("node", "kill -9 of a node", _node),
        Fault("spot", "SIGTERM, then SIGKILL of a node", _spot),
        Fault("stopped", "SIGSTOP and SIGCONT of a node", _stopped),
        Fault("driver", "kill -9 of the driver", _driver),
        Fault("driver-node", "kill -9 of the node with the driver", _driver_node),
        Fault("head", "kill -9 of the head and its nodes", _head),
        Fault(
            "head-redis", "kill -9 of the head, its state in Redis", _head_with_state, redis=True
        ),
        Fault("mlflow", "kill -9 of MLflow's server", _mlflow),
        Fault("mlflow-long", "MLflow away until the study has ended", _mlflow_long),
        Fault("mlflow-slow", "MLflow hangs again and again", _mlflow_slow),
        Fault("postgres", "kill -9 of PostgreSQL", _postgres, database=True),
        Fault("disk", "a full disk", _disk, folder=True),
        Fault("clock", "the driver's clock jumps by 3 h (simulated)", _clock),
    )
}
