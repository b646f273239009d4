"""What a search is, from what was asked: arms with their spaces, objectives and rules. Pure.

The main arm is the space over the base configuration; baselines are sections of baselines.yaml (or
of the space's own file), each searched with the same sampler, trials, seeds and epochs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cal.config import CONFIGS, Config, ConfigError, find_yaml, merge, parse, read_yaml
from cal.effective import canonical, code_version, run_hash
from cal.fields import NAME, NAMED, shown
from cal.protocols import NO_MORE
from search_spaces.branches import completed, settings_for
from search_spaces.dimension import Dimension
from search_spaces.fields import laid
from search_spaces.objectives import Objective, read_objectives
from search_spaces.sections import read_sections
from search_spaces.seeds import FIRST_SEED, sampler_seed
from search_spaces.space import Space, read_space
from search_spaces.stopping import NAMES, Scheduler

BASELINES = "baselines"
NONE = "none"


@dataclass(frozen=True)
class First:
    """Values to be tried before any others, and where they come from."""

    values: dict[str, Any]
    origin: str


@dataclass(frozen=True)
class ArmSpec:
    """One arm: ``base`` is complete and scored on the select part; ``config``: what it lays over
    the search's own base.
    """

    name: str
    title: str
    base: Config
    space: Space
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Of its space."""
        return self.space.dimensions

    def firsts(self) -> tuple[First, ...]:
        """The configuration itself, and the published settings that apply to it."""
        own = completed(self.dimensions, self.base, {})
        same = run_hash(laid(self.base, own)) == run_hash(self.base)
        found = [First(own, "default" if same else "default, moved into the space's ranges")]
        for setting in settings_for(self.space, self.base):
            values = completed(self.dimensions, self.base, setting.values)
            if all(values != known.values for known in found):
                found.append(First(values, f"published: {setting.source}"))
        return tuple(found)


@dataclass(frozen=True)
class Search:
    """Everything that is fixed before the first trial. ``base``: as it would be reported."""

    name: str
    title: str
    base: Config
    arms: tuple[ArmSpec, ...]  # the main arm first
    objectives: tuple[Objective, ...]
    scheduler: Scheduler
    sampler: str
    seeds: tuple[int, ...]
    trials: int  # of each arm

    @property
    def main(self) -> ArmSpec:
        """The arm that is searched for its own sake."""
        return self.arms[0]

    def declared(self, arm: ArmSpec) -> dict[str, Any]:
        """What may not change while the search goes on: key -> plain data, for one arm."""
        return {
            "space": [d.model_dump(mode="json") for d in arm.dimensions],
            "configuration": json.loads(canonical(laid(arm.base, {"seed": 0}))),
            "objective": [o.name for o in self.objectives],
            "scheduler": self.scheduler.name,
            "number of seeds": len(self.seeds),
            "version of the code that determines results": code_version(),
        }

    def sampler_seed(self, arm: ArmSpec, asked: int) -> int:
        """Depends on what was asked before, so that a search that goes on draws anew."""
        return sampler_seed(self.name, arm.name, str(asked))


def read_search(
    *,
    space: str,
    config: str,
    changes: Mapping[str, Any],
    name: str | None,
    against: Sequence[str] | None,
    objectives: Sequence[str],
    scheduler: str,
    sampler: str,
    seeds: int,
    trials: int,
) -> Search:
    """Raises ``ConfigError`` with one line per fault. ``against``: None for all baselines."""
    aims = read_objectives(objectives)
    path = find_yaml(config, folder=CONFIGS, option="--config")
    tree = merge(read_yaml(path), changes)
    base = parse(tree)
    if scheduler not in NAMES:
        raise ConfigError(f"--scheduler: given {scheduler!r}; allowed: {', '.join(NAMES)}")
    found = read_space(space)
    main = _arm(found.name, found.title, base, found, {}, aims)
    sections = read_sections(BASELINES) | read_sections(space)
    chosen = list(sections) if against is None else [n for n in against if n != NONE]
    for one in chosen:
        if one not in sections or one == main.name:
            allowed = f"{', '.join(sections)}; none alone"
            raise ConfigError(f"--against: given {one!r}; allowed: {allowed}")
    others = [
        _arm(s.name, s.title, parse(merge(tree, s.config)), s.space, s.config, aims)
        for s in map(sections.__getitem__, dict.fromkeys(chosen))
    ]
    if scheduler != "none" and not any(o.curve for o in aims):
        seen = ", ".join(o.name for o in aims)
        raise ConfigError(
            f"--scheduler: given {scheduler} with objective {seen}, of which nothing is known "
            "before the end of a run; allowed: none"
        )
    train = base.train
    study = name or f"{found.name}-{path.stem}"
    _check_name(study)
    return Search(
        study,
        f"{found.title or found.name}, on {path.stem}",
        base,
        (main, *others),
        aims,
        Scheduler(scheduler, train.epochs, min(train.validate_every, train.epochs)),
        sampler,
        tuple(range(FIRST_SEED, FIRST_SEED + seeds)),
        trials,
    )


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME, name) or name.endswith("\n") or len(name) > 100:
        raise ConfigError(f"--name: given {shown(repr(name))}; allowed: {NAMED}")


def _arm(
    name: str,
    title: str,
    base: Config,
    space: Space,
    config: Mapping[str, Any],
    objectives: Sequence[Objective],
) -> ArmSpec:
    for d in space.dimensions:
        if d.field == "seed" or d.field.startswith("evaluate."):
            raise ConfigError(
                f"{d.name}.field: given {d.field} in {name}, by which a search compares "
                "configurations; allowed: fields of what is compared"
            )
    noise = "standard" if any(o.noise for o in objectives) else "none"
    scored = {"part": "select", "noise": noise, "selection": "last", **NO_MORE}
    own = {f"evaluate.{key}": value for key, value in scored.items()}
    return ArmSpec(name, title or name, laid(base, own), space, dict(config))
