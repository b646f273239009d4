"""Processes of the cluster that this process started, to be killed."""

from cal.adapters import ray_cluster  # noqa: F401  authentication comes before Ray
from cluster.lab.processes import command, parents

import ray  # isort: skip


def raylet() -> int:
    """The process id of our node's raylet."""
    node = ray._private.worker._global_node
    return int(node.all_processes["raylet"][0].process.pid)


def workers(title: str) -> list[int]:
    """Workers of our raylet that are at a task: ``ray::`` and its name."""
    ours = raylet()
    return [
        pid
        for pid, parent in parents().items()
        if parent == ours and command(pid).startswith(title)
    ]
