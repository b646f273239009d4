"""What Ray itself refuses of a launcher file, by its own functions; no network, no credentials."""

import copy
import json
from importlib.resources import files
from typing import Any

from ray.autoscaler._private.util import prepare_config, validate_config

from cluster.cloud.vendors import Tree

TEMPLATE = "autoscaler/_private/_azure/azure-vm-template.json"
# Given by Ray's node provider itself, so a value in the file would be lost.
ITS_OWN = {"vmName", "vmTags", "vmCount", "msi", "nsg", "subnet", "provisionPublicIp", "zones"}
EXTRA = {"availability_zone"}  # read by the provider, not by the template
TYPES: dict[str, type] = {"string": str, "int": int, "bool": bool, "object": dict, "array": list}
PRIORITIES = ("Regular", "Low", "Spot")
EVICTIONS = ("Deallocate", "Delete")


def schema_problems(config: Tree) -> list[str]:
    """Ray's schema and its arithmetic of workers: at most one line, as Ray stops at the first."""
    try:
        validate_config(prepare_config(copy.deepcopy(config)))
    except Exception as error:  # Ray raises whatever it meets
        return [f"ray: {str(error).splitlines()[0][:200]}"]
    return []


def azure_problems(config: Tree) -> list[str]:
    """Fields of ``azure_arm_parameters`` against the template that Ray hands to Azure."""
    if config["provider"]["type"] != "azure":
        return []
    template = json.loads(files("ray").joinpath(TEMPLATE).read_text(encoding="utf-8"))
    parameters = template["parameters"]
    found = []
    for name, kind in config["available_node_types"].items():
        machine: dict[str, Any] = kind["node_config"].get("azure_arm_parameters") or {}
        if unknown := sorted(set(kind["node_config"]) - {"azure_arm_parameters", "tags"}):
            found.append(f"{name}.{unknown[0]}: unknown; allowed: azure_arm_parameters, tags")
        for field, value in machine.items():
            if field not in EXTRA and (field not in parameters or field in ITS_OWN):
                allowed = ", ".join(sorted({*parameters, *EXTRA} - ITS_OWN))
                found.append(f"{name}.{field}: unknown; allowed: {allowed}")
            elif field in parameters:
                wanted = parameters[field]["type"]
                if not isinstance(value, TYPES.get(wanted, str)):
                    found.append(f"{name}.{field}: given {value!r}; allowed: {wanted}")
        if "vmSize" not in machine:
            found.append(f"{name}.vmSize: required")
        for field, allowed_values in (("priority", PRIORITIES), ("evictionPolicy", EVICTIONS)):
            if field in machine and machine[field] not in allowed_values:
                allowed = ", ".join(allowed_values)
                found.append(f"{name}.{field}: given {machine[field]}; allowed: {allowed}")
    return found
