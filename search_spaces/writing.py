"""The report of a search as files: pages, figures, CSV and search.json."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evidence.writing import (
    Drawn,
    Over,
    check_out,
    csv_text,
    drawing,
    figure_files,
    json_text,
    write_files,
)
from search_spaces.wording import verdict

Tree = Mapping[str, Any]
FILES = ("search.json", "report.html", "report.md", "trials.csv", "runs.csv")


def write_report(tree: Tree, *, out: Path, over: Over = map) -> tuple[str, ...]:
    """Write the report of a search into ``out``, each file at once or not at all: report.html,
    report.md, ``figures/``, trials.csv, runs.csv and search.json. Gives back the files' names.

    ``tree``: what search.json says, in any state of the search; where its verdict is empty it gets
    one. ``over``: the map to draw with. search.json comes last: where it is new, so are the others.
    Raises ``ConfigError`` for a folder that cannot be written.
    """
    check_out(out)
    contents = files_of(tree, over=over)
    write_files(out, contents)
    return tuple(contents)


def files_of(tree: Tree, *, over: Over = map) -> dict[str, bytes]:
    """File name -> content, the same bytes for the same tree."""
    from search_spaces.charts import gallery

    search = dict(tree) | {"verdict": list(tree["verdict"] or verdict(tree))}
    contents = faces(search, drawing(gallery(search), over=over), pictures(search))
    contents["trials.csv"] = csv_text(list(trial_rows(search))).encode()
    contents["runs.csv"] = csv_text(list(run_rows(search))).encode()
    contents["search.json"] = json_text(search).encode()
    return contents


def pictures(search: Tree) -> dict[str, Any]:
    """Further figures of the page, by Optuna; none where it is not installed."""
    try:
        from search_spaces.pictures import figures
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        return {}
    return figures(search)


def faces(search: Tree, drawn: Drawn, further: Mapping[str, Any]) -> dict[str, bytes]:
    """What a reader opens: figures/*.png, *.svg, *.pdf, report.md, report.html."""
    from search_spaces.pages import html  # jinja2 and plotly would make --help slow

    contents, stills = figure_files(drawn)
    contents["report.md"] = html.text(search, drawn.charts).encode()
    contents["report.html"] = html.page(search, drawn.charts, stills, further).encode()
    return contents


def trial_rows(search: Tree) -> Iterator[dict[str, Any]]:
    """A row for each trial: scores with errors, then a column for each field of any arm."""
    fields = sorted({f for arm in search["arms"] for t in arm["trials"] for f in t["values"]})
    names = [o["name"] for o in search["objectives"]]
    for arm in search["arms"]:
        for trial in arm["trials"]:
            row = {"search": search["name"], "arm": arm["name"]}
            row |= {key: trial[key] for key in ("number", "origin", "status", "epochs")}
            row["seeds"] = sum(seed["status"] == "finished" for seed in trial["seeds"])
            for name in names:
                row[name] = (trial["scores"] or {}).get(name)
                row[f"{name}_error"] = (trial["errors"] or {}).get(name)
            row |= {"scalar": trial["scalar"], "reason": _line(trial["reason"])}
            yield row | {field: _plain(trial["values"].get(field)) for field in fields}


def run_rows(search: Tree) -> Iterator[dict[str, Any]]:
    """A row for each run: the seeds of every trial, then the fresh seeds."""
    names = [o["name"] for o in search["objectives"]]
    for arm in search["arms"]:
        for trial in arm["trials"]:
            for seed in trial["seeds"]:
                row = {"search": search["name"], "phase": "search", "arm": arm["name"]}
                row |= {"trial": trial["number"]}
                row |= {key: seed[key] for key in ("seed", "status", "epochs", "hash", "run_id")}
                scores = {name: (seed["scores"] or {}).get(name) for name in names}
                yield row | {"error": _line(seed["error"])} | scores | _conditions(search)
    yield from _fresh_rows(search, names)


def _conditions(search: Tree) -> dict[str, None]:
    places = (search["confirmed"] or {}).get("conditions", ())
    return {f"fresh_{place}": None for place in places}


def _fresh_rows(search: Tree, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    confirmed = search["confirmed"] or {"arms": (), "seeds": (), "conditions": ()}
    for arm in confirmed["arms"]:
        for i, seed in enumerate(confirmed["seeds"]):
            row = {"search": search["name"], "phase": "confirm", "arm": arm["arm"]}
            fresh = {
                f"fresh_{place}": _at(arm["fresh"].get(place, {}).get("values", ()), i)
                for place in confirmed["conditions"]
            }
            missing = all(value is None for value in fresh.values())
            row |= {"trial": arm["trial"], "seed": seed, "epochs": None, "run_id": None}
            row |= {"status": "missing" if missing else "finished", "hash": _at(arm["hashes"], i)}
            yield row | {"error": ""} | dict.fromkeys(names) | fresh


def _at(values: Any, i: int) -> Any:
    return values[i] if i < len(values) else None


def _line(text: str | None) -> str:
    return " ".join(str(text or "").split())


def _plain(value: Any) -> Any:
    """A list as text, which CSV can hold."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
