"""Fixtures that several integration tests share."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its tables, made once a session."""
    folder = tmp_path_factory.getbasetemp() / "tracking-template"
    from cal.adapters.tracking import open_ledger

    open_ledger(f"sqlite:///{folder}/mlflow.db", artifacts=str(folder))
    return folder / "mlflow.db"


@pytest.fixture
def home(tmp_path: Path, template: Path) -> Path:
    """A home whose store has its tables: making them takes 5 to 20 s a time."""
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(template, folder)
    return folder


@pytest.fixture
def ledger(home: Path) -> "Iterator[Ledger]":
    """The small study of ``ledgers``, begun."""
    from tests.integration.ledgers import opened

    with opened(home) as it:
        yield it
