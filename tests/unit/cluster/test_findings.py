"""Every finding of the doctor, from plain facts."""

from dataclasses import replace

import pytest

from cluster.findings import GB, PACKAGES, Client, Facts, Finding, Node, bad, judge, plain

VERSIONS = dict.fromkeys(PACKAGES, "1.0")
HERE = Client(python="3.11.7", packages=VERSIONS, token_mode=0o600)
A, B = (
    Node(name, "3.11.7", VERSIONS, home="s3://bucket/lab", saw=("a", "b"), gpus=None)
    for name in ("a", "b")
)
FINE = Facts(HERE, (A, B), tracking="https://mlflow", driver="a")


def found(facts: Facts, about: str) -> Finding:
    """The one finding on a subject that is not fine."""
    (one,) = [f for f in judge(facts) if f.about == about and f.level != "ok"]
    assert one.cure
    assert "\n" not in one.text + one.cure
    return one


def with_nodes(*nodes: Node) -> Facts:
    return replace(FINE, nodes=nodes)


def test_a_sound_cluster_has_a_line_for_each_subject_and_no_cure() -> None:
    findings = judge(FINE)
    assert [one.about for one in findings] == [
        *("token", "nodes", "versions", "storage", "MLflow", "GPUs", "clocks", "space")
    ]
    assert {(one.level, one.cure) for one in findings} == {("ok", "")}
    assert not bad(findings)


def test_a_head_without_token_is_a_problem() -> None:
    one = found(replace(FINE, client=replace(HERE, token_asked=False)), "token")
    assert one.level == "problem"
    assert "runs commands" in one.text


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_others_can_read_is_a_warning(mode: int) -> None:
    one = found(replace(FINE, client=replace(HERE, token_mode=mode)), "token")
    assert (one.level, one.cure) == ("warning", "chmod 600 it")
    assert f"{mode:04o}" in one.text


def test_a_token_from_the_environment_has_no_file() -> None:
    assert not bad(judge(replace(FINE, client=replace(HERE, token_mode=None))))


def test_a_silent_node_is_named() -> None:
    one = found(replace(FINE, silent=("c",)), "nodes")
    assert (one.level, one.text) == ("problem", "c does not answer")


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_that_differ_name_versions_and_nodes(package: str) -> None:
    one = found(with_nodes(A, replace(B, packages=VERSIONS | {package: "2.0"})), "versions")
    assert (one.level, one.text) == ("problem", f"{package}: 1.0 on a; 2.0 on b")


def test_a_package_that_lacks_everywhere_is_a_problem() -> None:
    less = VERSIONS | {"mlflow": None}
    one = found(with_nodes(replace(A, packages=less), replace(B, packages=less)), "versions")
    assert one.text == "mlflow: none on a, b"


def test_pythons_that_differ_between_nodes_are_a_problem() -> None:
    assert found(with_nodes(A, replace(B, python="3.12.1")), "versions").level == "problem"


def test_a_client_with_another_ray_is_only_warned() -> None:
    client = replace(HERE, packages=VERSIONS | {"ray": "0.9"})
    one = found(replace(FINE, client=client), "versions")
    assert (one.level, one.text) == ("warning", "ray: 0.9 here, 1.0 on the cluster")


def test_an_unwritable_home_says_where_and_why() -> None:
    one = found(with_nodes(A, replace(B, wrote="Permission denied", saw=())), "storage")
    assert one.level == "problem"
    assert one.text == "b cannot write s3://bucket/lab: Permission denied"


def test_a_home_that_is_not_shared_is_a_problem() -> None:
    own = (replace(A, home="/lab", saw=("a",)), replace(B, home="/lab", saw=("b",)))
    one = found(with_nodes(*own), "storage")
    assert one.level == "problem"
    assert "/lab is not shared: a, b cannot read" in one.text


def test_homes_that_differ_are_a_problem() -> None:
    one = found(with_nodes(A, replace(B, home="/lab")), "storage")
    assert one.text == "CAL_HOME differs: /lab, s3://bucket/lab"


def test_a_local_store_is_fine_on_one_node_and_a_problem_on_two() -> None:
    local = replace(FINE, tracking="sqlite:////lab/mlflow.db")
    assert found(local, "MLflow").level == "problem"
    assert not bad(judge(replace(local, nodes=(replace(A, saw=("a",)),))))


def test_a_local_store_is_a_problem_also_where_the_second_node_is_silent() -> None:
    one = replace(FINE, tracking="sqlite:////lab/mlflow.db", silent=("b",), nodes=(A,))
    assert found(one, "MLflow").level == "problem"


def test_mlflow_that_refuses_says_why() -> None:
    one = found(replace(FINE, tracking_error="it refuses user and password"), "MLflow")
    assert (one.level, one.text) == ("problem", "https://mlflow: it refuses user and password")


@pytest.mark.parametrize(("offered", "seen"), [(1.0, 0), (1.0, None), (0.0, 1), (4.0, 2)])
def test_gpus_that_torch_and_ray_count_unlike_are_a_problem(
    offered: float, seen: int | None
) -> None:
    one = found(with_nodes(A, replace(B, ray_gpus=offered, gpus=seen)), "GPUs")
    assert one.text == f"b: Ray offers {offered:g}, torch sees {seen or 0}"


def test_gpus_that_agree_are_counted() -> None:
    both = (replace(A, ray_gpus=2.0, gpus=2), replace(B, ray_gpus=1.0, gpus=1))
    (one,) = [f for f in judge(with_nodes(*both)) if f.about == "GPUs"]
    assert (one.level, one.text) == ("ok", "3, all seen")


@pytest.mark.parametrize(("skew", "level"), [(2.5, "warning"), (31.0, "problem")])
def test_clocks_apart_name_the_worst(skew: float, level: str) -> None:
    one = found(with_nodes(replace(A, skew_s=0.5), replace(B, skew_s=skew)), "clocks")
    assert (one.level, one.text) == (level, f"b is {skew:.1f} s off the driver's clock")


@pytest.mark.parametrize(("free", "level"), [(4.0, "warning"), (0.5, "problem")])
def test_little_space_names_node_and_folder(free: float, level: str) -> None:
    one = found(with_nodes(A, replace(B, temp_free=free * GB)), "space")
    assert (one.level, one.text) == (level, f"b: Ray's temporary folder has {free} GB left")
    both = (replace(n, home="/lab", home_free=free * GB) for n in (A, B))
    levels = [f.level for f in judge(with_nodes(*both)) if f.about == "space"]
    assert levels == [level, level]


def test_a_small_shared_memory_is_a_warning() -> None:
    one = found(with_nodes(A, replace(B, shm_free=0.1 * GB, store=2 * GB)), "space")
    assert one.level == "warning"
    assert one.text == "b: /dev/shm has 0.1 GB for an object store of 2.0 GB"


def test_findings_are_plain_for_scripts() -> None:
    assert plain([Finding("ok", "a", "b")]) == [
        {"level": "ok", "about": "a", "text": "b", "cure": ""}
    ]
