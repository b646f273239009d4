"""From a study to the runs it needs: the design's cells and further arms x regimes x seeds. Pure.

Every arm's configuration is reduced to its effective form; equal forms are one run, shared by all
arms (cells) that ask for it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count, islice, product
from typing import Any

from ablations import arms as parts
from ablations.arms import Arm, Contrast, Level, Sweep
from ablations.designs import Design, reduced
from ablations.pairing import PAIRED, pairing
from ablations.published import printed
from ablations.study import Analysis, Published, Study, Tuning, named
from cal.config import Config, ConfigError, merge, parse
from cal.effective import effective, run_hash
from cal.runs import Run

__all__ = ["Arm", "Contrast", "Design", "Level", "Plan", "Run", "Sweep", "from_json", "make_plan"]
__all__ += ["to_json"]

Tree = dict[str, Any]
Comparison = tuple[str, str, str]
"""One of the family: (regime, contrast, condition)."""


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
    design: Design = field(default_factory=Design)
    analysis: Analysis = field(default_factory=Analysis)
    sweeps: tuple[Sweep, ...] = ()
    tuning: Tuning = field(default_factory=Tuning)  # its arms are resolved
    published: tuple[Published, ...] = ()
    neutrals: dict[str, Tree] = field(default_factory=dict)  # factor -> tree that switches it off
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)  # nested factors alone
    looks: dict[str, tuple[int, ...]] = field(default_factory=dict)  # seeds at each planned look
    omitted: tuple[str, ...] = ()  # regimes of the study that are left out
    revisions: tuple[str, ...] = ()  # what was declared anew once results were there

    def arm_hashes(self, regime: str, arm: str) -> tuple[str, ...]:
        """The arm's runs in one regime, in the order of its seeds."""
        return self.cells[regime, arm]

    def arm_of(self, on: Iterable[str]) -> str | None:
        """The arm whose cell has these factors on; what lacks something that it needs is off.

        None where the design has no such cell.
        """
        wanted = reduced(on, self.factors, self.needs)
        return next((arm.name for arm in self.arms if arm.switches == wanted), None)

    def family(self) -> list[Comparison]:
        """The primary comparisons, over which the error is held: those whose two arms are
        different computations in the regime, under what is evaluated there.
        """
        noisy = {run.regime for run in self.runs if run.config.evaluate.noise != "none"}
        return [
            (regime, contrast.name, condition)
            for regime in self.regimes
            for contrast in self.contrasts
            if contrast.primary
            and self.cells[regime, contrast.arm] != self.cells[regime, contrast.reference]
            for condition in self.analysis.conditions
            if condition != "robust" or regime in noisy
        ]


def make_plan(
    study: Study,
    *,
    seeds: int | Mapping[str, int] | None = None,
    overrides: Mapping[str, Any] | None = None,
    arms: Sequence[Arm] = (),
    contrasts: Sequence[Contrast] = (),
) -> Plan:
    """The plan of a study. ``seeds``: how many of every regime, or of each; ``overrides`` changes
    the base tree; ``arms`` and ``contrasts`` come on top of the study's (tuned arms).

    Raises ``ConfigError`` naming regime and arm for configurations that are not valid, and for a
    declared contrast that is not paired.
    """
    design, cells_, natural = parts.cells_of(study)
    sweeps, levels = parts.sweeps_of(study)
    every = (*cells_, *parts.arms_of(study), *levels, *arms)
    parts.check_names(every)
    compared = [*parts.contrasts_of(study, every, natural, sweeps), *contrasts]
    names = [contrast.name for contrast in compared]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ConfigError(f"contrasts: given {doubled!r} twice; allowed: names of arms that differ")
    counts = seeds if isinstance(seeds, Mapping) else dict.fromkeys(study.regimes, seeds)
    chosen = {name: _seeds(r.seeds, counts.get(name)) for name, r in study.regimes.items()}
    runs, cells = _runs(study, every, chosen, overrides or {})
    return Plan(
        study=study.name,
        title=study.title,
        regimes=tuple(study.regimes),
        titles={name: regime.title for name, regime in study.regimes.items()},
        factors=tuple(study.factors),
        arms=every,
        contrasts=_paired(study, compared, runs, cells),
        seeds=chosen,
        runs=tuple(runs.values()),
        cells=cells,
        design=design,
        analysis=study.analysis,
        sweeps=sweeps,
        tuning=_tuning(study, every),
        published=(*study.published, *printed({run.config.data.name for run in runs.values()})),
        neutrals={name: factor.neutral for name, factor in study.factors.items()},
        needs={name: factor.needs for name, factor in study.factors.items() if factor.needs},
    )


Runs = dict[tuple[str, str], Run]
Cells = dict[tuple[str, str], tuple[str, ...]]


def _runs(
    study: Study,
    arms: Sequence[Arm],
    seeds: Mapping[str, Sequence[int]],
    overrides: Mapping[str, Any],
) -> tuple[Runs, Cells]:
    """Distinct runs by (regime, hash), and which of them each arm has."""
    runs: Runs = {}
    cells: Cells = {}
    for regime, spec in study.regimes.items():
        base = merge(merge(study.base, spec.config), overrides)
        for seed, arm in product(seeds[regime], arms):
            config = _config(base, arm, regime, seed)
            key = run_hash(config)
            before = runs.get((regime, key))
            shared = (*before.arms, arm.name) if before else (arm.name,)
            runs[regime, key] = Run(key, regime, seed, effective(config), shared)
            cells[regime, arm.name] = (*cells.get((regime, arm.name), ()), key)
    _one_protocol(run.config for run in runs.values())
    return runs, cells


def _one_protocol(configs: Iterable[Config]) -> None:
    """Figures under two noise protocols never stand in one table (docs/noise.md)."""
    found = sorted({config.evaluate.noise for config in configs} - {"none"})
    if len(found) > 1:
        raise ConfigError(
            f"evaluate.noise: given {' and '.join(found)} in one study, whose figures cannot be "
            "compared; allowed: one protocol a study, or none"
        )


def _config(base: Mapping[str, Any], arm: Arm, regime: str, seed: int) -> Config:
    try:
        config = parse(merge(merge(base, arm.tree(regime)), {"seed": seed}))
        if config.evaluate.part != "report":
            raise ConfigError(
                f"evaluate.part: given {config.evaluate.part}; allowed in a study: report (its "
                "tuning runs are kept off that part by themselves)"
            )
        return config
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


def _paired(
    study: Study, contrasts: Sequence[Contrast], runs: Runs, cells: Cells
) -> tuple[Contrast, ...]:
    """The contrasts with what pairs them. Those that nobody declared are labelled, not refused.
    An arm's runs in a regime differ in the seed alone: one of them is looked at.

    Raises ``ConfigError`` for a declared one that is not paired and does not say so.
    """
    allowed_ = {(c.arm, c.reference): c.unpaired for c in study.contrasts}
    found = []
    for contrast in contrasts:
        arm, reference = (
            [runs[regime, cells[regime, name][0]].config for regime in study.regimes]
            for name in (contrast.arm, contrast.reference)
        )
        reason, note = pairing(zip(arm, reference, strict=True))
        if reason != PAIRED and not allowed_.get((contrast.arm, contrast.reference), True):
            raise ConfigError(
                f"contrasts: given {contrast.name}, which is not paired: {reason}; allowed: arms "
                "that share these, or unpaired: true on the contrast"
            )
        found.append(replace(contrast, pairing=reason, note=note))
    return tuple(found)


def _tuning(study: Study, arms: Sequence[Arm]) -> Tuning:
    """What is tuned: as given, or the arms of the declared contrasts in the plan's order."""
    names = [arm.name for arm in arms]
    unknown = [name for name in study.tuning.arms if name not in names]
    if unknown:
        raise ConfigError(named("tuning.arms", unknown[0], names))
    compared = {name for c in study.contrasts for name in (c.arm, c.reference)}
    chosen = study.tuning.arms or tuple(name for name in names if name in compared)
    return study.tuning.model_copy(update={"arms": chosen})


def to_json(plan: Plan) -> str:
    """The plan as JSON, for the ledger."""
    tree = asdict(plan)
    tree["runs"] = [
        {**asdict(run), "config": run.config.model_dump(mode="json")} for run in plan.runs
    ]
    tree["cells"] = [[regime, arm, hashes] for (regime, arm), hashes in plan.cells.items()]
    tree["analysis"] = plan.analysis.model_dump(mode="json")
    tree["tuning"] = plan.tuning.model_dump(mode="json")
    tree["published"] = [entry.model_dump(mode="json") for entry in plan.published]
    return json.dumps(tree, sort_keys=True)


def from_json(text: str) -> Plan:
    """The plan that ``to_json`` wrote, now or before it knew all of these keys."""
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
        design=_design(tree.get("design", {})),
        analysis=Analysis.model_validate(tree.get("analysis", {})),
        sweeps=tuple(_sweep(sweep) for sweep in tree.get("sweeps", ())),
        tuning=Tuning.model_validate(tree.get("tuning", {})),
        published=tuple(Published.model_validate(e) for e in tree.get("published", ())),
        neutrals=tree.get("neutrals", {}),
        needs={name: tuple(others) for name, others in tree.get("needs", {}).items()},
        looks={name: tuple(numbers) for name, numbers in tree.get("looks", {}).items()},
        omitted=tuple(tree.get("omitted", ())),
        revisions=tuple(tree.get("revisions", ())),
    )


def _design(tree: Tree) -> Design:
    lists = {
        "generators": tuple(tree.get("generators", ())),
        "aliases": tuple(tuple(words) for words in tree.get("aliases", ())),
    }
    return Design(**{**tree, **lists})


def _sweep(tree: Tree) -> Sweep:
    return Sweep(**{**tree, "levels": tuple(Level(**level) for level in tree["levels"])})
