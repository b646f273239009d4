"""The arms of a search opened from a storage, with first suggestions and earlier searches."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from cal import home
from cal.config import ConfigError
from search_spaces.opened import open_arms, storage_of
from search_spaces.searched import Search, read_search
from tests.contract.synthetic import RATE

FIXED = {"label": "fixed", "kind": "float", "default": 0.5}


@pytest.fixture
def search(tmp_path: Path) -> Search:
    path = tmp_path / "own.yaml"
    fields = {"optim.lr": RATE | {"default": 0.05}, "gamma": FIXED}
    path.write_text(yaml.safe_dump({"name": "own", "fields": fields}))
    return read_search(
        space=str(path),
        config="hw20",
        changes={},
        name=None,
        against=["none"],
        objectives=["clean"],
        scheduler="asha",
        sampler="random",
        seeds=2,
        trials=4,
    )


class Ledger:
    """What an earlier search left: a row a trial."""

    def __init__(self, *rows: Any) -> None:
        self.rows = {str(i): row for i, row in enumerate(rows)}

    def studies(self) -> list[str]:
        return ["search/early", "study"]

    def experiments(self, name: str) -> dict[str, str]:
        if name != "search/early":
            raise ConfigError(f"--study: given {name!r}")
        return {"": "7"}

    def variant_runs(self, experiment: str) -> dict[str, Any]:
        assert experiment == "7"
        return self.rows


def row(rate: float, *, arm: str = "own", status: str = "FINISHED", **more: str) -> Any:
    data = SimpleNamespace(
        tags={"cal.arm": arm},
        params={"optim.lr": str(rate), "gamma": "0.5", **more},
        metrics={"select/clean/accuracy": 0.8},
    )
    return SimpleNamespace(data=data, info=SimpleNamespace(status=status))


def test_arms_are_opened_again_with_their_first_suggestions_once(
    search: Search, tmp_path: Path
) -> None:
    where = str(tmp_path / "study.log")
    for _ in range(2):
        (arm,), taken = open_arms(search, where, Ledger())  # type: ignore[arg-type]
        assert not taken
        assert (arm.name, arm.most, arm.left) == ("own", 4, 4)
        assert arm.rules.classes == 10
        assert len(arm.study.study.trials) == 1
    first = arm.ask()
    assert first.origin == "default, moved into the space's ranges"
    assert first.values == {"optim.lr": 0.05, "gamma": 0.5}


def test_an_earlier_search_is_told_where_its_trials_fit(search: Search, tmp_path: Path) -> None:
    """Told: two. Not: one stopped (nor counted), another arm's; one out of range, one of a field
    that is not searched here, one of another value of what is fixed here.
    """
    ledger: Any = Ledger(
        row(0.1),
        row(0.2),
        row(0.3, status="KILLED"),
        row(0.3, arm="joint"),
        row(5.0),
        row(0.3, **{"model.d_z": "16"}),
        row(0.3, gamma="1"),
    )
    where = str(tmp_path / "study.log")
    (arm,), (taken,) = open_arms(search, where, ledger, warm=["early"])
    assert taken["trials"] == 2
    assert taken["text"].startswith("own: 2 trials of early were told to the sampler; 3 were not")
    assert arm.study.study.best_value == 0.8
    assert arm.left == 4, "they are none of this search"
    _, (again,) = open_arms(search, where, ledger, warm=["early"])
    assert again["trials"] == 0


@pytest.mark.parametrize("name", ["late", "own-hw20"])
def test_a_search_that_is_not_there_in_one_line(search: Search, tmp_path: Path, name: str) -> None:
    ledger: Any = Ledger()
    with pytest.raises(ConfigError) as error:
        open_arms(search, str(tmp_path / "study.log"), ledger, warm=[name])
    allowed = "early" if name == "late" else "another"
    assert str(error.value).startswith(f"--warm-start: given {name!r}".replace("'own-hw20'", "own"))
    assert str(error.value).endswith(f"allowed: {allowed}")


def test_where_a_storage_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a job a relative path would vanish with the working directory."""
    assert storage_of("cal-hw20") == str(home.local_home() / "search" / "cal-hw20.log")
    assert storage_of("x", given="sqlite:////tmp/a.db") == "sqlite:////tmp/a.db"
    monkeypatch.setattr(home, "in_job", lambda: True)
    assert storage_of("x", given="sqlite:///a.db") == f"sqlite:///{home.local_home() / 'a.db'}"
    assert storage_of("x", given="postgresql://h/a") == "postgresql://h/a"
    assert storage_of("x", given="mine.log") == str(home.local_home() / "mine.log")
