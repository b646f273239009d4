"""The driver of ``test_autoscaling``: trains runs on a cluster without workers and writes what it
sees, a line of JSON an event: ``[event, number]``.
"""

import json
import sys
import time
from collections.abc import Callable

import ray

LIMIT_S = 240.0


def say(event: str, number: int) -> None:
    print(json.dumps([event, number]), flush=True)


def workers() -> int:
    """Living nodes beside the head."""
    return sum(bool(node["Alive"]) for node in ray.nodes()) - 1


def watched(done: Callable[[], bool]) -> None:
    """Tell every change in the number of workers until it is done. Raises ``TimeoutError``."""
    seen, end = -1, time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if workers() != seen:
            seen = workers()
            say("workers", seen)
        if done():
            return
        time.sleep(0.2)
    raise TimeoutError(f"{seen} workers after {LIMIT_S} s")


@ray.remote(num_cpus=1, max_retries=0)
def trained(seed: int, folder: str) -> tuple[int, str]:
    """One small run of ours: epochs it took, and the node it ran on."""
    from cal.config import parse
    from cal.effective import run_hash
    from cal.running import Job, resumable

    config = parse({"seed": seed, "train": {"epochs": 2}, "evaluate": {"noise": "none"}})
    found = list(resumable([Job(config, run_hash(config), folder)]))
    time.sleep(3)  # until the second node is there, so that both have work
    return len(found) - 1, ray.get_runtime_context().get_node_id()


def main(address: str, folder: str) -> None:
    """Six runs, then idle until no worker is left."""
    ray.init(address, log_to_driver=False)
    say("workers", workers())
    runs = [trained.remote(seed, folder) for seed in range(6)]
    watched(lambda: len(ray.wait(runs, num_returns=len(runs), timeout=0)[0]) == len(runs))
    found = ray.get(runs)
    say("epochs", sum(epochs for epochs, _ in found))
    say("nodes used", len({node for _, node in found}))
    runs.clear()
    watched(lambda: workers() == 0)
    ray.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
