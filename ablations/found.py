"""A study around one configuration, for instance what a search found (best.yaml): the questions of
the default study, as far as they can be asked of it. Pure.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from ablations.designs import plain
from cal.config import Config, ConfigError, merge, parse
from cal.effective import effective

Tree = dict[str, Any]
SEEDS = 10


def is_configuration(tree: Mapping[str, Any]) -> bool:
    """Whether a file is a run's configuration and no study: it has fields of the one alone."""
    return bool(tree) and set(tree) <= set(Config.model_fields)


def study_around(tree: Mapping[str, Any], default: Mapping[str, Any], *, name: str) -> Tree:
    """``default``: the packaged study, whose factors, arms and contrasts are kept where they change
    the computation: a factor whose mechanism the configuration has switched off asks nothing.
    """
    # An effective configuration has no sections of other methods, which some arms need.
    base = {key: value for key, value in tree.items() if key != "seed" and value is not None}
    base = merge(base, {"evaluate": {"part": "report", "noise": "standard"}})
    whole = effective(parse(base))
    factors = {
        key: factor
        for key, factor in default["factors"].items()
        if effective(parse(merge(base, factor["neutral"]))) != whole
    }
    arms = {
        key: arm
        for key, arm in default["arms"].items()
        if effective(parse(merge(base, arm["config"]))) != whole
    }
    full = "+".join(factors)
    cells = {full: "cal"} if factors else {}
    guided = "+".join(key for key in factors if key != "metric")
    if "metric" in factors and guided:
        cells[guided] = "symmetric"
    every = (
        dict(zip(factors, on, strict=True)) for on in product((True, False), repeat=len(factors))
    )
    names = set(arms) | {cells.get(name, name) for name in map(plain, every)}
    contrasts = [c for c in default["contrasts"] if {c["arm"], c["reference"]} <= names]
    if not contrasts:
        raise ConfigError(
            "--config: given a configuration in which no mechanism of CAL acts; there is nothing "
            "to ablate"
        )
    return {
        "name": name,
        "title": f"Which mechanism helps in {name}, by how much, under which noise?",
        "base": base,
        "regimes": {name: {"title": f"the configuration of {name}", "seeds": SEEDS}},
        "factors": factors,
        "cells": cells,
        "arms": arms,
        "contrasts": contrasts,
        "analysis": default["analysis"],
    }
