"""Makes the environment from requirements.lock. Standard library only; every problem is one line.

python bootstrap.py .venv      make it, or do nothing if it is up to date
python bootstrap.py --lock     write requirements.lock anew (run by the environment's Python)
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NoReturn, TextIO

ROOT = Path(__file__).resolve().parent
LOCK, PROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
SPACE_GB = 8
STAMP = "cal-lab.stamp"
LINUX_ONLY = ("nvidia-", "triton", "cuda-")  # what torch brings on Linux and nowhere else
NO_NETWORK = ("NewConnectionError", "Temporary failure in name resolution", "Retrying (Retry(")
NO_WHEEL = ("No matching distribution found", "Could not find a version", "is not a supported")


def digests(folder: Path) -> list[str]:
    """Two lines: of what the packages are made from, and of this package's own file.

    The folder counts because an environment that was moved no longer finds this package.
    """
    place = f"{sys.version_info[:2]} {folder}\n".encode()
    contents = place + LOCK.read_bytes(), PROJECT.read_bytes()
    return [hashlib.sha256(content).hexdigest() for content in contents]


def stop(message: str, code: int = 2) -> NoReturn:
    """One line on standard error, then the end."""
    print(message, file=sys.stderr)
    raise SystemExit(code)


def check(folder: Path) -> None:
    """What a machine may lack. Nothing in the lock needs a compiler: only wheels are installed."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        given = sys.version.split()[0]
        stop(f"Python {given} given, 3.11 to 3.13 allowed: make PYTHON=/path/to/python3.12")
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        stop("this Python has no venv or ensurepip: install it (Debian: apt install python3-venv)")
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    if free < SPACE_GB * 1e9:
        free += sum(p.lstat().st_size for p in folder.rglob("*"))  # is cleared first
    if free < SPACE_GB * 1e9:
        stop(f"{folder.parent} has {free / 1e9:.1f} GB free, {SPACE_GB} GB needed: free some space")


def install(folder: Path, *, only_this_package: bool) -> None:
    """A fresh environment with the locked versions, then this package in place (editable)."""
    log = folder.with_name(f"{folder.name}-install.log")
    stamp = folder / STAMP
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    steps = [[*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)]]
    if not only_this_package:
        check(folder)
        print(f"installing the locked environment into {folder}: 3 to 10 minutes, once", flush=True)
        # Run by the environment's own Python, the new one must not be made from the old.
        python = getattr(sys, "_base_executable", None) or sys.executable
        wheels = ["--only-binary", ":all:", "--progress-bar", "off", "-r", str(LOCK)]
        steps = [[python, "-m", "venv", "--clear", str(folder)], [*pip, *wheels], *steps]
    stamp.unlink(missing_ok=True)
    with log.open("w", encoding="utf-8") as out:
        for step in steps:
            if not follow(step, out):
                stop(f"{cause(log.read_text(encoding='utf-8'))}; details: {log}")
    log.unlink()
    stamp.write_text("\n".join(digests(folder)), encoding="utf-8")


def follow(command: list[str], log: TextIO) -> bool:
    """Run a command, its output to the log and one changing line to the terminal."""
    terminal = sys.stdout.isatty()
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            log.write(line)
            log.flush()
            words = line.split()
            if terminal and words and words[0] in ("Collecting", "Downloading", "Installing"):
                print(f"\r\033[K  {' '.join(words[:2])[:70]}", end="", flush=True)
    if terminal:
        print("\r\033[K", end="", flush=True)
    return process.returncode == 0


def cause(log: str) -> str:
    """What went wrong and what to do, from the installer's output."""
    if "No space left on device" in log:
        return f"the disk is full: free {SPACE_GB} GB here and in the temporary folder (TMPDIR)"
    if any(sign in log for sign in NO_NETWORK):
        return "no network: pip could not reach its package index; connect and give it again"
    if any(sign in log for sign in NO_WHEEL):
        version = "{}.{}".format(*sys.version_info)
        return f"a locked version has no wheel for this machine: try another Python than {version}"
    return "the installation failed"


def lock() -> str:
    """``name==version`` a line: all that pyproject.toml needs, as it is installed here."""
    found = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    wanted = needed({})
    lines = ["# Exact versions of the whole environment; `make lock` writes this file."]
    for name, version in sorted(found.items(), key=lambda item: item[0].lower()):
        if plain(name) in wanted:
            marker = ' ; sys_platform == "linux"' if plain(name).startswith(LINUX_ONLY) else ""
            lines.append(f"{name}=={version.split('+')[0]}{marker}")
    return "\n".join(lines) + "\n"


def needed(machine: dict[str, str]) -> dict[str, str]:
    """Every package that this one needs, tests included, with who needs it and which versions.

    machine: environment markers of another Python or platform, {} for this one.
    """
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    tests = project["project"]["optional-dependencies"]["test"]
    texts = project["build-system"]["requires"] + project["project"]["dependencies"] + tests
    waiting = [("pyproject.toml", Requirement(text)) for text in texts]
    why: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while waiting:
        who, requirement = waiting.pop()
        name = plain(requirement.name)
        why[name] = f"{why.get(name, '')}{who}: {requirement}\n"
        for extra in {"", *requirement.extras} - {e for n, e in seen if n == name}:
            seen.add((name, extra))
            for text in metadata.requires(name) or ():
                further = Requirement(text)
                if not further.marker or further.marker.evaluate({**machine, "extra": extra}):
                    waiting.append((name, further))
    return why


def plain(name: str) -> str:
    """A package's name as indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def main() -> None:
    """See the module's text."""
    if sys.argv[1:] == ["--lock"]:
        new = LOCK.with_suffix(".new")
        new.write_text(lock(), encoding="utf-8")
        new.replace(LOCK)
        return
    folder = Path(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".venv"))
    stamp = folder / STAMP
    made = stamp.read_text(encoding="utf-8").split() if stamp.is_file() else []
    if made != digests(folder):
        install(folder, only_this_package=made[:1] == digests(folder)[:1])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("interrupted: give the command again", 130)
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
