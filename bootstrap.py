"""Makes the environment from requirements.lock. Standard library only; every problem is one line.

python bootstrap.py .venv      make it, or do nothing if it is up to date
python bootstrap.py --lock     print a lock of the running environment
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SPACE_GB = 8
STAMP = "cal-lab.stamp"
LINUX_ONLY = ("nvidia-", "triton", "cuda-")  # what torch brings on Linux x86_64 and nowhere else


def digest() -> str:
    """What the environment is made from, and by which Python."""
    content = sys.version.encode()
    for name in ("requirements.lock", "pyproject.toml"):
        content += (ROOT / name).read_bytes()
    return hashlib.sha256(content).hexdigest()


def stop(message: str) -> None:
    """One line, exit code 2."""
    print(message, file=sys.stderr)
    raise SystemExit(2)


def check(folder: Path) -> None:
    """What a machine may lack. Nothing in the lock needs a compiler: only wheels are installed."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        stop(
            f"Python {sys.version.split()[0]} given, 3.11 to 3.13 allowed: make PYTHON=/path/to/it"
        )
    if importlib.util.find_spec("ensurepip") is None:
        stop("this Python has no ensurepip: install its venv package (Debian: python3-venv)")
    free = shutil.disk_usage(folder.parent).free / 1e9
    if free < SPACE_GB and not folder.exists():
        stop(f"{free:.1f} GB free in {folder.parent}, {SPACE_GB} GB needed: free some space")


def install(folder: Path) -> None:
    """A fresh environment with the locked versions, then this package in place (editable)."""
    check(folder)
    stamp = folder / STAMP
    stamp.unlink(missing_ok=True)
    print(f"installing the locked environment into {folder} (3 to 10 minutes, once)", flush=True)
    log = folder.parent / f"{folder.name}-install.log"
    own = folder / "bin" / "python"
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(own), "-m", "pip", "install", "--only-binary", ":all:", "--progress-bar", "off"]
        + ["-r", str(ROOT / "requirements.lock")],
        [str(own), "-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    ]
    with log.open("w", encoding="utf-8") as out:
        for step in steps:
            if not follow(step, out):
                stop(f"the installation failed (no network, or a package without a wheel?): {log}")
    log.unlink()
    stamp.write_text(digest(), encoding="utf-8")


def follow(command: "list[str]", log) -> bool:  # noqa: ANN001  a text stream
    """Run a command, its output to the log and one changing line to the terminal."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    terminal = sys.stdout.isatty()
    for line in process.stdout or ():
        log.write(line)
        log.flush()
        words = line.split()
        if terminal and words and words[0] in ("Collecting", "Downloading", "Installing"):
            print(f"\r\033[K  {' '.join(words[:2])[:70]}", end="", flush=True)
    if terminal:
        print("\r\033[K", end="", flush=True)
    return process.wait() == 0


def lock() -> str:
    """``name==version`` a line of everything installed but this package and the installer."""
    found = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    skipped = ("pip", "wheel", "cal-lab")
    lines = ["# Exact versions of the whole environment; `make lock` writes this file."]
    for name, version in sorted(found.items(), key=lambda item: item[0].lower()):
        if name.lower() in skipped:
            continue
        linux = name.lower().startswith(LINUX_ONLY)
        marker = ' ; sys_platform == "linux" and platform_machine == "x86_64"' if linux else ""
        lines.append(f"{name}=={version.split('+')[0]}{marker}")
    return "\n".join(lines)


def main() -> None:
    """See the module's text."""
    if sys.argv[1:] == ["--lock"]:
        print(lock())
        return
    folder = Path(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".venv"))
    stamp = folder / STAMP
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != digest():
        install(folder)


if __name__ == "__main__":
    main()
