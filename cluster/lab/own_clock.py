"""Runs a module whose clock jumps once: ``python -m cluster.lab.own_clock FILE MODULE ...``.

Once FILE is there, ``time.time()`` is off by the seconds that it holds, in this process alone.
"""

import runpy
import sys
import threading
import time
from pathlib import Path

LOOK_S = 0.2


def jumping(file: Path) -> None:
    """Wait for the file, then shift the clock."""
    while not file.exists() or not file.read_text():
        time.sleep(LOOK_S)
    seconds, true = float(file.read_text()), time.time
    time.time = lambda: true() + seconds


if __name__ == "__main__":
    threading.Thread(target=jumping, args=(Path(sys.argv[1]),), daemon=True).start()
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
