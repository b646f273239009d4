"""What only all manifests together can show: names that nothing has, and what is left open."""

from collections.abc import Iterator
from typing import Any

from cluster.manifests.reading import Manifest, containers, pods, title

BUILT_IN = ("default", "system-cluster-critical", "system-node-critical")
BOTH = {"Ingress", "Egress"}


def _of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one.get("kind") == kind}


def used(template: Manifest) -> Iterator[tuple[str, str]]:
    """(kind, name) of everything that a pod needs to start; what it may do without is left out."""
    spec = template.get("spec") or {}
    if spec.get("priorityClassName"):
        yield "PriorityClass", spec["priorityClassName"]
    if spec.get("serviceAccountName"):
        yield "ServiceAccount", spec["serviceAccountName"]
    for volume in spec.get("volumes") or []:
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in containers(template):
        sources: list[Any] = list(container.get("envFrom") or [])
        sources += [one.get("valueFrom") or {} for one in container.get("env") or []]
        for source in sources:
            for key, kind in (
                ("configMapRef", "ConfigMap"),
                ("configMapKeyRef", "ConfigMap"),
                ("secretRef", "Secret"),
                ("secretKeyRef", "Secret"),
            ):
                if key in source and not source[key].get("optional"):
                    yield kind, source[key]["name"]


def secrets(manifests: list[Manifest]) -> set[str]:
    """Names of the Secrets that must be made by hand before these manifests are applied."""
    found = {
        name
        for manifest in manifests
        for _, template in pods(manifest)
        for kind, name in used(template)
        if kind == "Secret"
    }
    return found | {name for one in manifests for name in _named(one)}


def _named(value: Any) -> Iterator[str]:
    """Secrets that Ray's own fields name, at any depth of the cluster's options."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("authOptions", "gcsFaultToleranceOptions"):
                yield from _strings(inner)
            else:
                yield from _named(inner)


def _strings(options: Manifest) -> Iterator[str]:
    if options.get("secretName"):
        yield options["secretName"]
    for field in ("redisPassword", "redisUsername"):
        reference = ((options.get(field) or {}).get("valueFrom") or {}).get("secretKeyRef")
        if reference:
            yield reference["name"]


def _labels(manifest: Manifest) -> Iterator[dict[str, str]]:
    """Labels of the pods; the operator adds its own to those of Ray."""
    for name, template in pods(manifest):
        own = (template.get("metadata") or {}).get("labels") or {}
        if manifest.get("kind") in ("RayCluster", "RayJob") and name != "submitter":
            kind = "head" if name == "head" else "worker"
            own = {**own, "ray.io/node-type": kind, "ray.io/group": name}
            own |= {"ray.io/is-ray-node": "yes", "ray.io/cluster": manifest["metadata"]["name"]}
        yield own


def problems(manifests: list[Manifest]) -> Iterator[str]:
    """Names without an owner, selectors without a pod, a namespace that is not closed."""
    for manifest in manifests:
        for name, template in pods(manifest):
            for kind, wanted in used(template):
                if kind == "Secret" or wanted in BUILT_IN:
                    continue
                if wanted not in _of_kind(manifests, kind):
                    yield f"{title(manifest)} {name}: no {kind} {wanted} in this file"
    labels = [one for manifest in manifests for one in _labels(manifest)]
    for kind in ("Service", "PodDisruptionBudget"):
        for name, manifest in _of_kind(manifests, kind).items():
            selector = manifest["spec"].get("selector") or {}
            wanted = selector.get("matchLabels", selector)
            if not any(wanted.items() <= one.items() for one in labels):
                yield f"{kind}/{name}: selects no pod of this file"
    yield from _closed(manifests)


def _closed(manifests: list[Manifest]) -> Iterator[str]:
    """Every namespace with pods must deny what no other policy allows."""
    with_pods = {
        manifest["metadata"].get("namespace") for manifest in manifests if any(pods(manifest))
    }
    closed = {
        one["metadata"].get("namespace")
        for one in _of_kind(manifests, "NetworkPolicy").values()
        if one["spec"].get("podSelector") == {}
        and set(one["spec"].get("policyTypes", ())) == BOTH
        and not {"ingress", "egress"} & set(one["spec"])
    }
    for namespace in sorted(map(str, with_pods - closed)):
        yield f"Namespace/{namespace}: no NetworkPolicy denies all traffic by default"
