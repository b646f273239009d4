"""README's table of measured ratios, from one results file. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

Results = Mapping[str, Any]
NETWORKS = {"hw20": "six-view MLP (hw20)", "keypad": "audio-visual CNN (keypad)"}


def table(results: Results) -> str:
    """Markdown; what was not measured has no row."""
    parts = (
        _packing,
        _cores,
        _study,
        _search,
        _search_overhead,
        _regret,
        _tmc,
        _default,
        _overhead,
        _images,
        _memory,
    )
    rows = [row for part in parts for row in part(results)]
    head = ["| what | measured | |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows), "", _where(results)])


def _packing(results: Results) -> Iterator[tuple[str, str, str]]:
    rivals = (("packing", "the bare loop", "cpu"), ("gpu", "one run at a time, on a GPU", "wall"))
    for key, rival, clock in rivals:
        for name, found in results.get(key, {}).items():
            if name not in NETWORKS:
                continue
            times = found["times"]
            slow = "bare" if "bare" in times else "R=1"
            for size, ratio in found["ratio"].items():
                digits = 2 if clock == "cpu" else 3
                before, after = (times[which][f"{clock}_ms"] for which in (slow, size))
                ms = f"{before:.2f} -> {after:.{digits}f} ms a step and run"
                what = f"{NETWORKS[name]}, full CAL, {size}, against {rival}"
                yield what, f"{ratio[clock]:.2f} x", ms


def _cores(results: Results) -> Iterator[tuple[str, str, str]]:
    for name, found in results.get("cores", {}).items():
        if name not in NETWORKS:
            continue
        for size, ms in found.items():
            what = f"{NETWORKS[name]}, full CAL, {size}, every core at work"
            yield what, f"{ms['every_core_ms']:.2f} ms", f"alone {ms['alone_ms']:.2f} ms"


def _default(results: Results) -> Iterator[tuple[str, str, str]]:
    found = results.get("default", {}).get("default")
    if found is None:
        return
    minutes, seconds = divmod(round(found["wall_s"]), 60)
    looked = found["evaluate_s"] / found["train_s"]
    yield (
        f"default study, {found['runs']} runs, new store, from the shell to the report",
        f"{minutes} min {seconds:02d} s",
        f"{found['overhead']:.0%} neither steps nor evaluation; evaluation {looked:.2f} of steps",
    )


def _study(results: Results) -> Iterator[tuple[str, str, str]]:
    found = results.get("study")
    if found is None:
        return
    seconds = found["seconds_a_run"]
    for name, ratio in found["ratio"].items():
        what = f"hw20 study with MLflow and report, against raw Ray Tune with {name}"
        yield what, f"{ratio:.1f} x", f"{seconds[name]:.2f} -> {seconds['ours']:.2f} s a run"


def _search(results: Results) -> Iterator[tuple[str, str, str]]:
    for seeds, found in results.get("search", {}).items():
        if "ratio" not in found:
            continue
        seconds = found["seconds_a_trial"]
        for name, ratio in found["ratio"].items():
            what = f"hw20 search of {found['trials']} trials, seeds {seeds}, with confirmation and "
            what += f"report, against raw Ray Tune with OptunaSearch and {name}"
            times = f"{seconds[name]:.2f} -> {seconds['ours']:.2f} s a trial"
            yield what, f"{ratio:.1f} x", f"{times}; {found['studies_an_hour']:.1f} an hour"


def _search_overhead(results: Results) -> Iterator[tuple[str, str, str]]:
    times = results.get("search-overhead", {}).get("ms_a_trial", {})
    first = next(iter(times.values()), None)
    for size, ms in times.items():
        yield f"driver of a search, {size} trials", f"{ms:.1f} ms a trial", f"{ms / first:.2f} x"


def _regret(results: Results) -> Iterator[tuple[str, str, str]]:
    """Shares of the epochs of 64 random trainings, until what is recommended is as good as what
    random search recommends after them, and as their best, which it does not know; beside it what
    the recommendation lacks to the best of the table. Our search without parts of it: in the file.
    """
    for key, found in results.get("regret", {}).items():
        factor, unit = (100, "points") if key.endswith("accuracy") else (1000, "millinats")
        for name, figures in found.get("contestants", {}).items():
            if name.startswith("ours,"):
                continue
            words, most = [], figures["budget"] / 64  # of random's epochs that were looked at
            for target in ("pick", "best"):
                reached = figures["reached"][target]
                found_at, low, high = (
                    _share(share, most) for share in (reached["share"], *reached["interval"])
                )
                words.append(f"{target} {found_at} ({low} to {high})")
            regret = figures["regret"]
            lacks = " / ".join(f"{factor * r['median']:.2f}" for r in regret.values())
            trainings = " / ".join(regret)
            what = f"search on {key}, {name}: epochs to random-64's pick and best, share of its own"
            yield (
                what,
                "; ".join(words),
                f"median regret after {trainings} trainings: {lacks} {unit}",
            )


def _tmc(results: Results) -> Iterator[tuple[str, str, str]]:
    found = results.get("tmc")
    if found is not None:
        mean, half = (100 * found[key] for key in ("mean", "half_width"))
        what = f"TMC on Handwritten, {found['samples']} labels, {len(found['accuracy'])} seeds"
        what += " on the report part"
        yield what, f"{mean:.2f} +- {half:.2f} %", "published 98.51 +- 0.15 %, run again 98.25 %"
        for scaling, over in found.get("splits", {}).items():
            mean, half, sd = (100 * over[key] for key in ("mean", "half_width", "sd"))
            what = f"TMC on {len(over['accuracy'])} cuts 1600/400, inputs {scaling}"
            yield what, f"{mean:.2f} +- {half:.2f} %", f"one cut differs by {sd:.2f} (sd)"


def _share(value: float | None, most: float) -> str:
    return f"over {most:.2f}" if value is None else f"{value:.2f}"


def _overhead(results: Results) -> Iterator[tuple[str, str, str]]:
    for key, clock in (("overhead", "cpu"), ("resnet18", "cpu"), ("gpu-resnet18", "wall")):
        for name, found in results.get(key, {}).items():
            if "ratio" in found:
                times = (found["times"][method][f"{clock}_ms"] for method in ("joint", "cal"))
                ms = "{:.2f} -> {:.2f} ms".format(*times)
                yield f"CAL over joint training, {name}", f"{found['ratio'][clock]:.2f}", ms


def _images(results: Results) -> Iterator[tuple[str, str, str]]:
    for precision, found in results.get("gpu-images", {}).items():
        if "over_bare" in found:
            speed = {name: f"{value:,.0f}" for name, value in found["images_per_s"].items()}
            for name, what in (("joint", "joint training"), ("cal", "CAL")):
                yield (
                    f"{what} over a bare PyTorch loop, two ResNet-18 on a GPU, {precision}",
                    f"{found['over_bare'][name]:.2f}",
                    f"{speed['bare']} -> {speed[name]} images/s",
                )


def _memory(results: Results) -> Iterator[tuple[str, str, str]]:
    for key, what in (("memory", "memory"), ("gpu-memory", "memory of a GPU")):
        for name, found in results.get(key, {}).items():
            if name not in NETWORKS:
                continue
            for size, mib in found.items():
                guess = f"predicted {mib['predicted_mib']:.0f} MiB"
                yield f"{what}, {NETWORKS[name]}, {size}", f"{mib['measured_mib']:.0f} MiB", guess


def _where(results: Results) -> str:
    found = [part["where"] for part in results.values() if "where" in part]
    if not found:
        return "Nothing was measured yet."
    last = max(found, key=lambda where: str(where["date"]))
    versions = ", ".join(f"{name} {number}" for name, number in last["versions"].items())
    commits = ", ".join(sorted({str(where["commit"]) for where in found}))
    return f"{last['date']}, {last['machine']}; {versions}; commit {commits}."
