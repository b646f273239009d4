"""Writing rows: each run once, by its hash, whatever dies in between."""

import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from cal.adapters.tracking_client import (
    BATCH,
    entry,
    last_steps,
    log_data,
    log_files,
    log_points,
    search,
    told,
)
from cal.adapters.tracking_files import CURVES, PREDICTIONS, write_curves, write_predictions
from cal.adapters.tracking_lease import Lease
from cal.adapters.tracking_read import Reader, by_hash
from cal.adapters.tracking_rows import (
    FINAL,
    Curves,
    Entry,
    OpenRow,
    Seed,
    check_labels,
    flat_params,
)
from cal.adapters.tracking_view import level
from cal.config import Config
from cal.records import Epoch, Result

SETTLE_S = 1.0
FLUSH_S = 10.0  # longest time an epoch waits before the UI can show it
LINE = 500  # characters of an error's first line kept as a tag
PARENT = "mlflow.parentRunId"


class Writer(Reader):
    """Rows of the study that ``begin`` opened."""

    def __init__(self, client: MlflowClient, uri: str) -> None:
        super().__init__(client, uri)
        self.study = self.git = ""
        self.lease: Lease | None = None
        self.ids: dict[str, str] = {}  # regime -> experiment id
        self.variants: dict[tuple[str, str], Run] = {}
        self._rows_of: dict[str, dict[str, Entry]] = {}  # regime -> hash -> row
        self._open: dict[str, OpenRow] = {}  # run id -> row being written
        self._curves: dict[str, Curves] = {}  # run id -> curves finished by this driver
        self._begun = set[tuple[str, str]]()  # rows whose making was not seen to its end

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Only the holder of the lease writes. Raises ``LeaseLost`` and ``LedgerError``."""
        if self.lease is not None:
            self.lease.check()
        with told(self.uri):
            yield

    def entries(self, regime: str) -> dict[str, Entry]:
        """Rows of a regime by hash: read once, then kept up to date by this driver, who alone
        writes."""
        if regime not in self._rows_of:
            self._rows_of[regime] = self._rows(self.ids[regime])
        return self._rows_of[regime]

    def find(self, regime: str, hash: str) -> Entry | None:
        """The row of a hash, None if it was never started."""
        return self.entries(regime).get(hash)

    def finished(self, regime: str, hash: str) -> bool:
        """Whether there is nothing left to do for a hash."""
        row = self.find(regime, hash)
        return row is not None and row.status == "FINISHED"

    def start(self, seed: Seed) -> str:
        """The run id of the row of ``seed``, RUNNING.

        Params and data come with its first points. A row that a dead driver or a failure left is
        taken over: same run, and points it has are not written again. A FINISHED row is given back
        as it is.
        """
        check_labels("variants", seed.variants)
        params = flat_params(seed.config)
        before = self.find(seed.regime, seed.hash)
        if before is not None and before.status == "FINISHED":
            return before.run_id
        key = (seed.regime, seed.hash)
        with self.writing():
            if before is None and key in self._begun:  # the store may have made it and not said so
                before = by_hash(self._stored(seed)).get(seed.hash)
            self._begun.add(key)
            row = self._create(seed) if before is None else self._take_over(before, seed)
            self._begun.discard(key)
        row.params, row.data = params, seed.data
        self._open[row.entry.run_id] = row
        self.entries(seed.regime)[seed.hash] = row.entry
        return row.entry.run_id

    def _stored(self, seed: Seed) -> Iterable[Run]:
        query = f"{level('seed')} AND tags.`cal.hash` = '{seed.hash}'"
        return search(self.client, [self.ids[seed.regime]], query)

    def _create(self, seed: Seed) -> OpenRow:
        config = seed.config
        first = seed.variants[0] if seed.variants else config.method
        run = self.client.create_run(
            self.ids[seed.regime],
            start_time=int(time.time() * 1000),
            run_name=f"{first} seed {config.seed}",
            tags=self._tags(seed),
        )
        return OpenRow(entry(run))

    def _take_over(self, before: Entry, seed: Seed) -> OpenRow:
        run = self.client.get_run(before.run_id)
        tags = self._tags(seed) | {"cal.error": ""}
        log_points(self.client, before.run_id, (), start=before.start, tags=tags)
        self.client.update_run(before.run_id, status="RUNNING")
        known = {**before.tags, **tags}
        row = replace(before, status="RUNNING", error="", variants=seed.variants, tags=known)
        return OpenRow(row, stored=last_steps(self.client, run))

    def _tags(self, seed: Seed) -> dict[str, str]:
        tags = {
            "cal.study": self.study,
            "cal.regime": seed.regime,
            "cal.level": "seed",
            "cal.method": seed.config.method,
            "cal.hash": seed.hash,
            "cal.seed": str(seed.config.seed),
            "cal.stage": "tune" if seed.config.evaluate.part == "select" else "train",
            "cal.variants": ",".join(seed.variants),
            "cal.git": self.git,
            **({"cal.data": seed.data.digest} if seed.data else {}),
            **_mechanisms(seed.config),
        }
        if seed.config.evaluate.selection != "last":
            tags["cal.selection"] = seed.config.evaluate.selection
        if seed.variants:
            tags["cal.variant"] = seed.variants[0]
            tags[PARENT] = self.variants[seed.regime, seed.variants[0]].info.run_id
        return tags

    def log(self, run_id: str, records: Iterable[Epoch]) -> None:
        """Epochs of a started row, in order; kept back until 1,000 points or ``FLUSH_S``.

        Replaying epochs changes nothing. Names MLflow refuses raise ``ConfigError``.
        """
        row = self._open[run_id]
        for record in records:
            row.add(record)
        if len(row.pending) >= BATCH or time.monotonic() - row.flushed > FLUSH_S:
            self._flush(row)

    def mark(self, run_id: str, tags: dict[str, str]) -> None:
        """Tags of a started row."""
        row = self._open[run_id]
        self._flush(row, tags)
        row.entry = replace(row.entry, tags={**row.entry.tags, **tags})

    def tags(self, run_id: str) -> dict[str, str]:
        """Tags of a started row, those of earlier drivers too."""
        return dict(self._open[run_id].entry.tags)

    def reached(self, run_id: str) -> int:
        """The last epoch of a started row that earlier drivers wrote, 0 for none."""
        stored = self._open[run_id].stored
        return max((step for name, step in stored.items() if not name.startswith(FINAL)), default=0)

    def look_again(self) -> None:
        """Raises ``LedgerError`` unless the store answers. Then waits a moment: what it got before
        an outage and did not answer it does first.
        """
        with told(self.uri):
            self.client.get_experiment(next(iter(self.ids.values())))
        time.sleep(SETTLE_S)

    def _flush(self, row: OpenRow, tags: dict[str, str] | None = None) -> None:
        labels = tags or {}
        if row.infinite:
            labels = labels | {"cal.infinite": ",".join(sorted(row.infinite))[:LINE]}
        if row.pending or row.params or labels:
            run_id, start = row.entry.run_id, row.entry.start
            with self.writing():
                log_points(
                    self.client, run_id, row.pending, start=start, params=row.params, tags=labels
                )
                if row.data is not None:
                    log_data(self.client, run_id, row.data)
            row.pending.clear()
            row.params, row.data = {}, None
        row.flushed = time.monotonic()

    def finish(self, run_id: str, result: Result, *, checkpoint: str = "") -> None:
        """The end of a row: test metrics, predictions, curves; FINISHED comes last.

        ``checkpoint``: where its weights are, kept as an external model (20 ms).
        """
        row = self._open[run_id]
        again, row.ending = row.ending, True
        metrics = row.end(result.metrics)
        with self.writing(), tempfile.TemporaryDirectory() as folder:
            write_curves(Path(folder, CURVES), row.curves)
            if result.predictions:
                write_predictions(Path(folder, PREDICTIONS), result.predictions)
            log_files(row.entry.artifacts, folder, uri=self.uri)
        tuning = row.entry.tags.get("cal.stage") == "tune"
        self._flush(row, {} if tuning else {"cal.stage": "evaluate"})
        with self.writing():
            if checkpoint and not self._has_model(row, again=again):
                self._model(row.entry, checkpoint)
            self.client.set_terminated(run_id, "FINISHED")
        self._curves[run_id] = row.curves
        self._close_row(replace(row.entry, status="FINISHED", metrics=metrics))

    def _has_model(self, row: OpenRow, *, again: bool) -> bool:
        """Whether it was written before the row was FINISHED, by a driver that died or ``again`` by
        this one after an outage. New rows: no search.
        """
        if not row.stored and not again:
            return False
        query = f"source_run_id = '{row.entry.run_id}'"
        return bool(self.client.search_logged_models([self.ids[row.entry.regime]], query))

    def _model(self, row: Entry, checkpoint: str) -> None:
        model = self.client.create_logged_model(
            self.ids[row.regime],
            name="checkpoint",
            source_run_id=row.run_id,
            tags={"mlflow.model.isExternal": "true", "cal.hash": row.hash},
            params={"path": checkpoint},
        )
        self.client.finalize_logged_model(model.model_id, "READY")

    def fail(self, run_id: str, error: BaseException | str) -> None:
        """The row FAILED: the error's first line as a tag, its traceback as a file."""
        text = error if isinstance(error, str) else "".join(traceback.format_exception(error))
        lines = [line for line in text.strip().splitlines() if line.strip()] or ["no message"]
        last = lines[-1] if lines[0].startswith("Traceback") else lines[0]
        row = self._open[run_id]
        self._flush(row, {"cal.error": last.strip()[:LINE]})
        with self.writing():
            self.client.log_text(run_id, text, "traceback.txt")
            self.client.set_terminated(run_id, "FAILED")
        self._close_row(replace(row.entry, status="FAILED", error=last.strip()[:LINE]))

    def stop(self, run_id: str, reason: str) -> None:
        """The row KILLED: a scheduler stopped it early, which is no failure."""
        row = self._open[run_id]
        self._flush(row, {"cal.stopped": reason[:LINE]})
        with self.writing():
            self.client.set_terminated(run_id, "KILLED")
        self._close_row(replace(row.entry, status="KILLED"))

    def _close_row(self, row: Entry) -> None:
        self.entries(row.regime)[row.hash] = row
        del self._open[row.run_id]


def _mechanisms(config: Config) -> dict[str, str]:
    """Which mechanisms act in an effective configuration."""
    cal = config.cal if config.method == "cal" else None
    if cal is None:
        return {}
    acting = {
        "metric": cal.contribution.enabled,
        "acceleration": cal.acceleration.enabled,
        "bottleneck": cal.bottleneck.enabled,
    }
    return {f"cal.{name}": "on" if on else "off" for name, on in acting.items()}
