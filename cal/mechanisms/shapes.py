"""Shapes of the mechanisms' arguments, checked where they come in."""

from torch import Tensor


def expect(**given: tuple[Tensor, str]) -> None:
    """Each argument as (tensor, its axes), for example ``logits=(logits, "RSKB")``.

    Raises ``ValueError`` for another rank, or an axis whose size differs from its size in an
    earlier argument.
    """
    sizes: dict[str, int] = {}
    for name, (tensor, axes) in given.items():
        shape = tuple(tensor.shape)
        if len(shape) != len(axes):
            raise ValueError(f"{name}: given shape {shape}; allowed: [{', '.join(axes)}]")
        for axis, size in zip(axes, shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise ValueError(f"{name}: given shape {shape}; allowed: {axis} = {sizes[axis]}")
