"""From a study to the runs it needs: factorial cells and arms x regimes x seeds. Pure.

Every arm's configuration is reduced to its effective form; equal forms are one run, shared by all
arms (cells) that ask for it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count, islice, product
from typing import Any

from ablations.study import Study
from cal.config import Config, ConfigError, merge, parse
from cal.effective import effective, run_hash

Tree = dict[str, Any]


@dataclass(frozen=True)
class Arm:
    """One arm; ``switches``: factor -> on, empty where the arm is no factorial cell.

    ``by_regime``: regime -> what lies over ``overrides`` there alone (tuned arms).
    """

    name: str
    title: str
    overrides: Tree
    switches: dict[str, bool]
    by_regime: dict[str, Tree] = field(default_factory=dict)

    def tree(self, regime: str) -> Tree:
        """All that the arm lays over a regime's configuration."""
        return merge(self.overrides, self.by_regime.get(regime, {}))


@dataclass(frozen=True)
class Run:
    """One computation and all arms that share it."""

    hash: str
    regime: str
    seed: int
    config: Config
    arms: tuple[str, ...]


@dataclass(frozen=True)
class Contrast:
    """A paired comparison ``arm - reference``."""

    arm: str
    reference: str
    primary: bool

    @property
    def name(self) -> str:
        """For example ``cal - joint``."""
        return f"{self.arm} - {self.reference}"


@dataclass(frozen=True)
class Plan:
    """Everything the study will do. ``cells``: (regime, arm) -> hashes in the order of seeds."""

    study: str
    title: str
    regimes: tuple[str, ...]
    titles: dict[str, str]
    factors: tuple[str, ...]
    arms: tuple[Arm, ...]
    contrasts: tuple[Contrast, ...]
    seeds: dict[str, tuple[int, ...]]
    runs: tuple[Run, ...]
    cells: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def arm_hashes(self, regime: str, arm: str) -> tuple[str, ...]:
        """The arm's runs in one regime, in the order of its seeds."""
        return self.cells[regime, arm]


def make_plan(
    study: Study,
    *,
    seeds: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    arms: Sequence[Arm] = (),
    contrasts: Sequence[Contrast] = (),
) -> Plan:
    """The plan of a study. ``seeds`` caps every regime; ``overrides`` changes the base tree;
    ``arms`` and ``contrasts`` come on top of the study's (tuned arms).

    Raises ``ConfigError`` naming regime and arm for configurations that are not valid.
    """
    arms = (*_cells(study), *_arms(study), *arms)
    names = [arm.name for arm in arms]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled or not arms:
        raise ConfigError(f"arms: given {', '.join(sorted(doubled)) or 'none'}; each name once")
    declared = [Contrast(c.arm, c.reference, c.primary) for c in study.contrasts]
    contrasts = (*declared, *contrasts)
    for contrast in contrasts:
        for name in (contrast.arm, contrast.reference):
            if name not in names:
                allowed = ", ".join(names)
                raise ConfigError(f"contrasts: given {name!r}; allowed: {allowed}")
    chosen = {name: _seeds(regime.seeds, seeds) for name, regime in study.regimes.items()}
    runs: dict[tuple[str, str], Run] = {}
    cells: dict[tuple[str, str], tuple[str, ...]] = {}
    for regime, spec in study.regimes.items():
        base = merge(merge(study.base, spec.config), overrides or {})
        for seed, arm in product(chosen[regime], arms):
            config = _config(base, arm, regime, seed)
            key = run_hash(config)
            before = runs.get((regime, key))
            shared = (*before.arms, arm.name) if before else (arm.name,)
            runs[regime, key] = Run(key, regime, seed, effective(config), shared)
            cells[regime, arm.name] = (*cells.get((regime, arm.name), ()), key)
    return Plan(
        study=study.name,
        title=study.title,
        regimes=tuple(study.regimes),
        titles={name: regime.title for name, regime in study.regimes.items()},
        factors=tuple(study.factors),
        arms=arms,
        contrasts=contrasts,
        seeds=chosen,
        runs=tuple(runs.values()),
        cells=cells,
    )


def _config(base: Mapping[str, Any], arm: Arm, regime: str, seed: int) -> Config:
    try:
        return parse(merge(merge(base, arm.tree(regime)), {"seed": seed}))
    except ConfigError as error:
        lines = str(error).splitlines()
        raise ConfigError(
            "\n".join(f"{line} (regime {regime}, arm {arm.name})" for line in lines)
        ) from None


def _seeds(given: int | Sequence[int], cap: int | None) -> tuple[int, ...]:
    listed = tuple(range(given)) if isinstance(given, int) else tuple(given)
    if len(set(listed)) < len(listed):
        raise ConfigError(f"regimes: given seeds {list(listed)}; allowed: each seed once")
    if cap is None:
        return listed
    more = (seed for seed in count() if seed not in listed)
    return (*listed, *islice(more, max(0, cap - len(listed))))[:cap]


def _cells(study: Study) -> list[Arm]:
    """The full factorial over the study's factors, everything on first."""
    if not study.factors:
        return []
    arms = []
    for levels in product((True, False), repeat=len(study.factors)):
        switches = dict(zip(study.factors, levels, strict=True))
        tree: Tree = {}
        for name, on in switches.items():
            tree = tree if on else merge(tree, study.factors[name].neutral)
        plain = "+".join(name for name, on in switches.items() if on) or "none"
        name = study.cells.get(plain, plain)
        arms.append(Arm(name, plain, tree, switches))
    unknown = set(study.cells) - {
        "+".join(n for n, on in zip(study.factors, levels, strict=True) if on) or "none"
        for levels in product((True, False), repeat=len(study.factors))
    }
    if unknown:
        raise ConfigError(f"cells: given {sorted(unknown)[0]!r}; allowed: factors joined by +")
    return arms


def _arms(study: Study) -> list[Arm]:
    return [Arm(name, a.title or name, a.config, {}) for name, a in study.arms.items()]


def to_json(plan: Plan) -> str:
    """The plan as JSON, for the ledger."""
    tree = asdict(plan)
    tree["runs"] = [
        {**asdict(run), "config": run.config.model_dump(mode="json")} for run in plan.runs
    ]
    tree["cells"] = [[regime, arm, hashes] for (regime, arm), hashes in plan.cells.items()]
    return json.dumps(tree, sort_keys=True)


def from_json(text: str) -> Plan:
    """The plan that ``to_json`` wrote."""
    tree = json.loads(text)
    runs = [
        Run(**{**run, "config": parse(run["config"]), "arms": tuple(run["arms"])})
        for run in tree["runs"]
    ]
    return Plan(
        study=tree["study"],
        title=tree["title"],
        regimes=tuple(tree["regimes"]),
        titles=tree["titles"],
        factors=tuple(tree["factors"]),
        arms=tuple(Arm(**arm) for arm in tree["arms"]),
        contrasts=tuple(Contrast(**contrast) for contrast in tree["contrasts"]),
        seeds={name: tuple(seeds) for name, seeds in tree["seeds"].items()},
        runs=tuple(runs),
        cells={(regime, arm): tuple(hashes) for regime, arm, hashes in tree["cells"]},
    )
