"""Our own rules for a launcher file: nothing of Ray's defaults, nothing public, tokens, spot."""

import re
from collections.abc import Iterator
from typing import Any

from cluster.cloud.vendors import Tree, machines

# What Ray 2.60's node providers read of `provider`, by source: autoscaler/_private/aws, gcp and
# _azure, the files config.py and node_provider.py.
PROVIDER = {
    "aws": {
        *("type", "region", "availability_zone", "cache_stopped_nodes", "use_internal_ips"),
        *("security_group", "key_pair", "aws_credentials", "cloudwatch"),
    },
    "gcp": {
        *("type", "region", "availability_zone", "project_id", "cache_stopped_nodes"),
        *("use_internal_ips", "gcp_credentials"),
    },
    "azure": {
        *("type", "location", "resource_group", "subscription_id", "tags", "unique_id"),
        *("subnet_mask", "msi_name", "msi_resource_group", "availability_zone"),
        *("cache_stopped_nodes", "use_internal_ips", "use_external_head_ip"),
    },
}
GIVEN = ("initialization_commands", "setup_commands", "head_setup_commands") + (
    *("worker_setup_commands", "head_start_ray_commands", "worker_start_ray_commands"),
)
OPTIONS = (  # of every container
    *("--cap-drop=ALL", "--security-opt=no-new-privileges", "-e RAY_AUTH_MODE=token"),
    "-e RAY_AUTH_TOKEN_PATH=",
)
OWN = {  # what keeps Ray from choosing a network of its own
    "aws": ("SubnetIds", "SecurityGroupIds", "IamInstanceProfile", "ImageId", "KeyName"),
    "gcp": ("networkInterfaces", "serviceAccounts"),
    "azure": (),
}
SECRET = re.compile(r"(PASSWORD|SECRET_ACCESS_KEY|TOKEN)=\S|://[^/@\s]*:[^/@\s]+@")


def problems(config: Tree) -> list[str]:
    """What is wrong with a launcher file beside what Ray's own schema says, a line each."""
    cloud = str((config.get("provider") or {}).get("type"))
    if cloud not in PROVIDER:
        return [f"provider.type: given {cloud}; allowed: {', '.join(PROVIDER)}"]
    return [
        *_provider(cloud, config["provider"]),
        *_commands(config),
        *_container(config.get("docker") or {}),
        *_types(cloud, config),
    ]


def _provider(cloud: str, provider: Tree) -> Iterator[str]:
    for field in sorted(set(provider) - PROVIDER[cloud]):
        yield f"provider.{field}: unknown; allowed: {', '.join(sorted(PROVIDER[cloud]))}"
    if provider.get("use_internal_ips") is not True:
        yield "provider.use_internal_ips: must be true: no machine has a public address"
    if provider.get("cache_stopped_nodes") is not False:
        yield "provider.cache_stopped_nodes: must be false: spot machines cannot be stopped"


def _commands(config: Tree) -> Iterator[str]:
    for field in GIVEN:
        if field not in config:
            yield f"{field}: required, or Ray's default is run"
        elif field.endswith("setup_commands") and config[field]:
            yield f"{field}: must be empty: the image has everything"
    head = " ".join(config.get("head_start_ray_commands") or [])
    for word in ("--dashboard-host=127.0.0.1", "--num-cpus=0"):
        if word not in head:
            yield f"head_start_ray_commands: must hold {word}"
    lines = [line for field in GIVEN for line in config.get(field) or []]
    lines += (config.get("docker") or {}).get("run_options") or []
    for line in lines:
        if SECRET.search(line):
            yield f"a secret in a command: {line.split('=')[0]}=..."


def _container(docker: Tree) -> Iterator[str]:
    options = docker.get("run_options") or []
    for wanted in OPTIONS:
        if not any(str(option).startswith(wanted) for option in options):
            yield f"docker.run_options: must hold {wanted}"
    image = str(docker.get("image"))
    if "@sha256:" not in image and image.rpartition("/")[2].partition(":")[2] in ("", "latest"):
        yield f"docker.image: given {image}; allowed: a digest, or a tag other than latest"


def spot(cloud: str, machine: Tree) -> bool:
    """Whether a machine is one that may be taken away."""
    if cloud == "aws":
        return (machine.get("InstanceMarketOptions") or {}).get("MarketType") == "spot"
    if cloud == "gcp":
        return (machine.get("scheduling") or {}).get("provisioningModel") == "SPOT"
    return (machine.get("azure_arm_parameters") or {}).get("priority") == "Spot"


def _types(cloud: str, config: Tree) -> Iterator[str]:
    types: dict[str, Any] = config.get("available_node_types") or {}
    head = str(config.get("head_node_type"))
    if ((types.get(head) or {}).get("resources") or {}).get("CPU") != 0:
        yield f"{head}.resources.CPU: must be 0: no tasks beside the GCS"
    spots = 0
    for name, kind in types.items():
        least, most = kind.get("min_workers", 0), kind.get("max_workers", config["max_workers"])
        if not 0 <= least <= most <= config["max_workers"]:
            yield f"{name}: given {least} to {most} workers; allowed: 0 to max_workers"
        machine = kind.get("node_config") or {}
        wrong = machines(cloud, machine) if cloud != "azure" else []
        yield from (f"{name}.{line}" for line in wrong or _machine(cloud, machine))
        if not wrong and spot(cloud, machine):
            spots += 1
            if least or name == head:
                yield f"{name}: a spot machine is no head, and min_workers is 0"
        spots += bool(wrong)
    if not spots:
        yield "available_node_types: no type is on the spot market"


def _machine(cloud: str, machine: Tree) -> Iterator[str]:
    for field in OWN[cloud]:
        if not machine.get(field):
            yield f"{field}: required, or Ray makes one that is open"
    if any(one.get("accessConfigs") for one in machine.get("networkInterfaces") or []):
        yield "networkInterfaces.accessConfigs: gives a public address"
