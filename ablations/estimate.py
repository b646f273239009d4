"""What a plan will do, and how long that takes and costs: from seconds measured, never guessed."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from ablations.pairing import PAIRED
from ablations.plan import Plan
from cal import footprint
from cal.allocator import keep_freed_memory
from cal.config import Config
from cal.data.loading import ids_of
from cal.footprint import Size
from cal.packed import alone
from cal.runs import Run
from cal.units import Network, network_of, representatives

ALONE_S = 10.0  # seconds for which a network that cannot be packed is measured at most
FREE = 2**31  # bytes a core may use where the system does not say


@dataclass(frozen=True)
class Here:
    """Where the dry run measures: how many units would run at a time on this machine."""

    device: str
    places: int
    gpus: float  # of each unit
    words: str


def described(plan: Plan) -> Iterator[str]:
    """The design, the cells, distinct runs and the family of primary comparisons."""
    yield _design(plan)
    others = [arm.name for arm in plan.arms if not arm.switches]
    cells = ", ".join(arm.name for arm in plan.arms if arm.switches)
    yield f"  cells: {cells or 'none'}" + (f"; further arms: {', '.join(others)}" if others else "")
    for regime in plan.regimes:
        asked = sum(len(hashes) for (r, _), hashes in plan.cells.items() if r == regime)
        distinct = sum(run.regime == regime for run in plan.runs)
        yield (
            f"  {regime}: {len(plan.arms)} arms x {len(plan.seeds[regime])} seeds = {asked}, "
            f"{distinct} distinct runs"
        )
    yield _family(plan)
    for contrast in plan.contrasts:
        kind = "primary" if contrast.primary else "exploratory"
        note = f" ({contrast.note})" if contrast.note else ""
        paired = contrast.pairing if contrast.pairing == PAIRED else f"unpaired: {contrast.pairing}"
        yield f"  {contrast.name}: {kind}, {paired}{note}"


def _design(plan: Plan) -> str:
    design = plan.design
    cells = sum(bool(arm.switches) for arm in plan.arms)
    text = f"design {design.kind} of {len(plan.factors)} factors: {cells} cells"
    if not plan.factors:
        return "design: no factors, arms alone"
    if design.resolution is None:
        return text
    aliases = "; ".join(" = ".join(words) for words in design.aliases) or "none"
    generators = ", ".join(design.generators)
    return f"{text}, resolution {design.resolution}, generators {generators}\n  aliases: {aliases}"


def _family(plan: Plan) -> str:
    analysis, size = plan.analysis, len(plan.family())
    if not size:
        return "family of primary comparisons: none, everything is exploratory"
    points = analysis.metric in ("accuracy", "macro_f1")
    margin = f"{100 * analysis.margin:g} points" if points else f"{analysis.margin:g}"
    primary = sum(contrast.primary for contrast in plan.contrasts)
    return (
        f"family of primary comparisons: {size} ({primary} contrasts, {len(plan.regimes)} regimes, "
        f"{' and '.join(analysis.conditions)}; without those of one computation); "
        f"{analysis.metric}, margin {margin}, error of the family {100 * analysis.alpha:g} %"
    )


def here(*, workers: int | None, gpus: float | None) -> Here:
    """This machine: its GPUs if it has any and ``gpus`` (of a worker) is not 0, else its cores."""
    found = torch.cuda.device_count() if gpus is None or gpus > 0 else 0
    each = (gpus or 1.0) if found else 0.0
    fit = max(1, int(found / each)) if found else _cores()
    words = (
        "measuring in this process: seconds of a step in packs of growing size and of an "
        f"evaluation, on one {'GPU' if found else 'core'}, for the arm of each network that does "
        "most"
    )
    return Here("cuda" if found else "cpu", min(fit, workers or fit), each, words)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measured(runs: Sequence[Run], place: Here, *, packed: bool) -> Iterator[tuple[Network, Size]]:
    """Of each network the seconds of a step and of an evaluation, measured now."""
    torch.set_num_threads(1)  # as workers do
    keep_freed_memory()
    free = (
        footprint.free_bytes() * min(1.0, place.gpus)
        if place.device == "cuda"
        else _free() / place.places
    )
    for network, run in representatives(runs).items():
        found = footprint.measure(run.config, device=place.device, free=free)
        size = footprint.choose(found, free=free)
        single = Size(1, 1, found.step_s[0], "one by one", found.evaluate_s)
        yield network, size if packed else single
    lonely = {network_of(r.config): r.config for r in runs if alone(r.config) is not None}
    for network, config in lonely.items():
        yield network, footprint.measure_alone(config, device=place.device, seconds=ALONE_S)


def _free() -> float:
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError):
        return float(FREE)


def seconds_of(config: Config, size: Size) -> float:
    """Seconds of a core (GPU) for one run: its steps and its evaluation."""
    return _steps(config) * size.step_s + size.evaluate_s


def _steps(config: Config) -> int:
    samples = len(ids_of(config.data, seed=0).train)  # parts are as large for every seed
    return config.train.epochs * (samples // config.train.batch)


def forecast(
    runs: Sequence[Run],
    sizes: Mapping[Network, Size],
    *,
    places: int,
    price: float | None = None,
    gpus: float | None = None,
) -> Iterator[str]:
    """Lines: seconds per run by regime, hours of all, cost. ``places``: units at a time.

    ``price``: of a core-hour, with ``gpus`` (of a worker) above 0 of a GPU-hour. Start, ledger and
    report come on top, and runs whose network is not in ``sizes`` are counted and left out.
    """
    known = defaultdict[str, list[Config]](list)
    for run in runs:
        if network_of(run.config) in sizes:
            known[run.regime].append(run.config)
    total = 0.0
    yield "forecast, from measured seconds:"
    for regime, configs in known.items():
        seconds = sum(seconds_of(config, sizes[network_of(config)]) for config in configs)
        total += seconds
        each = Counter((_steps(config), sizes[network_of(config)]) for config in configs)
        yield (
            f"  {regime}: {len(configs)} runs of {seconds / len(configs):.2f} s"
            f" ({'most: ' if len(each) > 1 else ''}{_parts(*each.most_common(1)[0][0])})"
        )
    left = Counter(run.regime for run in runs if network_of(run.config) not in sizes)
    for regime, count in left.items():
        yield f"  {regime}: {count} runs more, of a network that was not measured"
    unit = "GPU" if gpus else "core"
    used = total * (gpus or 1.0) / 3600
    yield (
        f"  together {used:.3g} {unit}-hours, about {_clock(total / places)} with {places} at a "
        "time, start, ledger and report beside it"
    )
    if price is None:
        yield f"  cost: --price P gives it (currency per {unit}-hour)"
    else:
        yield f"  cost: {used * price:.3g} at {price:g} per {unit}-hour"


def _parts(steps: int, size: Size) -> str:
    each = f"{1000 * size.step_s:.2f} ms"
    return f"{steps} steps of {each}, evaluation {size.evaluate_s:.2f} s"


def beyond(
    plan: Plan, sizes: Mapping[Network, Size], *, places: int, trials: int | None
) -> Iterator[str]:
    """Lines: at most what re-tuning (``trials`` of each arm) and the plan's later looks add."""
    first: dict[tuple[str, str], Run] = {}
    by_hash = {(run.regime, run.hash): run for run in plan.runs}
    for (regime, arm), hashes in plan.cells.items():
        first[regime, arm] = by_hash[regime, hashes[0]]
    if trials:
        each = {key: trials * plan.tuning.seeds + len(plan.seeds[key[0]]) for key in first}
        asked = {key: n for key, n in each.items() if key[1] in plan.tuning.arms}
        what = f"re-tuning, {trials} trials of {len(plan.tuning.arms)} arms and each at its best"
        yield _more(what, [(first[key].config, n) for key, n in asked.items()], sizes, places)
    if plan.looks:
        left = {r: numbers[-1] - len(plan.seeds[r]) for r, numbers in plan.looks.items()}
        distinct = {(run.regime, run.hash): run for run in first.values()}.values()
        counts = [(run.config, left[run.regime]) for run in distinct]
        yield _more("seeds until resolved, if nothing is settled before", counts, sizes, places)


def _more(
    what: str, counts: Sequence[tuple[Config, int]], sizes: Mapping[Network, Size], places: int
) -> str:
    runs = sum(n for _, n in counts)
    known = [(c, n) for c, n in counts if network_of(c) in sizes]
    seconds = sum(n * seconds_of(c, sizes[network_of(c)]) for c, n in known)
    return f"  {what}: at most {runs} runs more, about {_clock(seconds / places)}"


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} hours"
