"""best.yaml: what a search found as a complete configuration, with where it comes from above it."""

from typing import Any

import yaml

from search_spaces.confirm import Finalist

WIDTH = 98


def best_yaml(answer: Finalist, tree: dict[str, Any]) -> str:
    """``cal.train --config`` and ``ablations.full --config`` take it."""
    provenance, main = tree["provenance"], tree["arms"][0]
    lines = [
        f"The answer of search {tree['name']}: trial {answer.trial} of {len(main['trials'])}",
        f"in space {tree['space']['name']}, scored on the select part by "
        + ", ".join(o["title"] for o in tree["objectives"]),
        *(f"{name} {value:.4g}" for name, value in _scores(main, answer).items()),
        *(tree["verdict"][:1]),
        f"made by: {provenance['command']}",
        f"at {provenance['date']}, code {provenance['git']}",
    ]
    config = answer.config.model_dump(mode="json")
    text: str = yaml.safe_dump(config, sort_keys=False, default_flow_style=False, width=WIDTH)
    return "".join(f"# {line}\n" for line in "\n".join(lines).splitlines()) + text


def _scores(main: dict[str, Any], answer: Finalist) -> dict[str, float]:
    trial = next(t for t in main["trials"] if t["number"] == answer.trial)
    return dict(trial["scores"])
