"""Spaces: every fault in one line, and which dimensions act in a configuration."""

from typing import Any

import pytest

from cal.config import Config, ConfigError, merge, parse
from search_spaces.fields import laid, leaves, takes
from search_spaces.space import (
    Dimension,
    Space,
    acting,
    changes,
    fields_for,
    parse_space,
    read_space,
    value_of,
)

OFF = {"enabled": False}
ENDS = {"low": "hardly moves", "high": "diverges"}
RATE: dict[str, Any] = {
    "label": "nuisance",
    "kind": "float",
    "low": 0.01,
    "high": 0.15,
    "log": True,
    "default": 0.05,
    "ends": ENDS,
}
CHOICE: dict[str, Any] = {
    "label": "scientific",
    "kind": "categorical",
    "choices": ["constant", "linear", "cyclical"],
    "default": "linear",
}
CYCLES: dict[str, Any] = {
    "label": "nuisance",
    "kind": "int",
    "low": 1,
    "high": 8,
    "default": 4,
    "ends": ENDS,
    "when": {"cal.bottleneck.schedule": "cyclical"},
}


def space(**fields: Any) -> Space:
    return parse_space({"fields": {name.replace("__", "."): row for name, row in fields.items()}})


def rate(**changes: Any) -> Dimension:
    return space(optim__lr=RATE | changes).dimensions[0]


def config(**tree: Any) -> Config:
    return parse(tree)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no such field": (
        {"optim.lrr": RATE},
        "optim.lrr.field: given 'optim.lrr', which is no field .*; did you mean optim.lr?",
    ),
    "a section": ({"optim": RATE}, "optim.field: given 'optim', which is no field"),
    "a misspelt part": ({"optim.lr": RATE | {"hihg": 1}}, "optim.lr.hihg: unknown field; did you"),
    "no such label": (
        {"optim.lr": RATE | {"label": "nuisanse"}},
        "optim.lr.label: given 'nuisanse'; allowed: scientific, nuisance, fixed; did you mean",
    ),
    "ends the wrong way round": (
        {"optim.lr": RATE | {"low": 0.2, "default": 0.2}},
        "optim.lr.low: given 0.2 with high 0.15; allowed: low < high",
    ),
    "the logarithm of 0": (
        {"optim.weight_decay": RATE | {"low": 0}},
        "optim.weight_decay.low: given 0 with log: true; allowed: above 0",
    ),
    "an end that the field refuses": (
        {"gamma": RATE | {"high": 2}},
        "gamma.high: given 2.0; input should be less than or equal to 1",
    ),
    "an end of another type": (
        {"optim.lr": RATE | {"high": "much"}},
        "optim.lr.high: given 'much'; input should be a valid number",
    ),
    "one end": (
        {"optim.lr": {k: v for k, v in RATE.items() if k != "high"}},
        "optim.lr.low, high: given 0.01 and None; allowed: both ends",
    ),
    "numbers for a name": (
        {"optim.name": RATE | {"default": "sgd"}},
        "optim.name.kind: given float; optim.name takes no such numbers",
    ),
    "fractions of a count": (
        {"model.d_z": RATE | {"low": 4, "high": 32, "default": 8}},
        "model.d_z.kind: given float; model.d_z takes no such numbers",
    ),
    "half a layer": (
        {"model.d_z": CYCLES | {"low": 4.5, "high": 32}},
        "model.d_z.low, high: given 4.5 and 32; allowed: whole numbers for kind int",
    ),
    "a default outside": (
        {"optim.lr": RATE | {"default": 0.2}},
        "optim.lr.default: given 0.2; allowed: 0.01 to 0.15",
    ),
    "a default that is no choice": (
        {"cal.bottleneck.schedule": CHOICE | {"default": "cosine"}},
        "cal.bottleneck.schedule.default: given 'cosine'; allowed: one of the choices",
    ),
    "a choice that the field refuses": (
        {"cal.bottleneck.schedule": CHOICE | {"choices": ["linear", "square"]}},
        "cal.bottleneck.schedule.choices: given 'square'; input should be",
    ),
    "one choice": (
        {"cal.bottleneck.schedule": CHOICE | {"choices": ["linear"]}},
        "cal.bottleneck.schedule.choices: given .*; allowed: two or more",
    ),
    "ends that nobody explained": (
        {"optim.lr": {k: v for k, v in RATE.items() if k != "ends"}},
        "optim.lr.ends: given none; allowed: what low and high mean",
    ),
    "a fixed field with a range": (
        {"optim.lr": RATE | {"label": "fixed"}},
        "optim.lr.label: given fixed with a range; allowed: a default alone",
    ),
    "a condition on no field": (
        {"optim.lr": RATE | {"when": {"optim.nam": "sgd"}}},
        "optim.lr.when: given 'optim.nam', which is no field",
    ),
    "a condition on no value": (
        {"optim.lr": RATE | {"when": {"optim.name": ["sgd", "sdg"]}}},
        "optim.lr.when.optim.name: given 'sdg'; input should be",
    ),
    "a condition that is asked later": (
        {"cal.bottleneck.cycles": CYCLES, "cal.bottleneck.schedule": CHOICE},
        "cal.bottleneck.cycles.when: cal.bottleneck.schedule is searched itself; allowed: place",
    ),
    "no field at all": ({}, "fields: given {}; allowed: a mapping of at least one field"),
    "a word for a row": ({"optim.lr": "log"}, "optim.lr: given 'log'; allowed: label, kind"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line(fault: str) -> None:
    fields, line = FAULTS[fault]
    with pytest.raises(ConfigError) as caught:
        parse_space({"fields": fields})
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=f"^{line}"):
        parse_space({"fields": fields})


def test_all_faults_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        space(optim__lr=RATE | {"default": 9}, gamma=RATE | {"high": 2})
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_space_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match="--space: given nuisanse; allowed: a YAML file, or acce"):
        read_space("nuisanse")


def test_numbers_may_be_written_as_yaml_reads_text() -> None:
    """YAML 1.1 takes 1e-2 for text."""
    assert rate(low="1e-2", default="5e-2").contains(0.01)


def test_a_position_is_on_the_scale_of_the_range() -> None:
    """log: .01 is 0, .15 is 1, their geometric mean sqrt(.0015) = .0387 one half."""
    d = rate()
    assert d.position(0.01) == 0
    assert d.position(0.15) == pytest.approx(1)
    assert d.position(0.0015**0.5) == pytest.approx(0.5)
    assert rate(log=False).position(0.08) == pytest.approx(0.5)
    assert d.position(0) == float("-inf")


@pytest.mark.parametrize(
    ("value", "inside"), [(0.01, True), (0.15, True), (0.2, False), (None, False), (True, False)]
)
def test_both_ends_belong_to_a_range(value: object, inside: bool) -> None:
    assert rate().contains(value) is inside


def test_lists_are_choices_too() -> None:
    widths = CHOICE | {"choices": [[64], [64, 64]], "default": [64, 64]}
    (d,) = space(model__hidden=widths).dimensions
    assert d.choices == ((64,), (64, 64))
    assert d.contains([64])
    assert value_of(d, config()) == [64, 64]


def test_fields_are_leaves_of_the_configuration() -> None:
    assert "cal.bottleneck.beta" in leaves()
    assert "cal.bottleneck" not in leaves()
    assert takes("optim.clip") == {float, type(None)}
    assert laid(config(), {"optim.lr": 0.1, "gamma": 0.5}).optim.lr == 0.1


RATES = ["optim.lr", "optim.weight_decay"]
BETA = ["cal.bottleneck.beta", "cal.bottleneck.warmup"]
ALPHA, TAU = "cal.acceleration.alpha", "cal.contribution.tau"
ARMS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "cal": ({}, [*RATES, *BETA, ALPHA, TAU]),
    "joint": ({"method": "joint"}, RATES),
    "ogm_ge": ({"method": "ogm_ge"}, [*RATES, "ogm_ge.alpha"]),
    "arl": ({"method": "arl"}, [*RATES, "arl.temperature", "arl.unimodal"]),
    "tmc": ({"method": "tmc", "model": {"fusion": "evidence"}}, [*RATES, "tmc.annealing"]),
    "without bottleneck": ({"cal": {"bottleneck": OFF}}, [*RATES, ALPHA, TAU]),
    "symmetric": ({"cal": {"contribution": OFF}}, [*RATES, *BETA, ALPHA]),
    "bottleneck alone": ({"cal": {"contribution": OFF, "acceleration": OFF}}, [*RATES, *BETA]),
    "metric alone is joint": ({"cal": {"bottleneck": OFF, "acceleration": OFF}}, RATES),
    "a metric that nobody reads": (
        {"cal": {"acceleration": OFF, "bottleneck": {"asymmetry": "uniform"}}},
        [*RATES, *BETA],
    ),
    "beta 0 is no bottleneck": ({"cal": {"bottleneck": {"beta": 0}}}, [*RATES, ALPHA, TAU]),
    "no warm-up": (
        {"cal": {"bottleneck": {"schedule": "constant"}}},
        [*RATES, BETA[0], ALPHA, TAU],
    ),
    "adam": ({"method": "joint", "optim": {"name": "adam", "lr": 0.001}}, RATES),
}


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_has_the_nuisances_that_act_in_it(arm: str) -> None:
    tree, expected = ARMS[arm]
    nuisance = read_space("nuisance")
    found = fields_for(nuisance, parse(tree))
    assert [d.field for d in found] == expected
    assert all(changes(d, parse(tree)) for d in found)


@pytest.mark.parametrize("arm", ARMS)
def test_what_an_arm_has_not_would_change_nothing_there(arm: str) -> None:
    tree, expected = ARMS[arm]
    own = parse(tree)
    others = [d for d in read_space("nuisance").dimensions if d.field not in expected]
    assert not [d.name for d in others if changes(d, own)]


def test_the_scientific_fields_of_an_ablation_are_not_among_the_nuisances() -> None:
    fields = {d.field for d in read_space("nuisance").dimensions}
    assert not fields & {"gamma", "method", "cal.contribution.enabled", "seed", "train.epochs"}


def test_a_condition_that_is_too_wide_is_told() -> None:
    wide = space(cal__bottleneck__beta=RATE)
    with pytest.raises(ConfigError, match=r"^cal.bottleneck.beta.when: holds where .* \(method jo"):
        fields_for(wide, config(method="joint"))


def test_two_ranges_of_one_field_exclude_each_other() -> None:
    rows = {
        "optim.lr": RATE,
        "optim.lr@adam": RATE | {"field": "optim.lr", "when": {"optim.name": "adam"}},
    }
    both = parse_space({"fields": rows})
    assert [d.name for d in acting(both.dimensions, config())] == ["optim.lr"]
    adam = config(optim={"name": "adam", "lr": 0.02})
    with pytest.raises(ConfigError, match=r"^optim.lr@adam.when: holds together with that of opt"):
        acting(both.dimensions, adam)


def test_conditions_may_be_searched_themselves() -> None:
    """In a cyclical schedule there are cycles; in the default one there are none."""
    both = space(cal__bottleneck__schedule=CHOICE, cal__bottleneck__cycles=CYCLES)
    names = [d.name for d in acting(both.dimensions, config())]
    assert names == ["cal.bottleneck.schedule"]
    cyclical = config(cal={"bottleneck": {"schedule": "cyclical"}})
    assert len(acting(both.dimensions, cyclical)) == 2
    assert len(fields_for(both, cyclical, labels=("nuisance", "scientific"))) == 2


def test_a_fixed_field_is_its_default() -> None:
    (d,) = space(optim__lr={"label": "fixed", "kind": "float", "default": 0.1}).dimensions
    assert d.contains(0.1)
    assert not d.contains(0.2)
    assert fields_for(space(optim__lr=RATE), parse(merge({}, {}))) != (d,)
