"""A study goes on while its ledger is away: what runs say is held, and written once it is back.

The end of a run is also kept as a file, so that a driver that dies meanwhile leaves it to the
next. A row is written by its hash and with the times of its first try, so nothing is doubled.
"""

import math
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cal.adapters import tracking_kept
from cal.adapters.tracking_kept import Row
from cal.adapters.tracking_rows import LeaseLost, LedgerError, Seed
from cal.config import ConfigError
from cal.records import Epoch, Failure, Result

if TYPE_CHECKING:
    from cal.adapters.tracking_ledger import Ledger

RETRY_S = 5.0  # between looks at a store that is away
PATIENCE = "CAL_LEDGER_WAIT_S"  # seconds for it to come back once all runs ended
PATIENCE_S = 300.0


class Spool:
    """The rows of one study's runs under way, by hash. ``folder``: of what is kept, local or a URI;
    ``note`` is told of an outage.
    """

    def __init__(self, ledger: "Ledger", *, folder: str, note: Callable[[str], None]) -> None:
        self.ledger, self.folder, self.note = ledger, folder, note
        self._rows: dict[str, Row] = {}
        self._away: LedgerError | None = None
        self._since = self._next = 0.0  # monotonic seconds: when it went, when to look again

    def start(self, seed: Seed) -> None:
        """A run begins; one that an earlier driver began goes on in its row."""
        row = self._rows[seed.hash] = Row(seed)
        self._write(row)

    def log(self, hash: str, record: Epoch) -> None:
        """An epoch."""
        row = self._rows[hash]
        row.epochs.append(record)
        self._write(row)

    def mark(self, hash: str, tags: Mapping[str, str]) -> None:
        """Tags of a run under way."""
        row = self._rows[hash]
        row.tags |= tags
        self._write(row)

    def finish(self, hash: str, result: Result, *, checkpoint: str) -> None:
        """The end of a run."""
        row = self._rows[hash]
        row.result, row.checkpoint = result, checkpoint
        self._write(row)

    def fail(self, hash: str, failure: Failure) -> None:
        """The end of a run without a result."""
        row = self._rows[hash]
        row.failure = failure
        self._write(row)

    def tags(self, hash: str) -> Mapping[str, str]:
        """What was marked, by earlier drivers too as far as the ledger told."""
        row = self._rows[hash]
        return {**(self.ledger.tags(row.id) if row.id else {}), **row.tags}

    def reached(self, hash: str) -> int:
        """The last epoch that earlier drivers wrote of a run; 0 where none is known."""
        row = self._rows[hash]
        return self.ledger.reached(row.id) if row.id else 0

    def settle(self) -> None:
        """Wait until the ledger has every end. Raises ``LedgerError`` once patience is at its end:
        what the ledger lacks is in ``folder``, and the next driver writes it.
        """
        patience = waits()
        begun = time.monotonic()
        while (left := [row for row in self._rows.values() if row.ended]) or self._away:
            if self._away is not None and time.monotonic() - begun > patience:
                held = sum(not row.filed for row in left)
                lost = f"; {held} others are ended again from their checkpoints" if held else ""
                raise LedgerError(f"{self._away}; {self._told(len(left) - held)}{lost}")
            if self._away is not None:
                time.sleep(max(0.0, self._next - time.monotonic()))
            self._look()

    def _write(self, row: Row) -> None:
        """Bring the ledger up to date, or hold it back."""
        if self._away is not None:
            if row.ended:
                self._file(row)
            if time.monotonic() >= self._next:
                self._look()
            return
        try:
            self._bring(row)
        except LeaseLost:
            raise
        except LedgerError as error:
            self._gone(error)
            if row.ended:
                self._file(row)

    def _look(self) -> None:
        """Is it back? Then it gets all that was held."""
        begun = time.monotonic()
        try:
            if self._away is not None:
                self.ledger.look_again()
            for row in list(self._rows.values()):
                self._bring(row)
            if self._away is not None:
                self.ledger.repair()
        except LeaseLost:
            raise
        except LedgerError as error:
            self._gone(error)
            self._next += time.monotonic() - begun  # one that hangs is asked less often
            return
        if self._away is not None:
            self._away = None
            self.note(f"the ledger is back after {time.monotonic() - self._since:.0f} s")

    def _bring(self, row: Row) -> None:
        bring(row, self.ledger, self.folder)
        if row.ended:
            del self._rows[row.seed.hash]

    def _gone(self, error: LedgerError) -> None:
        if self._away is None:
            self._since = time.monotonic()
            self.note(f"{error.args[0].partition(';')[0]}; the study goes on, {self._told(0)}")
        self._away, self._next = error, time.monotonic() + RETRY_S

    def _file(self, row: Row) -> None:
        if row.filed or row.result is None:
            return
        try:
            tracking_kept.keep(row, self.folder)
            row.filed = True
        except OSError as error:
            self.note(f"{self.folder}: {error}; the end of a run is held in memory alone")

    def _told(self, count: int) -> str:
        ends = f"{count} ended runs are" if count else "runs that end are"
        return f"{ends} kept in {self.folder} and written when it answers"


def waits() -> float:
    """Seconds that ``settle`` is patient for. Raises ``ConfigError``."""
    given = os.environ.get(PATIENCE) or str(PATIENCE_S)
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ConfigError(f"{PATIENCE}: given {given!r}; allowed: seconds, 0 or more")
    return seconds


def bring(row: Row, ledger: "Ledger", folder: str) -> None:
    """Give the ledger what it lacks of a row. Harmless to repeat, wherever it was cut off."""
    if not row.id:
        row.id = ledger.start(row.seed)
    ledger.log(row.id, row.epochs[row.told :])
    row.told = len(row.epochs)
    if row.tags:
        ledger.mark(row.id, row.tags)
        row.tags = {}
    if row.result is not None:
        ledger.finish(row.id, row.result, checkpoint=row.checkpoint)
    elif row.failure is not None:
        ledger.fail(row.id, row.failure.error)
    if row.filed:
        tracking_kept.forget(row, folder)


def replay(ledger: "Ledger", folder: str, *, tell: Callable[[str], None]) -> int:
    """Write what an earlier driver kept -> how many rows. For the holder of the study's lease.
    ``tell``: of files that are not readable.
    """
    count = 0
    for row in tracking_kept.kept(folder, tell=tell):
        regime, hash = row.seed.regime, row.seed.hash
        if regime not in ledger.ids:
            continue  # left out this time
        if ledger.finished(regime, hash):
            tracking_kept.forget(row, folder)
        else:
            bring(row, ledger, folder)
            count += 1
    return count
