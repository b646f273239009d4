"""The overlays are sound as rendered, and one wrong field in any kind of manifest is refused."""

from typing import Any

import pytest

from cluster.manifests import operator_rules
from cluster.manifests.__main__ import main
from cluster.manifests.check import placeholders, problems, together
from cluster.manifests.reading import documents, title
from tests.unit.cluster.twins import GONE, HEAD, POD, RENDERED, WORKER, edit, text_of, twin

OVERLAYS = ("kind", "cpu", "gpu-spot", "production", "batch", "batch-kueue")
RAY = "RayCluster/cal-lab"
JOB = "RayJob/full"
SERVER = "Deployment/mlflow"
MOUNT = {"name": "x", "hostPath": {"path": "/"}}
UNSAFE = "securityContext"

# What an API server refuses: by the schema, of every kind that we have.
SCHEMA = [
    ("cpu", RAY, "spec.rayVersio", "2.60.0", "Additional properties are not allowed"),
    ("cpu", RAY, "spec.authOptions.mode", "tokens", "is not one of ['disabled', 'token']"),
    ("cpu", RAY, "spec.autoscalerOptions.version", "v3", "is not one of ['v1', 'v2']"),
    ("cpu", RAY, "spec.headGroupSpec", GONE, "'headGroupSpec' is a required property"),
    ("cpu", RAY, "spec.headGroupSpec.rayStartParams.num-cpus", 0, "0 is not of type 'string'"),
    ("cpu", RAY, "spec.workerGroupSpecs.0.maxReplicas", "4", "'4' is not of type 'integer'"),
    ("cpu", RAY, "spec.workerGroupSpecs.0.maxReplicas", 2**31, "greater than the maximum"),
    ("cpu", RAY, "spec.workerGroupSpecs.0.groupName", GONE, "'groupName' is a required property"),
    ("cpu", RAY, "spec.managedBy", "me", "the managedBy field value must be either"),
    ("cpu", RAY, f"{HEAD}.containers.0.imag", "x", "head: spec.containers.0: Additional"),
    ("cpu", RAY, f"{WORKER}.volumes.0.name", GONE, "driver: spec.volumes.0: 'name' is a required"),
    ("cpu", RAY, "metadata", {}, "metadata: {} is not valid"),
    ("batch", JOB, "spec.entrypoin", "python", "Additional properties are not allowed"),
    ("batch", JOB, "spec.entrypointNumCpus", "1", "'1' is not of type 'number'"),
    ("batch", JOB, "spec.backoffLimit", "3", "'3' is not of type 'integer'"),
    ("batch", JOB, "spec.deletionStrategy", {}, "spec.deletionStrategy: "),
    ("batch", JOB, "spec.submitterPodTemplate.spec.container", [], "submitter: spec: Additional"),
    ("batch-kueue", "ClusterQueue/cal-lab", "spec.cohor", "x", "Additional properties are not"),
    (
        *("batch-kueue", "ClusterQueue/cal-lab", "spec.resourceGroups.0.coveredResources.0"),
        *("pods", "every flavor must list the covered resources"),
    ),
    (
        *("batch-kueue", "ClusterQueue/cal-lab"),
        *("spec.resourceGroups.0.flavors.0.resources.1.nominalQuota", "9GB", "allowed: a quantity"),
    ),
    ("batch-kueue", "LocalQueue/cal-lab", "spec.clusterQueue", "", "should be non-empty"),
    ("batch-kueue", "ResourceFlavor/cal-lab", "spec.nodeLabel", {}, "Additional properties"),
    ("cpu", SERVER, "spec.replica", 2, "Additional properties are not allowed"),
    ("cpu", SERVER, "spec.replicas", "2", "spec.replicas: "),
    ("cpu", SERVER, f"{POD}.containers.0.resources.limits.memory", "1GB", "allowed: a quantity"),
    ("cpu", SERVER, f"{POD}.volumes.2.emptyDir.sizeLimit", "1 Gi", "allowed: a quantity"),
    ("cpu", "StatefulSet/postgres", "spec.serviceNam", "x", "Additional properties"),
    ("cpu", "Service/mlflow", "spec.ports.0.port", "5000", "spec.ports.0.port: "),
    ("cpu", "ConfigMap/cal-lab", "data.CAL_LOG", {}, "data.CAL_LOG: "),
    ("cpu", "Namespace/cal-lab", "metadata.label", {}, "Additional properties"),
    ("cpu", "NetworkPolicy/deny-all", "spec.podSelecto", {}, "Additional properties"),
    ("cpu", "NetworkPolicy/ray", "spec.egress.0.too", [], "Additional properties"),
    ("cpu", "PodDisruptionBudget/ray-head", "spec.minAvailabl", 1, "Additional properties"),
    ("cpu", "PriorityClass/cal-lab-state", "value", "high", "value: "),
    ("cpu", "ServiceAccount/cal-lab", "automountServiceAccountToken", "no", "automount"),
    ("kind", "PersistentVolumeClaim/lab", "spec.accessMode", [], "Additional properties"),
    ("kind", "PersistentVolumeClaim/lab", "kind", "PersistentVolume2", "allowed: kinds of"),
]
# What only KubeRay's own code refuses.
OPERATOR = [
    ("cpu", RAY, "metadata.name", "c" * 54, "allowed: at most 53"),
    ("cpu", RAY, "metadata.name", "1lab", "allowed: at most 53 of a-z"),
    ("batch", JOB, "metadata.name", "c" * 48, "allowed: at most 47"),
    ("cpu", RAY, "spec.workerGroupSpecs.0.minReplicas", 17, "given 17; allowed: 0 to maxReplicas"),
    ("cpu", RAY, "spec.workerGroupSpecs.0.minReplicas", -1, "given -1; allowed: 0 to"),
    ("cpu", RAY, "spec.rayVersion", "2.51.0", "given 2.51.0; with tokens 2.52"),
    ("cpu", RAY, "spec.networkPolicy", {}, "feature gate RayClusterNetworkPolicy"),
    ("cpu", RAY, "spec.tlsOptions", {}, "feature gate RayClusterMTLS"),
    ("cpu", RAY, "spec.headGroupSpec.resources", {"CPU": "1"}, "allowed: one of them"),
    ("cpu", RAY, "spec.headGroupSpec.rayStartParams.labels", "a=b", "has its own field labels"),
    ("cpu", RAY, f"{HEAD}.restartPolicy", "Always", "with autoscaler v2 Never"),
    ("cpu", RAY, f"{HEAD}.containers", [], "head: "),
    ("cpu", RAY, "spec.workerGroupSpecs.0.suspend", True, "not with the autoscaler"),
    ("batch-kueue", JOB, "spec.rayClusterSpec.workerGroupSpecs.0.idleTimeoutSeconds", 60, "v2"),
    ("batch-kueue", JOB, "spec.rayClusterSpec.workerGroupSpecs.0.priority", 1, "autoscaler v2"),
    (
        *("production", RAY, f"{HEAD}.containers.0.env.0"),
        *({"name": "RAY_REDIS_ADDRESS", "value": "x"}, "gcsFaultToleranceOptions alone"),
    ),
    (
        *("cpu", RAY, f"{HEAD}.containers.0.env.0"),
        *({"name": "RAY_REDIS_ADDRESS", "value": "x"}, "needs gcsFaultToleranceOptions"),
    ),
    ("production", RAY, "spec.gcsFaultToleranceOptions.backend", "rocksdb", "feature gate"),
    ("batch", JOB, "spec.submissionMode", "K8sMode", "given K8sMode; allowed: HTTPMode"),
    ("batch", JOB, "spec.submissionMode", "SidecarMode", "takes no submitterPodTemplate"),
    ("batch", JOB, "spec.submissionMode", "InteractiveMode", "not in InteractiveMode"),
    ("batch", JOB, "spec.activeDeadlineSeconds", -1, "given -1; allowed: 1 or more"),
    ("batch", JOB, "spec.backoffLimit", -1, "given -1; allowed: 0 or more"),
    ("batch", JOB, "spec.rayClusterSpec", GONE, "required without clusterSelector"),
    ("batch", JOB, "spec.clusterSelector", {"ray.io/cluster": "x"}, "no backoffLimit"),
    ("batch", JOB, "spec.shutdownAfterJobFinishes", GONE, "needs shutdownAfterJobFinishes"),
    ("batch", JOB, "spec.runtimeEnvYAML", "a: [", "not YAML"),
    ("batch", JOB, "spec.runtimeEnvYAML", "- a", "given a list; allowed: fields"),
    (
        *("batch", JOB, "spec.deletionStrategy"),
        {"deletionRules": [{"policy": "DeleteCluster", "condition": {"jobStatus": "FAILED"}}]},
        "feature gate RayJobDeletionPolicy",
    ),
]
# What we refuse: any pod that is not restricted, anything public, any secret that is written down.
POLICY = [
    ("cpu", RAY, f"{HEAD}.securityContext.runAsNonRoot", False, "runAsNonRoot: must be true"),
    ("cpu", RAY, f"{WORKER}.securityContext.runAsUser", 0, "runAsUser not 0"),
    ("cpu", SERVER, f"{POD}.{UNSAFE}.seccompProfile", GONE, "must be RuntimeDefault"),
    ("cpu", SERVER, f"{POD}.hostNetwork", True, "hostNetwork: not allowed"),
    ("cpu", SERVER, f"{POD}.hostPID", True, "hostPID: not allowed"),
    ("cpu", SERVER, f"{POD}.volumes.0", MOUNT, "given hostPath; allowed: configMap"),
    ("cpu", SERVER, f"{POD}.volumes.2.emptyDir", {}, "emptyDir needs a sizeLimit"),
    ("cpu", SERVER, f"{POD}.priorityClassName", GONE, "priorityClassName: required"),
    ("cpu", SERVER, f"{POD}.containers.0.{UNSAFE}", GONE, "allowPrivilegeEscalation: must be"),
    (
        *("cpu", SERVER, f"{POD}.containers.0.{UNSAFE}.capabilities.add"),
        *(["NET_ADMIN"], "must drop ALL and add none"),
    ),
    ("cpu", RAY, f"{HEAD}.containers.0.{UNSAFE}.readOnlyRootFilesystem", False, "must be true"),
    ("cpu", RAY, f"{HEAD}.containers.0.{UNSAFE}.runAsUser", 0, "privileged and root"),
    ("cpu", RAY, f"{HEAD}.containers.0.resources.requests.cpu", GONE, "requests.cpu: required"),
    ("cpu", RAY, f"{HEAD}.containers.0.resources.limits.memory", GONE, "limits.memory: required"),
    ("cpu", RAY, f"{HEAD}.containers.0.image", "cal-lab:latest", "allowed: a digest, or a tag"),
    ("cpu", RAY, f"{HEAD}.containers.0.image", "host:5000/cal-lab", "allowed: a digest, or a tag"),
    ("cpu", SERVER, f"{POD}.containers.0.ports.0.hostPort", 80, "hostPort is not allowed"),
    (
        *("cpu", SERVER, f"{POD}.containers.0.env.0"),
        *({"name": "MLFLOW_TRACKING_PASSWORD", "value": "x"}, "allowed: valueFrom.secretKeyRef"),
    ),
    (
        *("cpu", SERVER, f"{POD}.containers.0.env.0"),
        *({"name": "DATABASE", "value": "postgresql://u:p@h/d"}, "address with a password"),
    ),
    ("cpu", SERVER, f"{POD}.containers.0.args.0", "--x=postgresql://u:p@h/d", "with a password"),
    ("cpu", "ConfigMap/cal-lab", "data.AWS_SECRET_ACCESS_KEY", "x", "a value is written here"),
    ("cpu", "Service/mlflow", "spec.type", "NodePort", "given NodePort; allowed: ClusterIP"),
    ("cpu", "Service/mlflow", "spec.type", "LoadBalancer", "allowed: ClusterIP"),
    ("cpu", "Service/mlflow", "spec.externalIPs", ["192.0.2.1"], "allowed: ClusterIP"),
    ("cpu", "Namespace/cal-lab", "metadata.labels", {}, "must be restricted"),
    ("cpu", RAY, "spec.authOptions", GONE, "must be mode token"),
    ("cpu", RAY, "spec.authOptions.mode", "disabled", "must be mode token"),
    ("cpu", RAY, "spec.authOptions.secretName", GONE, "with a secretName"),
    ("cpu", RAY, "spec.headGroupSpec.serviceType", "NodePort", "must be ClusterIP"),
    ("cpu", RAY, "spec.headGroupSpec.enableIngress", True, "without ingress"),
    ("cpu", RAY, "spec.headGroupSpec.rayStartParams.num-cpus", "2", 'must be "0"'),
    ("cpu", RAY, "spec.autoscalerOptions.version", "v1", "version: must be v2"),
    ("cpu", RAY, f"spec.autoscalerOptions.{UNSAFE}", GONE, "autoscalerOptions.securityContext"),
    ("cpu", RAY, f"{WORKER}.automountServiceAccountToken", GONE, "driver: automountService"),
    (
        *("production", RAY, "spec.gcsFaultToleranceOptions.redisPassword"),
        *({"value": "x"}, "a value is written here; use valueFrom"),
    ),
    (
        *("cpu", RAY, "spec.headGroupSpec.rayStartParams.object-store-memory", "2000000000"),
        "head: object-store-memory: given 2000000000; allowed: at most shared-mem's",
    ),
    ("cpu", RAY, "spec.workerGroupSpecs.0.rayStartParams", {}, "driver: needs rayStartParams"),
    ("cpu", RAY, f"{WORKER}.volumes.2.emptyDir.medium", "", "volume shared-mem in memory"),
    ("batch", JOB, "spec.activeDeadlineSeconds", GONE, "activeDeadlineSeconds: required"),
    ("batch", JOB, "spec.backoffLimit", GONE, "backoffLimit: required"),
    ("batch", JOB, "spec.entrypointNumCpus", GONE, "entrypointNumCpus: must be above 0"),
]
# What only all manifests together show.
TOGETHER = [
    ("cpu", "NetworkPolicy/deny-all", "", GONE, "no NetworkPolicy denies all traffic"),
    ("cpu", "NetworkPolicy/deny-all", "spec.policyTypes", ["Ingress"], "denies all traffic"),
    ("cpu", "NetworkPolicy/deny-all", "spec.ingress", [{}], "denies all traffic"),
    ("cpu", "PriorityClass/cal-lab-state", "", GONE, "no PriorityClass cal-lab-state"),
    ("cpu", "ServiceAccount/cal-lab", "", GONE, "no ServiceAccount cal-lab"),
    ("cpu", "ConfigMap/mlflow-auth", "", GONE, "Deployment/mlflow pod: no ConfigMap mlflow-auth"),
    ("cpu", "ConfigMap/cal-lab", "", GONE, "RayCluster/cal-lab head: no ConfigMap cal-lab"),
    ("kind", "PersistentVolumeClaim/lab", "", GONE, "no PersistentVolumeClaim lab"),
    ("cpu", "Service/mlflow", "spec/selector/app.kubernetes.io~1name", "x", "selects no pod"),
    ("cpu", "PodDisruptionBudget/ray-head", "spec.selector", {"matchLabels": {"a": "b"}}, "no pod"),
]
NEW = [
    ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}, "a Secret in git"),
    (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "x"},
            "spec": {},
        },
        "nothing of this lab is public",
    ),
    ({"apiVersion": "apps/v2", "kind": "Deployment", "metadata": {"name": "x"}}, "allowed: kinds"),
    ({"kind": "Deployment"}, "apiVersion: required"),
]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_sound(overlay: str) -> None:
    assert problems(text_of(overlay)) == []


def test_every_rendered_file_is_one_of_the_overlays() -> None:
    assert {path.stem for path in RENDERED.glob("*.yaml")} == {*OVERLAYS}


@pytest.mark.parametrize(
    ("overlay", "name", "path", "value", "message"),
    [*SCHEMA, *OPERATOR, *POLICY, *TOGETHER],
)
def test_a_broken_twin_is_refused(
    overlay: str, name: str, path: str, value: Any, message: str
) -> None:
    found = together(twin(overlay, name, path, value))
    assert any(message in line for line in found), found


def test_every_kind_of_manifest_has_a_twin_that_its_schema_refuses() -> None:
    kinds = {str(one["kind"]) for overlay in OVERLAYS for one in documents(text_of(overlay))}
    assert kinds == {name.partition("/")[0] for _, name, *_ in SCHEMA}


@pytest.mark.parametrize(("manifest", "message"), NEW)
def test_what_may_not_be_there_is_refused(manifest: dict[str, Any], message: str) -> None:
    found = together(twin("cpu", "PriorityClass/cal-lab-spot", "", manifest))
    assert any(message in line for line in found), found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suspend": True, "shutdownAfterJobFinishes": False}, "suspend: needs shutdownAfter"),
        ({"clusterSelector": {"a": "b"}, "backoffLimit": 0}, "needs ray.io/cluster"),
        (
            {"clusterSelector": {"ray.io/cluster": "x"}, "submissionMode": "SidecarMode"},
            "no SidecarMode",
        ),
        ({"ttlSecondsAfterFinished": 5, "shutdownAfterJobFinishes": False}, "ttlSecondsAfter"),
    ],
)
def test_what_two_fields_of_a_job_exclude(changes: dict[str, Any], message: str) -> None:
    (job,) = [one for one in documents(text_of("batch")) if one["kind"] == "RayJob"]
    found = [*operator_rules.problems({**job, "spec": {**job["spec"], **changes}})]
    assert any(message in line for line in found), found


def test_redis_password_has_one_place() -> None:
    parameters = {"num-cpus": "0", "object-store-memory": "1", "redis-password": "x"}
    found = together(twin("production", RAY, "spec.headGroupSpec.rayStartParams", parameters))
    assert any("told by gcsFaultToleranceOptions alone" in line for line in found)


def test_a_group_without_containers_is_refused_by_the_operator_too() -> None:
    (cluster,) = [one for one in documents(text_of("cpu")) if one["kind"] == "RayCluster"]
    found = [*operator_rules.problems(edit(cluster, f"{HEAD}.containers", []))]
    assert "head: template: at least one container" in found


def test_a_suspended_job_is_sound() -> None:
    """Kueue suspends a job until its turn: what is refused is only suspend without an end."""
    assert together(twin("batch", JOB, "spec.suspend", True)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "given no manifest"), ("- a", "given a list; allowed"), ("a: [", "not YAML")],
)
def test_what_is_no_manifest_is_one_line(text: str, message: str) -> None:
    (line,) = problems(text)
    assert message in line


def test_what_has_a_default_may_be_left_out() -> None:
    found = together(twin("cpu", RAY, "spec.workerGroupSpecs.0.minReplicas", GONE))
    assert found == []


def test_placeholders_are_told_by_line() -> None:
    assert placeholders("a: b\nc: s3://REPLACE-ME/lab\nd: 192.0.2.7\n") == [
        "line 2: c: s3://REPLACE-ME/lab",
        "line 3: d: 192.0.2.7",
    ]


def test_the_laptop_has_nothing_to_replace_but_what_a_cloud_has() -> None:
    assert not placeholders(text_of("kind"))
    assert placeholders(text_of("production"))


def test_the_command_names_the_secrets_to_make(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(RENDERED / "production.yaml")]) == 0
    assert (
        "Secrets to make: cal-lab-mlflow, cal-lab-postgres, cal-lab-ray-token, cal-lab-redis"
        in (capsys.readouterr().out)
    )
    assert main(["--filled", str(RENDERED / "production.yaml")]) == 1
    assert "s3://REPLACE-ME/lab" in capsys.readouterr().err


def test_titles_name_kind_and_name() -> None:
    assert title({"kind": "Pod", "metadata": {"name": "x"}}) == "Pod/x"
    assert title(edit({"kind": "Pod", "metadata": {}}, "kind", GONE)) == "None/None"
