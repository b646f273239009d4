"""A store that goes away in the middle of a study, at every call there is."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mlflow.exceptions import MlflowException

from cal import checkpoint
from cal.adapters import tracking_spool, tracking_write
from cal.adapters.tracking import LeaseLost, LedgerError
from cal.adapters.tracking_spool import Spool
from cal.config import ConfigError
from cal.home import spool as spool_of
from cal.records import Failure
from tests.integration.ledgers import epochs, opened, result, seed

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger


class Away:
    """A client whose calls ``first`` to ``last`` (counted from 1) get no answer, of them ``every``
    so many. ``after``: the store has done what was asked; only its answer is lost.
    """

    def __init__(
        self, client: Any, first: int, last: float, *, after: bool, every: int = 1
    ) -> None:
        self.client, self.first, self.last, self.after, self.calls = client, first, last, after, 0
        self.every = every

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.client, name)
        if not callable(real) or name.startswith("_"):
            return real

        def call(*words: Any, **given: Any) -> Any:
            self.calls += 1
            gone = self.first <= self.calls <= self.last
            gone = gone and (self.calls - self.first) % self.every == 0
            found = None if gone and not self.after else real(*words, **given)
            if gone:
                raise MlflowException("connection refused")
            return found

        return call


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Nobody waits between two looks."""
    monkeypatch.setattr(tracking_spool, "RETRY_S", 0.0)
    monkeypatch.setattr(tracking_write, "SETTLE_S", 0.0)
    monkeypatch.setenv("CAL_HOME", str(home))


def away(ledger: "Ledger", first: int, last: float, *, after: bool = False, every: int = 1) -> Away:
    client = Away(ledger.client, first, last, after=after, every=every)
    ledger.client = client  # type: ignore[assignment]
    return client


def trained(ledger: "Ledger", note: Callable[[str], None] = print) -> Spool:
    """A study of two runs: one finishes, one fails."""
    spool = Spool(ledger, folder=spool_of("s"), note=note)
    good, bad = seed(0, "cal"), seed(1, "joint")
    spool.start(good)
    spool.start(bad)
    for record in epochs(3):
        spool.log(good.hash, record)
    spool.mark(good.hash, {"cal.resumed": "1"})
    spool.finish(good.hash, result(0.75), checkpoint="somewhere/cal-0.pt")
    spool.fail(bad.hash, Failure("it diverged"))
    return spool


def content(ledger: "Ledger") -> dict[str, Any]:
    """All that the store has of the seed rows, their points and models too."""
    found: dict[Any, Any] = {}
    history = ledger.client.get_metric_history
    for run in ledger.seed_runs(ledger.ids["hw20"]).values():
        tags = {k: v for k, v in run.data.tags.items() if v and k.startswith("cal.")}
        points = {
            name: [(p.step, p.value) for p in history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        query = f"source_run_id = '{run.info.run_id}'"
        models = ledger.client.search_logged_models([ledger.ids["hw20"]], query)
        key = (tags["cal.hash"], len([k for k in found if k[0] == tags["cal.hash"]]))
        found[key] = (run.info.status, tags, points, dict(run.data.params), len(models))
    return found


@pytest.fixture(scope="module")
def undisturbed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Any]:
    """How many calls the study makes, and what it leaves in the store."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "mlflow.db").write_bytes(template.read_bytes())
    with opened(folder) as ledger:
        client = away(ledger, 0, -1)
        trained(ledger).settle()
        count = client.calls
        return count, content(ledger)


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, the answer lost"])
def test_an_outage_at_any_call_loses_and_doubles_nothing(
    home: Path, undisturbed: tuple[int, Any], after: bool
) -> None:
    """Of 2 calls at each place, each study in a new store."""
    count, expected = undisturbed
    assert count > 10
    empty = (home / "mlflow.db").read_bytes()
    for first in range(1, count + 1):
        (home / "mlflow.db").write_bytes(empty)
        with opened(home) as ledger:
            client, heard = away(ledger, first, first + 1, after=after), list[str]()
            trained(ledger, heard.append).settle()
            ledger.client = client.client
            assert content(ledger) == expected, first
        assert [line for line in heard if "is back after" in line], first
        assert not list(Path(spool_of("s")).glob("*")), first


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, the answer lost"])
@pytest.mark.parametrize("every", [2, 3, 5, 7])
def test_a_store_that_stumbles_again_and_again_loses_and_doubles_nothing(
    home: Path, undisturbed: tuple[int, Any], every: int, after: bool
) -> None:
    """Also while it is repaired; of the first hundred calls every second, third, ..."""
    with opened(home) as ledger:
        client = away(ledger, 1, 100, after=after, every=every)
        trained(ledger).settle()
        ledger.client = client.client
        assert content(ledger) == undisturbed[1]


def test_an_outage_longer_than_the_study_is_written_by_the_next_driver(
    home: Path, undisturbed: tuple[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAL_LEDGER_WAIT_S", "0")
    with opened(home) as ledger:
        client, heard = away(ledger, 5, 10**9), list[str]()
        spool = trained(ledger, heard.append)
        with pytest.raises(
            LedgerError, match="1 ended runs are kept in .*spool/s.*; 1 others"
        ) as caught:
            spool.settle()
        assert "\n" not in str(caught.value)
        ledger.client = client.client
    assert len(heard) == 1
    assert "the study goes on" in heard[0]
    assert len(list(Path(spool_of("s")).glob("*.pt"))) == 1  # a failure is tried again instead
    with opened(home) as ledger:  # ``begin`` writes what was kept
        found = content(ledger)
        assert found["cal-0", 0] == undisturbed[1]["cal-0", 0]
        assert found.get(("joint-1", 0), ("RUNNING",))[0] == "RUNNING"
    assert not list(Path(spool_of("s")).glob("*"))
    with opened(home) as ledger:  # and again: once is enough
        assert content(ledger)["cal-0", 0] == undisturbed[1]["cal-0", 0]


def test_a_damaged_file_of_an_end_is_told_and_the_others_are_written(
    home: Path,
    undisturbed: tuple[int, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Half a file, one that is no end of a run, and the one that is."""
    monkeypatch.setenv("CAL_LEDGER_WAIT_S", "0")
    with opened(home) as ledger:
        client = away(ledger, 5, 10**9)
        with pytest.raises(LedgerError):
            trained(ledger).settle()
        ledger.client = client.client
    (good,) = Path(spool_of("s")).glob("*.pt")
    good.with_name("half.pt").write_bytes(good.read_bytes()[:500])
    checkpoint.save({"seed": {"hash": "x", "config": {"method": "none"}}}, spool_of("s"), "other")
    with opened(home) as ledger:
        assert content(ledger)["cal-0", 0] == undisturbed[1]["cal-0", 0]
    told = [line for line in capsys.readouterr().err.splitlines() if "no end of a run" in line]
    assert [Path(line.partition(": ")[0]).name for line in told] == ["half.pt", "other.pt"]
    assert sorted(path.name for path in good.parent.iterdir()) == ["half.pt", "other.pt"]


def test_whoever_lost_the_lease_holds_nothing_back(
    ledger: "Ledger", monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(ledger, folder=spool_of("s"), note=print)
    assert ledger.lease is not None

    def lost() -> None:
        raise LeaseLost("study s: taken over")

    monkeypatch.setattr(ledger.lease, "check", lost)
    with pytest.raises(LeaseLost):
        spool.start(seed(0, "cal"))


def test_where_no_file_can_be_written_the_end_is_held_in_memory(
    home: Path, undisturbed: tuple[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAL_HOME", "/proc/nowhere")
    with opened(home) as ledger:
        client, heard = away(ledger, 5, 40), list[str]()
        trained(ledger, heard.append).settle()
        ledger.client = client.client
        assert content(ledger) == undisturbed[1]
    assert any("held in memory alone" in line for line in heard)


@pytest.mark.parametrize("given", ["soon", "-1", "inf", "nan"])
def test_a_patience_that_is_no_number_of_seconds_is_refused(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAL_LEDGER_WAIT_S", given)
    with pytest.raises(ConfigError, match=f"^CAL_LEDGER_WAIT_S: given '{given}'; allowed: seconds"):
        tracking_spool.waits()
