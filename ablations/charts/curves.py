"""What the mechanisms did over training, read from curves by their names. Pure."""

from collections.abc import Mapping, Sequence

Line = Sequence[tuple[float, float]]
Curves = Mapping[str, Line]
"""Metric name -> (epoch, mean over seeds)."""

QUANTITIES = {
    "W": ("contribution", "contribution W"),
    "k": ("acceleration", "acceleration k"),
    "beta": ("bottleneck", "bottleneck beta"),
    "kl_nats": ("bottleneck", "KL, nats"),
}
"""Last part of a metric's name -> its first part, a title: ``contribution/audio/W``."""
STILL = 1e-9  # a range below this is rounding


def modalities(curves: Curves) -> tuple[str, ...]:
    """The modalities that have curves of a mechanism, in the order of the curves."""
    parts = [name.split("/") for name in curves]
    rooms = {(room, quantity) for quantity, (room, _) in QUANTITIES.items()}
    return tuple(dict.fromkeys(p[1] for p in parts if len(p) == 3 and (p[0], p[2]) in rooms))


def lines_of(curves: Curves, quantity: str) -> dict[str, Line]:
    """Modality -> its line of one quantity, empty where it has none."""
    room, _ = QUANTITIES[quantity]
    return {name: curves.get(f"{room}/{name}/{quantity}", ()) for name in modalities(curves)}


def moving(curves: Curves) -> tuple[str, ...]:
    """The quantities that are more than one constant over all modalities and epochs."""
    found = []
    for quantity in QUANTITIES:
        values = [value for line in lines_of(curves, quantity).values() for _, value in line]
        if values and max(values) - min(values) > STILL:
            found.append(quantity)
    return tuple(found)
