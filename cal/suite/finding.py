"""What one check found."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Finding:
    """One line. ``note``: allowed, and worth knowing; ``wrong``: what is found and allowed."""

    check: str
    verdict: Verdict
    text: str


def few(things: list[str], *, shown: int = 5) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(things) - shown} more" if len(things) > shown else ""
    return f"{', '.join(things[:shown])}{more}"
