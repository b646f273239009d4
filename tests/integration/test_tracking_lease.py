"""One driver per study: refused, taken over, lost, released; kill -9 on a real store."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from cal.adapters import tracking_lease
from cal.adapters.tracking import LeaseHeld, LeaseLost, LedgerError, Seed, Variant, open_ledger
from cal.adapters.tracking_lease import Holder, Lease, me
from cal.config import parse
from cal.records import Epoch, Result


class Memory:
    """A lease's slot without a store."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.down = False

    def read(self) -> str | None:
        if self.down:
            raise LedgerError("no answer")
        return self.text

    def write(self, text: str) -> None:
        if self.down:
            raise LedgerError("no answer")
        self.text = text

    def put(self, holder: Holder) -> None:
        self.text = json.dumps(asdict(holder))

    def holder(self) -> Holder:
        return Holder(**json.loads(self.text or ""))


@pytest.fixture
def slot(monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setattr(tracking_lease, "SETTLE_S", 0.0)
    monkeypatch.setattr(tracking_lease, "FRESH_S", 0.0)
    return Memory()


def silent(lease: Lease) -> None:
    """Stop its renewal, as a process that was suspended."""
    lease._stop.set()


def test_a_second_driver_is_refused_with_the_holder_and_the_end_of_its_lease(slot: Memory) -> None:
    Lease(slot, "s").take()
    with pytest.raises(LeaseHeld, match=rf"^study: given s; .*process {os.getpid()} on .* until"):
        Lease(slot, "s").take()


def test_released_is_free_at_once_and_the_generation_grows(slot: Memory) -> None:
    first, second = Lease(slot, "s"), Lease(slot, "s")
    first.take()
    first.release()
    second.take()
    assert (first.holder.generation, second.holder.generation) == (1, 2)
    second.check()
    with pytest.raises(LeaseLost):
        first.check()


def test_the_lease_outlives_its_time_while_its_driver_lives(slot: Memory) -> None:
    lease = Lease(slot, "s", ttl_s=1.0)
    lease.take()
    time.sleep(2.5)
    lease.check()
    with pytest.raises(LeaseHeld):
        Lease(slot, "s").take()
    lease.release()


def test_an_orphan_notices_at_its_next_write_that_another_took_over(slot: Memory) -> None:
    orphan = Lease(slot, "s", ttl_s=0.05)
    orphan.take()
    silent(orphan)
    time.sleep(0.1)
    orphan.check()  # expired, but nobody else wants it
    heir = Lease(slot, "s")
    heir.take()
    for _ in range(2):
        with pytest.raises(LeaseLost, match=f"taken over by process {os.getpid()}"):
            orphan.check()
    orphan.release()
    heir.check()  # an orphan's release changes nothing


def test_renewal_notices_too_and_stops(slot: Memory) -> None:
    lease = Lease(slot, "s", ttl_s=0.15)
    lease.take()
    slot.put(replace(me(), expires=time.time() + 60))
    time.sleep(0.3)
    assert slot.holder().id != lease.holder.id
    with pytest.raises(LeaseLost):
        lease.check()


def test_an_outage_during_renewal_is_no_loss(slot: Memory) -> None:
    lease = Lease(slot, "s", ttl_s=0.15)
    lease.take()
    slot.down = True
    time.sleep(0.2)
    slot.down = False
    lease.check()
    lease.release()


DEAD: dict[str, Callable[[Holder], Holder]] = {
    "a process id that is free": lambda h: replace(h, pid=2**22 - 1),
    "a process id used again": lambda h: replace(h, born="1"),
}


@pytest.mark.parametrize("how", DEAD)
def test_a_dead_holder_of_this_machine_is_replaced_at_once(slot: Memory, how: str) -> None:
    slot.put(DEAD[how](replace(me(), generation=4, expires=time.time() + 60)))
    lease = Lease(slot, "s")
    lease.take()
    assert lease.holder.generation == 5
    lease.release()


def elsewhere(**given: float) -> Holder:
    """A driver on another machine: its process id says nothing here."""
    return replace(me(), machine="elsewhere", pid=2**22 - 1, **given)


def test_a_holder_of_another_machine_is_dead_once_it_renews_no_more(slot: Memory) -> None:
    """Containers with one host name differ by name space."""
    heard: list[str] = []
    slot.put(elsewhere(expires=time.time() + 60, generation=2))
    lease = Lease(slot, "s", ttl_s=0.3)
    begun = time.monotonic()
    lease.take(waiting=heard.append)
    assert time.monotonic() - begun >= 0.3
    assert lease.holder.generation == 3
    assert len(heard) == 1
    assert heard[0].endswith("is it alive?")
    lease.release()


@pytest.mark.parametrize("hours", [-3, 3])
def test_whatever_the_clocks_say_a_holder_that_renews_is_alive(slot: Memory, hours: int) -> None:
    """One of the two clocks has jumped."""
    there = Lease(slot, "s", ttl_s=0.3)
    there.holder = elsewhere()

    def renewed() -> None:
        for beat in range(20):
            slot.put(replace(there.holder, expires=time.time() + 3600 * hours + beat))
            time.sleep(0.1)

    slot.put(replace(there.holder, expires=time.time() + 3600 * hours))
    beating = threading.Thread(target=renewed)
    beating.start()
    with pytest.raises(LeaseHeld):
        Lease(slot, "s", ttl_s=1.5).take()
    beating.join()


def test_what_was_released_elsewhere_is_free_at_once(slot: Memory) -> None:
    slot.put(elsewhere(expires=0.0))
    Lease(slot, "s", ttl_s=600).take()


DRIVER = """
import sys, time
from cal.adapters.tracking import *
from cal.config import parse
from cal.records import Epoch
ledger = open_ledger(f"sqlite:///{sys.argv[1]}/mlflow.db", artifacts=f"{sys.argv[1]}/artifacts")
ledger.begin("s", regimes={"r": ""}, variants=[Variant("cal")])
run_id = ledger.start(Seed("h", "r", parse({}), ("cal",)))
wide = {f"train/m{i}": 1.0 for i in range(600)}  # 1,200 points: flushed
ledger.log(run_id, [Epoch(e, 4, e, wide) for e in (1, 2)])
print(run_id, flush=True)
time.sleep(60)
"""


def test_kill_9_and_start_again_goes_on_in_the_same_row_at_once(
    tmp_path: Path, template: Path
) -> None:
    shutil.copy(template, tmp_path)
    command = [sys.executable, "-c", DRIVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        run_id = driver.stdout.readline().strip()
        uri, artifacts = f"sqlite:///{tmp_path}/mlflow.db", f"{tmp_path}/artifacts"
        ledger = open_ledger(uri, artifacts=artifacts)
        with pytest.raises(LeaseHeld, match=f"process {driver.pid} on "):
            ledger.begin("s", regimes={"r": ""})
        driver.send_signal(signal.SIGKILL)
    with ledger:
        ledger.begin("s", regimes={"r": ""}, variants=[Variant("cal")])
        assert ledger.start(Seed("h", "r", parse({}), ("cal",))) == run_id
        ledger.log(run_id, [Epoch(e, 4, e, {"train/m0": 1.0}) for e in (1, 2, 3, 4)])
        ledger.finish(run_id, Result({"test/clean/accuracy": 0.5}))
        points = ledger.client.get_metric_history(run_id, "train/m0")
        assert sorted(point.step for point in points) == [1, 2, 3, 4]
        assert ledger.finished("r", "h")
