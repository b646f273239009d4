"""A study as its author writes it: regimes, factors, arms, contrasts and their analysis in YAML.
Pure. ``docs/study.md`` explains every key.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ablations.designs import Kind, needed
from ablations.found import is_configuration, study_around
from cal.config import ConfigError, find_yaml, parse_as, read_yaml
from cal.fields import Count, Line, Name, Number, Section, Unit, shown

Tree = dict[str, Any]
Seeds = Count | Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
LEVEL = re.compile(r"[A-Za-z0-9_.:+/ -]+")
LONGEST = 100  # characters of a sweep and its level, which name an arm
Text = Annotated[Line, Field(min_length=1)]
Unknown = Literal["unknown"]
Share = Annotated[float, Number, Field(gt=0.0, lt=1.0)]
FOLDER = Path(__file__).parent


class Regime(Section):
    """One data situation: what it changes in the base configuration, and its seeds."""

    title: Line = ""
    seeds: Seeds = 10  # a count (0, 1, ...) or a list
    config: Tree = Field(default_factory=dict)


class ArmSpec(Section):
    """One arm beside the factorial cells."""

    title: Line = ""
    config: Tree = Field(default_factory=dict)
    regimes: dict[str, Tree] = Field(default_factory=dict)  # what lies over it in one of them alone


class Factor(Section):
    """A switch: its neutral element, laid over the base configuration."""

    neutral: Tree
    needs: tuple[str, ...] = ()  # exists only where these are on


class DesignSpec(Section):
    """Which combinations of the factors are run."""

    kind: Kind = "factorial"
    resolution: Annotated[int, Number, Field(ge=3, le=5)] | None = None  # fractional only


class ContrastSpec(Section):
    """A paired comparison; primary contrasts are declared before the data are seen."""

    arm: str
    reference: str
    primary: bool = False
    unpaired: bool = False  # compare though the two arms do not share what pairs them


class SweepSpec(Section):
    """One dimension with several levels, each an arm NAME=LEVEL over the full arm."""

    field: str = ""  # with a list of levels: the dotted field that takes them
    levels: Any  # a list of values, or a mapping of names to trees
    reference: Any  # the level that the others are compared with

    def trees(self) -> dict[str, tuple[Any, Tree]]:
        """Of each level by its text: the value and what it lays over the full arm."""
        if isinstance(self.levels, dict):
            return {name: (name, tree) for name, tree in self.levels.items()}
        return {level_text(value): (value, _nested(self.field, value)) for value in self.levels}


class Analysis(Section):
    """How the numbers are judged, fixed before the data are seen."""

    metric: Literal["accuracy"] = "accuracy"  # of the primary family; others are exploratory
    margin: Annotated[float, Number, Field(gt=0.0, lt=1.0)] = 0.005  # share; less matters to nobody
    alpha: Share = 0.05  # error of the whole family
    power: Share = 0.8
    conditions: Annotated[tuple[Literal["clean", "robust"], ...], Field(min_length=1)] = (
        "clean",
        "robust",
    )
    leader_board: bool = False  # every arm beside every other: ranks, groups, critical differences


class Tuning(Section):
    """Re-tuning of arms at an equal budget (``--tune-trials``)."""

    space: Text = "nuisance"  # of search_spaces
    arms: tuple[str, ...] = ()  # none: the arms of the declared contrasts
    seeds: Count = 3  # of each trial
    objective: Literal["clean"] = "clean"  # on the select part; no other part may choose


class Published(Section):
    """A number from a paper, and under which conditions it came about. Unknown: nothing says so."""

    method: Text
    arm: Line = ""  # what we call the method; empty: it is none of ours
    data: Text  # name of the data set
    accuracy: Unit  # a share: 98.5 % is 0.985
    classes: Count | Unknown = "unknown"
    split: Annotated[str, Field(pattern=r"^(\d+/\d+|unknown)$")] = (
        "unknown"  # training/test samples
    )
    pretraining: Text = "unknown"
    backbone: Text = "unknown"  # of each encoder
    epochs: Count | Unknown = "unknown"
    frames: Count | Unknown | None = None  # video frames a sample; null: no video
    selection: Literal["last-epoch", "validation", "test-best", "unknown"] = "unknown"
    labels_per_class: Count | Literal["all"] = "all"  # of the training samples
    scaler: Literal["train", "test", "unknown"] = "unknown"  # where input statistics come from
    noise: Text = "clean"  # of the test inputs
    source: Text


class Study(Section):
    """A whole study."""

    name: Name
    title: Line = ""
    base: Tree = Field(default_factory=dict)
    regimes: Annotated[dict[Name, Regime], Field(min_length=1)]
    design: DesignSpec = DesignSpec()
    factors: dict[Name, Factor] = Field(default_factory=dict)
    constraints: tuple[dict[str, bool], ...] = ()  # cells that must not exist
    cells: dict[str, Name] = Field(default_factory=dict)  # "a+b": a better name for that cell
    arms: dict[Name, ArmSpec] = Field(default_factory=dict)
    sweeps: dict[Name, SweepSpec] = Field(default_factory=dict)
    contrasts: tuple[ContrastSpec, ...] = ()
    analysis: Analysis = Analysis()
    tuning: Tuning = Tuning()
    published: tuple[Published, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> "Study":
        faults = [*_factor_faults(self), *_sweep_faults(self), *_judging_faults(self)]
        if faults:
            raise ConfigError("\n".join(faults))
        return self


def read_study(name_or_path: str) -> Study:
    """A study by the name of a packaged file or by path; of a run's configuration the default
    study around it. Raises ``ConfigError``.
    """
    path = find_yaml(name_or_path, folder=FOLDER, option="--config")
    tree = read_yaml(path)
    if is_configuration(tree):
        default = read_yaml(FOLDER / "default.yaml")
        tree = study_around(tree, default, name=path.stem)
    return parse_as(Study, tree)


def level_text(value: Any) -> str:
    """A level as part of a name: ``0.5``, ``2`` (also for 2.0), ``true``, ``64-64``, ``null``."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (list, tuple)):
        return "-".join(map(level_text, value))
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value)


def _nested(field: str, value: Any) -> Tree:
    tree = value
    for part in reversed(field.split(".")):
        tree = {part: tree}
    return dict(tree)


def named(field: str, given: str, names: Iterable[str]) -> str:
    """The line for a name that is none of ``names``."""
    allowed = list(names)
    near = difflib.get_close_matches(given, allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{field}: given {given!r}; allowed: {', '.join(allowed) or 'none'}{hint}"


def _factor_faults(study: Study) -> Iterator[str]:
    design, needs = study.design, {name: f.needs for name, f in study.factors.items()}
    if design.resolution is not None and design.kind != "fractional":
        yield (
            f"design.resolution: given {design.resolution} with design.kind {design.kind}; "
            "allowed: with design.kind fractional only"
        )
    for name, others in needs.items():
        unknown = [other for other in others if other not in needs]
        if unknown:
            yield named(f"factors.{name}.needs", unknown[0], (n for n in needs if n != name))
        elif any(name in needed(other, needs) for other in others):
            given = ", ".join(others)
            yield f"factors.{name}.needs: given [{given}], a circle; allowed: a factor below others"
    for i, rule in enumerate(study.constraints):
        unknown = [name for name in rule if name not in needs]
        if unknown:
            yield named(f"constraints.{i}", unknown[0], needs)
        elif not rule:
            yield f"constraints.{i}: given nothing; allowed: FACTOR: true or false, at least one"


def _sweep_faults(study: Study) -> Iterator[str]:
    for name, spec in study.sweeps.items():
        at = f"sweeps.{name}"
        if isinstance(spec.levels, dict):
            good = all(isinstance(tree, dict) for tree in spec.levels.values())
            texts = [str(level) for level in spec.levels]
        else:
            good = isinstance(spec.levels, (list, tuple))
            texts = [level_text(value) for value in spec.levels] if good else []
        if not good or len(texts) < 2:
            yield (
                f"{at}.levels: given {spec.levels!r}; allowed: at least two values of field, "
                "or a mapping of two names or more to trees"
            )
        elif isinstance(spec.levels, dict) == bool(spec.field):
            allowed = "no field" if spec.field else "the dotted field that takes the levels"
            yield f"{at}.field: given {spec.field!r}; allowed with these levels: {allowed}"
        elif strange := next((t for t in texts if not _nameable(name, t)), None):
            yield (
                f"{at}.levels: given {shown(strange)}; allowed: letters, digits, space and "
                f"_ . : + / -, NAME=LEVEL of at most {LONGEST} characters; other values by names"
            )
        elif len(set(texts)) < len(texts):
            yield f"{at}.levels: given {', '.join(texts)}; allowed: each level once"
        elif level_text(spec.reference) not in texts:
            yield f"{at}.reference: given {spec.reference!r}; allowed: {', '.join(texts)}"


def _nameable(sweep: str, level: str) -> bool:
    """Whether a level can be part of an arm's name."""
    return bool(LEVEL.fullmatch(level)) and len(f"{sweep}={level}") <= LONGEST


def _judging_faults(study: Study) -> Iterator[str]:
    pairs = [(c.arm, c.reference) for c in study.contrasts]
    for i, (arm, reference) in enumerate(pairs):
        if arm == reference:
            yield f"contrasts.{i}: given {arm} - {reference}; allowed: two arms"
        elif (arm, reference) in pairs[:i] or (reference, arm) in pairs[:i]:
            yield f"contrasts.{i}: given {arm} - {reference}; allowed: each comparison once"
    for name, spec in study.arms.items():
        unknown = [regime for regime in spec.regimes if regime not in study.regimes]
        if unknown:
            yield named(f"arms.{name}.regimes", unknown[0], study.regimes)
    for name in study.regimes:
        if ": " in name:
            yield f"regimes: given {name!r}; allowed: names without a colon before a space"
    conditions = study.analysis.conditions
    if len(set(conditions)) < len(conditions):
        given = ", ".join(conditions)
        yield f"analysis.conditions: given {given}; allowed: each condition once"
