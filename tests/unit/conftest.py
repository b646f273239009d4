"""Unit tests run without ray, mlflow and optuna, even when other tests have imported them."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def _pure() -> Iterator[None]:
    """``import ray`` raises ``ModuleNotFoundError`` in this folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ray", "mlflow", "optuna"):
            patch.setitem(sys.modules, name, None)
        yield
