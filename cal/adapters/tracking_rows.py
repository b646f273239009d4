"""Plain data of the ledger, and what may be written into it. No mlflow."""

import json
import math
import posixpath
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern

from cal.cli import StoppedError
from cal.config import Config, ConfigError, flatten
from cal.fields import shown
from cal.records import Epoch

NAME = re.compile(r"[A-Za-z0-9_\-. :/]+")
LONGEST = 200  # characters of a name; MLflow takes 250 to 500
PARAM_LENGTH = 6000  # MLflow cuts longer values with only a warning
SINGLE = "train"  # the study of runs that belong to none
FINAL = ("test/", "select/", "time/")  # metrics of a whole run; all others are curves over epochs
CHARTED = 10  # epochs of a run whose points MLflow gets, spread evenly, beside the first


class LedgerError(StoppedError):
    """The store failed in the middle of the work: one line. Nothing finished is lost."""


class LeaseLost(LedgerError):
    """Another driver holds the study now; this one must not write."""


class LeaseHeld(ConfigError):
    """Another driver is at work on the study: one line that names it and when its lease ends."""


@dataclass(frozen=True)
class Variant:
    """An arm, the same in every regime; ``switches``: mechanism -> on, empty if no CAL cell."""

    name: str
    title: str = ""
    method: str = ""
    switches: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """What a run was trained on; ``digest`` is cut to the 36 characters that MLflow holds."""

    name: str
    digest: str
    source: str = ""


@dataclass(frozen=True)
class Seed:
    """A row of the ledger to be: one effective configuration, shared by its ``variants``.

    No variants: a run of its own, at the top level (a single run, a tuning run).
    """

    hash: str
    regime: str
    config: Config
    variants: tuple[str, ...] = ()
    data: Data | None = None


@dataclass(frozen=True)
class Entry:
    """A row of the ledger as it stands.

    ``status``: RUNNING, FINISHED or FAILED. ``metrics``: of the whole run (``test/...``,
    ``select/...``, ``time/...``). ``params``: the flattened configuration, values as JSON knows
    them.
    """

    run_id: str
    regime: str
    hash: str
    seed: int
    variants: tuple[str, ...]
    status: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    start: int = 0  # ms since 1970
    artifacts: str = ""  # where its files are
    error: str = ""


Curves = dict[str, list[tuple[int, float]]]
"""Metric name -> (epoch, value) in the order of epochs."""


Point = tuple[str, float, int]
"""Metric name, value, step (the epoch; 0 for metrics of the whole run)."""


def charted(name: str, epoch: int, epochs: int) -> bool:
    """Whether MLflow gets this metric's point of this epoch, of ``epochs``.

    A point costs MLflow .08 ms, and a study has a million: its charts show the first epoch, every
    tenth of the run, and all validations. The artifact ``curves.json`` has every epoch.
    """
    return epoch in (1, epochs) or epoch % -(-epochs // CHARTED) == 0 or name.startswith("val/")


@dataclass
class OpenRow:
    """A row being written: its curves so far and what MLflow has not got yet."""

    entry: Entry
    params: Mapping[str, str] = field(default_factory=dict)
    data: Data | None = None
    stored: Mapping[str, int] = field(default_factory=dict)  # last step in the store, by metric
    curves: Curves = field(default_factory=dict)
    pending: list[Point] = field(default_factory=list)
    infinite: set[str] = field(default_factory=set)
    flushed: float = field(default_factory=time.monotonic)
    ending: bool = False  # its end was begun to be written

    def add(self, record: Epoch) -> None:
        """Take an epoch; one that came before (a resumed run replays) changes nothing."""
        for name, value in self._finite(record.metrics).items():
            line = self.curves.setdefault(name, [])
            if not line or line[-1][0] < record.epoch:
                line.append((record.epoch, value))
                if charted(name, record.epoch, record.epochs):
                    self._point(name, value, record.epoch)

    def end(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Take the metrics of the whole run, at step 0: MLflow draws those as bars."""
        kept = self._finite(metrics)
        for name, value in kept.items():
            self._point(name, value, 0)
        return kept

    def _point(self, name: str, value: float, step: int) -> None:
        if step > self.stored.get(name, -1):
            self.pending.append((name, value, step))

    def _finite(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """MLflow would store an infinity as 1.8e308: NaN, and the name is kept for a tag."""
        check_names("metrics", metrics)
        bad = {name for name, value in metrics.items() if math.isinf(value)}
        self.infinite |= bad
        return {name: math.nan if name in bad else float(v) for name, v in metrics.items()}


@dataclass(frozen=True)
class Address:
    """A page of the UI: what it shows, and the part of its address after host and port."""

    title: str
    fragment: str

    def at(self, place: str) -> str:
        """A line with the whole address, given where the UI is served."""
        return f"{self.title}: {place.rstrip('/')}/{self.fragment}"


@lru_cache(maxsize=4096)
def _allowed(name: str) -> bool:
    path = posixpath.normpath(name)
    return bool(NAME.fullmatch(name)) and path == name and name[0] not in "/."


def check_names(kind: str, names: Iterable[str]) -> None:
    """Raise ``ConfigError`` for the first name that MLflow would refuse."""
    for name in names:
        if len(name) > LONGEST or not _allowed(name):
            raise ConfigError(
                f"{kind}: given {shown(repr(name))}; allowed: letters, digits, space and _ - . : /,"
                f" at most {LONGEST}"
            )


def check_labels(kind: str, names: Iterable[str]) -> None:
    """Names of arms stand in a comma list; otherwise they are free."""
    for name in names:
        if not name or "," in name or not name.isprintable() or len(name) > LONGEST:
            raise ConfigError(
                f"{kind}: given {shown(repr(name))}; allowed: 1 to {LONGEST} characters, no comma"
            )


def flat_params(config: Config) -> dict[str, str]:
    """The flattened configuration as params. Raises ``ConfigError`` over 6,000 characters."""
    flat = flatten(config.model_dump(mode="json"))
    check_names("params", flat)
    params = {key: v if isinstance(v, str) else json.dumps(v) for key, v in flat.items()}
    for key, text in params.items():
        if len(text) > PARAM_LENGTH:
            raise ConfigError(
                f"{key}: given {len(text)} characters; allowed: {PARAM_LENGTH} in the ledger"
            )
    return params


def plain_params(params: Mapping[str, str]) -> dict[str, object]:
    """The values that ``flat_params`` wrote; a string that is no JSON is itself."""
    return {intern(key): _plain(text) for key, text in params.items()}


@lru_cache(maxsize=4096)
def _plain(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
