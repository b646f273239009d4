"""What goes to a worker at once: packs of runs, the longest first; or single runs."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from cal.config import Config
from cal.data.loading import ids_of
from cal.footprint import Size
from cal.packed import Shape, alone, packs, shape
from cal.runs import Run

Unit = tuple[Run, ...]
Network = tuple[Any, ...]
"""What decides how large packs should be."""


def network_of(config: Config) -> Network:
    """Runs of one network are measured once, by the one that does most."""
    return (config.data.name, config.model, config.train.batch, config.optim.name)


def representatives(runs: Sequence[Run]) -> dict[Network, Run]:
    """For each network that can be packed the run whose mechanisms do most."""
    found: dict[Network, Run] = {}
    for run in runs:
        key = network_of(run.config)
        if alone(run.config) is None and (
            key not in found or _work(run.config) > _work(found[key].config)
        ):
            found[key] = run
    return found


def _work(config: Config) -> int:
    cal = config.cal
    return 0 if cal is None else 1 + cal.bottleneck.enabled + 2 * cal.contribution.enabled


def unpacked(runs: Sequence[Run]) -> dict[str, int]:
    """Why runs go alone, and how many."""
    return dict(Counter(reason for run in runs if (reason := alone(run.config))))


def packed(runs: Sequence[Run], sizes: Mapping[Network, Size], *, places: int) -> list[Unit]:
    """Packs of the measured sizes, smaller where every place would not get one."""
    groups: dict[Shape, list[Run]] = defaultdict(list)
    units: list[Unit] = []
    for run in runs:
        if network_of(run.config) in sizes:
            groups[shape(run.config)].append(run)
        else:
            units.append((run,))
    for group in groups.values():
        size = sizes[network_of(group[0].config)]
        target = max(1, min(size.target, len(group) // places))
        parts = packs([run.config for run in group], target=target, largest=size.largest)
        units += [tuple(group[i] for i in part) for part in parts]
    return sorted(units, key=lambda unit: -_seconds(unit, sizes))


def _seconds(unit: Sequence[Run], sizes: Mapping[Network, Size]) -> float:
    """About how long a unit trains: what was not measured comes first, it may be long."""
    config = unit[0].config
    size = sizes.get(network_of(config))
    if size is None:
        return math.inf
    steps = config.train.epochs * len(ids_of(config.data, seed=config.seed).train)
    return steps / config.train.batch * len(unit) * size.step_s


def distinct(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs in parts of different hashes: equal regimes ask for equal runs, each in its own
    experiment, and under way a run is known by its hash.
    """
    parts: list[dict[str, Run]] = []
    for run in runs:
        part = next((part for part in parts if run.hash not in part), None)
        if part is None:
            part = {}
            parts.append(part)
        part[run.hash] = run
    return [list(part.values()) for part in parts]
