"""Tables and pictures in Markdown; a template's text without markup that its values bring."""

import html
import re
from collections.abc import Mapping
from typing import Any

from evidence.charts.spec import Chart, Gallery
from evidence.pages.html import environment, slug
from evidence.pages.table import Cell, Table

MARKS = re.compile(r"[\\`*~|\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What Markdown reads as markup within a line; an underscore between letters it does not."""


def text(name: str, parts: Mapping[str, Any], gallery: Gallery, *, room: str) -> str:
    """The text of template ``name`` in the package ``room``. Charts that are folded on the page
    have no file, and are left out.
    """
    found = environment(room, escape=False)
    found.filters |= {"cell": cell, "table": table, "picture": picture}
    shown = {name: [c for c in charts if not c.aside] for name, charts in gallery.items()}
    filled = found.get_template(name).render(parts, charts=shown)
    return re.sub(r"\n{3,}", "\n\n", filled).strip() + "\n"


def table(found: Table | None, *, caption: bool = True) -> str:
    """A Markdown table with its caption above and its note below; empty for None."""
    if found is None:
        return ""
    lines = [f"**{cell(found.caption)}**", ""] if caption else []
    lines.append(_line(cell(column.title) for column in found.columns))
    kinds = {"left": "---", "middle": ":-:", "right": "---:"}
    lines.append(_line(kinds[column.kind] for column in found.columns))
    for row in found.rows:
        texts = [f"**{cell(row[0].text)}**"] if len(row) == 1 else [_text(c) for c in row]
        lines.append(_line([*texts, *[""] * (len(found.columns) - len(texts))]))
    note = ["", cell(found.note)] if found.note else []
    return "\n".join([*lines, *note, ""])


def picture(chart: Chart) -> str:
    """A line that shows the chart's PNG."""
    return f"![{cell(chart.alt)}](figures/{slug(chart.name)}.png)"


def cell(text: Any) -> str:
    """Text for a line of Markdown: no markup, no end of a table's cell."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return MARKS.sub(r"\\\g<0>", plain)


def _text(found: Cell) -> str:
    code = found.look == "code" and cell(found.text) == found.text
    return f"`{found.text}`" if code else cell(found.text)


def _line(texts: Any) -> str:
    return f"| {' | '.join(texts)} |"
