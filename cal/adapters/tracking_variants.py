"""Variant runs: what an arm shows at the top level of its regime. One run each, never doubled."""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from cal.adapters.tracking_aggregate import mean_curves, over_seeds, shown
from cal.adapters.tracking_client import log_files, log_points
from cal.adapters.tracking_files import CURVES, write_curves
from cal.adapters.tracking_read import MARK, WRITING, by_hash
from cal.adapters.tracking_rows import (
    Curves,
    Entry,
    Point,
    Variant,
    check_labels,
    check_names,
)
from cal.adapters.tracking_view import COLOURS
from cal.adapters.tracking_write import PARENT, Writer

NOTE = "mlflow.note.content"
Seen = dict[str, tuple[str, str, str]]
"""Row -> its variant, the run it stands below, its status."""
KEPT = (NOTE, "mlflow.runColor")  # with our tags, what a variant run made anew inherits


class Variants(Writer):
    """The arms of the study that ``begin`` opened."""

    def __init__(self, client: MlflowClient, uri: str) -> None:
        super().__init__(client, uri)
        self._shown: dict[tuple[str, str], tuple[str, str]] = {}  # status and mark now
        self._means: dict[tuple[str, str], tuple[tuple[str, ...], Curves]] = {}

    def lay_out(self, regime: str, variants: Sequence[Variant]) -> None:
        """The variant runs of a regime, in the order of the plan by their start times."""
        there = self.variant_runs(self.ids[regime])
        self._rows_of[regime], seen = self.sole(self.ids[regime])
        self.variants |= {(regime, name): run for name, run in there.items()}
        now = int(time.time() * 1000)
        for i, variant in enumerate(variants):
            if variant.name not in there:
                self._lay_out_one(regime, variant, now + i, COLOURS[i % len(COLOURS)])
        for row, (name, parent, _) in seen.items():
            self._adopt(regime, row, name, parent)

    def sole(self, experiment: str) -> tuple[dict[str, Entry], Seen]:
        """Rows by hash, each hash once; and what was seen of all rows.

        Of rows with one hash the one that ``by_hash`` chooses stays, and what is FINISHED: an
        answer that was lost in an outage may have left a second one behind.
        """
        seen: Seen = {}
        rows = by_hash(self._noting(seen, experiment))
        chosen = {row.run_id for row in rows.values()}
        for run_id in [row for row in seen if row not in chosen]:
            if seen[run_id][2] != "FINISHED":
                with self.writing():
                    self.client.delete_run(run_id)
                del seen[run_id]
        return rows, seen

    def _noting(self, seen: Seen, experiment: str) -> Iterator[Run]:
        for run in self.each_seed_run(experiment):
            tags = run.data.tags
            found = (tags.get("cal.variant", ""), tags.get(PARENT, ""), run.info.status)
            seen[run.info.run_id] = found
            yield run

    def add_variant(self, regime: str, variant: Variant) -> None:
        """One more variant run; nothing where it is there."""
        check_labels("variants", [variant.name])
        if (regime, variant.name) not in self.variants:
            count = len(self.variants)
            with self.writing():
                now = int(time.time() * 1000)
                self._lay_out_one(regime, variant, now, COLOURS[count % len(COLOURS)])

    def _lay_out_one(self, regime: str, variant: Variant, start: int, colour: str) -> None:
        switches = {f"cal.{name}": _on(on) for name, on in variant.switches.items()}
        tags = {
            "cal.study": self.study,
            "cal.regime": regime,
            "cal.level": "variant",
            "cal.variant": variant.name,
            "cal.method": variant.method,
            "cal.git": self.git,
            NOTE: variant.title,
            "mlflow.runColor": colour,
            **switches,
        }
        self.variants[regime, variant.name] = self._variant(regime, variant.name, start, tags)

    def close_variant(
        self,
        regime: str,
        name: str,
        *,
        metrics: Mapping[str, float],
        params: Mapping[str, str],
        tags: Mapping[str, str],
        status: str,
    ) -> None:
        """What a variant run shows, written once at its end: a trial of a search. ``status``:
        FINISHED, FAILED, or KILLED for one that was stopped early.
        """
        check_names("metrics", metrics)
        check_names("params", params)
        run = self.variants[regime, name]
        points = [(key, value, 0) for key, value in metrics.items()]
        start = run.info.start_time
        with self.writing():
            log_points(self.client, run.info.run_id, points, start=start, params=params, tags=tags)
            self.client.set_terminated(run.info.run_id, status)

    def _adopt(self, regime: str, row: str, name: str, before: str) -> None:
        """A row whose parent is gone (a driver died while it moved them) gets its variant."""
        parent = self.variants.get((regime, name))
        if parent is not None and before != parent.info.run_id:
            self.client.set_tag(row, PARENT, parent.info.run_id)

    def _variant(self, regime: str, name: str, start: int, tags: Mapping[str, str]) -> Run:
        """A new variant run, and its rows as its children."""
        kept = {key: value for key, value in tags.items() if value}
        title = f"{name} ({regime})" if regime else name
        run = self.client.create_run(self.ids[regime], start_time=start, run_name=title, tags=kept)
        rows = self.entries(regime)
        for row in [row for row in rows.values() if row.variants[:1] == (name,)]:
            self.client.set_tag(row.run_id, PARENT, run.info.run_id)
        return run

    def aggregate(
        self,
        regime: str,
        variant: str,
        *,
        hashes: Sequence[str],
        effects: Mapping[str, float] | None = None,
    ) -> None:
        """Bring an arm's variant run to the state of its finished rows.

        ``hashes``: the arm's rows in the plan, also those of other arms that it shares.
        ``effects``: what to show beside the means, by names ``effect/...``. Nothing is written
        if nothing changed. MLflow would keep an older mean beside a newer one, so a variant run
        whose rows changed is made anew in its place and its children move.
        """
        rows = [self.find(regime, hash) for hash in hashes]
        done = [row for row in rows if row is not None and row.status == "FINISHED"]
        status = _status(rows)
        curves = self.means(regime, variant, hashes=hashes)
        means = over_seeds([row.metrics for row in done]) | dict(effects or {})
        check_names("effects", effects or ())
        digest = _digest(_points(means, curves))
        run = self.variants[regime, variant]
        before, mark = self._shown.get((regime, variant)) or _state(run)
        if mark == digest and before == status:
            return
        with self.writing(), tempfile.TemporaryDirectory() as folder:
            if mark not in ("", digest, WRITING + digest):
                run = self._anew(regime, variant)
                before = run.info.status
            run_id = run.info.run_id
            if means and mark != digest:
                self.client.set_tag(run_id, MARK, WRITING + digest)
                write_curves(Path(folder, CURVES), curves)
                log_files(run.info.artifact_uri, folder, uri=self.uri)
                points, tags = _points(means, shown(curves)), {MARK: digest}
                log_points(self.client, run_id, points, start=run.info.start_time, tags=tags)
            if status != before:
                self._set_status(run_id, status)
            self._shown[regime, variant] = (status, digest if means else "")

    def _set_status(self, run_id: str, status: str) -> None:
        if status == "RUNNING":
            self.client.update_run(run_id, status=status)
        else:
            self.client.set_terminated(run_id, status)

    def means(self, regime: str, variant: str, *, hashes: Sequence[str]) -> Curves:
        """Mean curves of an arm's finished rows: what ``aggregate`` writes and ``curves`` reads.

        Computed once for as many finished rows.
        """
        rows = [row for hash in hashes if (row := self.find(regime, hash)) is not None]
        done = tuple(row.run_id for row in rows if row.status == "FINISHED")
        before = self._means.get((regime, variant))
        if before is None or before[0] != done:
            curves = mean_curves([self._row_curves(r) for r in rows if r.run_id in done])
            before = self._means[regime, variant] = (done, curves)
        return before[1]

    def _row_curves(self, row: Entry) -> Curves:
        if row.run_id not in self._curves:
            self._curves[row.run_id] = self.run_curves(row.artifacts)
        return self._curves[row.run_id]

    def _anew(self, regime: str, variant: str) -> Run:
        """The variant run without its numbers: a new one in its place, the old one deleted.

        Deleted first: a driver that dies in between leaves none, and ``begin`` makes it.
        """
        old = self.variants[regime, variant]
        tags = {k: v for k, v in old.data.tags.items() if k.startswith("cal.") or k in KEPT}
        tags.pop(MARK, None)
        self.client.delete_run(old.info.run_id)
        run = self._variant(regime, variant, old.info.start_time, tags)
        self.variants[regime, variant] = run
        return run


def _state(run: Run) -> tuple[str, str]:
    return run.info.status, run.data.tags.get(MARK, "")


def _digest(points: Sequence[Point]) -> str:
    """Sorted: the store gives a run's metrics back in an order of its own."""
    ordered = sorted(points, key=lambda point: (point[0], point[2]))
    return hashlib.sha256(json.dumps(ordered).encode()).hexdigest()[:16]


def _points(metrics: Mapping[str, float], curves: Curves) -> list[Point]:
    points = [(name, value, 0) for name, value in metrics.items()]
    return points + [(name, v, epoch) for name, line in curves.items() for epoch, v in line]


def _on(on: bool) -> str:
    return "on" if on else "off"


def _status(rows: Sequence[Entry | None]) -> str:
    """Of a variant: FINISHED when all its rows are; FAILED when one failed."""
    found = {row.status if row is not None else "RUNNING" for row in rows}
    if found <= {"FINISHED"}:
        return "FINISHED"
    return "FAILED" if "FAILED" in found else "RUNNING"
