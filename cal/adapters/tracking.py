"""The ledger: MLflow as the memory of all runs, by the hash of their configuration.

One driver process writes (its lease says so), everyone reads. Nothing here imports mlflow before
``open_ledger`` is called, so ``python -m cal.adapters.tracking ui --help`` is instant.

Layout: experiment ``STUDY/REGIME`` holds variant runs at the top level (means over seeds, mean
curves) and seed runs as their children, the rows of the ledger; experiment ``STUDY`` holds the
``report`` run with the plan.
"""

import sys
from typing import TYPE_CHECKING

from cal.adapters.tracking_rows import (
    SINGLE,
    Address,
    Curves,
    Data,
    Entry,
    LeaseHeld,
    LeaseLost,
    LedgerError,
    Seed,
    Variant,
)
from cal.adapters.tracking_store import Progress, absolute, check

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger

__all__ = [
    "SINGLE",
    "Address",
    "Curves",
    "Data",
    "Entry",
    "LeaseHeld",
    "LeaseLost",
    "LedgerError",
    "Seed",
    "Variant",
    "is_new",
    "open_ledger",
]


def is_new(uri: str) -> bool:
    """Whether there is no store at ``uri`` yet. Raises ``ConfigError`` where there can be none."""
    return check(absolute(uri))


def open_ledger(uri: str, *, artifacts: str, progress: Progress | None = None) -> "Ledger":
    """The store at ``uri``, made if it is new; ``artifacts`` is its folder (or storage URI).

    ``progress`` gets one line before anything slow. Raises ``ConfigError`` in one line for a
    store that is locked, foreign, unwritable or does not answer.
    """
    from cal.adapters.tracking_ledger import Ledger

    return Ledger.open(uri, artifacts=artifacts, progress=progress)


if __name__ == "__main__":
    from cal import cli
    from cal.adapters.tracking_ui import main

    cli.run(lambda: main(sys.argv[1:]), module="cal.adapters.tracking")
