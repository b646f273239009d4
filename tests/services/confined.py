"""A process confined as our pods are: own network and processes, a root file system that cannot be
written, another user than root, no capabilities, and /tmp, HOME and /dev/shm in memory."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMESPACES = ["unshare", "-n", "-p", "-m", "-i", "-f", "--mount-proc", "--kill-child"]
# /tmp last: what the test left there is copied to where nothing is hidden. User namespaces make the
# caller the user 1000, who has no privilege in them.
CONFINE = """
set -e
mount --make-rprivate /
ip link set lo up
mount -t tmpfs tmpfs /dev/shm
mount --bind "$1/hosts" /etc/hosts
mount -t tmpfs tmpfs /mnt
mkdir /mnt/given /mnt/root
cp -r "$1/." /mnt/given
mount --bind "$PYTHONPATH" /mnt/root
mount -o remount,ro,bind / && mount -o remount,ro,bind /mnt/root
mount -t tmpfs -o mode=1777 tmpfs /tmp
cp -r /mnt/given /tmp/given
if [ ! -e "$PYTHONPATH" ]; then # a clone under /tmp
    mkdir -p "$PYTHONPATH" && mount --rbind /mnt/root "$PYTHONPATH"
fi
mkdir /tmp/home
cd /tmp/home
shift
exec unshare -U --map-user=1000 --map-group=1000 setpriv --no-new-privs --inh-caps=-all "$@"
"""


def needs(tool: str, package: str) -> str:
    """Path of a program. Fails, naming what to install, where there is none."""
    found = shutil.which(tool)
    assert found, f"{tool}: missing; apt install {package}"
    return found


def confined(
    command: list[str], given: Path, *, hosts: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in a pod's confinement, the folder ``given`` at /tmp/given.

    ``hosts`` are names of 127.0.0.1, as services have them.
    """
    needs("unshare", "util-linux")
    needs("ip", "iproute2")
    (given / "hosts").write_text(f"127.0.0.1 localhost {hosts}\n", encoding="utf-8")
    env = {
        **{"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"},
        **{"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp/home"},
        **{"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true", **environment},
    }
    words = [*NAMESPACES, "bash", "-c", CONFINE, "confine", str(given), *command]
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=300)
