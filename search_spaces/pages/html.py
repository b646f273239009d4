"""report.html and report.md of a search: what their templates are made of. Writes no files."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evidence.charts.spec import Gallery
from evidence.pages import html, markdown
from evidence.pages.html import flat, script_json
from evidence.pages.table import Table
from search_spaces import wording
from search_spaces.pages import tables
from search_spaces.reading import counted, main_arm

Tree = Mapping[str, Any]
ROOM = "search_spaces.pages"
LIVE = {
    "slice": (
        "Slices: score against each field",
        "Complete trials of {arm}, each field by itself; later trials are darker. A learning "
        "sampler tries good regions more often, so an empty part of a range may be a poor one.",
    ),
    "contour": (
        "Contours: the most important fields two by two",
        "Scores of the complete trials of {arm}, interpolated between them; darker is better. A "
        "point is a trial: where there is none, the colour is a guess.",
    ),
    "parallel": (
        "Parallel coordinates: the best trials",
        "Each line is one of the best complete trials of {arm}, darker is better, the best one "
        "in orange; a field that does not act in a trial is at the bottom as missing.",
    ),
}
"""Figures that only the page's script draws: identity -> title, note."""


def page(
    search: Tree,
    gallery: Gallery,
    stills: Mapping[str, bytes],
    figures: Mapping[str, Any],
) -> str:
    """The page. ``stills``: name of a chart -> its SVG; ``figures``: those of ``pictures``."""
    parts = context(search)
    parts["tables"] |= {"top": _breakable(parts["tables"]["top"])}
    parts |= {
        "behind": script_json(tables.behind(search)),
        "live_figures": _live(search, figures),
    }
    return html.page("report.html.j2", parts, gallery, stills, room=ROOM, figures=figures)


def _breakable(found: Table | None) -> Table | None:
    """A field's path as a column's title may be broken after a dot."""
    if found is None:
        return None
    titles = (replace(c, title=c.title.replace(".", ".\u200b")) for c in found.columns)
    return replace(found, columns=tuple(titles))


def text(search: Tree, gallery: Gallery) -> str:
    """The same numbers in Markdown; its pictures stand beside it."""
    return markdown.text("report.md.j2", context(search), gallery, room=ROOM)


def _live(search: Tree, figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    arm = main_arm(search)["name"]
    return [
        {
            "identity": f"fig-{name}",
            "title": title,
            "note": note.format(arm=arm),
            "width": figures[f"fig-{name}"]["width"],
            "narrow": f"fig-{name}-narrow" if f"fig-{name}-narrow" in figures else "",
        }
        for name, (title, note) in LIVE.items()
        if f"fig-{name}" in figures
    ]


def context(search: Tree) -> dict[str, Any]:
    """What the page and Markdown are made of, beside the pictures."""
    method = wording.method(search)
    trials = counted(t for arm in search["arms"] for t in arm["trials"])
    return {
        "s": search,
        "arm": main_arm(search),
        "verdict": list(search["verdict"] or wording.verdict(search)),
        "state": _state(search, trials),
        "tables": all_tables(search),
        "method": method,
        "references": wording.cited(method),
        "warm": [f"{w['study']}: {w['text']}" for w in search["warm"]],
        "provenance": [(key, flat(value)) for key, value in search["provenance"].items()],
    }


def _state(search: Tree, trials: Mapping[str, int]) -> str:
    """``180 trials in 3 arms: 134 complete, 43 stopped, 3 failed``."""
    parts = [f"{number} {status}" for status, number in trials.items() if number]
    arms = wording.counts(len(search["arms"]), "arm")
    total = wording.counts(sum(trials.values()), "trial")
    return f"{total} in {arms}" + (f": {', '.join(parts)}" if parts else "")


def all_tables(search: Tree) -> dict[str, Table | None]:
    """Every table by name."""
    makers = (
        *(tables.contrasts, tables.confirmed, tables.top, tables.arms, tables.off),
        *(tables.importance, tables.edges, tables.failed, tables.front),
    )
    return {make.__name__: make(search) for make in makers}
