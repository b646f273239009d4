"""report.html: one file that needs no other, nor the network. Pure; writes no files.

plotly.js and the figures are embedded deflated, and inflated by the browser; where it cannot, or
on paper, every figure stands as SVG.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from ablations import wording
from ablations.charts import Chart, Gallery
from ablations.charts.frame import frame
from ablations.charts.interactive import figure
from ablations.pages import arms, effects, studies, traces
from ablations.pages.table import Table

Tree = Mapping[str, Any]
LARGEST = 5_000_000  # bytes of a page
STILLS = 2_000_000  # bytes of SVG in it at most; further figures only stand beside it, as files


@dataclass(frozen=True)
class Picture:
    """A chart on the page. ``still``: address of its SVG, empty where only a script draws it."""

    chart: Chart
    identity: str
    width: int
    still: str


def page(summary: Tree, gallery: Gallery, stills: Mapping[str, bytes]) -> str:
    """The page. ``stills``: name of a chart -> its SVG."""
    template = environment(escape=True).get_template("report.html.j2")
    charts = [chart for found in gallery.values() for chart in found]
    drawn = {_identity(chart): figure(chart) for chart in charts}
    parts = context(summary) | {
        "plotly": _deflated(get_plotlyjs()) if drawn else "",
        "figures_data": _deflated(json.dumps(drawn, separators=(",", ":"), sort_keys=True)),
        "behind": _json(traces.behind(summary)),
    }
    bare = template.render(parts, pictures=_pictures(gallery, {}, room=0))
    room = min(STILLS, LARGEST - len(bare.encode()))
    return template.render(parts, pictures=_pictures(gallery, stills, room=room))


def _identity(chart: Chart) -> str:
    return f"fig-{slug(chart.name)}"


def slug(name: str) -> str:
    """A name as an identifier and part of a file name: other characters by their code."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"_{ord(found[0]):x}", name)


def _pictures(
    gallery: Gallery, stills: Mapping[str, bytes], *, room: int
) -> dict[str, tuple[Picture, ...]]:
    """The charts of each section; stills only as far as there is room, in bytes."""
    found: dict[str, tuple[Picture, ...]] = {}
    for section, charts in gallery.items():
        mine = []
        for chart in charts:
            address = _address(stills[chart.name].decode()) if chart.name in stills else ""
            room -= len(address.encode())
            width = int(frame(chart).width)
            mine.append(Picture(chart, _identity(chart), width, address if room >= 0 else ""))
        found[section] = tuple(mine)
    return found


def _address(svg: str) -> str:
    """An SVG, whose only quotes are those of attributes, as an address within the page, for an
    attribute in double quotes.
    """
    text = svg.replace('"', "'").replace("%", "%25").replace("#", "%23").replace("&", "%26")
    return "data:image/svg+xml," + text.replace("\n", " ").strip()


def _deflated(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def _json(tree: Any) -> Markup:
    """JSON that can stand in a script element: no tag can end in it."""
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def environment(*, escape: bool) -> Environment:
    """The templates' environment, shared with Markdown and LaTeX."""
    found = Environment(
        loader=PackageLoader("ablations.pages", "templates"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"slug": slug, "tight": _tight, "breakable": _breakable, "headed": _headed}
    return found


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
    words = {"wall_s": "wall time, s"}
    return [(words.get(key, key), _flat(v)) for key, v in tree.items() if key != "timings"]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(inner) for inner in value)
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _tight(text: str) -> str:
    """No line break before or after a plus-minus sign, nor between a number and its unit."""
    text = text.replace(f" {wording.PLUS_MINUS} ", f"\u00a0{wording.PLUS_MINUS}\u00a0")
    return re.sub(r"(\d) (points?|%)", "\\1\u00a0\\2", text)


def _headed(sentence: str) -> Markup:
    """What stands before the first colon in bold, if it is short."""
    head, colon, rest = sentence.partition(":")
    if not colon or len(head) > 90:
        return escape(_tight(sentence))
    return Markup("<b>{}</b>{}").format(_tight(head), colon + _tight(rest))


def _breakable(name: str) -> Markup:
    """A name that may be broken after a plus sign."""
    return escape(name).replace("+", Markup("+<wbr>"))
