"""Launcher files against Ray's own schema and template: it loads Ray, but starts nothing."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.cloud.__main__ import main
from cluster.cloud.rays import azure_problems, schema_problems
from tests.unit.cluster.twins import GONE, edit

CLOUD = Path(__file__).resolve().parents[2] / "cluster" / "cloud"
SPOT = "available_node_types/gpu-spot"
ARM = f"{SPOT}/node_config/azure_arm_parameters"


def read(cloud: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CLOUD / f"{cloud}.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_a_file_is_sound(cloud: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(CLOUD / f"{cloud}.yaml")
    assert main([path]) == 0
    assert capsys.readouterr().out == f"{path}: sound\n"
    assert main(["--filled", path]) == 1
    assert "REPLACE-ME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("max_worker", 3, "'max_worker' was unexpected"),
        (f"{SPOT}/max_worker", 3, "'max_worker' was unexpected"),
        (f"{SPOT}/resources/GPU", "1", "'1' is not of type 'integer'"),
        (f"{SPOT}/resources/CPU", 0.5, "0.5 is not of type 'integer'"),
        (f"{SPOT}/docker/worker_imag", "x", "'worker_imag' was unexpected"),
        ("docker/imag", "x", "'imag' was unexpected"),
        ("auth/ssh_usr", "ubuntu", "'ssh_usr' was unexpected"),
        ("head_node_type", "x", "head_node_type"),
    ],
)
@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure"])
def test_ray_refuses_a_broken_twin(cloud: str, path: str, value: Any, message: str) -> None:
    (line,) = schema_problems(edit(read(cloud), path, value))
    assert message in line


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (f"{ARM}/vmSiz", "x", "gpu-spot.vmSiz: unknown; allowed: "),
        (f"{ARM}/subnet", "x", "gpu-spot.subnet: unknown"),  # Ray puts its own there
        (f"{ARM}/osDiskSize", "100", "given '100'; allowed: int"),
        (f"{ARM}/priority", "spot", "given spot; allowed: Regular, Low, Spot"),
        (f"{ARM}/evictionPolicy", "Stop", "given Stop; allowed: Deallocate, Delete"),
        (f"{ARM}/billingProfile", -1, "given -1; allowed: object"),
        (f"{ARM}/vmSize", GONE, "gpu-spot.vmSize: required"),
        (f"{SPOT}/node_config/vmSize", "x", "gpu-spot.vmSize: unknown"),
    ],
)
def test_a_machine_of_azure_is_what_rays_template_takes(
    path: str, value: Any, message: str
) -> None:
    found = azure_problems(edit(read("azure"), path, value))
    assert any(message in line for line in found), found


def test_other_clouds_have_no_template_of_rays() -> None:
    assert azure_problems(read("aws")) == []


def test_the_command_says_all_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = edit(read("aws"), "provider/regoin", "x")
    (tmp_path / "aws.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main([str(tmp_path / "aws.yaml")]) == 1
    assert "provider.regoin: unknown" in capsys.readouterr().err
