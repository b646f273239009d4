"""Every benchmark that fits this machine, into one dated file, and README's table from it.

python -m benchmarks.run                 all (about 10 minutes on 2 cores)
python -m benchmarks.run --only packing  one of them; the others are kept from the newest file
python -m benchmarks.run --slow          also ResNet-18, searches, the default study (30 more)
python -m benchmarks.run --table         README's table anew from the newest file
"""

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.table import table
from cal.allocator import keep_freed_memory

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
MARKS = ("<!-- bench -->", "<!-- /bench -->")
Results = dict[str, Any]


def packing() -> Results:
    """Packs against the bare loop."""
    from benchmarks.packing import measure

    return {name: measure(name) for name in ("hw20", "keypad")}


def overhead() -> Results:
    """CAL over joint training, alone and packed."""
    from benchmarks.overhead import measure

    return {f"tiny MLP, R={r}": measure(replicas=r) for r in (1, 8, 24)}


def resnet18() -> Results:
    """CAL over joint training, two ResNet-18."""
    from benchmarks.overhead import measure

    return {"two ResNet-18": measure("resnet18", rounds=3)}


def memory() -> Results:
    """Memory of packs, measured and predicted."""
    from benchmarks.memory import measure

    return {name: measure(name) for name in ("hw20", "keypad")}


def cores() -> Results:
    """Packs with every core at work beside them."""
    from benchmarks.cores import measure

    return {name: measure(name) for name in ("hw20", "keypad")}


def default() -> Results:
    """The default study, and what of it is neither training nor evaluation."""
    from benchmarks.default_study import measure

    return {"default": measure()}


def study() -> Results:
    """A study against raw Ray Tune."""
    from benchmarks.raw_tune import measure

    return measure()


def raw_search() -> Results:
    """A search against raw Ray Tune with OptunaSearch."""
    from benchmarks.raw_search import measure

    return measure()


def search_overhead() -> Results:
    """The driver's time for each trial as a search grows."""
    from benchmarks.search_overhead import measure

    return measure()


def regret() -> Results:
    """Searches on tables, from the courses that are kept (``benchmarks.regret`` makes them)."""
    from benchmarks.regret import measure

    return measure()


def tmc() -> Results:
    """TMC on Handwritten beside its published accuracy."""
    from benchmarks.tmc import measure

    return measure()


def gpu() -> Results:
    """Packs against one run at a time on a GPU."""
    from benchmarks.packing import measure

    return {name: measure(name, device="cuda") for name in ("hw20", "keypad")}


def gpu_memory() -> Results:
    """Memory of packs on a GPU, measured and predicted."""
    from benchmarks.memory import measure

    return {name: measure(name, device="cuda") for name in ("hw20", "keypad")}


def gpu_resnet18() -> Results:
    """CAL over joint training, two ResNet-18 on a GPU."""
    from benchmarks.overhead import measure

    return {"two ResNet-18, on a GPU": measure("resnet18", device="cuda", rounds=5)}


def gpu_images() -> Results:
    """Images a second of two ResNet-18 on a GPU beside a bare PyTorch loop."""
    from benchmarks.images import measure

    return measure(device="cuda", rounds=5)


BENCHMARKS: dict[str, Callable[[], Results]] = {
    "packing": packing,
    "overhead": overhead,
    "memory": memory,
    "cores": cores,
    "study": study,
    "search": raw_search,
    "search-overhead": search_overhead,
    "regret": regret,
    "tmc": tmc,
    "default": default,
    "resnet18": resnet18,
    "gpu": gpu,
    "gpu-memory": gpu_memory,
    "gpu-resnet18": gpu_resnet18,
    "gpu-images": gpu_images,
}


SLOW = ("resnet18", "tmc", "default", "search", "search-overhead")


def left_out(name: str, *, slow: bool) -> str | None:
    """Why a benchmark does not fit; None where it does."""
    if name.startswith("gpu") and not torch.cuda.is_available():
        return "no GPU"
    if name == "regret" and not any((RESULTS / "regret").glob("*.json")):
        return "no courses are kept: python -m benchmarks.regret --run all"
    if name in SLOW and not slow:
        return "takes minutes: --slow"
    if name in ("study", "search", "cores") and (os.cpu_count() or 1) < 2:
        return "needs 2 cores"
    return None


def machine() -> str:
    """Cores and processor, without the host's name."""
    found = re.search(r"model name\s*:\s*(.+)", _text(Path("/proc/cpuinfo")))
    processor = found[1] if found else platform.machine()
    words = re.sub(r"[^a-z0-9]+", "-", f"{os.cpu_count()}-cores-{processor}".lower())
    return words.strip("-")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def where() -> dict[str, object]:
    """What the figures depend on."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    libraries = ("torch", "ray", "mlflow", "numpy")
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in libraries},
        "commit": commit,
    }


def newest() -> Results:
    """The newest file of this machine; empty if there is none."""
    files = sorted(RESULTS.glob(f"*-{machine()}.json"))
    return dict(json.loads(_text(files[-1]))) if files else {}


def rewritten(readme: str, lines: str) -> str:
    """README with the table between its marks."""
    start, end = (readme.index(mark) for mark in MARKS)
    return f"{readme[: start + len(MARKS[0])]}\n{lines}\n{readme[end:]}"


def save(found: Results) -> None:
    """Today's file of this machine."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{where()['date']}-{machine()}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--only", choices=tuple(BENCHMARKS), help="one benchmark")
    p.add_argument("--slow", action="store_true", help="also those that take minutes")
    p.add_argument("--table", action="store_true", help="measure nothing")
    options = p.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    found = newest()
    names = [] if options.table else [options.only] if options.only else list(BENCHMARKS)
    for name in names:
        reason = left_out(name, slow=options.slow or options.only is not None)
        print(f"{name}: {reason or 'measuring'}", flush=True)
        if reason is None:
            found[name] = BENCHMARKS[name]() | {"where": where()}
            save(found)
    lines = table(found)
    README.write_text(rewritten(_text(README), lines), encoding="utf-8")
    print(lines)


if __name__ == "__main__":
    main()
