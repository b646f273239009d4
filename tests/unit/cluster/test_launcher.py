"""Launcher files: sound as they are; a typo in a machine, or a rule given up, is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.cloud import launcher
from cluster.cloud.vendors import machines
from cluster.manifests.check import placeholders
from tests.unit.cluster.twins import GONE, edit

CLOUD = Path(__file__).resolve().parents[3] / "cluster" / "cloud"
CLOUDS = ("aws", "gcp", "azure")
SPOT = "available_node_types/gpu-spot/node_config"
HEAD = "available_node_types/head"

VENDOR = [  # what the vendor's API would refuse, and Ray's schema does not
    ("aws", f"{SPOT}/InstanceTyp", "g6.2xlarge", 'Unknown parameter in input: "InstanceTyp"'),
    ("aws", f"{SPOT}/InstanceType", "g6.3xlarge", "InstanceType: given g6.3xlarge; allowed: "),
    ("aws", f"{SPOT}/InstanceMarketOptions/MarketType", "spott", "MarketType: given spott"),
    ("aws", f"{SPOT}/InstanceMarketOptions/SpotOption", {}, "Unknown parameter"),
    ("aws", f"{SPOT}/SecurityGroupIds", "sg-1", "Invalid type for parameter SecurityGroupIds"),
    ("aws", f"{SPOT}/MetadataOptions/HttpTokens", "always", "HttpTokens: given always"),
    ("gcp", f"{SPOT}/machineTyp", "g2-standard-8", "'machineTyp' was unexpected"),
    ("gcp", f"{SPOT}/scheduling/provisioningModel", "SPOTS", "'SPOTS' is not one of"),
    ("gcp", f"{SPOT}/scheduling/automaticRestart", "no", "'no' is not of type 'boolean'"),
    ("gcp", f"{SPOT}/scheduling", [{"preemptible": True}], "is not of type 'object'"),
    ("gcp", f"{SPOT}/disks/0/initializeParams/diskSizeGB", 100, "'diskSizeGB' was unexpected"),
    ("gcp", f"{SPOT}/serviceAccounts/0/scopes", "all", "'all' is not of type 'array'"),
]
OPEN = [{"type": "ONE_TO_ONE_NAT"}]
RULES = [  # what we refuse
    ("aws", "provider/regoin", "us-east-1", "provider.regoin: unknown; allowed: availability_zone"),
    ("gcp", "provider/project", "x", "provider.project: unknown"),
    ("azure", "provider/region", "eastus", "provider.region: unknown; allowed: availability_zone"),
    ("aws", "provider/type", "awz", "provider.type: given awz; allowed: aws, gcp, azure"),
    ("azure", "provider/use_internal_ips", False, "no machine has a public address"),
    ("gcp", "provider/cache_stopped_nodes", GONE, "spot machines cannot be stopped"),
    ("aws", "setup_commands", GONE, "setup_commands: required, or Ray's default is run"),
    ("aws", "worker_start_ray_commands", GONE, "worker_start_ray_commands: required"),
    ("aws", "setup_commands", ["pip install ray"], "must be empty: the image has everything"),
    ("aws", "head_start_ray_commands", ["ray start --head"], "--dashboard-host=127.0.0.1"),
    ("gcp", "head_start_ray_commands", ["ray start --head"], "must hold --num-cpus=0"),
    ("aws", "docker/image", "cal-lab", "given cal-lab; allowed: a digest, or a tag"),
    ("aws", "docker/image", "host:5000/cal-lab:latest", "allowed: a digest, or a tag"),
    ("aws", "docker/run_options", [], "must hold -e RAY_AUTH_MODE=token"),
    ("aws", "docker/run_options", ["--privileged"], "must hold --cap-drop=ALL"),
    ("aws", "docker/run_options/0", "-e MLFLOW_TRACKING_PASSWORD=x", "a secret in a command"),
    ("aws", "initialization_commands/0", "export AWS_SECRET_ACCESS_KEY=x", "a secret in a comm"),
    ("aws", f"{SPOT}/SecurityGroupIds", [], "SecurityGroupIds: required, or Ray makes one"),
    ("aws", f"{SPOT}/SubnetIds", GONE, "SubnetIds: required, or Ray makes one"),
    ("gcp", f"{SPOT}/networkInterfaces", GONE, "networkInterfaces: required"),
    ("gcp", f"{SPOT}/networkInterfaces/0/accessConfigs", OPEN, "gives a public address"),
    ("aws", "available_node_types/gpu-spot/min_workers", 1, "a spot machine is no head"),
    ("aws", "available_node_types/gpu-spot/max_workers", -1, "given 0 to -1 workers; allowed: 0"),
    ("aws", "available_node_types/gpu-spot/max_workers", 99, "given 0 to 99 workers; allowed: 0"),
    ("azure", "head_node_type", "gpu-spot", "a spot machine is no head"),
    ("azure", f"{SPOT}/azure_arm_parameters/priority", GONE, "no type is on the spot market"),
    ("aws", f"{HEAD}/resources/CPU", 2, "head.resources.CPU: must be 0"),
]


def read(cloud: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CLOUD / f"{cloud}.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_file_is_sound(cloud: str) -> None:
    assert launcher.problems(read(cloud)) == []


@pytest.mark.parametrize(("cloud", "path", "value", "message"), [*VENDOR, *RULES])
def test_a_broken_twin_is_refused(cloud: str, path: str, value: Any, message: str) -> None:
    found = launcher.problems(edit(read(cloud), path, value))
    assert any(message in line for line in found), found


@pytest.mark.parametrize("cloud", CLOUDS)
def test_whoever_uses_it_is_told_what_to_replace(cloud: str) -> None:
    text = (CLOUD / f"{cloud}.yaml").read_text(encoding="utf-8")
    left = placeholders("\n".join(line for line in text.splitlines() if line[:1] != "#"))
    assert any("REPLACE-ME" in line for line in left)


def test_numbers_of_64_bits_may_be_text_as_googles_api_has_them() -> None:
    disk = {"initializeParams": {"diskSizeGb": "100"}}
    assert machines("gcp", {"disks": [disk]}) == []
    assert machines("gcp", {"disks": [{"initializeParams": {"diskSizeGb": 1.5}}]})


@pytest.mark.parametrize(
    ("cloud", "machine", "expected"),
    [
        ("aws", {"InstanceMarketOptions": {"MarketType": "spot"}}, True),
        ("aws", {}, False),
        ("gcp", {"scheduling": {"provisioningModel": "SPOT"}}, True),
        ("gcp", {"scheduling": {"provisioningModel": "STANDARD"}}, False),
        ("azure", {"azure_arm_parameters": {"priority": "Spot"}}, True),
        ("azure", {"azure_arm_parameters": {"priority": "Regular"}}, False),
    ],
)
def test_what_is_on_the_spot_market(cloud: str, machine: dict[str, Any], expected: bool) -> None:
    assert launcher.spot(cloud, machine) is expected
