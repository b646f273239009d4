"""CAL Lab: contribution-guided asymmetric learning, searched and ablated honestly.

This is the one place where the telemetry of every library we run is switched off. Each command
imports this package before it opens ray or mlflow, and child processes inherit the environment.
A user who wants telemetry sets these variables before the command.
"""

import os

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
