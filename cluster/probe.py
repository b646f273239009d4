"""The doctor's eyes: a job that asks every node and prints what it found as one line.

Each node has one task, twice: first it writes a file to CAL_HOME and looks around, then it reads
what the others wrote. Nothing here judges.
"""

import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import ray
from pyarrow import fs
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cal import home
from cal.cli import hidden
from cluster import calls
from cluster.findings import PACKAGES

LINE = "cal-doctor: "  # in front of the JSON
WAIT_S = 60.0  # for all nodes
ANSWER_S = 15.0  # for MLflow, each time: cold workers start beside it
EXPERIMENT = "cal-doctor"
GPU_COUNT = "import torch; print(torch.cuda.device_count())"


def versions() -> dict[str, Any]:
    """Python and the packages of ``PACKAGES`` in this process."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return {"python": platform.python_version(), "packages": found}


def look(name: str, nonce: str, temp: str, ray_gpus: float) -> dict[str, Any]:
    """What this node is, after writing its file."""
    place = home.home()
    folder = place if "://" not in place else None
    return {
        **versions(),
        "name": name,
        "home": place,
        "wrote": _written(place, nonce, name),
        "gpus": _gpus(ray_gpus),
        "temp_free": _free(temp),
        "home_free": _free(folder) if folder else None,
        "shm_free": _free("/dev/shm"),
    }


def see(nonce: str) -> tuple[float, list[str]]:
    """This node's clock, and the names of all whose file it can read."""
    now = time.time()
    try:
        system, path = _system(home.home(), nonce)
        files = system.get_file_info(fs.FileSelector(path))
        return now, [
            system.open_input_stream(file.path).read().decode() for file in files if file.is_file
        ]
    except (OSError, ValueError):
        return now, []


def _system(place: str, nonce: str) -> tuple[fs.FileSystem, str]:
    if "://" in place:
        base, _, query = place.partition("?")
        uri = f"{base.rstrip('/')}/doctor-{nonce}" + (f"?{query}" if query else "")
        system, path = fs.FileSystem.from_uri(uri)
        return system, path
    return fs.LocalFileSystem(), f"{place}/doctor-{nonce}"


def _written(place: str, nonce: str, name: str) -> str:
    """Write the node's file -> why it failed, empty if it did not."""
    try:
        system, path = _system(place, nonce)
        system.create_dir(path, recursive=True)
        with system.open_output_stream(f"{path}/{secrets.token_hex(4)}") as file:
            file.write(name.encode())
    except (OSError, ValueError) as error:
        return str(error).splitlines()[0][:200]
    return ""


def _removed(nonce: str) -> None:
    try:
        system, path = _system(home.home(), nonce)
        system.delete_dir(path)
    except OSError:
        return


def _free(place: str) -> float:
    """Free bytes where a folder is, or would be."""
    path = Path(place)
    while not path.exists() and path != path.parent:
        path = path.parent
    return float(shutil.disk_usage(path).free)


def _gpus(ray_gpus: float) -> int | None:
    """GPUs that torch sees: asked apart, because Ray hides them from a task that asks for none."""
    if not ray_gpus and not any(Path("/dev").glob("nvidia[0-9]*")):
        return None
    env = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run(
        [sys.executable, "-c", GPU_COUNT], env=env, capture_output=True, text=True
    )
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip().isdecimal() else 0


def tracking(env: Mapping[str, str]) -> tuple[str, str]:
    """The ledger's address, and why it does not take a probe experiment (empty if it does).

    The experiment is deleted again: restored and deleted where it was there before.
    """
    uri = home.tracking_uri()
    if not uri.startswith("http"):
        return hidden(uri), ""
    url, headers = f"{uri.rstrip('/')}/api/2.0/mlflow/experiments", calls.account(env)

    def ask(path: str, **given: str) -> Any:
        return calls.ask(f"{url}/{path}", headers=headers, given=given or None, seconds=ANSWER_S)

    try:
        ask("delete", experiment_id=_experiment(ask))
    except urllib.error.HTTPError as error:
        text = {401: "it refuses user and password", 403: "it forbids this user to write"}
        return hidden(uri), text.get(error.code, f"HTTP status {error.code}")
    except (OSError, ValueError) as error:
        return hidden(uri), f"no answer ({getattr(error, 'reason', error)})"
    return hidden(uri), ""


def _experiment(ask: Callable[..., Any]) -> str:
    """The id of the probe experiment, living."""
    try:
        found = ask(f"get-by-name?experiment_name={EXPERIMENT}")["experiment"]
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return str(ask("create", name=EXPERIMENT)["experiment_id"])
    key = found["experiment_id"]
    if found["lifecycle_stage"] == "deleted":
        ask("restore", experiment_id=key)
    return str(key)


def collect() -> dict[str, Any]:
    """Facts of all living nodes, from a driver on one of them."""
    nonce = secrets.token_hex(8)
    alive = {_name(one): one for one in ray.nodes() if one["Alive"]}
    first = {name: _on(one, look, (name, nonce, *_given(one))) for name, one in alive.items()}
    uri, error = tracking(os.environ)
    found = _answered(first)
    begun = time.time()
    second = {name: _on(alive[name], see, (nonce,)) for name in found}
    for name, (clock, saw) in _answered(second).items():
        skew = max(0.0, begun - clock, clock - time.time())  # surely at least
        found[name] |= {"saw": saw, "skew_s": skew}
    _removed(nonce)
    here = ray.get_runtime_context().get_node_id()
    for name, facts in found.items():
        resources = alive[name]["Resources"]
        facts["ray_gpus"] = float(resources.get("GPU", 0))
        facts["store"] = float(resources.get("object_store_memory", 0))
    return {
        "nodes": list(found.values()),
        "silent": sorted(alive.keys() - found.keys()),
        "driver": next(name for name, one in alive.items() if one["NodeID"] == here),
        "tracking": uri,
        "tracking_error": error,
    }


def _name(one: Mapping[str, Any]) -> str:
    return f"{one['NodeManagerAddress']} ({one['NodeID'][:6]})"


def _given(one: Mapping[str, Any]) -> tuple[str, float]:
    temp = str(Path(one["RayletSocketName"]).parents[2])
    return temp, float(one["Resources"].get("GPU", 0))


def _on(one: Mapping[str, Any], function: Any, given: tuple[Any, ...]) -> Any:
    place = NodeAffinitySchedulingStrategy(one["NodeID"], soft=False)
    task = ray.remote(num_cpus=0, max_retries=0)(function)
    return task.options(scheduling_strategy=place).remote(*given)


def _answered(tasks: Mapping[str, Any]) -> dict[str, Any]:
    """Results of the tasks that end in time."""
    ready, _ = ray.wait(list(tasks.values()), num_returns=len(tasks), timeout=WAIT_S)
    found = {}
    for name, reference in tasks.items():
        if reference in ready:
            try:
                found[name] = ray.get(reference)
            except ray.exceptions.RayError as error:
                print(f"{name}: {str(error).splitlines()[0]}", file=sys.stderr)
    return found


def main() -> None:
    """Ask, and print the line."""
    ray.init(log_to_driver=False)
    print(LINE + json.dumps(collect()), flush=True)


if __name__ == "__main__":
    main()
