"""The recipes with real processes in a pod's confinement: no root, a root file system that cannot
be written, no capabilities. Needs util-linux, iproute2 and the right to make namespaces."""

import sys
from pathlib import Path

from cluster.manifests.reading import documents
from tests.services.confined import ROOT, confined, needs

RENDERED = ROOT / "cluster" / "kubernetes" / "rendered"
TOKEN = "0123456789abcdef0123456789abcdef"

# As the operator starts them: the head without CPUs, a worker by the head's name, both for ever;
# then the job that a user hands in, and the same with another token.
CLUSTER = """
set -e
exec 2>&1
start="ray start --block --disable-usage-stats --object-store-memory=100000000"
$start --head --num-cpus=0 --port=6379 --dashboard-host=0.0.0.0 >head.log &
for _ in $(seq 60); do ray health-check --address 127.0.0.1:6379 >/dev/null 2>&1 && break; done
$start --address=head:6379 --num-cpus=2 --dashboard-agent-listen-port=52366 >worker.log &
for _ in $(seq 60); do ray status 2>/dev/null | grep -q '/2.0 CPU' && break; sleep 0.5; done
export RAY_ADDRESS=http://127.0.0.1:8265
for _ in $(seq 60); do ray job list >/dev/null 2>&1 && break; sleep 0.5; done
ray job submit --entrypoint-num-cpus=1 -- python -m ablations.full --help | grep usage
export RAY_AUTH_TOKEN=wrong-0123456789abcdef01234567
ray job list 2>&1 | grep -i "invalid authentication token"
touch /etc/written || echo "root cannot be written"
id -u
"""


def test_a_cluster_runs_a_job_as_a_pod_may(tmp_path: Path) -> None:
    done = confined(
        ["bash", "-c", CLUSTER], tmp_path, hosts="head", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "usage: python -m ablations.full" in done.stdout
    assert "root cannot be written" in done.stdout
    assert done.stdout.splitlines()[-1] == "1000"
    assert "invalid authentication token" in done.stdout.lower()


SLURM = """
set -e
mkdir -p bin lab
ln -s "$VENV" lab/venv
printf '#!/bin/bash\\necho node1\\n' >bin/scontrol
printf '#!/bin/bash\\necho 127.0.0.1\\n' >bin/hostname
printf '#!/bin/bash\\nwhile [[ $1 == --* ]]; do shift; done; exec "$@"\\n' >bin/srun
chmod +x bin/*
export PATH=$PWD/bin:$PATH LAB=$PWD/lab
bash "$SCRIPT" --help
"""


def test_symmetric_run_runs_the_study(tmp_path: Path) -> None:
    """One node: its end is `ray stop`, which ends every Ray of the machine, so only in here."""
    done = confined(
        ["bash", "-c", SLURM],
        tmp_path,
        SCRIPT=str(ROOT / "cluster" / "cloud" / "slurm.sbatch"),
        VENV=sys.prefix,
        **{"SLURM_JOB_NODELIST": "node1", "SLURM_JOB_NUM_NODES": "1", "SLURM_CPUS_PER_TASK": "1"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "usage: python -m ablations.full" in done.stdout


def test_mlflow_runs_as_its_manifest_says(tmp_path: Path) -> None:
    """Command, arguments, settings and databases are read from the rendered file of `kind`."""
    manifests = documents((RENDERED / "kind.yaml").read_text(encoding="utf-8"))
    found = {(one["kind"], one["metadata"]["name"]): one for one in manifests}
    settings = {
        **found["ConfigMap", "mlflow"]["data"],
        **{"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "ARTIFACTS": "/tmp/lab/artifacts"},
    }
    spec = found["Deployment", "mlflow"]["spec"]["template"]["spec"]["containers"][0]
    command = " ".join([*spec["command"], *spec["args"]])
    for name, value in settings.items():
        command = command.replace(f"$({name})", value)
    given = tmp_path / "given"
    given.mkdir()
    auth = found["ConfigMap", "mlflow-auth"]["data"]["auth.ini"]
    (given / "auth.ini").write_text(auth, encoding="utf-8")
    sql = found["ConfigMap", "postgres"]["data"]["databases.sql"]
    (given / "databases.sql").write_text(sql, encoding="utf-8")
    binaries = needs("pg_config", "postgresql")
    program = ["python", "-m", "tests.services.inside_mlflow", binaries, command]
    done = confined(
        program,
        given,
        hosts="postgres mlflow",
        **settings,
        MLFLOW_AUTH_CONFIG_PATH="/tmp/given/auth.ini",
        MLFLOW_AUTH_ADMIN_USERNAME="admin",
        MLFLOW_AUTH_ADMIN_PASSWORD="a long password: 1",
        MLFLOW_FLASK_SERVER_SECRET_KEY="k" * 32,
        PGPASSWORD="another password",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "all held"
