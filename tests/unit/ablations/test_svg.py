import re
from typing import Any

import pytest

from ablations import svg
from ablations.curves import modalities, moving


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (83.2, 87.6, [84, 85, 86, 87]),
        (-0.1, 0.1, [-0.1, -0.05, 0, 0.05, 0.1]),
        (0.0, 0.0312, [0, 0.01, 0.02, 0.03]),
    ],
)
def test_ticks_are_round_numbers_within_the_axis(
    low: float, high: float, expected: list[float]
) -> None:
    assert svg.Axis(low, high, 0, 1).ticks() == pytest.approx(expected)


def test_dots_lie_where_the_numbers_say() -> None:
    samples = {
        "joint": {"mean": 0.5, "half_width": 0.1},
        "cal": {"mean": 0.6, "half_width": None},
        "lost": {"mean": None, "half_width": None},
    }
    text = svg.dots(samples, title="t", label="l", place="clean", parted=0)
    (joint, cal) = (float(x) for x in re.findall(r'circle cx="([\d.]+)"', text))
    low, high = _ends(text)
    assert joint == pytest.approx((low + high) / 2, abs=0.11)
    assert cal == pytest.approx(high, abs=0.11)


def _ends(text: str) -> tuple[float, float]:
    found = re.search(r'<g class="clean"><line x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"', text)
    assert found is not None
    return float(found[1]), float(found[2])


def test_more_modalities_than_colours_come_again_dashed() -> None:
    assert svg.stroke(0) == "line c0"
    assert svg.stroke(7) == "line c1 dash"
    assert svg.stroke(13) == "line c1 dot"


def test_only_what_moves_is_drawn(study: Any) -> None:
    assert modalities(study.curves["views", "cal"]) == ("a", "b")
    assert moving(study.curves["views", "cal"]) == ("W", "k", "beta", "kl_nats")
    assert moving(study.curves["views", "none"]) == ()
    assert moving(study.curves["views", "joint"]) == ()
