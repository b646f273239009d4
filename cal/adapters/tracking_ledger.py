"""The ledger of one study: its layout, its aggregates, its report. One driver, one thread."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from mlflow.entities import Experiment, Run
from mlflow.tracking import MlflowClient

from cal import cli
from cal.adapters.tracking_client import ExperimentTag, connect, experiment, told
from cal.adapters.tracking_lease import Lease
from cal.adapters.tracking_read import PLAN
from cal.adapters.tracking_rows import (
    Address,
    LedgerError,
    Variant,
    check_labels,
    check_names,
)
from cal.adapters.tracking_spool import replay
from cal.adapters.tracking_store import Progress, absolute, locked, sqlite_file
from cal.adapters.tracking_variants import NOTE, Variants
from cal.adapters.tracking_view import (
    GROUPED_TAG,
    TAG,
    charts,
    encode,
    grouped,
    grouped_state,
    view_state,
)
from cal.home import CHECKOUT, spool

NOTE_LENGTH = 8000  # characters a tag holds


class Ledger(Variants):
    """A store; after ``begin`` one study in it. Also a context manager: ``close`` at the end."""

    def __init__(
        self,
        client: MlflowClient,
        uri: str,
        *,
        location: str | None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(client, uri)
        self.location, self.progress = location, progress
        self.files = ""  # where the study's files are, once it was begun

    @classmethod
    def open(cls, uri: str, *, artifacts: str, progress: Progress | None = None) -> Self:
        """See ``cal.adapters.tracking.open_ledger``."""
        location = None if uri.startswith("http") else artifacts  # a server has its own place
        client = connect(uri, progress=progress)
        return cls(client, absolute(uri), location=location, progress=progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(
        self,
        study: str,
        *,
        regimes: Mapping[str, str],
        variants: Sequence[Variant] = (),
        plan: str = "",
        title: str = "",
        lease: bool = True,
    ) -> None:
        """Take the study's lease and lay out what is missing of it. Repeating it is harmless.

        ``regimes``: name -> title; the nameless one keeps its runs in the study's own experiment.
        ``plan``: text kept with the study, given back by ``plan``.
        Raises ``ConfigError`` for names MLflow refuses, before anything is written, and
        ``LeaseHeld`` while another driver is at work.
        """
        check_names("study", [study])
        check_names("regimes", filter(None, regimes))
        check_labels("arms", [variant.name for variant in variants])
        self.study, self.git = study, _git()
        with told(self.uri):
            own = experiment(self.client, study, location=self.location)
        self.files = own.artifact_location
        if lease and self.lease is None:
            self._take_lease(own.experiment_id)
        with self.writing():
            self._describe(own, {"cal.study": study, "cal.level": "study", NOTE: title})
            self._lay_out_all(regimes, variants)
            if plan:
                self.keep(PLAN, plan)
                self.client.update_run(self._report_run(own.experiment_id), status="RUNNING")
        if self.lease is not None:
            say = self.progress or cli.say
            count = replay(self, spool(study), tell=say)
            if count:
                say(f"{count} runs that ended while the ledger was away are in it now")

    def _lay_out_all(self, regimes: Mapping[str, str], variants: Sequence[Variant]) -> None:
        for regime, text in regimes.items():
            name = f"{self.study}/{regime}" if regime else self.study
            found = experiment(self.client, name, location=self.location)
            self.ids[regime] = found.experiment_id
            if not regime:
                continue
            tags = {"cal.study": self.study, "cal.regime": regime, "cal.level": "regime"}
            self._describe(found, {**tags, NOTE: text})
        for regime in regimes:
            self.lay_out(regime, variants)

    def add(self, regimes: Mapping[str, str]) -> None:
        """Experiments of the begun study beside its regimes: name -> title. Their rows have no
        variants and stand at the top level. Repeating it is harmless.
        """
        check_names("regimes", regimes)
        with self.writing():
            self._lay_out_all(regimes, ())

    def repair(self) -> None:
        """After an outage: rows that were made twice."""
        for experiment_id in self.ids.values():
            self.sole(experiment_id)

    def keep(self, name: str, text: str) -> None:
        """A text with the study (on its report run), given back by ``kept``."""
        check_names("files", [name])
        with self.writing():
            own = experiment(self.client, self.study, location=self.location)
            self.client.log_text(self._report_run(own.experiment_id), text, name)

    def _take_lease(self, experiment_id: str) -> None:
        slot = ExperimentTag(self.client, self.uri, experiment_id, "cal.lease")
        lease = Lease(slot, self.study)
        lock = locked(self.uri, "lease") if sqlite_file(self.uri) else None
        lease.take(lock=lock, waiting=self.progress)
        self.lease = lease

    def _describe(self, found: Experiment, tags: Mapping[str, str]) -> None:
        """Tags of an experiment, a note only where there is none yet."""
        for key, value in tags.items():
            kept = NOTE in found.tags if key == NOTE else found.tags.get(key) == value
            if value and not kept:
                self.client.set_experiment_tag(found.experiment_id, key, value)

    def _report_run(self, experiment_id: str) -> str:
        runs = self.report_runs(experiment_id)
        tags = {"cal.study": self.study, "cal.level": "report", "cal.git": self.git}
        run = (
            runs[0] if runs else self.client.create_run(experiment_id, run_name="report", tags=tags)
        )
        return str(run.info.run_id)

    def report(self, files: Mapping[str, str | Path], *, note: str) -> None:
        """The study's answer on its report run.

        ``files``: artifact name -> local path, among them ``report.html``. ``note``: Markdown,
        the verdict first: of a study MLflow shows only the first line, of a run the first few.
        """
        check_names("files", files)
        with self.writing(), tempfile.TemporaryDirectory() as folder:
            own = experiment(self.client, self.study, location=self.location).experiment_id
            run_id = self._report_run(own)
            for name, path in files.items():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            self.client.log_artifacts(run_id, folder)
            text = _fitting(note)
            self.client.set_tag(run_id, NOTE, text)
            self.client.set_experiment_tag(own, NOTE, text)
            self.client.set_terminated(run_id, "FINISHED")

    def view(self) -> tuple[Address, ...]:
        """Prepare the chart page of each regime for what its variants have; the addresses."""
        for regime, experiment_id in self.ids.items():
            runs = self.variant_runs(experiment_id) or self.seed_runs(experiment_id)
            names = sorted({name for run in runs.values() for name in run.data.metrics})
            note = (
                f"[Charts of all arms side by side]({charts(experiment_id)}), "
                f"[seeds grouped by arm]({grouped(experiment_id)})"
            )
            with self.writing():
                found = self.client.get_experiment(experiment_id)
                title = str(found.tags.get(NOTE, "")).rpartition(" | ")[2]
                tags = {
                    TAG: encode(view_state(names, of=_level(runs))),
                    GROUPED_TAG: encode(grouped_state()),
                }
                if regime:  # the study's own has the report's note
                    tags[NOTE] = note if not title or title[0] == "[" else f"{note} | {title}"
                for key, value in tags.items():
                    if found.tags.get(key) != value:
                        self.client.set_experiment_tag(experiment_id, key, value)
        return self.pages(self.study)

    def close(self) -> None:
        """Free the study. Rows still RUNNING stay so: the next driver takes them over."""
        for row in self._open.values():
            with suppress(LedgerError):
                self._flush(row)
        self._open.clear()
        if self.lease is not None:
            with suppress(LedgerError):
                self.lease.release()
            self.lease = None


def _level(runs: Mapping[str, Run]) -> str:
    return next((run.data.tags["cal.level"] for run in runs.values()), "variant")


def _fitting(note: str) -> str:
    """A note MLflow does not cut in silence: whole lines, and where the rest is."""
    if len(note) <= NOTE_LENGTH:
        return note
    more = "\n\n(cut here; the whole text is among the artifacts)"
    return note[: NOTE_LENGTH - len(more)].rpartition("\n")[0] + more


def _git() -> str:
    """The commit of the checkout, ``-dirty`` where it was changed; empty outside one."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
