"""Custom resources as an API server reads them, on a schema of a few lines."""

from typing import Any

import pytest

from cluster.manifests import builtin, derive, references, structural
from cluster.manifests.reading import documents, pods

SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "format": "int32"},
                "share": {"x-kubernetes-int-or-string": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "groups": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "least": {"type": "integer", "default": 0},
                            "most": {"type": "integer", "default": 4},
                        },
                        "x-kubernetes-validations": [
                            {"rule": "self.least <= self.most", "message": "least above most"},
                            {"rule": "self == oldSelf", "message": "only at a change"},
                        ],
                    },
                },
            },
        }
    },
}


def lines(**spec: Any) -> list[str]:
    """What is wrong with a resource of that specification."""
    manifest = {"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec}
    return structural.problems(manifest, SCHEMA)


@pytest.mark.parametrize(
    "spec",
    [
        {"size": 1},
        {"size": 2**31 - 1, "share": "10%"},
        {"size": 1, "share": 3, "labels": {"any": "name"}, "free": {"any": [1]}},
        {"size": 1, "groups": [{}, {"least": 4}, {"least": 5, "most": 5}]},
    ],
)
def test_a_sound_one_passes(spec: dict[str, Any]) -> None:
    assert lines(**spec) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "'size' is a required property"),
        ({"size": 1, "siz": 1}, "'siz' was unexpected"),
        ({"size": 2**31}, "spec.size: 2147483648 is greater than the maximum"),
        ({"size": 1, "share": 0.5}, "spec.share: 0.5 is not valid"),
        ({"size": 1, "labels": {"a": 1}}, "spec.labels.a: 1 is not of type 'string'"),
        ({"size": 1, "groups": [{"leas": 1}]}, "spec.groups.0: "),
        ({"size": 1, "groups": [{"least": 5}]}, "spec.groups.0: least above most"),
    ],
)
def test_a_broken_one_is_refused(spec: dict[str, Any], message: str) -> None:
    assert any(message in line for line in lines(**spec)), lines(**spec)


def test_defaults_are_filled_at_every_depth_and_the_given_is_left_alone() -> None:
    given = {"spec": {"groups": [{"least": 1}, {}]}}
    found = structural.filled(SCHEMA, given)
    assert found["spec"]["groups"] == [{"least": 1, "most": 4}, {"least": 0, "most": 4}]
    assert given == {"spec": {"groups": [{"least": 1}, {}]}}


def test_every_schema_of_the_folder_is_read() -> None:
    kinds = {kind for _, kind in structural.schemas()}
    assert kinds == {"RayCluster", "RayJob", "ResourceFlavor", "ClusterQueue", "LocalQueue"}


def test_a_definition_is_shortened_to_what_checks_read() -> None:
    field = {"type": "string", "description": "long", "enum": ["a"], "default": "a"}
    pod = {"type": "object", "properties": {"description": {"type": "string"}}}
    spec = {"type": "object", "properties": {"description": field, "template": pod}}
    spec["x-kubernetes-validations"] = [{"rule": "true", "message": "kept"}]
    schema = {"type": "object", "properties": {"spec": spec, "status": pod}}
    found = derive.derive(
        {
            "spec": {
                "group": "x.io",
                "names": {"kind": "X"},
                "versions": [
                    {"name": "v1alpha1"},
                    {"name": "v1", "schema": {"openAPIV3Schema": schema}},
                ],
            }
        }
    )
    assert (found["apiVersion"], found["kind"]) == ("x.io/v1", "X")
    assert set(found["schema"]["properties"]) == {"spec"}
    short = found["schema"]["properties"]["spec"]
    assert short["properties"]["description"] == {"type": "string", "enum": ["a"], "default": "a"}
    assert short["properties"]["template"] == derive.FREE
    assert short["x-kubernetes-validations"] == [{"rule": "true", "message": "kept"}]


@pytest.mark.parametrize("amount", ["500m", "1Gi", "1.5", ".5", "2e3", 4, "-1", "1k"])
def test_quantities_that_are_some(amount: Any) -> None:
    assert list(builtin.quantities({"limits": {"cpu": amount}})) == []


@pytest.mark.parametrize("amount", ["1GB", "1 Gi", "half", "", "1gi", "."])
def test_quantities_that_are_none(amount: Any) -> None:
    (line,) = builtin.quantities({"a": [{"limits": {"cpu": amount}}]})
    assert line == f"a.0.limits.cpu: given {amount}; allowed: a quantity such as 500m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500m", 0.5), ("1Ki", 1024), ("2Gi", 2 * 1024**3), ("1k", 1000), ("1.5", 1.5), ("2e3", 2000)],
)
def test_a_quantity_is_a_number(text: str, expected: float) -> None:
    assert builtin.amount(text) == pytest.approx(expected)  # 500 * 1e-3 rounds


@pytest.mark.parametrize("text", ["1GB", "", "Gi", "1 Gi"])
def test_what_is_no_quantity_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="^quantity: given "):
        builtin.amount(text)


def test_documents_are_split_where_yaml_does() -> None:
    text = "a: 1\n---\nb: |\n  ---\n  x\n---\n# nothing\n--- \nc: 2\n"
    assert documents(text) == [{"a": 1}, {"b": "---\nx\n"}, {"c": 2}]


def test_every_pod_of_a_job_is_found() -> None:
    template = {"spec": {"containers": []}}
    cluster = {
        "headGroupSpec": {"template": template},
        "workerGroupSpecs": [{"groupName": "a", "template": template}],
    }
    job = {"kind": "RayJob", "spec": {"rayClusterSpec": cluster, "submitterPodTemplate": template}}
    assert [name for name, _ in pods(job)] == ["head", "a", "submitter"]
    cron = {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}}
    assert list(pods(cron)) == [("pod", template)]
    assert list(pods({"kind": "Service", "spec": {}})) == []


def test_what_a_pod_may_do_without_is_not_demanded() -> None:
    container = {
        "envFrom": [
            {"secretRef": {"name": "s3", "optional": True}},
            {"configMapRef": {"name": "c"}},
        ],
        "env": [{"valueFrom": {"secretKeyRef": {"name": "p", "key": "k"}}}, {"value": "x"}],
    }
    pod = {"spec": {"containers": [container], "priorityClassName": "high"}}
    assert [*references.used(pod)] == [
        ("PriorityClass", "high"),
        ("ConfigMap", "c"),
        ("Secret", "p"),
    ]
