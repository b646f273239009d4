"""Are two states the same to the bit, and what does a file keep of one?"""

from io import BytesIO
from typing import Any

import torch
from torch import Tensor


def unlike(found: object, expected: object, path: str = "") -> str | None:
    """Where two states first differ, whatever the nesting; None: nowhere. Measured seconds may."""
    if path.endswith(".seconds"):
        return None
    if isinstance(expected, Tensor):
        same = isinstance(found, Tensor) and torch.equal(found, expected)
        return None if same else path
    if isinstance(expected, dict):
        if not isinstance(found, dict) or found.keys() != expected.keys():
            return path
        pairs = [(key, found[key], expected[key]) for key in expected]
    elif isinstance(expected, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(expected):
            return path
        pairs = [(i, *both) for i, both in enumerate(zip(found, expected, strict=True))]
    else:
        return None if found == expected else path
    places = (unlike(one, other, f"{path}.{key}") for key, one, other in pairs)
    return next((place for place in places if place is not None), None)


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """As a new process would read it."""
    file = BytesIO()
    torch.save(state, file)
    loaded: dict[str, Any] = torch.load(BytesIO(file.getvalue()), weights_only=True)
    return loaded
