"""A page as one file that needs no other, nor the network. Pure; writes no files.

plotly.js and the figures are embedded deflated, and inflated by the browser; where it cannot, or
on paper, every figure stands as SVG.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from evidence.charts.frame import frame
from evidence.charts.interactive import figure
from evidence.charts.spec import Chart, Gallery
from evidence.numbers import PLUS_MINUS

LARGEST = 5_000_000  # bytes of a page
LONG = 200  # characters of a name in an address or a file's name, which holds 255
STILLS = 2_000_000  # bytes of SVG in it at most; further figures only stand beside it, as files


@dataclass(frozen=True)
class Picture:
    """A chart on the page. ``still``: address of its SVG, empty where only a script draws it."""

    chart: Chart
    identity: str
    width: int
    still: str


def page(
    name: str,
    parts: Mapping[str, Any],
    gallery: Gallery,
    stills: Mapping[str, bytes],
    *,
    room: str,
    figures: Mapping[str, Any] | None = None,
) -> str:
    """The page of template ``name`` in the package ``room``, made of ``parts`` and the charts.

    ``stills``: name of a chart -> its SVG. ``figures``: identity -> further figures of plotly.js
    (``data`` and ``layout``), for which the template has places of its own.
    """
    template = environment(room, escape=True).get_template(name)
    charts = [chart for found in gallery.values() for chart in found]
    drawn = {_identity(chart): figure(chart) for chart in charts} | dict(figures or {})
    parts = {
        **parts,
        "plotly": _deflated(get_plotlyjs()) if drawn else "",
        "figures_data": _deflated(json.dumps(drawn, separators=(",", ":"), sort_keys=True)),
    }
    bare = template.render(parts, pictures=_pictures(gallery, {}, room=0))
    left = min(STILLS, LARGEST - len(bare.encode()))
    return template.render(parts, pictures=_pictures(gallery, stills, room=left))


def _identity(chart: Chart) -> str:
    return f"fig-{slug(chart.name)}"


def slug(name: str) -> str:
    """A name as an identifier and part of a file name: other characters by their code, and the
    end of a long name, which no file could have, by its digest.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", lambda found: f"_{ord(found[0]):x}", name)
    if len(plain) <= LONG:
        return plain
    return f"{plain[: LONG - 9]}-{sha256(name.encode()).hexdigest()[:8]}"


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


def script_json(tree: Any) -> Markup:
    """JSON that can stand in a script element: no tag can end in it."""
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def environment(room: str, *, escape: bool) -> Environment:
    """The environment of the templates of a package, which may use those of this one."""
    own = [PackageLoader(name, "templates") for name in (room, "evidence.pages")]
    found = Environment(
        loader=ChoiceLoader(own),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"slug": slug, "tight": _tight, "breakable": _breakable, "headed": _headed}
    return found


def flat(value: Any) -> str:
    """Plain data on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {flat(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(flat(inner) for inner in value)
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _tight(text: str) -> str:
    """No line break before or after a plus-minus sign, nor between a number and its unit."""
    text = text.replace(f" {PLUS_MINUS} ", f"\u00a0{PLUS_MINUS}\u00a0")
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
