"""Our commands as a user gives them: from the shell to the report, on a cluster of their own."""

import os
import subprocess
import sys
import time


def full(home: str, *words: str) -> float:
    """Seconds of ``python -m ablations.full WORDS`` with its ledger in ``home``."""
    return _timed("ablations.full", home, *words)


def search(home: str, *words: str) -> float:
    """Seconds of ``python -m search_spaces.explore WORDS``."""
    return _timed("search_spaces.explore", home, *words)


def _timed(module: str, home: str, *words: str) -> float:
    variables = os.environ | {"CAL_HOME": home}
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        variables.pop(name, None)
    begin = time.perf_counter()
    command = [sys.executable, "-m", module, *words, "--out", f"{home}/out"]
    subprocess.run(command, env=variables, check=True, capture_output=True)
    return time.perf_counter() - begin
