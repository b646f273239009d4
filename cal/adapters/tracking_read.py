"""The read side: everything the report needs, from MLflow alone."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from cal.adapters.tracking_client import entry, search, told
from cal.adapters.tracking_files import CURVES, PREDICTIONS, read_curves, read_predictions
from cal.adapters.tracking_rows import (
    SINGLE,
    Address,
    Curves,
    Entry,
    LedgerError,
    check_names,
)
from cal.adapters.tracking_view import TAG, TRIALS, addresses, level
from cal.config import ConfigError
from cal.records import Predictions

PLAN = "plan.json"
MARK = "cal.aggregate"  # what a variant run shows: a digest, "writing DIGEST" until it is complete
WRITING = "writing "


def by_hash(runs: Iterable[Run]) -> dict[str, Entry]:
    """Rows by hash; of equal hashes the oldest finished one."""
    rows: dict[str, Entry] = {}
    for run in runs:
        row = entry(run)
        first = rows.get(row.hash)
        if first is None or (first.status != "FINISHED" and row.status == "FINISHED"):
            rows[row.hash] = row
    return rows


@contextmanager
def _ours(file: str) -> Iterator[None]:
    """A file of the ledger that is damaged, or that somebody else put there, as one line."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise LedgerError(f"ledger: {file} is no file of ours ({error}); remove it") from error


class Reader:
    """Studies in a store. Needs no lease and changes nothing."""

    def __init__(self, client: MlflowClient, uri: str) -> None:
        self.client, self.uri = client, uri

    def studies(self) -> list[str]:
        """Names, the newest first; after them those of single runs (``cal.train``)."""
        with told(self.uri):
            found = self.client.search_experiments(
                filter_string="tags.`cal.level` = 'study'", order_by=["creation_time DESC"]
            )
        found.sort(key=lambda experiment: experiment.name == SINGLE)  # stable
        return [experiment.name for experiment in found]

    def experiments(self, study: str) -> dict[str, str]:
        """Regime -> experiment id, in the order of the study; ``""`` is the study's own.

        Raises ``ConfigError`` with the names there are for a study that is not in the store.
        """
        check_names("--study", [study])
        with told(self.uri):
            found = self.client.search_experiments(
                filter_string=f"tags.`cal.study` = '{study}'", order_by=["creation_time ASC"]
            )
        if not found:
            names = ", ".join(self.studies()) or "none yet"
            raise ConfigError(f"--study: given {study!r}; allowed: {names}")
        return {e.tags.get("cal.regime", ""): e.experiment_id for e in found}

    def rows(self, study: str) -> list[Entry]:
        """All seed rows, regime by regime; of equal hashes in a regime the oldest finished one."""
        found: list[Entry] = []
        for experiment in self.experiments(study).values():
            found += self._rows(experiment).values()
        return found

    def _rows(self, experiment: str) -> dict[str, Entry]:
        """Rows of one experiment by hash. One search: 10 ms a run, as is one look-up a hash."""
        return by_hash(self.each_seed_run(experiment))

    def each_seed_run(self, experiment: str) -> Iterator[Run]:
        """The rows of one experiment as MLflow has them, a page at a time, in which a row takes
        several times what an ``Entry`` does.
        """
        with told(self.uri):
            yield from search(self.client, [experiment], level("seed"))

    def seed_runs(self, experiment: str) -> dict[str, Run]:
        """All of them at once, by run id."""
        return {run.info.run_id: run for run in self.each_seed_run(experiment)}

    def variant_runs(self, experiment: str) -> dict[str, Run]:
        """The variant runs of one experiment by name."""
        with told(self.uri):
            runs = search(self.client, [experiment], level("variant"))
            return {run.data.tags["cal.variant"]: run for run in runs}

    def curves(self, study: str) -> dict[tuple[str, str], Curves]:
        """(regime, variant) -> mean curves over seeds, for the variants aggregated so far."""
        found: dict[tuple[str, str], Curves] = {}
        for regime, experiment in self.experiments(study).items():
            runs = self.variant_runs(experiment) if regime else {}
            for name, run in runs.items():
                if not run.data.tags.get(MARK, WRITING).startswith(WRITING):
                    found[regime, name] = self.run_curves(run.info.artifact_uri)
        return found

    def run_curves(self, artifacts: str) -> Curves:
        """The curves of one run; ``artifacts``: where its files are (``Entry.artifacts``)."""
        file, keep = f"{artifacts}/{CURVES}", tempfile.TemporaryDirectory
        with told(self.uri), keep() as folder, _ours(file):
            return read_curves(self._fetch(artifacts, CURVES, folder))

    def predictions(self, row: Entry) -> dict[str, Predictions]:
        """Condition -> per-sample predictions of one run."""
        file, keep = f"{row.artifacts}/{PREDICTIONS}", tempfile.TemporaryDirectory
        with told(self.uri), keep() as folder, _ours(file):
            return read_predictions(self._fetch(row.artifacts, PREDICTIONS, folder))

    def plan(self, study: str) -> str:
        """The text given to ``begin``."""
        own = self.experiments(study).get("")
        runs = self.report_runs(own) if own is not None else []
        if not runs:
            raise ConfigError(f"--study: given {study!r}; it has no plan in the ledger")
        return self._text(runs[0], PLAN)

    def kept(self, study: str, name: str) -> str | None:
        """A text that was kept with the study; None if there is none of this name."""
        own = self.experiments(study).get("")
        for run in self.report_runs(own) if own is not None else []:
            with told(self.uri):
                found = self.client.list_artifacts(run.info.run_id)
            if any(item.path == name for item in found):
                return self._text(run, name)
        return None

    def _text(self, run: Run, name: str) -> str:
        with told(self.uri), tempfile.TemporaryDirectory() as folder:
            place = self._fetch(run.info.artifact_uri, name, folder)
            return place.read_text(encoding="utf-8")

    def report_runs(self, experiment: str) -> list[Run]:
        """The report run of a study's own experiment (oldest first, if there are two)."""
        with told(self.uri):
            return list(search(self.client, [experiment], level("report")))

    def pages(self, study: str) -> tuple[Address, ...]:
        """The prepared pages of a study: charts of each regime, then the report."""
        ids = self.experiments(study)
        own = ids.pop("", None)
        if own is not None and TAG in self.client.get_experiment(own).tags:
            ids = {TRIALS: own, **ids}
        reports = self.report_runs(own) if own is not None else []
        done = [run.info.run_id for run in reports if run.info.status == "FINISHED"]
        return addresses(ids, report=(own, done[0]) if own is not None and done else None)

    def _fetch(self, artifacts: str, name: str, folder: str) -> Path:
        """One file, without asking the store for the run (40 ms where it has many metrics)."""
        uri = f"{artifacts}/{name}"
        return Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=self.uri))
