"""report.md: the same numbers as the page, for a reader of text; its pictures stand beside it."""

from collections.abc import Mapping
from typing import Any

from ablations.pages.html import ROOM, context
from evidence.charts.spec import Gallery
from evidence.pages import markdown as generic


def markdown(summary: Mapping[str, Any], gallery: Gallery) -> str:
    """The text. Charts that are folded on the page have no file, and are left out."""
    return generic.text("report.md.j2", context(summary), gallery, room=ROOM)
