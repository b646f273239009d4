"""report.html of an ablation: what its template is made of. Pure; writes no files."""

from collections.abc import Mapping
from typing import Any

from ablations import wording
from ablations.pages import arms, effects, leaders, robustness, studies, traces
from ablations.wording.robustness import notes as noise_notes
from evidence.charts.spec import Gallery
from evidence.pages import html
from evidence.pages.html import flat, script_json
from evidence.pages.table import Table

Tree = Mapping[str, Any]
ROOM = "ablations.pages"


def page(summary: Tree, gallery: Gallery, stills: Mapping[str, bytes]) -> str:
    """The page. ``stills``: name of a chart -> its SVG."""
    parts = context(summary) | {"behind": script_json(traces.behind(summary))}
    return html.page("report.html.j2", parts, gallery, stills, room=ROOM)


def context(summary: Tree) -> dict[str, Any]:
    """What the page and Markdown are made of, beside the pictures."""
    general, own = wording.grouped(summary)
    names = summary["regime_order"]
    methods = list(summary.get("methods") or wording.methods(summary))
    return {
        "s": summary,
        "regimes": [(name, summary["regimes"][name]) for name in names],
        "level": f"{100 * summary['level']:g} %",
        "general": general,
        "own": own,
        "tables": tables(summary),
        "arms": {name: _arm_tables(summary, name) for name in names},
        "noise": {name: robustness.tables(summary, name) for name in names},
        "noise_notes": {name: noise_notes(summary["regimes"][name]) for name in names},
        "boards": leaders.boards(summary),
        "cautions": (summary.get("leader_board") or {}).get("limits") or (),
        "method": wording.method(summary),
        "methods": methods,
        "references": wording.cited(methods),
        "sequential": _sequential(summary),
        "provenance": _provenance(summary["provenance"]),
    }


def tables(summary: Tree) -> dict[str, Table | None]:
    """Every table that speaks of all regimes, by name."""
    return {
        "contrasts": effects.contrasts(summary),
        "checks": effects.checks(summary),
        "metrics": effects.metrics(summary),
        "areas": effects.areas(summary),
        "mechanisms": effects.mechanisms(summary),
        "over": effects.over_regimes(summary),
        "sweeps": arms.sweeps(summary),
        "share": arms.failed_share(summary),
        "failed": arms.failed(summary),
        "timings": arms.timings(summary),
        "interruptions": arms.interruptions(summary),
        "tuned": studies.tuned(summary),
        "budgets": studies.budgets(summary),
        "best": studies.best(summary),
        "published": studies.published(summary),
        "aliases": studies.aliases(summary),
    }


def _arm_tables(summary: Tree, name: str) -> dict[str, Table | None]:
    return {
        "means": arms.means(summary, name),
        "differences": arms.differences(summary, name),
        "noise": arms.noise(summary, name),
        "noise_effects": effects.noise(summary, name),
    }


def _sequential(summary: Tree) -> str:
    found = summary.get("sequential")
    if not found:
        return ""
    looks = "; ".join(
        f"{name} at {', '.join(map(str, n))} seeds"
        for name, n in (found.get("looks") or {}).items()
    )
    return (
        f"Seeds were added in blocks of {found.get('block')} up to {found.get('max_seeds')}, "
        f"looking at {looks}. Ended: {found.get('stopped')}. The p-values of primary contrasts are "
        "those of a group-sequential design, so looking often does not make an error more likely."
    )


def _provenance(tree: Tree) -> list[tuple[str, str]]:
    words, tables = {"wall_s": "wall time, s"}, ("timings", "interruptions")
    return [(words.get(key, key), flat(v)) for key, v in tree.items() if key not in tables]
