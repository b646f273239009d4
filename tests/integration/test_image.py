"""What is submitted and what is built: code alone; the Dockerfile linted, its steps readable."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ray._private.runtime_env.packaging import create_package

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "cluster" / "image"
INSTALL = IMAGE / "install.sh"
LARGEST = 5_000_000  # bytes of an upload
DECOYS = (  # what lies about in a folder that is worked in
    *(".venv/lib/torch.so", ".venv-install.log", ".git/objects/x", ".mypy_cache/x"),
    *("data/train.npz", "store/mlflow.db", "out/report.html", "mlruns/0/meta.yaml", "mlflow.db"),
    *("cal/__pycache__/x.pyc", "store/checkpoints/a.pt", "best.ckpt", "outputs/x", "dist/x.whl"),
    "tests/unit/x.py",
)
SCRIPTS = ("cluster/image/install.sh", "cluster/image/clean_root.sh", "cluster/cloud/slurm.sbatch")


@pytest.fixture(scope="module")
def worked_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's files with what work leaves behind."""
    folder = tmp_path_factory.mktemp("worked") / "cal-lab"
    folder.mkdir()
    for one in sorted(ROOT.iterdir()):
        if one.name in (".rayignore", ".gitignore", "pyproject.toml", "README.md"):
            shutil.copy(one, folder)
        elif one.is_dir() and one.name[:1] != "." and one.name not in ("store", "out", "data"):
            shutil.copytree(one, folder / one.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in DECOYS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(1000))
    return folder


@pytest.fixture(scope="module")
def package(worked_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The upload of `ray job submit --working-dir`, made by Ray's own function."""
    target = tmp_path_factory.mktemp("package") / "package.zip"
    create_package(str(worked_in), target, include_gitignore=True)
    return target


def test_a_submission_is_small(package: Path) -> None:
    assert package.stat().st_size < LARGEST


def test_a_submission_holds_code_and_the_embedded_data_alone(package: Path) -> None:
    names = {name for name in zipfile.ZipFile(package).namelist() if not name.endswith("/")}
    assert {"ablations/full.py", "cal/data/loading.py", "pyproject.toml"} <= names
    assert "cal/data/assets/handwritten.npz" in names  # what the default study trains on
    assert not names & {*DECOYS}
    assert not [name for name in names if re.match(r"(docs|tests|benchmarks|\.)", name)]


def test_without_the_file_the_upload_would_hold_the_data(worked_in: Path, tmp_path: Path) -> None:
    """So that the test above is one that can fail."""
    copy = tmp_path / "copy"
    shutil.copytree(worked_in, copy)
    (copy / ".rayignore").unlink()
    create_package(str(copy), tmp_path / "package.zip", include_gitignore=True)
    assert "data/train.npz" in zipfile.ZipFile(tmp_path / "package.zip").namelist()


def test_the_dockerfile_has_no_fault() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [str(hadolint), "-c", "cluster/hadolint.yaml", "cluster/Dockerfile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_one(tmp_path: Path) -> None:
    text = (ROOT / "cluster" / "Dockerfile").read_text(encoding="utf-8")
    twin = tmp_path / "Dockerfile"
    twin.write_text(text.replace("FROM ${BASE}\n", "FROM debian:latest\n"), encoding="utf-8")
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([str(hadolint), str(twin)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "DL3007" in done.stdout  # latest


def test_the_image_runs_as_a_user_and_its_base_has_no_default() -> None:
    lines = (ROOT / "cluster" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "ARG BASE" in lines
    assert [line for line in lines if line.startswith("USER")] == ["USER 1000:1000"]
    assert all(line.startswith("FROM ${BASE}") for line in lines if line.startswith("FROM"))


def test_what_the_image_is_made_from_leaves_out_what_is_not_asked_for() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and line[:1] != "#"]
    assert rules[0] == "*"
    assert {"!requirements.lock", "!pyproject.toml", "!cal", "!ablations"} <= {*rules}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_be_read_by_bash(name: str) -> None:
    done = subprocess.run(["bash", "-n", str(ROOT / name)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "environment", "message"),
    [
        (["sytem"], {}, "step: given sytem; allowed: system, packages, code, check"),
        ([], {}, "step: given nothing; allowed"),
        (["packages", str(ROOT)], {"VARIANT": "cpu"}, "TORCH_SOURCE: given nothing; allowed"),
        (["packages", str(ROOT)], {"VARIANT": "rocm"}, "VARIANT: given rocm; allowed: cpu, cuda"),
        (["packages"], {}, "the folder of the source"),
    ],
)
def test_a_wrong_call_of_the_steps_is_one_line(
    words: list[str], environment: dict[str, str], message: str
) -> None:
    command = ["bash", str(INSTALL), *words]
    env = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode != 0
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("base", ["", "debian:12", "debian"])
def test_a_base_without_a_digest_is_refused(base: str) -> None:
    command = ["make", "-s", "-C", str(ROOT / "cluster"), "image", f"BASE={base}", "BUILDER=false"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert "allowed: a Debian image by digest" in done.stderr


def test_the_builder_is_given_digest_variant_and_tag() -> None:
    base = f"debian@sha256:{'0' * 64}"
    given = [f"BASE={base}", "VARIANT=cpu", "TAG=x:1", "TORCH_SOURCE=here", "BUILDER=echo"]
    command = ["make", "-s", "-C", str(ROOT / "cluster"), "image", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    words = done.stdout.split()
    assert words[:3] == ["build", "-f", "Dockerfile"]
    assert {f"BASE={base}", "VARIANT=cpu", "TORCH_SOURCE=here", "x:1", str(ROOT)} <= {*words}


def test_the_image_has_what_runs_and_not_what_tests() -> None:
    """The list is read from pyproject.toml by the script's own lines."""
    text = INSTALL.read_text(encoding="utf-8")
    program = text.partition("<<'PYTHON'\n")[2].partition("\nPYTHON\n")[0]
    command = [sys.executable, "-c", program, str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert {"torch", "ray[default,train,tune]", "mlflow[auth]", "psycopg2-binary"} <= {*names}
    assert not {"pytest", "mypy", "ruff", "hypothesis"} & {*names}
