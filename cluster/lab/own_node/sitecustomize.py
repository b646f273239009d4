"""Drivers and agents of a lab's node see that node alone, as on a machine of their own.

Where several nodes share a machine, Ray 2.60 joins every driver and every agent to the head's
raylet: a job whose driver was placed on a worker would die with the head, and its log be looked for
in the wrong folder. Python imports this file by its name when it starts.
"""

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

MARK = "CAL_LAB_SERVICE"  # as in cluster.lab.processes, which is not importable everywhere
SERVICES = "ray._private.services"


def node_ids() -> set[str]:
    """Ids of the raylets that carry this process's mark: one, or none yet."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
            ids = [w.partition(b"=")[2] for w in words if w.startswith(b"--node_id=")]
            if ids and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.add(ids[0].decode())
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


class Patched:
    """Puts ``node_ids`` into Ray's module when that is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The usual one, but for that module."""
        if name != SERVICES:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        usual = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            usual(module)
            module.__dict__["find_node_ids"] = node_ids

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if MARK in os.environ:
    sys.meta_path.insert(0, Patched())
