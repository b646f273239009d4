"""What every packaged search space promises, there and back to Optuna, at both ends of a range."""

from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution, json_to_distribution
from optuna.distributions import distribution_to_json as as_json

from cal.config import CONFIGS as FOLDER_OF_CONFIGS
from cal.config import Config, ConfigError, merge, parse, read_yaml
from cal.effective import BASELINES, effective, run_hash
from cal.rules import FUSIONS
from search_spaces.asking import Search
from search_spaces.branches import completed, reached, settings_for
from search_spaces.convert import decoded, dimension_of, distribution_of, encoded, suggested, told
from search_spaces.fields import laid
from search_spaces.sections import read_sections
from search_spaces.space import (
    FOLDER,
    Dimension,
    acting,
    changes,
    fields_for,
    parse_space,
    read_space,
    value_of,
)

CONFIGS = ("av-junk", "hw20", "junk", "keypad")
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SECTIONS = {name: sections for name in FILES if (sections := read_sections(name))}
SPACES = {name: read_space(name) for name in FILES if name not in SECTIONS}
ENDS = {"low": "little", "high": "much"}
KINDS = parse_space(
    {
        "fields": {
            "cal.bottleneck.schedule": {
                "label": "scientific",
                "kind": "categorical",
                "choices": ["constant", "linear", "cyclical"],
                "default": "linear",
            },
            "cal.bottleneck.cycles": {
                "label": "nuisance",
                "kind": "int",
                "low": 1,
                "high": 8,
                "log": True,
                "default": 4,
                "ends": ENDS,
                "when": {"cal.bottleneck.schedule": "cyclical"},
            },
            "cal.bottleneck.warmup": {
                "label": "nuisance",
                "kind": "float",
                "low": 0,
                "high": 0.3,
                "default": 0.3,
                "ends": ENDS,
                "when": {"cal.bottleneck.schedule": ["linear", "cosine"]},
            },
            "model.hidden": {
                "label": "scientific",
                "kind": "categorical",
                "choices": [[64], [64, 64]],
                "default": [64, 64],
            },
            "cal.acceleration.enabled": {
                "label": "scientific",
                "kind": "categorical",
                "choices": [True, False],
                "default": True,
            },
            "optim.clip": {
                "label": "nuisance",
                "kind": "categorical",
                "choices": [None, 1.0, 5.0],
                "default": 5.0,
            },
            "optim.momentum": {"label": "fixed", "kind": "float", "default": 0.8},
        }
    },
    name="kinds",
)
"""Every kind of dimension, with branches."""
PARTS = {name: (space, {}) for name, space in SPACES.items()} | {
    f"{file}/{name}": (section.space, section.config)
    for file, sections in SECTIONS.items()
    for name, section in sections.items()
}
"""Every packaged space and section: its space, and what it lays over the base."""
ROWS = [d for space, _ in PARTS.values() for d in space.dimensions] + list(KINDS.dimensions)
RANGED = [d for i, d in enumerate(ROWS) if d.label != "fixed" and d not in ROWS[:i]]
each = pytest.mark.parametrize("dimension", RANGED, ids=lambda d: d.name)


def values_of(dimension: Dimension) -> list[Any]:
    """Both ends and the default, or all choices."""
    if dimension.kind == "categorical":
        return list(dimension.choices)
    return [*dimension.extremes(), dimension.default]


@each
def test_a_dimension_comes_back_from_optuna_as_it_went(dimension: Dimension) -> None:
    """Also through the JSON that its storages keep."""
    stored = json_to_distribution(as_json(distribution_of(dimension)))
    blank = {"low": None, "high": None, "log": False, "choices": ()}
    assert dimension_of(stored, like=dimension.model_copy(update=blank)) == dimension


@each
def test_both_ends_come_back_exactly(dimension: Dimension) -> None:
    """Through a trial, its internal numbers and the configuration, to the last bit."""
    distribution = distribution_of(dimension)
    for value in values_of(dimension):
        inside = distribution.to_internal_repr(encoded(value))
        assert decoded(distribution.to_external_repr(inside)) == value
        trial = optuna.trial.create_trial(
            params={dimension.name: encoded(value)},
            distributions={dimension.name: distribution},
            value=0.0,
        )
        assert decoded(trial.params[dimension.name]) == value
        found = value_of(dimension, laid(config_of(dimension), {dimension.field: value}))
        assert (tuple(found) if isinstance(found, list) else found) == value


@each
def test_both_ends_can_be_suggested(dimension: Dimension) -> None:
    """Where the dimension acts: the trial that has the end in its queue gives it back."""
    for value in values_of(dimension):
        study = optuna.create_study()
        study.enqueue_trial({dimension.name: encoded(value)})
        found = suggested(study.ask(), [dimension], config_of(dimension))
        assert found == {dimension.field: value}


def base(name: str, over: Mapping[str, Any] | None = None) -> Config:
    """A packaged configuration, with a section's own laid over."""
    return parse(merge(read_yaml(FOLDER_OF_CONFIGS / f"{name}.yaml"), over or {}))


def config_of(dimension: Dimension) -> Config:
    """A packaged configuration on which the dimension's ``when`` can be made to hold."""
    first = {p: w[0] if isinstance(w, tuple) else w for p, w in dimension.when.items()}
    if first.get("method") in FUSIONS:
        first["model.fusion"] = FUSIONS[first["method"]]
    for name in CONFIGS:
        try:
            config = laid(base(name), first)
        except ConfigError:  # an encoder of other data, for example
            continue
        if acting([dimension], config):
            return config
    raise AssertionError(f"{dimension.name} acts nowhere")


@pytest.mark.parametrize("name", SPACES)
def test_a_packaged_space_explains_itself(name: str) -> None:
    space = SPACES[name]
    assert space.name == name
    assert space.title
    for d in space.dimensions:
        assert d.label == "fixed" or acting([d], config_of(d)) == (d,)
        assert d.kind == "categorical" or d.ends is not None


OTHERS: tuple[dict[str, Any], ...] = (
    {},
    {"optim": {"name": "adam", "lr": 0.001}},
    *({"method": m, "model": {"fusion": FUSIONS.get(m, "linear")}} for m in BASELINES),
)
LABELS = ("scientific", "nuisance", "fixed")
OFF = [("cal.acceleration.alpha", 0)]  # the neutral element, written in another way
on_each = pytest.mark.parametrize("config_name", CONFIGS)
of_each = pytest.mark.parametrize("part", PARTS)


@of_each
def test_every_dimension_acts_on_some_packaged_configuration(part: str) -> None:
    """It changes the run, or it would be searched for nothing; some act under another optimiser or
    method only.
    """
    space, over = PARTS[part]
    bases = [base(name, merge(other, over)) for name in CONFIGS for other in OTHERS]
    for d in space.dimensions:
        branches = [found for b in bases if (found := reached(d, space.dimensions, b)) is not None]
        assert branches, d.name
        assert all(changes(d, branch) for branch in branches), d.name


@on_each
@of_each
def test_both_ends_are_runs_of_their_own(part: str, config_name: str) -> None:
    """Wherever a dimension acts each of its values is a valid configuration, whose effective form
    keeps the value: so no two values are the same computation.
    """
    space, over = PARTS[part]
    config = base(config_name, over)
    assert fields_for(space, config, labels=LABELS)
    for d in space.dimensions:
        branch = reached(d, space.dimensions, config)
        if branch is None:
            continue
        assert d in fields_for(space, branch, labels=LABELS)
        found = [effective(laid(branch, {d.field: value})) for value in values_of(d)]
        for value, run in zip(values_of(d), found, strict=True):
            if (d.field, value) in OFF:
                assert not run.mechanisms.acceleration.enabled
            else:
                assert value_of(d, run) == (list(value) if isinstance(value, tuple) else value)
        assert len({run_hash(run) for run in found}) == len(set(values_of(d)))


@on_each
@of_each
def test_the_default_of_a_packaged_configuration_lies_inside(part: str, config_name: str) -> None:
    """So the first trial of a search is its base, and the sampler can place it."""
    space, over = PARTS[part]
    config = effective(base(config_name, over))
    assert all(d.contains(value_of(d, config)) for d in acting(space.dimensions, config))
    full = completed(space.dimensions, config, {})
    assert effective(laid(config, full)) == config


@on_each
@of_each
def test_a_trial_of_every_kind_is_a_run(part: str, config_name: str) -> None:
    """12 at random: valid, with the fields that act in it and no others, equal after the way
    through Optuna's own numbers.
    """
    space, over = PARTS[part]
    config = base(config_name, over)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    for _ in range(12):
        trial = study.ask()
        values = suggested(trial, space.dimensions, config)
        run = laid(config, values)
        assert set(values) >= {d.field for d in acting(space.dimensions, run)}
        assert completed(space.dimensions, config, values) == values
        params, distributions = told(acting(space.dimensions, run), values)
        assert {name: trial.params[name] for name in params} == params
        assert {name: trial.distributions[name] for name in params} == distributions
        study.tell(trial, 0.0)


@on_each
@of_each
def test_published_settings_are_runs_and_can_be_asked_first(part: str, config_name: str) -> None:
    space, over = PARTS[part]
    config = base(config_name, over)
    for setting in settings_for(space, config):
        full = completed(space.dimensions, config, setting.values)
        assert full.items() >= {k: v for k, v in setting.values.items() if k in full}.items()
        dimensions = acting(space.dimensions, laid(config, full))
        study = optuna.create_study()
        study.enqueue_trial(told(dimensions, full)[0])
        assert suggested(study.ask(), space.dimensions, config) == full


def test_what_is_published_is_suggested_somewhere() -> None:
    for space, over in PARTS.values():
        found = [s for name in CONFIGS for s in settings_for(space, base(name, over))]
        assert all(setting in found for setting in space.published)


def test_mechanisms_can_be_switched_off_by_the_search_itself() -> None:
    """Everything off is joint training with the base's unimodal losses, and has no field left but
    the network's and the optimiser's.
    """
    config = base("hw20")
    off = {"cal.bottleneck.enabled": False, "cal.acceleration.alpha": 0.0}
    values = completed(SPACES["cal"].dimensions, config, off)
    run = effective(laid(config, values))
    assert (run.method, run.cal) == ("joint", None)
    rest = [path for path in values if path.startswith("cal.") and path not in off]
    assert rest == ["cal.contribution.floor"]  # asked before alpha, while it still acts


def test_numbers_are_drawn_on_the_scale_of_the_space() -> None:
    by_name = {d.name: distribution_of(d) for d in read_space("nuisance").dimensions}
    assert by_name["optim.lr"] == FloatDistribution(0.01, 0.15, log=True)
    assert by_name["cal.bottleneck.warmup"] == FloatDistribution(0, 0.3)
    cycles = next(d for d in KINDS.dimensions if d.kind == "int")
    assert distribution_of(cycles) == IntDistribution(1, 8, log=True)


def test_steps_and_fixed_fields_are_refused() -> None:
    fixed = KINDS.dimensions[-1]
    with pytest.raises(ValueError, match="optim.momentum: fixed, there is nothing to draw"):
        distribution_of(fixed)
    with pytest.raises(ValueError, match="allowed: no steps"):
        dimension_of(FloatDistribution(0, 1, step=0.1), like=fixed)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cyclical"])
def test_a_trial_has_the_parameters_of_its_branch(schedule: str) -> None:
    branch = {"cyclical": ["cal.bottleneck.cycles"], "linear": ["cal.bottleneck.warmup"]}
    study = optuna.create_study()
    study.enqueue_trial({"cal.bottleneck.schedule": schedule})
    values = suggested(study.ask(), KINDS.dimensions, parse({}))
    assert [p for p in values if p.startswith("cal.bottleneck.")] == [
        "cal.bottleneck.schedule",
        *branch.get(schedule, []),
    ]
    assert values["optim.momentum"] == 0.8
    config = laid(parse({}), values)
    assert all(value_of(d, config) is not None or d.name == "optim.clip" for d in KINDS.dimensions)


def score(values: dict[str, Any]) -> float:
    return float(-abs(values["optim.lr"] - 0.03) - values["cal.bottleneck.warmup"])


def asked(seed: int, batches: int = 4) -> list[dict[str, Any]]:
    dimensions = acting(read_space("nuisance").dimensions, parse({}))
    search = Search(dimensions, parse({}), seed=seed, startup=4)
    search.know({d.field: value_of(d, parse({})) for d in dimensions}, -0.32)
    found = []
    for _ in range(batches):
        batch = search.ask(4)
        search.tell([score(values) for values in batch])
        found += batch
    return found


def test_equal_answers_give_equal_questions() -> None:
    """So a search needs no storage of its own: the ledger has the answers."""
    assert asked(7) == asked(7)
    assert asked(7) != asked(8)


def test_it_learns_from_answers() -> None:
    """Of 40 trials the last 20 score better in the mean than the 4 at random, for 5 seeds."""
    for seed in range(5):
        scores = [score(values) for values in asked(seed, batches=10)]
        assert sum(scores[20:]) / 20 > sum(scores[:4]) / 4


def test_a_default_out_of_range_is_left_out() -> None:
    """The sampler could not place it; it stays a trial of the search all the same."""
    dimensions = acting(read_space("nuisance").dimensions, parse({"method": "joint"}))
    search = Search(dimensions, parse({}), seed=1, startup=4)
    search.know({"optim.lr": 0.5, "optim.weight_decay": 1e-4}, 0.9)
    assert not search.study.trials
    search.know({"optim.lr": 0.05, "optim.weight_decay": 1e-4}, 0.9)
    assert search.study.best_value == 0.9
    params, distributions = told(dimensions, {"optim.lr": 0.05})
    assert params == {"optim.lr": 0.05}
    assert list(distributions) == ["optim.lr"]


def test_conditional_branches_can_be_searched() -> None:
    search = Search(KINDS.dimensions, parse({}), seed=0, startup=4)
    for _ in range(5):
        batch = search.ask(4)
        search.tell([float("cal.bottleneck.cycles" in values) for values in batch])
    assert search.study.best_value == 1.0
