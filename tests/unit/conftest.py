"""Unit tests run without ray, mlflow and optuna, even when other tests have imported them."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _pure() -> Iterator[None]:
    """``import ray`` raises ``ModuleNotFoundError`` in this folder, and only in it.

    Not by package: this folder is none (no ``__init__``), so that scope would last to the end.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ray", "mlflow", "optuna"):
            patch.setitem(sys.modules, name, None)
        yield
