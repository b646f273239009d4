"""The environment's stamp: made once, made anew when the lock changes, never left half made.

Real: make, bootstrap.py, venv and pip on a tiny project without dependencies, without network.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TextIO

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Its build backend is its own: an environment from an empty lock holds pip at most.
PROJECT = """
[project]
name = "tiny"
version = "1"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    files = {
        "tiny.py": "",
        "tiny-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n",
        "tiny-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: us\\n"
        "Root-Is-Purelib: true\\nTag: py3-none-any\\n",
        "tiny-1.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(f"{folder}/tiny-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "tiny-1-py3-none-any.whl"
"""
VENV, LOCKED, EDITABLE = "venv", "lock", "this package"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A tiny project with our Makefile and bootstrap.py, which asks for no disk space."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    text = (ROOT / "bootstrap.py").read_text(encoding="utf-8")
    assert "\nSPACE_GB = 8\n" in text
    text = text.replace("\nSPACE_GB = 8\n", "\nSPACE_GB = 0\n")
    (folder / "bootstrap.py").write_text(text, encoding="utf-8")
    (folder / "backend.py").write_text(BACKEND, encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "requirements.lock").touch()
    return folder


def load(folder: Path) -> ModuleType:
    """The folder's bootstrap.py as a module."""
    spec = importlib.util.spec_from_file_location("bootstrap_copy", folder / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Installer:
    """Stands for venv and pip: notes each step, and fails or is interrupted where told."""

    def __init__(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project, self.patch = project, monkeypatch
        self.steps: list[str] = []
        self.happens: dict[str, Callable[[TextIO], bool]] = {}
        self.bootstrap = load(project)
        monkeypatch.setattr(self.bootstrap, "follow", self.follow)

    @property
    def stamp(self) -> Path:
        return self.project / ".venv" / self.bootstrap.STAMP

    def follow(self, command: list[str], log: TextIO) -> bool:
        """In the place of ``bootstrap.follow``."""
        step = VENV if VENV in command else EDITABLE if "-e" in command else LOCKED
        assert not self.stamp.exists(), "a stamp while the environment is half made"
        self.steps.append(step)
        if step == VENV:
            (self.project / ".venv").mkdir(exist_ok=True)
        return self.happens.pop(step, lambda log: True)(log)

    def run(self) -> list[str]:
        """What ``python bootstrap.py .venv`` does -> the steps taken."""
        self.steps.clear()
        self.patch.setattr(sys, "argv", ["bootstrap.py", str(self.project / ".venv")])
        self.bootstrap.main()
        return self.steps


@pytest.fixture
def installer(project: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    return Installer(project, monkeypatch)


def python_is(installer: Installer, version: tuple[int, int, int]) -> None:
    """The copy sees another Python."""
    text = ".".join(map(str, version))
    seen = {"version_info": version, "version": f"{text} (main)", "_base_executable": None}
    given = {name: getattr(sys, name) for name in ("argv", "executable", "stdout", "stderr")}
    installer.patch.setattr(installer.bootstrap, "sys", SimpleNamespace(**seen, **given))


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Standard error, which must be one line."""
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_nothing_is_installed_twice(installer: Installer) -> None:
    assert installer.run() == [VENV, LOCKED, EDITABLE]
    assert installer.stamp.is_file()
    assert installer.run() == []
    assert not list(installer.project.glob("*.log"))


def test_a_changed_lock_makes_a_fresh_environment(installer: Installer) -> None:
    installer.run()
    before = installer.bootstrap.digests(installer.project / ".venv")
    (installer.project / "requirements.lock").write_text("six==1.17.0\n", encoding="utf-8")
    after = installer.bootstrap.digests(installer.project / ".venv")
    assert before[0] != after[0]
    assert before[1] == after[1]
    assert installer.run() == [VENV, LOCKED, EDITABLE]
    assert installer.run() == []


def test_a_changed_project_file_installs_only_this_package(installer: Installer) -> None:
    installer.run()
    with (installer.project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert installer.run() == [EDITABLE]
    assert installer.run() == []


def test_another_python_or_a_moved_folder_makes_a_fresh_environment(installer: Installer) -> None:
    folder = installer.project / ".venv"
    digests = installer.bootstrap.digests
    assert digests(folder)[0] != digests(folder.with_name("moved"))[0]
    here, other = digests(folder), (3, 12 if sys.version_info[1] != 12 else 13)
    python_is(installer, (*other, 1))
    first = digests(folder)
    assert first[0] != here[0]
    python_is(installer, (*other, 2))
    assert digests(folder) == first, "a patch release of Python keeps the environment"


@pytest.mark.parametrize("step", [VENV, LOCKED, EDITABLE])
def test_an_interrupted_installation_is_done_again(installer: Installer, step: str) -> None:
    def interrupted(log: TextIO) -> bool:
        raise KeyboardInterrupt

    installer.run()
    (installer.project / "requirements.lock").write_text("six==1.17.0\n", encoding="utf-8")
    installer.happens[step] = interrupted
    with pytest.raises(KeyboardInterrupt):
        installer.run()
    assert not installer.stamp.exists()
    assert installer.run() == [VENV, LOCKED, EDITABLE]


def test_a_damaged_stamp_counts_as_none(installer: Installer) -> None:
    installer.run()
    installer.stamp.write_text("", encoding="utf-8")
    assert installer.run() == [VENV, LOCKED, EDITABLE]


@pytest.mark.parametrize("version", [(3, 10, 14), (3, 14, 0)])
def test_a_wrong_python_is_one_line(
    installer: Installer, version: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    python_is(installer, version)
    with pytest.raises(SystemExit) as end:
        installer.bootstrap.main()
    assert end.value.code == 2
    given = ".".join(map(str, version))
    assert one_line(capsys).startswith(f"Python {given} given, 3.11 to 3.13 allowed: make PYTHON=")
    assert installer.steps == []


def test_a_python_without_venv_is_one_line(
    installer: Installer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as end:
        installer.run()
    monkeypatch.undo()
    assert end.value.code == 2
    assert "python3-venv" in one_line(capsys)


def test_too_little_space_is_one_line(
    installer: Installer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """7 GB free of 8; an environment of 2 GB that is cleared first makes room."""
    disk = SimpleNamespace(disk_usage=lambda path: SimpleNamespace(free=7e9))
    monkeypatch.setattr(installer.bootstrap, "shutil", disk)
    monkeypatch.setattr(installer.bootstrap, "SPACE_GB", 8)
    with pytest.raises(SystemExit) as end:
        installer.run()
    assert end.value.code == 2
    assert one_line(capsys).endswith("has 7.0 GB free, 8 GB needed: free some space")
    assert installer.steps == []
    old = installer.project / ".venv" / "old"
    old.parent.mkdir()
    with old.open("wb") as file:
        file.truncate(2 * 10**9)  # sparse: takes no space
    assert installer.run() == [VENV, LOCKED, EDITABLE]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError: failed", "no network"),
        ("ERROR: No matching distribution found for x", "no wheel for this machine"),
        ("anything else", "the installation failed"),
    ],
)
def test_a_failed_installation_is_one_line_that_names_the_log(
    installer: Installer, output: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def failed(log: TextIO) -> bool:
        log.write(output)
        log.flush()
        return False

    installer.happens[LOCKED] = failed
    with pytest.raises(SystemExit) as end:
        installer.run()
    assert end.value.code == 2
    log = installer.project / ".venv-install.log"
    line = one_line(capsys)
    assert words in line
    assert line.endswith(f"; details: {log}")
    assert log.read_text(encoding="utf-8") == output
    assert not installer.stamp.exists()
    assert installer.run() == [VENV, LOCKED, EDITABLE]


def environment(**more: str) -> dict[str, str]:
    """No package index, no settings of pip or of a make around this one."""
    outer = ("PIP_", "MAKE", "MFLAGS", "PYTHON", "ARGS", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    return kept | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull} | more


def make_env(project: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """``make env`` in the project."""
    command = [shutil.which("make") or "make", "env", *words]
    return subprocess.run(
        command, cwd=project, env=environment(**more), capture_output=True, text=True, timeout=120
    )


def fake_python(path: Path, *, suits: bool = True, venv: bool = True) -> Path:
    """An interpreter that says whether it suits and can make environments, and notes its work."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"#!/bin/bash\nif [ $1 = -c ]; then [ $3 = ensurepip ] && exit {int(not venv)}; "
        f'exit {int(not suits)}; fi\necho "{path.name} $*"\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def test_make_takes_the_newest_python_that_can_make_environments(project: Path) -> None:
    tools = project / "tools"
    fake_python(tools / "python3.13", venv=False)
    fake_python(tools / "python3.12", suits=False, venv=False)
    fake_python(tools / "python3.11")
    assert make_env(project, PATH=str(tools)).stdout == "python3.11 bootstrap.py .venv\n"
    (tools / "python3.11").unlink()
    done = make_env(project, PATH=str(tools))
    assert done.stdout == "python3.13 bootstrap.py .venv\n", "it says what is missing"
    fake_python(project / ".venv" / "bin" / "python")
    fake_python(tools / "python3.12")
    done = make_env(project, PATH=str(tools))
    assert done.stdout == "python bootstrap.py .venv\n", "the environment keeps its Python"
    mine = fake_python(project / "mine")
    assert make_env(project, f"PYTHON={mine}").stdout == "mine bootstrap.py .venv\n"


def test_make_without_a_python_that_suits_is_one_line(project: Path) -> None:
    empty = project / "tools"
    empty.mkdir()
    done = make_env(project, PATH=str(empty))
    assert done.returncode == 2
    line, end = done.stderr.splitlines()  # the second line is make's own
    assert line.startswith("found no Python 3.11, 3.12 or 3.13 that runs: install one")
    assert end.startswith("make: ***")
    old = fake_python(empty / "old", suits=False, venv=False)
    done = make_env(project, f"PYTHON={old}")
    assert done.returncode == 2
    line, _ = done.stderr.splitlines()
    assert line.startswith(f"PYTHON={old} is not ")
    assert "3.11, 3.12 or 3.13" in line


def test_make_installs_once(project: Path) -> None:
    """Real venv and pip; then pip's own words for a lock that cannot be had."""
    python = f"PYTHON={sys.executable}"
    done = make_env(project, python)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("installing the locked environment into")
    stamp = project / ".venv" / "cal-lab.stamp"
    written = stamp.stat().st_mtime_ns
    own = project / ".venv" / "bin" / "python"
    subprocess.run([own, "-c", "import tiny"], check=True, env=environment())

    done = make_env(project, python)
    assert (done.returncode, done.stdout) == (0, "")
    assert stamp.stat().st_mtime_ns == written

    pip = [own, "-m", "pip", "install", "--disable-pip-version-check", "no-such-thing==1.0"]
    done = subprocess.run(pip, env=environment(), capture_output=True, text=True)
    assert done.returncode != 0
    assert "no wheel for this machine" in load(project).cause(done.stdout + done.stderr)


def test_ctrl_c_is_one_line_and_leaves_no_stamp(project: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "bootstrap.py", ".venv"],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("installing")
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "interrupted: give the command again\n"
    assert not (project / ".venv" / "cal-lab.stamp").exists()


def test_the_lock_holds_all_that_this_package_needs() -> None:
    """Tests and build included, with the markers of the machine that runs this."""
    bootstrap = load(ROOT)
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    names = {bootstrap.plain(line.partition("==")[0]) for line in lines if line[0] != "#"}
    assert set(bootstrap.needed({})) <= names
