"""The figures of a search as data. Pure."""

from collections.abc import Mapping
from typing import Any

from evidence.charts.spec import Gallery
from search_spaces.charts import found, progress


def gallery(search: Mapping[str, Any]) -> Gallery:
    """Section of the page -> its charts, perhaps none."""
    return {
        "confirmed": found.contrasts(search) + found.arms(search) + found.optimism(search),
        "progress": progress.history(search),
        "importance": found.importance(search),
        "front": progress.front(search),
        "trials": progress.trials(search) + progress.curves(search),
    }
