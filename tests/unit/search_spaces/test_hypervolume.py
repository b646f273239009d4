"""Volumes of unions of boxes, by hand."""

import pytest

from search_spaces.hypervolume import hypervolumes, volume
from tests.unit.search_spaces.search_trees import CLEAN, TIME


@pytest.mark.parametrize(
    ("points", "share"),
    [
        ([], 0.0),
        ([(0.5, 0.5)], 0.25),
        ([(1.0, 0.5), (0.5, 1.0)], 0.75),  # 1 - the quarter that neither reaches
        ([(1.0, 0.5), (0.5, 1.0), (0.4, 0.4)], 0.75),  # a point that is beaten adds nothing
        ([(0.5, 0.5), (0.5, 0.5)], 0.25),
        ([(1.0, 1.0, 0.5), (0.5, 0.5, 1.0)], 0.5 + 0.5 * 0.25),
        ([(1.0, 0.5, 0.5), (0.5, 1.0, 0.5), (0.5, 0.5, 1.0)], 0.5 * 0.75 + 0.5 * 0.25),
    ],
)
def test_the_union_by_hand(points: list[tuple[float, ...]], share: float) -> None:
    assert volume(points) == pytest.approx(share, abs=1e-12)


def test_arms_are_measured_in_one_box() -> None:
    """Clean .8 to .9, time 2 to 4 ms: (.9, 4) and (.8, 2) are corners, (.85, 3) is the middle."""

    def arm(*scores: tuple[float, float]) -> dict[str, object]:
        trials = [{"status": "complete", "scores": {"clean": c, "step_time": t}} for c, t in scores]
        return {"trials": trials}

    found = hypervolumes([arm((0.9, 4), (0.8, 2)), arm((0.85, 3)), arm()], [CLEAN, TIME])
    assert found[0] == pytest.approx(0.0)  # each is the worst in one of the two
    assert found[1] == pytest.approx(0.25)
    assert found[2] is None
    assert hypervolumes([arm()], [CLEAN, TIME]) == [None]
