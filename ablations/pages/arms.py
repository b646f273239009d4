"""Tables of arms: means, differences to the references, noise groups, sweeps, failures. Pure."""

from collections.abc import Mapping
from typing import Any

from ablations.conditions import CONDITIONS
from ablations.wording import MINUS, PLUS_MINUS, noise_title, share
from evidence.charts.spec import find
from evidence.pages.table import (
    Cell,
    Column,
    Table,
    left,
    measured,
    of_effect,
    of_sample,
    right,
    table,
)

Tree = Mapping[str, Any]
MEANS = (
    ("clean, %", ("clean",), 100),
    ("robust, %", ("robust",), 100),
    ("drop, points", ("drop",), 100),
    ("macro-F1, %", ("macro_f1", "clean"), 100),
    ("nll, nats", ("calibration", "nll"), 1),
    ("ECE", ("calibration", "ece"), 1),
)


def means(summary: Tree, name: str) -> Table | None:
    """Every arm of a regime: switches, accuracies, calibration, runs."""
    regime = summary["regimes"][name]
    used = [m for m in MEANS if measured(regime, *m[1])]
    rows = []
    for arm in summary["arms"]:
        variant = regime["variants"][arm]
        row = [Cell(arm, hover="" if variant["title"] == arm else variant["title"])]
        row += [_switch(variant, factor) for factor in summary["factors"]]
        for _, keys, scale in used:
            sample = find(variant, *keys)
            row.append(
                of_sample(variant, sample, key=f"{name}|{arm}", seeds=regime["seeds"], scale=scale)
            )
        rows.append([*row, _runs(variant)])
    columns = left("arm") + [Column(factor, "middle") for factor in summary["factors"]]
    columns += right(*(title for title, _, _ in used), "runs")
    same = duplicates(summary, name)
    note = f"Mean {PLUS_MINUS} standard deviation over seeds; nll, ECE and macro-F1 on clean data."
    if same:
        note += f" The same computation under several names, run once: {same}."
    return table(f"means-{name}", f"{name}: means of every arm", columns, rows, note=note)


def _switch(variant: Tree, factor: str) -> Cell:
    on = variant["switches"].get(factor)
    return Cell("") if on is None else Cell("on" if on else "off", "on" if on else "off")


def _runs(variant: Tree) -> Cell:
    runs = variant["runs"]
    lost = runs["failed"] + runs["unfinished"]
    text = str(runs["finished"]) + (f" of {runs['finished'] + lost}" if lost else "")
    return Cell(text, "hurts" if lost else "off")


def duplicates(summary: Tree, name: str) -> str:
    """``none = joint; a = b = c``, in the order of the arms."""
    seen: set[str] = set()
    parts = []
    for arm in summary["arms"]:
        others = summary["regimes"][name]["variants"][arm]["same_runs_as"]
        if others and arm not in seen:
            parts.append(" = ".join((arm, *others)))
            seen.update(others)
    return "; ".join(parts)


def differences(summary: Tree, name: str) -> Table | None:
    """Every arm minus each of the references."""
    regime, references = summary["regimes"][name], summary["references"]
    rows = []
    for arm in summary["arms"]:
        row = [Cell(arm)]
        for reference in references:
            for place in CONDITIONS:
                effect = regime["variants"][arm][place]["versus"].get(reference)
                key = f"{name}|{arm}|{reference}|{place}"
                seeds = regime["seeds"]
                row.append(
                    Cell("itself", "none")
                    if reference == arm
                    else of_effect(effect, key=key, seeds=seeds)
                )
        rows.append(row)
    titles = [f"{MINUS} {reference}, {place}" for reference in references for place in CONDITIONS]
    note = (
        f"Arm minus reference, points of accuracy, {100 * summary['level']:g} % interval, not "
        "corrected."
    )
    if "joint-probe" in references:
        note += (
            " CAL has the probe's labels beside those of training; joint-probe is joint training "
            "that learns from them as well, so it stands next to every claim over joint."
        )
    return table(
        f"differences-{name}",
        f"{name}: paired differences",
        [*left("arm"), *right(*titles)],
        rows if references else [],
        note=note,
    )


def noise(summary: Tree, name: str) -> Table | None:
    """Accuracy of every arm in each noise group."""
    regime = summary["regimes"][name]
    groups = list(dict.fromkeys(g for v in regime["variants"].values() for g in v["noise"]))
    rows = []
    for arm in summary["arms"]:
        variant = regime["variants"][arm]
        cells = [
            of_sample(variant, variant["noise"].get(g), key=f"{name}|{arm}", seeds=regime["seeds"])
            for g in groups
        ]
        rows.append([Cell(arm), *cells])
    return table(
        f"noise-{name}",
        f"{name}: accuracy under each kind of noise",
        [*left("arm"), *right(*(noise_title(g) for g in groups))],
        rows if groups else [],
        note=f"Percent, mean {PLUS_MINUS} standard deviation over seeds. Each column is the mean "
        "over its conditions; runs.csv has them one by one.",
    )


def sweeps(summary: Tree) -> Table | None:
    """Every level of every sweep with its difference to the sweep's reference."""
    rows: list[list[Cell]] = []
    for name in summary["regime_order"]:
        regime = summary["regimes"][name]
        for sweep in regime.get("sweeps") or ():
            rows.append([Cell(f"{name}, {sweep['name']} (reference {sweep['reference']})")])
            for entry in sweep["levels"]:
                row = [Cell(f"{sweep['name']} = {entry['level']}")]
                for place in CONDITIONS:
                    key = f"{name}|{entry['arm']}"
                    row.append(of_sample({}, entry[place], key=key, seeds=regime["seeds"]))
                    if entry["arm"] == sweep["reference"]:
                        row.append(Cell("itself", "none"))
                    else:
                        versus = find(entry, "versus", place)
                        row.append(of_effect(versus, key=key, seeds=regime["seeds"]))
                rows.append(row)
    columns = [*left("level"), *right("clean, %", "difference", "robust, %", "difference")]
    return table("sweeps", "Sweeps", columns, rows, note="Exploratory, not corrected.")


def failed_share(summary: Tree) -> Table | None:
    """The share of runs that failed, per arm; None where none did."""
    broken = [
        arm
        for arm in summary["arms"]
        if any(_lost(summary["regimes"][n]["variants"][arm]) for n in summary["regime_order"])
    ]
    rows = []
    for arm in broken:
        row = [Cell(arm)]
        for name in summary["regime_order"]:
            runs = summary["regimes"][name]["variants"][arm]["runs"]
            total = runs["finished"] + runs["failed"] + runs["unfinished"]
            text = f"{runs['failed']} of {total}"
            text += f" ({share(runs['failed'] / total)})" if total else ""
            row.append(Cell(text, "hurts" if runs["failed"] else "off"))
        rows.append(row)
    columns = [*left("arm"), *right(*summary["regime_order"])]
    return table("failed-share", "Share of failed runs per arm", columns, rows)


def _lost(variant: Tree) -> int:
    return int(variant["runs"]["failed"] + variant["runs"]["unfinished"])


def failed(summary: Tree) -> Table | None:
    """Every distinct run that failed or did not finish, with its error."""
    rows = [
        [
            Cell(run["hash"][:12], "code", run["hash"]),
            Cell(run["regime"]),
            Cell(", ".join(run["arms"])),
            Cell(str(run["seed"])),
            Cell(run["status"].lower()),
            Cell(run["error"] or ""),
        ]
        for run in [*summary["failed"], *summary["unfinished"]]
    ]
    columns = [*left("run", "regime", "arms"), Column("seed"), *left("state")]
    columns.append(Column("error", "left", wide=True))
    return table("failed", "Runs that failed or did not finish", columns, rows)


def timings(summary: Tree) -> Table | None:
    """Milliseconds a step and seconds a run of every arm."""
    rows = []
    names = summary["regime_order"]
    for arm in summary["arms"]:
        row = [Cell(arm)]
        for name in names:
            found = find(summary, "provenance", "timings", name, arm) or {}
            for key, digits in (("step_ms", 2), ("train_s", 1)):
                mean = find(found, key, "mean")
                row.append(Cell("" if mean is None else f"{mean:.{digits}f}"))
        rows.append(row)
    titles = [t for name in names for t in (f"{name}, ms a step", "s a run")]
    return table("timings", "Time of each arm", [*left("arm"), *right(*titles)], rows)


def interruptions(summary: Tree) -> Table | None:
    """How often runs of each arm were interrupted, and what was trained again; None if never."""
    rows: list[list[Cell]] = []
    for name in summary["regime_order"]:
        found = find(summary, "provenance", "interruptions", name) or {}
        rows += [[Cell(name)]] if found else []
        for arm, entry in found.items():
            counts = [str(entry[key]) for key in ("runs", "resumed", "preempted")]
            rows.append([Cell(arm), *map(Cell, counts), Cell(f"{entry['lost_s']:.1f}")])
    titles = ("runs interrupted", "times resumed", "of these preempted", "trained again, s")
    return table(
        "interruptions",
        "Interruptions of each arm",
        [*left("arm"), *right(*titles)],
        rows,
        note="Preempted: the node was lost, which is no failure. Seconds of training done again, "
        "each run's share of its pack, at least: an earlier driver's last seconds are not known. "
        "Results are the same as without.",
    )
