"""A table of the regret benchmark with three points, for tests.

point   lr      bottleneck  beta    in the unit cube    seed 0, epochs 2 4 6   seed 1       worth
A       .01     on          .001    0    on   0         .5  .6  .7             .5  .6  .9   .8
B       .1      on          .1      1    on   1         .2  .3  .9             .4  .5  .6   .75
C       .0316   off         -       .5   off  -         .8  failed             .7  .8  .8   .45
"""

import math
from typing import Any

from cal.config import parse
from search_spaces.space import parse_space

ENDS = {"low": "little", "high": "much"}
SPACE = parse_space(
    {
        "fields": {
            "optim.lr": {
                **{"label": "nuisance", "kind": "float", "low": 0.01, "high": 0.1, "log": True},
                **{"default": 0.05, "ends": ENDS},
            },
            "cal.bottleneck.enabled": {
                **{"label": "scientific", "kind": "categorical", "choices": [True, False]},
                "default": True,
            },
            "cal.bottleneck.beta": {
                **{"label": "scientific", "kind": "float", "low": 0.001, "high": 0.1, "log": True},
                **{"default": 0.03, "ends": ENDS, "when": {"cal.bottleneck.enabled": True}},
            },
        },
        "published": [{"source": "a paper", "values": {"optim.lr": 0.02}}],
    }
)
BASE = parse(
    {"train": {"epochs": 6, "validate_every": 2}, "evaluate": {"part": "select", "noise": "none"}}
)
MIDDLE = math.sqrt(0.001)
A = {"optim.lr": 0.01, "cal.bottleneck.enabled": True, "cal.bottleneck.beta": 0.001}
B = {"optim.lr": 0.1, "cal.bottleneck.enabled": True, "cal.bottleneck.beta": 0.1}
C = {"optim.lr": MIDDLE, "cal.bottleneck.enabled": False}
TREE: dict[str, Any] = {
    "space": SPACE.model_dump(mode="json"),
    "base": BASE.model_dump(mode="json"),
    "seeds": [1000, 1001],
    "points": [A, B, C],
    "curve": [[[0.5, 0.6, 0.7], [0.5, 0.6, 0.9]], [[0.2, 0.3, 0.9], [0.4, 0.5, 0.6]]]
    + [[[0.8], [0.7, 0.8, 0.8]]],
    "nll_curve": [[[3, 2, 1], [3, 2, 1]], [[3, 2, 0.5], [3, 2, 0.5]], [[4], [3, 2, 1]]],
    "accuracy": [[0.7, 0.9], [0.9, 0.6], [0.1, 0.8]],
    "nll": [[1, 1], [0.5, 0.5], [None, 1]],
    "error": [[None, None], [None, None], ["diverged", None]],
}
