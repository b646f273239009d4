"""Ray's own launcher on a stand-in of EC2 (moto, on loopback): what aws.yaml makes, once filled."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.server import ThreadedMotoServer
from ray.autoscaler._private.aws.config import bootstrap_aws
from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
from ray.autoscaler._private.util import prepare_config, validate_config

FILE = Path(__file__).resolve().parents[2] / "cluster" / "cloud" / "aws.yaml"
REGION = "us-east-1"
Made = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, Any]]:
    """An account with what the file asks for: network, group, key, role -> fields of machines."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in [one for one in os.environ if one.startswith("AWS_")]:
            patch.delenv(name)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        ec2, iam = boto3.client("ec2", REGION), boto3.client("iam", REGION)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="lab", Description="lab", VpcId=vpc)
        ec2.create_key_pair(KeyName="lab")
        profile = iam.create_instance_profile(InstanceProfileName="cal-lab")["InstanceProfile"]
        yield {
            "ImageId": ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"],
            "KeyName": "lab",
            "SubnetIds": [subnet],
            "SecurityGroupIds": [group["GroupId"]],
            "IamInstanceProfile": {"Arn": profile["Arn"]},
        }
        moto.stop()


@pytest.fixture(scope="module")
def made(account: dict[str, Any]) -> Made:
    """Machines by type, as EC2 describes them after Ray made one of each."""
    config = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for kind in config["available_node_types"].values():
        kind["node_config"].update(copy.deepcopy(account))
    config = prepare_config(config)
    validate_config(config)
    config = bootstrap_aws(config)
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    for name, kind in config["available_node_types"].items():
        tags = {"ray-node-type": "head" if name == "head" else "worker"}
        tags |= {"ray-user-node-type": name, "ray-node-name": name, "ray-launch-config": "x"}
        provider.create_node(kind["node_config"], {**tags, "ray-node-status": "new"}, 1)
    found = {}
    for reservation in boto3.client("ec2", REGION).describe_instances()["Reservations"]:
        for one in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            found[tags["ray-user-node-type"]] = one
    return found


def test_only_the_gpus_are_on_the_spot_market(made: Made) -> None:
    market = {name: one.get("InstanceLifecycle") for name, one in made.items()}
    assert market == {"head": None, "driver": None, "gpu-spot": "spot"}


def test_every_machine_is_in_the_network_group_and_role_that_were_given(
    made: Made, account: dict[str, Any]
) -> None:
    for one in made.values():
        assert [one["SubnetId"]] == account["SubnetIds"]
        assert [group["GroupId"] for group in one["SecurityGroups"]] == account["SecurityGroupIds"]
        assert one["IamInstanceProfile"]["Arn"] == account["IamInstanceProfile"]["Arn"]
        assert one["KeyName"] == account["KeyName"]


def test_the_metadata_service_asks_for_a_session(made: Made) -> None:
    assert {one["MetadataOptions"]["HttpTokens"] for one in made.values()} == {"required"}


def test_ray_made_no_group_and_no_role_of_its_own(made: Made) -> None:
    assert made
    groups = boto3.client("ec2", REGION).describe_security_groups()["SecurityGroups"]
    assert not [one["GroupName"] for one in groups if one["GroupName"].startswith("ray")]
    assert not boto3.client("iam", REGION).list_roles()["Roles"]
