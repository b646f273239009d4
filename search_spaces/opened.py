"""The arms of a search as the storage has them: opened, with first suggestions and warm starts."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cal import home
from cal.config import ConfigError
from cal.data.loading import load
from search_spaces.arm import Arm, Rules
from search_spaces.book import METRIC, OWN
from search_spaces.samplers import make_sampler
from search_spaces.searched import ArmSpec, Search
from search_spaces.storage import Study, open_storage

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from cal.adapters.tracking_read import Reader

Tree = dict[str, Any]


def storage_of(name: str, *, given: str | None = None) -> str:
    """The storage of a search as ``given``, a path absolute, also that of SQLite: a job's folder
    vanishes; else a journal file in the home folder.
    """
    if given is None:
        return str(home.local_home() / "search" / f"{name}.log")
    scheme, separator, path = given.partition(":///")
    if separator and scheme.partition("+")[0] == "sqlite":
        return f"{scheme}:///{home.resolve(path)}"
    return given if "://" in given else str(home.resolve(given))


def open_arms(
    search: Search, where: str, ledger: "Reader", *, warm: Sequence[str] = ()
) -> tuple[list[Arm], list[Tree]]:
    """Every arm, and what was taken from earlier searches. Raises ``ConfigError``."""
    storage = open_storage(where)
    classes = load(search.base.data, seed=search.base.seed, evaluated="select").classes
    rules = Rules(search.objectives, search.scheduler, search.seeds, classes)
    arms, taken = [], []
    for spec in search.arms:
        study = Study(
            storage,
            f"{search.name}/{spec.name}",
            sampler=partial(_sampler, search, spec),
            objectives=search.objectives,
            dimensions=spec.dimensions,
            config=spec.base,
            declared=search.declared(spec),
        )
        for first in spec.firsts():
            study.suggest_first(first.values, origin=first.origin)
        taken += [_warm(study, spec, search, name, ledger) for name in warm]
        arms.append(Arm(spec.name, spec.base, study, rules, most=search.trials))
    return arms, taken


def _sampler(search: Search, spec: ArmSpec, asked: int) -> "BaseSampler":
    seed = search.sampler_seed(spec, asked)
    return make_sampler(search.sampler, seed=seed, objectives=len(search.objectives))


def _warm(study: Study, spec: ArmSpec, search: Search, name: str, ledger: "Reader") -> Tree:
    """Tell the sampler the complete trials of an earlier search, as the ledger has them."""
    if name == search.name:
        raise ConfigError(f"--warm-start: given {name}, which is this search; allowed: another")
    try:
        own = ledger.experiments(f"search/{name}")[OWN]
    except ConfigError:
        names = [s.removeprefix("search/") for s in ledger.studies() if s.startswith("search/")]
        allowed = ", ".join(names) or "none yet"
        raise ConfigError(f"--warm-start: given {name!r}; allowed: {allowed}") from None
    used = skipped = 0
    fields = {d.field for d in spec.dimensions}
    for run in ledger.variant_runs(own).values():
        if run.data.tags.get("cal.arm") != spec.name or run.info.status != "FINISHED":
            continue
        values, scores = _read(run.data.params), _scores(run.data.metrics, search)
        known = scores is not None and set(values) <= fields
        if known and scores is not None and study.know(values, scores, origin=name):
            used += 1
        else:
            skipped += 1
    text = f"{spec.name}: {used} trials of {name} were told to the sampler"
    if skipped:
        text += f"; {skipped} were not: other fields, a value out of range, or told before"
    return {"study": name, "arm": spec.name, "trials": used, "text": text}


def _read(params: Mapping[str, str]) -> dict[str, Any]:
    from cal.adapters.tracking_rows import plain_params

    return dict(plain_params(params))


def _scores(metrics: Mapping[str, float], search: Search) -> dict[str, float] | None:
    names = {o.name: METRIC[o.name] for o in search.objectives}
    if any(name not in metrics for name in names.values()):
        return None
    return {objective: metrics[name] for objective, name in names.items()}
