"""Our command as a user gives it: from the shell to the report, on a cluster of its own."""

import os
import subprocess
import sys
import time


def full(home: str, *words: str) -> float:
    """Seconds of ``python -m ablations.full WORDS`` with its ledger in ``home``."""
    variables = os.environ | {"CAL_HOME": home}
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        variables.pop(name, None)
    begin = time.perf_counter()
    command = [sys.executable, "-m", "ablations.full", *words, "--out", f"{home}/out"]
    subprocess.run(command, env=variables, check=True, capture_output=True)
    return time.perf_counter() - begin
