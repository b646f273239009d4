"""The table of the regret benchmark: what is drawn, packed, trained and kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.regret_lookup import table_of
from benchmarks.regret_points import known_points
from benchmarks.regret_table import (
    SEEDS,
    Kept,
    base_of,
    batches,
    gathered,
    packed_by,
    random_points,
    train,
)
from cal.config import ConfigError
from search_spaces.fields import laid
from search_spaces.space import read_space

SPACE = read_space("cal")


def test_a_base_is_scored_on_the_select_part_and_validated_some_twenty_times() -> None:
    for name, values in (("hw20", 25), ("keypad", 20)):
        config = base_of(name)
        assert (config.evaluate.part, config.evaluate.noise) == ("select", "none")
        assert config.train.epochs / config.train.validate_every == values


def test_points_of_a_cluster_share_what_packs_share_and_nothing_else() -> None:
    base = base_of("hw20")
    shared = packed_by(SPACE.dimensions, base)
    assert "model.d_z" in shared
    assert not {"optim.lr", "cal.bottleneck.beta", "cal.bottleneck.enabled"} & shared
    found = random_points(SPACE.dimensions, base, count=7, seed=3, alike=3)
    for field in shared - {"cal.acceleration.apply"}:
        assert found[0][field] == found[1][field] == found[2][field]
    assert len({p["optim.lr"] for p in found}) == 7
    many = random_points(SPACE.dimensions, base, count=12, seed=3, alike=3)
    assert len({p["model.d_z"] for p in many}) > 1
    assert found[:5] == random_points(SPACE.dimensions, base, count=5, seed=3, alike=3)
    assert found[0] != random_points(SPACE.dimensions, base, count=1, seed=4, alike=3)[0]


def test_a_cluster_under_all_seeds_is_a_pack() -> None:
    base = base_of("hw20")
    found = random_points(SPACE.dimensions, base, count=6, seed=0, alike=3)
    configs = [laid(base, {**point, "seed": seed}) for seed in SEEDS for point in found]
    packs = list(batches(configs, largest=9))
    assert sorted(i for pack in packs for i in pack) == list(range(18))
    assert all(len({configs[i].model.d_z for i in pack}) == 1 for pack in packs)
    assert [len(pack) for pack in packs] == [9, 9]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Six epochs of a run, and of one that diverges beside it."""
    base = laid(base_of("hw20"), {"train.epochs": 6, "optim.clip": None})
    wild = laid(base, {"optim.lr": 1e30, "seed": 1001})
    return train([base, wild], [(0, 1000), (4, 1001)], device="cpu")


def test_a_row_has_the_curves_and_the_end_of_a_run(rows: list[dict[str, Any]]) -> None:
    row = rows[0]
    assert (row["point"], row["seed"], row["error"]) == (0, 1000, None)
    assert len(row["curve"]) == len(row["nll_curve"]) == 2  # epochs 4 and 6
    assert row["curve"][-1] == row["accuracy"]
    assert row["nll_curve"][-1] == pytest.approx(row["nll"], abs=1e-4)
    assert row["accuracy"] * 400 == pytest.approx(round(row["accuracy"] * 400), abs=1e-3)


def test_a_run_that_diverges_says_so_and_has_no_curve(rows: list[dict[str, Any]]) -> None:
    row = rows[1]
    assert (row["point"], row["seed"], row["curve"]) == (4, 1001, [])
    assert "train/loss" in row["error"]
    json.dumps(row, allow_nan=False)


def test_a_pack_that_cannot_be_one_is_tried_in_parts() -> None:
    """Two optimisers: each run is trained alone."""
    base = laid(base_of("hw20"), {"train.epochs": 2})
    other = laid(base, {"optim.name": "adam", "optim.lr": 0.001})
    found = train([base, other], [(0, 1000), (1, 1000)], device="cpu")
    assert [row["error"] for row in found] == [None, None]
    assert [row["point"] for row in found] == [0, 1]


def test_what_is_kept_is_there_again_but_for_a_line_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    Kept(path, {"points": 2}).add([{"point": 0, "seed": 1000, "curve": [0.5]}])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"point": 1, "se')
    kept = Kept(path, {"points": 2})
    assert list(kept.rows) == [(0, 1000)]
    kept.add([{"point": 1, "seed": 1000, "curve": [0.25]}])
    assert Kept(path, {"points": 2}).rows[1, 1000]["curve"] == [0.25]
    with pytest.raises(ConfigError, match="other settings"):
        Kept(path, {"points": 3})


def test_rows_become_a_table(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    kept = Kept(tmp_path / "rows.jsonl", {})
    kept.add([{**rows[0], "seed": seed} for seed in SEEDS])
    kept.add([{**rows[1], "point": 1, "seed": seed} for seed in SEEDS])
    base = laid(base_of("hw20"), {"train.epochs": 6})
    settings = {
        "space": SPACE.model_dump(mode="json"),
        "base": base.model_dump(mode="json"),
        "seeds": list(SEEDS),
    }
    points = random_points(SPACE.dimensions, base, count=2, seed=0, alike=1)
    kept.add([{**rows[0], "point": -1, "seed": seed} for seed in SEEDS])
    own = {0: points[0], 1: points[1], -1: known_points(SPACE, base)[0]}
    tree = json.loads(json.dumps(gathered(kept, own, settings)))
    assert tree["random_points"] == 2
    table = table_of(tree)
    assert table.curve(0, 1002) == list(zip((4, 6), rows[0]["curve"], strict=True))
    assert [table.nearest(point) for point in points] == [0, 1]
    good = rows[0]["accuracy"]
    assert table.true.tolist() == pytest.approx([good, 0.1, good])
