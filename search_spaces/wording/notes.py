"""The ledger's note on a search in Markdown: MLflow shows its first lines, so the answer comes
first. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from evidence.numbers import MINUS, PLACES, word
from search_spaces.wording.figures import as_effect, gain
from search_spaces.wording.verdict import verdict

Tree = Mapping[str, Any]
LONGEST = 7_500  # characters; MLflow cuts a tag at 8,000 without a word


def note(search: Tree) -> str:
    """The sentences, then the contrasts on fresh seeds; as much as there is room for."""
    table = "\n".join(_table(search))
    room = LONGEST - len(table)
    lines: list[str] = []
    for sentence in [*(search["verdict"] or verdict(search)), *search["warnings"]]:
        room -= len(sentence) + 3
        if room < 0:
            lines.append("- More stands in report.html among the artifacts.")
            break
        lines.append(f"- {sentence}")
    return "\n".join([*lines, table]).rstrip() + "\n"


def _table(search: Tree) -> Iterator[str]:
    confirmed = search["confirmed"]
    if not confirmed or not confirmed["contrasts"]:
        return
    places = confirmed["conditions"]
    yield ""
    yield f"| on fresh seeds | {' | '.join(f'{PLACES.get(p, p)} | ' for p in places)} |"
    yield f"|---|{'---:|---|' * len(places)}"
    for c in confirmed["contrasts"][:12]:
        title = f"{c['arm']} {MINUS} {c['reference']}"
        cells = [
            part
            for place in places
            for effect in (as_effect(c.get(place)),)
            for part in (gain(effect), word(effect["verdict"], confirmed.get("margin")))
        ]
        yield f"| {f'**{title}**' if c['primary'] else title} | {' | '.join(cells)} |"
