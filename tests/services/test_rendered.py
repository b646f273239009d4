"""With kubectl and shellcheck: what is committed is what the overlays mean, and is sound."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.confined import ROOT, needs

CLUSTER = ROOT / "cluster"
OVERLAYS = sorted(path.name for path in (CLUSTER / "kubernetes" / "overlays").iterdir())
SCRIPTS = ("image/install.sh", "image/clean_root.sh", "cloud/slurm.sbatch")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_rendered_file_is_fresh(overlay: str) -> None:
    kubectl = needs("kubectl", "kubernetes-client")
    command = [kubectl, "kustomize", str(CLUSTER / "kubernetes" / "overlays" / overlay)]
    fresh = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    kept = (CLUSTER / "kubernetes" / "rendered" / f"{overlay}.yaml").read_text(encoding="utf-8")
    assert fresh == kept, "make -C cluster render"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_has_no_fault(script: str) -> None:
    shellcheck = needs("shellcheck", "shellcheck")
    command = [shellcheck, str(CLUSTER / script)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def validate(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "-s", "-C", str(folder / "cluster"), "validate", f"PYTHON={sys.executable}"]
    return subprocess.run(command, capture_output=True, text=True)


def test_make_validate_says_that_all_is_sound() -> None:
    needs("kubectl", "kubernetes-client")
    needs("shellcheck", "shellcheck")
    done = validate(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("manifests are sound") == len(OVERLAYS)
    assert "cluster/cloud/aws.yaml: sound" in done.stdout
    assert "shell scripts are sound" in done.stdout
    assert "Dockerfile is sound" in done.stdout


def test_make_validate_sees_a_stale_file(tmp_path: Path) -> None:
    needs("kubectl", "kubernetes-client")
    shutil.copytree(CLUSTER, tmp_path / "cluster")
    overlay = tmp_path / "cluster" / "kubernetes" / "overlays" / "cpu" / "kustomization.yaml"
    text = overlay.read_text(encoding="utf-8")
    overlay.write_text(text.replace("value: 16", "value: 17"), encoding="utf-8")
    done = validate(tmp_path)
    assert done.returncode != 0
    assert "kubernetes/rendered/cpu.yaml: stale; make -C cluster render" in done.stderr
