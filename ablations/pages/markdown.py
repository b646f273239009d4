"""report.md: the same numbers as the page, for a reader of text; its pictures stand beside it."""

import html
import re
from collections.abc import Mapping
from typing import Any

from ablations.charts import Chart, Gallery
from ablations.pages.html import context, environment, slug
from ablations.pages.table import Cell, Table

Tree = Mapping[str, Any]


def markdown(summary: Tree, gallery: Gallery) -> str:
    """The text. Charts that are folded on the page have no file, and are left out."""
    found = environment(escape=False)
    found.filters |= {"cell": cell, "table": table, "picture": picture}
    shown = {name: [c for c in charts if not c.aside] for name, charts in gallery.items()}
    text = found.get_template("report.md.j2").render(context(summary), charts=shown)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


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
    return (
        f"![{cell(chart.alt).replace('[', '(').replace(']', ')')}](figures/{slug(chart.name)}.png)"
    )


def cell(text: Any) -> str:
    """Text for a line of Markdown: no markup, no end of a table's cell."""
    return html.escape(" ".join(str(text).split()), quote=False).replace("|", "\\|")


def _text(found: Cell) -> str:
    return f"`{found.text}`" if found.look == "code" else cell(found.text)


def _line(texts: Any) -> str:
    return f"| {' | '.join(texts)} |"
