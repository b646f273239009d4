"""Regret: how many epochs a search takes to what random search finds in 64 full trainings.

    python -m benchmarks.regret --run random "Optuna TPE" --table hw20    contestants, by name
    python -m benchmarks.regret --run all                                 all that are installed
    python -m benchmarks.regret                                           figures of what has run

Searches look runs up in the tables of benchmarks/results/regret (``benchmarks.regret_table``), so a
repetition costs what the searcher thinks. Courses are kept there, one file for each contestant;
Syne Tune's are made in an environment of its own (``benchmarks.regret_syne``).

Settled after results had been seen, so figures of ``ours`` are a little too good: the rungs of
early stopping (search_spaces/stopping.py), and that a search has each point once (before, a sampler
that had converged was given the same point again and again, ours with TPE most of all). ``keypad``
is the space with d_z 16 or 32 alone, of which 395 points were complete. nll was run before these
changes only, where ours reached neither target.
"""

import argparse
import datetime
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.regret_course import Contestant, Course
from benchmarks.regret_lookup import Table, read_table
from benchmarks.regret_points import drawn
from benchmarks.regret_summary import RANDOM, Setting, agreement, summary, targets

FOLDER = Path(__file__).resolve().parent / "results" / "regret"
REPETITIONS = 50
CELLS = 4096  # random configurations whose nearest points stand for all
DRAWS = 4000
SHARES = (1.0, 0.5, 0.1)  # of the points, the best by one seed, on which others may agree
LIBRARIES = ("optuna", "syne-tune", "numpy")


def contestants() -> dict[str, Contestant]:
    """By name, of what is installed."""
    found: dict[str, Contestant] = {}
    if find_spec("optuna"):
        from benchmarks import regret_contestants, regret_ours

        found |= regret_contestants.CONTESTANTS | regret_ours.CONTESTANTS
    if find_spec("syne_tune"):
        from benchmarks import regret_syne

        found |= regret_syne.CONTESTANTS
    return found


def raced(
    table: Table, contestant: Contestant, *, repetitions: int, budget: int, name: str
) -> dict[str, Any]:
    """The courses of one contestant, as kept; ``budget``: full trainings."""
    begin, courses = time.process_time(), []
    for number in range(repetitions):
        course = Course(table, budget * table.epochs)
        contestant(course, number)
        courses.append([list(pick) for pick in course.picks if pick[0] <= course.budget])
        if number % 10 == 9:
            print(f"{name}: {number + 1} of {repetitions}", flush=True)
    return {
        "contestant": name,
        "date": datetime.date.today().isoformat(),
        "versions": dict(_versions()),
        "budget": budget,
        "seconds_a_search": round((time.process_time() - begin) / repetitions, 2),
        "courses": courses,
    }


def _versions() -> Iterator[tuple[str, str]]:
    for library in LIBRARIES:
        try:
            yield library, version(library)
        except PackageNotFoundError:
            continue


@cache
def setting_of(path: Path, objective: str, *, cells: int = CELLS) -> Setting:
    """What random search finds on a table, and what its points are worth."""
    table = read_table(path, objective=objective)
    draw = np.random.default_rng(0)
    random = [drawn(table.dimensions, table.base, draw) for _ in range(cells)]
    near = [table.by_distance(values)[:RANDOM].tolist() for values in random]
    found = targets(near, table.true, table.ends[:, 0], draws=DRAWS)
    return Setting(table.true, found, table.epochs, table.validated[0])


def kept_at(table: str, objective: str, contestant: str, folder: Path) -> Path:
    """Where a contestant's courses are."""
    words = contestant.lower().replace(",", "").replace(" ", "-")
    return folder / f"{table}-{objective}-{words}.json"


def measure(folder: Path = FOLDER, *, cells: int = CELLS) -> dict[str, Any]:
    """Figures of all courses that are kept, by table and objective, then by contestant."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        table, objective, _ = path.stem.split("-", 2)
        where = folder / f"{table}.json.xz"
        setting = setting_of(where, objective, cells=cells)
        kept = json.loads(path.read_text(encoding="utf-8"))
        one = found.setdefault(f"{table}, {objective}", {"targets": dict(setting.targets)})
        ends = read_table(where, objective=objective).ends
        if ends.shape[1] > 2:
            one["agreement"] = {str(share): agreement(ends, share) for share in SHARES}
        one |= {"best": float(setting.true.max()), "full": setting.epochs}
        figures = summary(kept["courses"], replace(setting, budget=kept["budget"]))
        about = {key: kept[key] for key in ("budget", "versions", "date", "seconds_a_search")}
        one.setdefault("contestants", {})[kept["contestant"]] = figures | about
    return found


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--run", nargs="+", default=[], metavar="NAME", help="contestants, or all")
    p.add_argument("--table", nargs="+", default=["hw20", "keypad"])
    p.add_argument("--objective", choices=("accuracy", "nll"), default="accuracy")
    p.add_argument("--repetitions", type=int, default=REPETITIONS)
    p.add_argument("--budget", type=int, default=RANDOM, help="full trainings")
    p.add_argument("--folder", type=Path, default=FOLDER, help="of tables and courses")
    options = p.parse_args()
    there = contestants() if options.run else {}
    names = list(there) if options.run == ["all"] else options.run
    for table_name in options.table if names else []:
        table = read_table(options.folder / f"{table_name}.json.xz", objective=options.objective)
        for name in names:
            how = {"repetitions": options.repetitions, "budget": options.budget}
            found = raced(table, there[name], name=name, **how)
            path = kept_at(table_name, options.objective, name, options.folder)
            path.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    print(json.dumps(measure(options.folder), indent=1))


if __name__ == "__main__":
    main()
