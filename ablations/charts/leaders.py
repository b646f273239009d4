"""Critical-difference figures of the leader board: a chart for each board and regime. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablations.conditions import CONDITIONS
from ablations.wording import PLACES
from ablations.wording.leaders import SETTINGS
from evidence.charts.spec import Chart, Label, Panel, Point, Series, filled

Tree = Mapping[str, Any]
LINE_LOOK = 6  # ink
FIRST, STEP = 0.6, 0.4  # places of the lines right of the last rank


def standings(summary: Tree) -> tuple[Chart, ...]:
    """Mean ranks with half a critical difference to both sides, and lines that join a group."""
    found = summary.get("leader_board") or {}
    return tuple(
        chart
        for board in found.get("boards") or ()
        for name in summary["regime_order"]
        if (chart := _chart(summary, board, name)) is not None
    )


def _chart(summary: Tree, board: Tree, name: str) -> Chart | None:
    columns = {c: found for c, found in board["regimes"][name].items() if found is not None}
    order = _order(columns)
    panels = [
        Panel(
            f"{PLACES[place]}, {len(columns[place]['blocks'])} seeds",
            tuple(_series(columns[place], board, name, place, order)),
            x_title="mean rank, 1 is best",
        )
        for place in CONDITIONS
        if place in columns
    ]
    chart = Chart(
        f"ranks-{board['settings']}-{name}",
        f"{name}: mean ranks and critical differences, {SETTINGS[board['settings']].lower()}",
        f"Mean ranks of {len(order)} methods in {name} with groups that are not told apart; the "
        "table has every number.",
        filled(panels),
        tuple(map(Label, order)),
        columns=2,
        note="Marks: mean rank over seeds, with half of Nemenyi's critical difference to both "
        "sides: where two whiskers do not meet, ranks differ by more than it. Lines on the right "
        "join methods that paired t tests with Holm do not tell apart, which is what decides. "
        "Other seeds are meant, not other data sets.",
    )
    return chart if chart.panels else None


def _order(columns: Mapping[str, Tree]) -> list[str]:
    """Methods by their mean rank over the conditions."""
    found: dict[str, list[float]] = {}
    for column in columns.values():
        for row in column["rows"]:
            found.setdefault(row["method"], []).append(row["rank"])
    return sorted(found, key=lambda method: sum(found[method]) / len(found[method]))


def _series(
    column: Tree, board: Tree, name: str, place: str, order: Sequence[str]
) -> Iterator[Series]:
    half = column["critical_difference"] / 2
    points = []
    for row in column["rows"]:
        method, rank = row["method"], row["rank"]
        hover = (
            f"{method}, {PLACES[place]}, {name}",
            f"mean rank {rank:.2f} of {len(column['rows'])}, mean {100 * row['mean']:.2f} %",
        )
        cell = f"{name}|{board['arms'][method]}"
        at = order.index(method)
        points.append(Point(at, rank, rank - half, rank + half, hover, cell))
    yield Series("mean rank", tuple(points))
    joined = [group for group in column["groups"] if len(group) > 1]
    last = len(column["rows"]) + half
    for i, group in enumerate(joined):
        where = last + FIRST + STEP * i
        places = sorted(order.index(method) for method in group)
        told = "not told apart: " + ", ".join(order[at] for at in places)
        line = tuple(Point(at, where, hover=(told,)) for at in places)
        yield Series("not told apart", line, LINE_LOOK, link=True)
