"""What KubeRay 1.7 refuses in its own code and no schema says.

Source of the facts: ray-operator/controllers/ray/utils/validation.go of ray-project/kuberay, and
the feature gates that its chart leaves off.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from cluster.manifests.reading import Manifest, cluster_spec, groups

LONGEST = {"RayCluster": 53, "RayJob": 47}  # the operator appends to these names
LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
MODES = ("HTTPMode", "InteractiveMode", "K8sJobMode", "SidecarMode")
GATED = {
    "networkPolicy": "RayClusterNetworkPolicy",
    "tlsOptions": "RayClusterMTLS",
    "historyServerOptions": "RayClusterHistoryServer",
}
AMOUNTS = ("num-cpus", "num-gpus", "memory", "resources")
TOKENS = (2, 52)  # first versions of Ray with token authentication, with priority of groups
PRIORITY = (2, 56)


def _version(cluster: Manifest) -> tuple[int, ...]:
    return tuple(int(word) for word in re.findall(r"\d+", str(cluster.get("rayVersion", "0"))))


def problems(manifest: Manifest) -> Iterator[str]:
    """What the operator would refuse of a RayCluster or RayJob, a line each."""
    kind, name = str(manifest.get("kind")), str((manifest.get("metadata") or {}).get("name"))
    if kind not in LONGEST:
        return
    if len(name) > LONGEST[kind] or not LABEL.fullmatch(name):
        yield f"metadata.name: given {name}; allowed: at most {LONGEST[kind]} of a-z, 0-9 and -"
    if kind == "RayJob":
        yield from _job(manifest["spec"])
    cluster = cluster_spec(manifest)
    if cluster is not None:
        yield from _cluster(cluster)
        yield from _storage(cluster)


def _cluster(cluster: Manifest) -> Iterator[str]:
    auto = bool(cluster.get("enableInTreeAutoscaling"))
    v2 = auto and (cluster.get("autoscalerOptions") or {}).get("version") == "v2"
    for name, group in groups(cluster):
        yield from (f"{name}: {line}" for line in _group(group, auto=auto, v2=v2))
        if group.get("priority") and not (v2 and _version(cluster) >= PRIORITY):
            yield f"{name}: priority needs autoscaler v2 and rayVersion 2.56 or later"
    auth = cluster.get("authOptions") or {}
    if auth.get("mode") == "token" and _version(cluster) < TOKENS:
        yield f"rayVersion: given {cluster.get('rayVersion')}; with tokens 2.52 or later"
    for field, gate in GATED.items():
        if field in cluster:
            yield f"{field}: needs the operator's feature gate {gate}, which is off"


def _group(group: Manifest, *, auto: bool, v2: bool) -> Iterator[str]:
    given = group.get("rayStartParams") or {}
    spec = (group.get("template") or {}).get("spec") or {}
    if not spec.get("containers"):
        yield "template: at least one container"
    if group.get("resources") and set(AMOUNTS) & set(given):
        yield "resources: given here and in rayStartParams; allowed: one of them"
    if "labels" in given:
        yield "rayStartParams.labels: the group has its own field labels"
    if v2 and spec.get("restartPolicy", "Never") != "Never":
        yield "restartPolicy: with autoscaler v2 Never, or unset"
    least, most = group.get("minReplicas", 0), group.get("maxReplicas", 2**31 - 1)
    if not 0 <= least <= most:
        yield f"minReplicas: given {least}; allowed: 0 to maxReplicas ({most})"
    if "idleTimeoutSeconds" in group and not v2:
        yield "idleTimeoutSeconds: needs autoscalerOptions.version v2"
    if auto and group.get("suspend"):
        yield "suspend: not with the autoscaler"


def _storage(cluster: Manifest) -> Iterator[str]:
    head = cluster.get("headGroupSpec") or {}
    first = ((head.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    environment = {one.get("name") for one in first[0].get("env") or []}
    durable: dict[str, Any] | None = cluster.get("gcsFaultToleranceOptions")
    if durable is None:
        if "RAY_REDIS_ADDRESS" in environment:
            yield "RAY_REDIS_ADDRESS: needs gcsFaultToleranceOptions"
        return
    if {"REDIS_PASSWORD", "RAY_REDIS_ADDRESS"} & environment or "redis-password" in (
        head.get("rayStartParams") or {}
    ):
        yield "head: Redis is told by gcsFaultToleranceOptions alone"
    if durable.get("backend") == "rocksdb":
        yield "backend: rocksdb needs the feature gate GCSFaultToleranceEmbeddedStorage, off"


def _job(job: Manifest) -> Iterator[str]:
    selector, ends = job.get("clusterSelector"), job.get("shutdownAfterJobFinishes")
    mode = job.get("submissionMode", "K8sJobMode")
    retries = job.get("backoffLimit", 0)
    if mode not in MODES:
        yield f"submissionMode: given {mode}; allowed: {', '.join(MODES)}"
    if job.get("suspend") and (selector or not ends):
        yield "suspend: needs shutdownAfterJobFinishes and no clusterSelector"
    if job.get("ttlSecondsAfterFinished") and not ends:
        yield "ttlSecondsAfterFinished: needs shutdownAfterJobFinishes"
    if "deletionStrategy" in job:
        yield "deletionStrategy: needs the operator's feature gate RayJobDeletionPolicy"
    if not selector and "rayClusterSpec" not in job:
        yield "rayClusterSpec: required without clusterSelector"
    if selector and (not selector.get("ray.io/cluster") or retries or mode == "SidecarMode"):
        yield "clusterSelector: needs ray.io/cluster, no backoffLimit, no SidecarMode"
    if mode == "SidecarMode" and {"submitterPodTemplate", "submitterConfig"} & set(job):
        yield "submissionMode: SidecarMode takes no submitterPodTemplate or submitterConfig"
    if mode == "InteractiveMode" and retries:
        yield "backoffLimit: not in InteractiveMode"
    for field, least in (("activeDeadlineSeconds", 1), ("backoffLimit", 0)):
        if job.get(field, least) < least:
            yield f"{field}: given {job[field]}; allowed: {least} or more"
    yield from _environment(job.get("runtimeEnvYAML", ""))


def _environment(text: str) -> Iterator[str]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"runtimeEnvYAML: not YAML: {' '.join(str(error).split())[:120]}"
        return
    if not isinstance(found, dict | None):
        yield f"runtimeEnvYAML: given a {type(found).__name__}; allowed: fields of a runtime_env"
