#!/bin/bash
# Makes what the image holds. The Dockerfile calls it, and it runs by hand in any clean Debian root
# (clean_root.sh does): as root, one step after the other.
#
#   install.sh system           Python, certificates, and wget for the operator's probes; the user
#   install.sh packages FOLDER  /opt/cal: versions of FOLDER/requirements.lock, without tests' tools
#   install.sh code FOLDER      /opt/code: our packages alone, so that a change is a small layer
#   install.sh check            everything imports, nothing is writable, the size is in its budget
#
# VARIANT  cuda (the default) or cpu
# EXTRA    more packages, by names that the lock holds: google-api-python-client for a head on GCP
# TORCH_SOURCE  cpu: address of an index whose torch wheels carry no CUDA. The lock pins versions
#               and names no address; the usual index has CUDA wheels alone, so this must be given.
set -euo pipefail

VARIANT=${VARIANT:-cuda}
HOME_OF_CAL=/home/cal
PACKAGES=/opt/cal
CODE=/opt/code
# MB on disk, uncompressed: the packages are 9 parts in 10 of the image.
declare -A BUDGET=([cpu]=2500 [cuda]=7000)

fail() {
    echo "$1" >&2
    exit 2
}

system() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ca-certificates python3 python3-venv wget
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/apt /var/log/dpkg.log
    groupadd --gid 1000 cal
    useradd --uid 1000 --gid 1000 --create-home --home-dir "$HOME_OF_CAL" cal
    # The operator starts its autoscaler by a login shell, which forgets the image's PATH.
    echo "export PATH=$PACKAGES/bin:\$PATH PYTHONPATH=$CODE" >/etc/profile.d/cal.sh
}

# What pyproject.toml asks for to run, not to test: names only, the lock has the versions.
wanted() {
    python3 - "$1/pyproject.toml" <<'PYTHON'
import re, sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
lines = project["dependencies"] + [one for name in ("server", "text", "video") for one in extras[name]]
print(*(re.split(r"[<>=]", line)[0] for line in lines))
PYTHON
}

packages() {
    local folder=$1 pip=("$PACKAGES/bin/python" -m pip install --no-cache-dir --progress-bar off)
    local names more
    case $VARIANT in
        cuda) ;;
        cpu) [ -n "${TORCH_SOURCE:-}" ] || fail "TORCH_SOURCE: given nothing; allowed: with \
VARIANT=cpu, the address of an index whose torch wheels carry no CUDA" ;;
        *) fail "VARIANT: given $VARIANT; allowed: cpu, cuda" ;;
    esac
    read -ra names <<<"$(wanted "$folder")"
    python3 -m venv "$PACKAGES"
    pip+=(--only-binary :all: --constraint "$folder/requirements.lock")
    if [ "$VARIANT" = cpu ]; then # first: later they are there already, and no other is fetched
        "${pip[@]}" --no-deps --index-url "$TORCH_SOURCE" torch torchaudio torchvision
    fi
    read -ra more <<<"${EXTRA:-}"
    "${pip[@]}" setuptools "${names[@]}" "${more[@]}"
}

code() {
    "$PACKAGES/bin/python" -m pip install --no-deps --no-build-isolation --no-cache-dir --quiet \
        --target "$CODE" "$1"
}

check() {
    export PATH="$PACKAGES/bin:$PATH" PYTHONPATH="$CODE" HOME="$HOME_OF_CAL"
    export MLFLOW_DISABLE_TELEMETRY=true RAY_USAGE_STATS_ENABLED=0
    local as_cal=(setpriv --reuid=1000 --regid=1000 --clear-groups) size
    python -m pip check
    "${as_cal[@]}" python -c 'import boto3, mlflow, optuna, psycopg2, ray, torchaudio, torchvision'
    "${as_cal[@]}" python -m ablations.full --help >/dev/null
    "${as_cal[@]}" env -i bash -lc 'ray --version'
    # The operator's init container has 0.2 CPUs to import Ray: without bytecode that takes minutes.
    python -c 'import importlib.util as i, pathlib as p, ray
assert p.Path(i.cache_from_source(ray.__file__)).exists(), "ray: no bytecode"'
    command -v wget >/dev/null || fail "wget: missing; the operator's probes call it"
    if "${as_cal[@]}" test -w "$PACKAGES" || "${as_cal[@]}" test -w "$CODE"; then
        fail "$PACKAGES and $CODE: writable by the user cal; allowed: by root alone"
    fi
    if [ "$VARIANT" = cpu ] && python -m pip list 2>/dev/null | grep -qiE '^(nvidia|triton)'; then
        fail "VARIANT=cpu: CUDA packages were installed; TORCH_SOURCE has CUDA wheels"
    fi
    size=$(du -sm --total "$PACKAGES" "$CODE" | tail -1 | cut -f1)
    [ "$size" -le "${BUDGET[$VARIANT]}" ] ||
        fail "size: $size MB; allowed: ${BUDGET[$VARIANT]} MB for $VARIANT"
    echo "image: $VARIANT, $size MB of ${BUDGET[$VARIANT]} MB, everything imports"
}

case ${1:-} in
    system) system ;;
    packages | code) "$1" "${2:?the folder of the source}" ;;
    check) check ;;
    *) fail "step: given ${1:-nothing}; allowed: system, packages, code, check" ;;
esac
