"""Manifests as plain data, and how a problem with one is written."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

Manifest = dict[str, Any]

BREAK = re.compile(r"^---\s*$", re.MULTILINE)
RAY = ("RayCluster", "RayJob")
# Where a built-in kind keeps the template of its pods.
TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


def documents(text: str) -> list[Manifest]:
    """The manifests of one file. Raises ``ValueError``, one line, for what is not YAML."""
    try:
        found = [yaml.safe_load(part) for part in BREAK.split(text)]
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from None
    for one in found:
        if one is not None and not isinstance(one, dict):
            raise ValueError(f"given a {type(one).__name__}; allowed: manifests")
    return [one for one in found if one is not None]


def title(manifest: Manifest) -> str:
    """Kind and name: what every message about it begins with."""
    return f"{manifest.get('kind')}/{(manifest.get('metadata') or {}).get('name')}"


def cluster_spec(manifest: Manifest) -> Manifest | None:
    """The Ray cluster that a RayCluster or RayJob describes."""
    spec: Manifest = manifest.get("spec") or {}
    within = {"RayCluster": spec, "RayJob": spec.get("rayClusterSpec")}
    return within.get(str(manifest.get("kind")))


def groups(cluster: Manifest) -> Iterator[tuple[str, Manifest]]:
    """(name, group) of the head and of every group of workers."""
    yield "head", cluster.get("headGroupSpec") or {}
    for group in cluster.get("workerGroupSpecs") or []:
        yield str(group.get("groupName")), group


def pods(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """(name, template) of every kind of pod that a manifest makes: {"metadata", "spec"}."""
    if manifest.get("kind") == "Pod":
        yield "pod", manifest
    cluster = cluster_spec(manifest)
    if cluster is not None:
        for name, group in groups(cluster):
            yield name, group.get("template") or {}
    if manifest.get("kind") == "RayJob" and "submitterPodTemplate" in manifest["spec"]:
        yield "submitter", manifest["spec"]["submitterPodTemplate"]
    path = TEMPLATES.get(str(manifest.get("kind")))
    if path:
        template: Any = manifest
        for step in path:
            template = (template or {}).get(step)
        yield "pod", template or {}


def containers(template: Manifest) -> Iterator[Manifest]:
    """All containers of a pod, those that only prepare it too."""
    spec = template.get("spec") or {}
    yield from spec.get("initContainers") or []
    yield from spec.get("containers") or []
