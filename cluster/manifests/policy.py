"""Our own rules, of one manifest: every pod restricted, nothing public, no secret written down."""

import re
from collections.abc import Iterator
from typing import Any

from cluster.manifests.builtin import amount
from cluster.manifests.reading import Manifest, cluster_spec, containers, groups, pods

SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|ACCESS_KEY|API_KEY", re.IGNORECASE)
PLACE = re.compile(r"_(PATH|FILE|DIR|MODE)$")  # says where a secret is, or how; is none
IN_ADDRESS = re.compile(r"://[^/@\s]*:[^/@\s]+@")
VOLUMES = (  # of the restricted pod security standard
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret"),
)
HOST = ("hostNetwork", "hostPID", "hostIPC")
PUBLIC = ("NodePort", "LoadBalancer")
HERE = "pod-security.kubernetes.io/enforce"


def problems(manifest: Manifest) -> Iterator[str]:
    """What our rules refuse of one manifest, a line each."""
    for name, template in pods(manifest):
        spec = template.get("spec") or {}
        yield from (f"{name}: {line}" for line in _pod(spec))
        for container in containers(template):
            where = f"{name}.{container.get('name')}"
            yield from (f"{where}: {line}" for line in _container(container, spec))
    yield from _kind(manifest)
    cluster = cluster_spec(manifest)
    if cluster is not None:
        yield from _ray(cluster)
    if manifest.get("kind") == "RayJob":
        yield from _job(manifest["spec"])


def _pod(spec: Manifest) -> Iterator[str]:
    context = spec.get("securityContext") or {}
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "securityContext.runAsNonRoot: must be true, and runAsUser not 0"
    if (context.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
        yield "securityContext.seccompProfile.type: must be RuntimeDefault"
    yield from (f"{field}: not allowed" for field in HOST if spec.get(field))
    for volume in spec.get("volumes") or []:
        kinds = set(volume) - {"name"}
        yield from (
            f"volume {volume.get('name')}: given {kind}; allowed: {', '.join(VOLUMES)}"
            for kind in sorted(kinds - set(VOLUMES))
        )
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
            yield f"volume {volume.get('name')}: emptyDir needs a sizeLimit"
    if not spec.get("priorityClassName"):
        yield "priorityClassName: required"


def _container(container: Manifest, pod: Manifest) -> Iterator[str]:
    yield from _confined(container.get("securityContext") or {})
    amounts = container.get("resources") or {}
    for side, names in (("requests", ("cpu", "memory")), ("limits", ("memory",))):
        yield from (
            f"resources.{side}.{name}: required"
            for name in names
            if name not in (amounts.get(side) or {})
        )
    yield from _image(str(container.get("image")))
    yield from _environment(container.get("env") or [])
    for word in (*(container.get("command") or []), *(container.get("args") or [])):
        if IN_ADDRESS.search(str(word)):
            yield "command: holds an address with a password in it"
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield "ports: hostPort is not allowed"


def _confined(context: Manifest) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False:
        yield "securityContext.allowPrivilegeEscalation: must be false"
    if (context.get("capabilities") or {}) != {"drop": ["ALL"]}:
        yield "securityContext.capabilities: must drop ALL and add none"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "securityContext.readOnlyRootFilesystem: must be true"
    if context.get("privileged") or context.get("runAsUser") == 0:
        yield "securityContext: privileged and root are not allowed"


def _image(image: str) -> Iterator[str]:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if not digest.startswith("sha256:") and tag in ("", "latest"):
        yield f"image: given {image}; allowed: a digest, or a tag other than latest"


def _environment(variables: list[Any]) -> Iterator[str]:
    for variable in variables:
        name, value = str(variable.get("name")), variable.get("value")
        if value is None:
            continue
        if SECRET.search(name) and not PLACE.search(name):
            yield f"env {name}: a value is written here; allowed: valueFrom.secretKeyRef"
        elif IN_ADDRESS.search(str(value)):
            yield f"env {name}: an address with a password in it"


def _kind(manifest: Manifest) -> Iterator[str]:
    kind, spec = manifest.get("kind"), manifest.get("spec") or {}
    if kind == "Secret":
        yield "kind: a Secret in git; allowed: the name of one made by kubectl create secret"
    if kind == "ConfigMap":
        pairs = [{"name": k, "value": v} for k, v in (manifest.get("data") or {}).items()]
        yield from _environment(pairs)
    if kind == "Ingress":
        yield "kind: nothing of this lab is public; allowed: kubectl port-forward"
    if kind == "Service" and (spec.get("type") in PUBLIC or spec.get("externalIPs")):
        yield f"spec.type: given {spec.get('type')}; allowed: ClusterIP"
    if kind == "Namespace":
        level = ((manifest.get("metadata") or {}).get("labels") or {}).get(HERE)
        if level != "restricted":
            yield f"metadata.labels: {HERE} must be restricted"


def _ray(cluster: Manifest) -> Iterator[str]:
    auth = cluster.get("authOptions") or {}
    if auth.get("mode") != "token" or not auth.get("secretName"):
        yield "authOptions: must be mode token with a secretName"
    head = cluster.get("headGroupSpec") or {}
    if head.get("enableIngress") or head.get("serviceType", "ClusterIP") != "ClusterIP":
        yield "headGroupSpec.serviceType: must be ClusterIP, without ingress"
    if (head.get("rayStartParams") or {}).get("num-cpus") != "0":
        yield 'headGroupSpec.rayStartParams.num-cpus: must be "0": no tasks beside the GCS'
    if cluster.get("enableInTreeAutoscaling"):
        options = cluster.get("autoscalerOptions") or {}
        if options.get("version") != "v2":
            yield "autoscalerOptions.version: must be v2"
        lines = _confined(options.get("securityContext") or {})
        yield from (f"autoscalerOptions.{line}" for line in lines)
    durable = cluster.get("gcsFaultToleranceOptions") or {}
    if "value" in (durable.get("redisPassword") or {}):
        yield "gcsFaultToleranceOptions.redisPassword: a value is written here; use valueFrom"
    for name, group in groups(cluster):
        yield from (f"{name}: {line}" for line in _memory(group))
        spec = (group.get("template") or {}).get("spec") or {}
        if name != "head" and spec.get("automountServiceAccountToken") is not False:
            yield f"{name}: automountServiceAccountToken must be false"


def _memory(group: Manifest) -> Iterator[str]:
    """Ray's objects lie in /dev/shm; where they would not fit, Ray puts them on a disk, in /tmp."""
    given = (group.get("rayStartParams") or {}).get("object-store-memory")
    volumes = ((group.get("template") or {}).get("spec") or {}).get("volumes") or []
    shared = [one["emptyDir"] for one in volumes if one.get("name") == "shared-mem"]
    if given is None or not shared or shared[0].get("medium") != "Memory":
        yield "needs rayStartParams.object-store-memory and a volume shared-mem in memory"
    elif float(given) > amount(shared[0]["sizeLimit"]):
        yield f"object-store-memory: given {given}; allowed: at most shared-mem's sizeLimit"


def _job(job: Manifest) -> Iterator[str]:
    for field in ("activeDeadlineSeconds", "backoffLimit", "shutdownAfterJobFinishes"):
        if not job.get(field):
            yield f"{field}: required, or a dead driver reads RUNNING for ever"
    if not job.get("entrypointNumCpus"):
        yield "entrypointNumCpus: must be above 0: the head takes no tasks, and dies alone"
