"""The YAML that is written by hand is tidy, and says what it must."""

from pathlib import Path

import pytest
import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

CLUSTER = Path(__file__).resolve().parents[3] / "cluster"
FOLDERS = ("kubernetes/base", "kubernetes/components", "kubernetes/overlays", "cloud")
FILES = sorted(path for folder in FOLDERS for path in (CLUSTER / folder).rglob("*.yaml"))


def faults(text: str) -> list[str]:
    config = YamlLintConfig(file=str(CLUSTER / "yamllint.yaml"))
    return [f"{one.line}: {one.desc}" for one in linter.run(text, config)]


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(CLUSTER)) for path in FILES])
def test_a_file_is_tidy(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


def test_a_key_given_twice_would_be_seen() -> None:
    """safe_load would take the second without a word."""
    assert faults("a: 1\na: 2\n") == ['2: duplication of key "a" in mapping']


def test_every_overlay_is_namespaced_and_every_component_is_one() -> None:
    for path in (CLUSTER / "kubernetes").rglob("kustomization.yaml"):
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        wanted = "Component" if "components" in path.parts else "Kustomization"
        assert found["kind"] == wanted, path


def test_ray_in_the_manifests_is_ray_in_the_lock() -> None:
    lock = (CLUSTER.parent / "requirements.lock").read_text(encoding="utf-8").splitlines()
    base = (CLUSTER / "kubernetes" / "base" / "raycluster.yaml").read_text(encoding="utf-8")
    (version,) = [line.strip().split(": ")[1] for line in base.splitlines() if "rayVersion" in line]
    assert f"ray=={version}" in lock


def test_every_overlay_is_explained_in_the_readme() -> None:
    text = (CLUSTER / "README.md").read_text(encoding="utf-8")
    for path in (CLUSTER / "kubernetes" / "overlays").iterdir():
        assert f"| `{path.name}` |" in text


def test_every_secret_is_explained_in_the_readme() -> None:
    text = (CLUSTER / "README.md").read_text(encoding="utf-8")
    for name in ("cal-lab-ray-token", "cal-lab-mlflow", "cal-lab-postgres", "cal-lab-redis"):
        assert f"create secret generic {name}" in text
    assert "create secret generic cal-lab-s3" in text
