"""A cluster on this machine, a study on it, and a node killed in the middle.

Starts PostgreSQL, S3, MLflow with accounts, a head and two workers with tokens on loopback, submits
a shortened study by ``ray job submit`` with its driver on a worker, kills the other worker, waits
for the report and stops all that it started.
"""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from cal import cli
from cal.config import ConfigError
from cluster.lab import databases
from cluster.lab.mlflow_server import seed_runs
from cluster.lab.processes import Service, environment
from cluster.lab.ray_nodes import RAY, ask, living
from cluster.lab.whole import Lab, lab

EXAMPLES = """examples:
  python -m cluster.demo                      the default study in one regime, short training
  python -m cluster.demo --seeds 6            a longer one
  python -m cluster.demo --hold               leave all running at the end, until Ctrl-C

exit codes: 0 the study survived, 1 it did not, 2 bad input or a package is missing, 130 interrupted
"""
ROOT = Path(__file__).resolve().parent.parent
JOB = "demo"
STUDY = "default"
CLIENT = ("cli", "packaging", "working_dir", "dashboard_sdk", "sdk", "job_manager", "worker")
SHORT = ["--regimes", "hw20", "train.epochs=8", "train.validate_every=2"]
SHORT += ["cal.contribution.interval=1"]
MIDDLE = 1  # runs in the ledger when the node is killed: the first pack is there, others train
DEADLINE_S = 900.0
Say = Callable[[str], None]


def parser() -> cli.Parser:
    """The command line."""
    p = cli.Parser("python -m cluster.demo", description=__doc__, epilog=EXAMPLES)
    p.add_argument("--seeds", type=cli.count, default=3, metavar="N", help="seeds (3)")
    p.add_argument("--hold", action="store_true", help="serve the pages until Ctrl-C at the end")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    lacking = databases.missing()
    if lacking:
        raise ConfigError(f"demo: needs Debian packages: apt-get install {' '.join(lacking)}")
    say = clock()
    with lab(say=say) as place:
        code = shown(place, seeds=options.seeds, say=say)
        if options.hold:
            say(f"{place.mlflow.address} until Ctrl-C; {account(place)}")
            with suppress(KeyboardInterrupt):
                while place.mlflow.alive:
                    time.sleep(1)
        services = place.services
    left = [pid for service in services for pid in service.members()]
    say(f"stopped {len(services)} services; processes left: {left or 'none'}")
    return cli.SOME_FAILED if left else code


def clock() -> Say:
    """Progress lines with the seconds since now."""
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {line}", flush=True)

    return say


def account(place: Lab) -> str:
    """Where the password is found: it is shown on no screen and in no log."""
    file = place.folder / "mlflow" / "password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(place.mlflow.client["MLFLOW_TRACKING_PASSWORD"] + "\n")
    return f"user {place.mlflow.client['MLFLOW_TRACKING_USERNAME']}, password in {file}"


def shown(place: Lab, *, seeds: int, say: Say) -> int:
    """Submit, kill, wait, judge -> the exit code."""
    out = place.folder / "report"
    words = ["ray", "job", "submit", f"--submission-id={JOB}", "--entrypoint-num-cpus=0.5"]
    words += ["--working-dir", ".", "--"]
    study = ["python", "-m", "ablations.full", "--seeds", str(seeds), *SHORT, "--out", str(out)]
    say(f"$ {shlex.join([*words, *study])}")
    client = subprocess.Popen(
        [*RAY, *words[1:], *study],
        cwd=ROOT,
        env=environment(place.folder) | dict(place.head.client),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    follower = Thread(target=_follow, args=(client, say), daemon=True)
    follower.start()
    try:
        killed = _kill_one(place, say)
        client.wait(DEADLINE_S)
        follower.join(10)
    finally:
        client.kill()
        client.wait()
    return _judged(place, out, killed=killed, say=say)


def _follow(client: "subprocess.Popen[str]", say: Say) -> None:
    """The study's own lines; not those of Ray's client."""
    assert client.stdout is not None
    with client.stdout as lines:
        for line in lines:
            if line.strip() and not any(f"{module}.py:" in line for module in CLIENT):
                say(f"| {line.rstrip()}")


def _kill_one(place: Lab, say: Say) -> bool:
    """kill -9 of the worker without the driver, once the ledger holds the first runs."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        info = job(place.head)
        if info and info["status"] in ("SUCCEEDED", "FAILED", "STOPPED"):
            return False
        done = finished(place.mlflow)
        if info and info.get("driver_node_id") and done >= MIDDLE:
            other = _without(place, info["driver_node_id"])
            processes = len(other.members())
            other.kill()
            say(f"killed {other.name} ({processes} processes); {done} runs were in the ledger")
            return True
        time.sleep(0.5)
    return False


def _without(place: Lab, driver: str) -> Service:
    """A worker that is not the driver's node."""
    ids = living(place.head)
    return next(one for name, one in place.nodes.items() if ids.get(name) not in (None, driver))


def job(head: Service) -> dict[str, Any] | None:
    """What the head knows of the job; None before it was submitted."""
    try:
        found: dict[str, Any] = ask(head, f"/api/jobs/{JOB}")
    except OSError:
        return None
    return found


def finished(mlflow: Service) -> int:
    """Seed runs that the ledger holds as finished."""
    with suppress(OSError):
        return sum(run["info"]["status"] == "FINISHED" for run in seed_runs(mlflow, STUDY))
    return 0


def _judged(place: Lab, out: Path, *, killed: bool, say: Say) -> int:
    """Say how it ended -> the exit code."""
    info = job(place.head) or {"status": "unknown", "driver_exit_code": None}
    say(f"job {info['status']}, exit code of the study {info['driver_exit_code']}")
    code, file = info["driver_exit_code"], out / "summary.json"
    if not file.exists():
        say("no summary was written")
        return cli.SOME_FAILED
    summary = json.loads(file.read_text(encoding="utf-8"))
    held = finished(place.mlflow)
    say(
        f"{held} runs in the ledger, {len(summary['failed'])} failed; MLflow {place.mlflow.address}"
    )
    if not killed:
        say("the study was over before a node could be killed: give more --seeds")
    return cli.DONE if killed and code == 0 and not summary["failed"] else cli.SOME_FAILED


if __name__ == "__main__":
    cli.run(main, module="cluster.demo")
