"""What a click on a number opens: every statistic of it, and the runs it rests on. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from ablations.conditions import CONDITIONS
from evidence.charts.hover import details
from evidence.charts.spec import find

Tree = Mapping[str, Any]
SCALES = {"macro_f1": 100, "nll": 1, "ece": 1}


def behind(summary: Tree) -> dict[str, Any]:
    """``runs``: regime -> arm -> [seed, run id, hash, status, code, data], where code and data are
    places in ``code`` and ``data``; ``stats``: key of a cell -> [name, value] of each statistic.
    """
    code: dict[str, int] = {}
    data: dict[str, int] = {}
    runs = {
        name: {
            arm: [_run(trace, code, data) for trace in variant["traces"]]
            for arm, variant in summary["regimes"][name]["variants"].items()
            if variant.get("traces")
        }
        for name in summary["regime_order"]
    }
    stats = {key: rows for name in summary["regime_order"] for key, rows in _stats(summary, name)}
    return {"runs": runs, "code": list(code), "data": list(data), "stats": stats}


def _run(trace: Tree, code: dict[str, int], data: dict[str, int]) -> list[Any]:
    git, print_ = str(trace.get("git") or ""), str(trace.get("data") or "")
    return [
        trace.get("seed"),
        trace.get("run_id") or "",
        trace.get("hash") or "",
        trace.get("status") or "",
        code.setdefault(git, len(code)),
        data.setdefault(print_, len(data)),
    ]


def _stats(summary: Tree, name: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for contrast in summary["regimes"][name]["contrasts"]:
        start = f"{name}|{contrast['arm']}|{contrast['reference']}"
        for place in CONDITIONS:
            yield f"{start}|{place}", details(contrast[place])
            for metric, scale in SCALES.items():
                effect = find(contrast, "metrics", metric, place)
                if find(effect, "difference") is not None:
                    yield f"{start}|{place}|{metric}", details(effect, scale=scale)
