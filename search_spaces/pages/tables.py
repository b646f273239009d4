"""Tables of a search's report. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from evidence.numbers import MINUS, PLACES, p_value, share, word
from evidence.pages.table import Cell, Column, Table, left, right, table
from search_spaces.charts.progress import cell, pointed, unit_of
from search_spaces.reading import (
    counted,
    main_arm,
    of_number,
    ranking,
    score,
    target_of,
)
from search_spaces.switched_off import WORDS
from search_spaces.wording import (
    as_effect,
    gain,
    lasting,
    score_text,
    sentence,
    value_text,
    with_error,
)

Tree = Mapping[str, Any]
TOP = 20
REASONS = 30  # rows of failures: more are counted
CHIPS = {"off": "hurts", "leans_off": "undecided", "kept": "helps", "undecided": "undecided"}
LONGEST = 120  # characters of a reason


def contrasts(search: Tree) -> Table | None:
    """Every contrast on fresh seeds: difference, adjusted p, verdict."""
    confirmed = search["confirmed"] or {"contrasts": (), "conditions": ()}
    rows = []
    for c in sorted(confirmed["contrasts"], key=lambda c: not c["primary"]):
        row = [Cell(f"{c['arm']} {MINUS} {c['reference']}")]
        row.append(Cell("primary" if c["primary"] else "exploratory", "on" if c["primary"] else ""))
        for place in confirmed["conditions"]:
            row += _effect(c.get(place), confirmed.get("margin"))
        rows.append(row)
    columns = left("arm " + MINUS + " reference", "")
    for place in confirmed["conditions"]:
        columns += [Column(f"{PLACES.get(place, place)}, points"), Column("n"), Column("p")]
        columns += [Column("verdict", "left")]
    return table(
        "contrasts",
        "Contrasts on fresh seeds",
        columns,
        rows,
        note="Paired by seed, on the report part; 95 % interval in brackets. p: adjusted over the "
        "family of primary contrasts, uncorrected for exploratory ones.",
    )


def _effect(found: Tree | None, margin: float | None) -> list[Cell]:
    effect = as_effect(found)
    verdict = effect["verdict"]
    if effect["difference"] is None:
        return [Cell(word(verdict), "none"), Cell(""), Cell(""), Cell("")]
    p = effect.get("p_adjusted") if effect.get("p_adjusted") is not None else effect.get("p")
    text = gain(effect).replace(" points", "")
    chip = Cell(word(verdict, margin), verdict, chip=True)
    return [
        Cell(text, verdict),
        Cell(str(effect.get("n", ""))),
        Cell("" if p is None else p_value(p, "")),
        chip,
    ]


def confirmed(search: Tree) -> Table | None:
    """Every configuration that was trained again, and its optimism."""
    found = search["confirmed"] or {"arms": (), "conditions": ()}
    objective = search["objectives"][0]
    rows = []
    for a in found["arms"]:
        means = [_fresh(a, place) for place in found["conditions"]]
        flattered = as_effect(a.get("optimism"))
        rows.append(
            [
                Cell(a["name"]),
                Cell(a["title"]),
                Cell("" if not a["rank"] else str(a["rank"])),
                Cell(score_text(a["search_score"], objective) if a["search_score"] else ""),
                *means,
                Cell("" if flattered["difference"] is None else gain(flattered, objective)),
                Cell(str(a["failed"]), "hurts" if a["failed"] else ""),
            ]
        )
    places = [f"fresh, {PLACES.get(place, place)}, %" for place in found["conditions"]]
    columns = [
        *left("configuration"),
        Column("arm", "left", wide=True),
        *right("rank", "in the search", *places),
    ]
    return table(
        "confirmed",
        "What was confirmed",
        [*columns, *right("optimism", "failed runs")],
        rows,
        note="Rank: in the search, within its arm. Fresh: mean over fresh seeds with its 95 % "
        "interval. Click for seeds, hashes and values.",
    )


def _fresh(arm: Tree, place: str) -> Cell:
    sample = arm["fresh"].get(place)
    if sample is None or sample["mean"] is None:
        return Cell("not measured", "none")
    text = f"{100 * sample['mean']:.2f}"
    if sample["low"] is not None:
        text += f" ({100 * sample['low']:.2f} to {100 * sample['high']:.2f})"
    return Cell(text, key=f"{arm['name']}|fresh", hover=f"{arm['name']} on fresh seeds")


def top(search: Tree) -> Table | None:
    """The best 20 complete trials of the main arm with their values."""
    arm, target = main_arm(search), target_of(search["objectives"])
    # A trial that is the same computation as an earlier one has no runs of its own.
    found = [t for t in ranking(arm["trials"], target) if t["seeds"]][:TOP]
    fields = list(dict.fromkeys(d["field"] for d in arm["dimensions"] if d["label"] != "fixed"))
    several = search["objectives"] if len(search["objectives"]) > 1 else []
    rows = []
    for trial in found:
        value = with_error(score(trial, target), trial["errors"].get(target["name"]), target)
        hover = "\n".join(pointed(trial, target))
        row = [Cell(f"#{trial['number']}"), Cell(value, key=cell(arm, trial), hover=hover)]
        row += [
            Cell(with_error(trial["scores"].get(o["name"]), trial["errors"].get(o["name"]), o))
            for o in several
        ]
        row += [Cell(str(sum(s["status"] == "finished" for s in trial["seeds"])))]
        row += [Cell(trial["origin"])]
        row += [_value(trial["values"], field) for field in fields]
        rows.append(row)
    own = [unit_of(target), *(unit_of(o) for o in several), "seeds"]
    columns = [*left("trial"), *right(*own), *left("from"), *right(*fields)]
    return table(
        "top",
        f"The best {len(found)} trials of {arm['name']}",
        columns,
        rows,
        note="Scores of the search, mean over seeds and in brackets its standard error (none with "
        "one seed); the order is therefore uncertain. Empty: the field does not act there. Click a "
        "score for seeds, run ids and hashes. All trials: trials.csv.",
    )


def _value(values: Tree, field: str) -> Cell:
    return Cell(value_text(values[field])) if field in values else Cell("")


def arms(search: Tree) -> Table | None:
    """Every arm: what it searched, how its trials ended, what it cost, its best score."""
    target = target_of(search["objectives"])
    rows = []
    for arm in search["arms"]:
        count, budget = counted(arm["trials"]), arm["budget"]
        best = of_number(arm, arm["best"])
        default = of_number(arm, arm["default"])
        searched = [d for d in arm["dimensions"] if d["label"] != "fixed"]
        rows.append(
            [
                Cell(arm["name"]),
                Cell(arm["title"]),
                Cell(str(len(searched))),
                *(Cell(str(count[s])) for s in ("complete", "stopped", "failed", "running")),
                Cell(str(budget["runs"])),
                Cell(f"{budget['epochs']:,}"),
                Cell(lasting(budget["train_s"])),
                Cell(_scored(default, target)),
                Cell(_scored(best, target)),
            ]
        )
    columns = [*left("arm", ""), *right("fields", "complete", "stopped", "failed", "running")]
    return table(
        "arms",
        "Arms and what each was given",
        [*columns, *right("runs", "epochs", "training"), *right("default", "best in the search")],
        rows,
        note="Every arm has the same sampler, number of trials and seeds, and its own study. "
        "Epochs differ as far as the scheduler stopped trials.",
    )


def _scored(trial: Tree | None, target: Tree) -> str:
    return "" if trial is None else score_text(score(trial, target), target)


def off(search: Tree) -> Table | None:
    """The search's own ablation, every arm."""
    rows: list[list[Cell]] = []
    for arm in search["arms"]:
        if arm["off"]:
            rows.append([Cell(arm["name"])])
        for e in arm["off"]:
            verdict = Cell(WORDS[e["verdict"]], CHIPS[e["verdict"]], chip=True)
            counted_ = f"{e['best']} of {e['trials']}" if e["share"] is not None else "too few"
            rows.append(
                [
                    Cell(e["mechanism"]),
                    Cell(e["field"]),
                    Cell(_share(e)),
                    Cell("" if e["rest"] is None else share(e["rest"])),
                    Cell(share(e["chance"])),
                    Cell(counted_),
                    verdict,
                ]
            )
    columns = [*left("mechanism", "field"), *right("nearly off among the best", "among the others")]
    columns += right("evenly drawn", "best of")
    return table(
        "off",
        "Would the search switch it off?",
        [*columns, Column("evidence", "left")],
        rows,
        note="Nearly off: the switch is off, or the strength lies in the fifth of its range next "
        "to where it does nothing. Undecided is no evidence of no effect.",
    )


def _share(entry: Tree) -> str:
    if entry["share"] is None:
        return ""
    return f"{100 * entry['share']:.0f} % ({100 * entry['low']:.0f} to {100 * entry['high']:.0f})"


def importance(search: Tree) -> Table | None:
    """Importance in numbers, every arm that has it."""
    rows: list[list[Cell]] = []
    for arm in search["arms"]:
        for e in (arm["importance"] or {}).get("evaluators", ()):
            rows.append([Cell(f"{arm['name']}, {e['name']}: {e['draws']} draws, {e['words']}")])
            rows += [
                [
                    Cell(r["field"]),
                    Cell(f"{100 * r['mean']:.1f}"),
                    Cell(f"{100 * r['low']:.1f} to {100 * r['high']:.1f}"),
                    Cell(f"{100 * r['even']:.1f}"),
                    Cell(str(r["trials"])),
                    Cell("above equal" if r["low"] > r["even"] else "", "on"),
                ]
                for r in e["rows"]
            ]
    columns = [*left("field"), *right("importance, %", "interval", "equal share", "trials")]
    return table("importance", "Importance in numbers", [*columns, *left("")], rows)


def edges(search: Tree) -> Table | None:
    """Best values at the end of a range, and the range to search next."""
    rows = []
    for arm in search["arms"]:
        proposed = {p["field"]: p for p in arm["proposals"]}
        for told in arm["edges"]:
            own = proposed.get(told.partition(" = ")[0])
            wider = f"{own['low']:g} to {own['high']:g}" if own else "the field takes no more"
            rows.append([Cell(arm["name"]), Cell(told), Cell(wider)])
    columns = [*left("arm"), Column("best value", "left", wide=True), Column("next range", "left")]
    return table("edges", "At the end of a range", columns, rows)


def failed(search: Tree) -> Table | None:
    """Trials that failed, and why."""
    found = [(a, t) for a in search["arms"] for t in a["trials"] if t["status"] == "failed"]
    rows = [
        [
            Cell(f"{arm['name']} #{trial['number']}"),
            Cell(_short(trial["reason"])),
            Cell(str(trial["epochs"])),
            Cell(", ".join(f"{k} {value_text(v)}" for k, v in trial["values"].items())),
        ]
        for arm, trial in found[:REASONS]
    ]
    more = len(found) - len(rows)
    columns = [*left("trial"), Column("reason", "left", wide=True), *right("epochs")]
    return table(
        "failed",
        f"Failed trials: {len(found)} of {sum(len(a['trials']) for a in search['arms'])}",
        [*columns, Column("values", "left", wide=True)],
        rows,
        note=sentence(search["failure_rule"])
        + (f" {more} more stand in trials.csv." if more > 0 else ""),
    )


def _short(text: str) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def front(search: Tree) -> Table | None:
    """Of several objectives: the trials that no other beats in all."""
    objectives: Sequence[Tree] = search["objectives"]
    arm = main_arm(search)
    if len(objectives) < 2:
        return None
    found = [t for n in arm["front"] if (t := of_number(arm, n))]
    rows = [
        [
            Cell(f"#{t['number']}"),
            *(Cell(with_error(t["scores"].get(o["name"]), None, o)) for o in objectives),
            Cell(", ".join(f"{k} {value_text(v)}" for k, v in t["values"].items())),
        ]
        for t in found[:TOP]
    ]
    columns = [*left("trial"), *right(*(unit_of(o) for o in objectives))]
    return table(
        "front",
        f"On the front: {len(found)} trials of {arm['name']}",
        [*columns, Column("values", "left", wide=True)],
        rows,
    )


def behind(search: Tree) -> dict[str, Any]:
    """What a click on a number opens: values and seeds of the best trials and of what was
    confirmed, as the page's script reads it.
    """
    target = target_of(search["objectives"])
    stats: dict[str, list[tuple[str, str]]] = {}
    runs: dict[str, dict[str, list[list[Any]]]] = {}
    git = [search["git"] or "not recorded"]
    for arm in search["arms"]:
        chosen = {t["number"]: t for t in ranking(arm["trials"], target)[:TOP]}
        chosen |= {t["number"]: t for n in ("best", "default") if (t := of_number(arm, arm[n]))}
        for number, trial in chosen.items():
            stats[cell(arm, trial)] = [(k, value_text(v)) for k, v in trial["values"].items()]
            runs.setdefault(arm["name"], {})[f"#{number}"] = [
                [s["seed"], s["run_id"] or "", s["hash"] or "", s["status"], 0, 0]
                for s in trial["seeds"]
            ]
    for a in (search["confirmed"] or {}).get("arms", ()):
        stats[f"{a['name']}|fresh"] = [(k, value_text(v)) for k, v in a["values"].items()]
        seeds = search["confirmed"]["seeds"]
        runs.setdefault(a["name"], {})["fresh"] = [
            [seed, "", key or "", "", 0, 0] for seed, key in zip(seeds, a["hashes"], strict=False)
        ]
    return {"stats": stats, "runs": runs, "code": git, "data": [search["data"]["name"]]}
