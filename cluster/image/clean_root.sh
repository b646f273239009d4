#!/bin/bash
# The image's steps in a clean root instead of a container builder: as root, with mmdebstrap, in a
# new folder under WORK (default /var/tmp) that is removed at the end. Two roots, as the Dockerfile
# has two stages, so that what the first leaves behind is not in the second. 10 GB, 10 minutes.
#
#   VARIANT=cuda cluster/image/clean_root.sh
set -euo pipefail

SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
SUITE=${SUITE:-bookworm}
export VARIANT=${VARIANT:-cuda} TORCH_SOURCE=${TORCH_SOURCE:-}
command -v mmdebstrap >/dev/null || { echo "mmdebstrap: missing; apt install mmdebstrap" >&2; exit 2; }
WORK=$(mktemp -d "${WORK:-/var/tmp}/cal-image-XXXXXX")
trap 'umount "$WORK"/*/proc 2>/dev/null || true; rm -rf --one-file-system "$WORK"' EXIT

root() { # NAME: a base system that reaches the network as this machine does
    mkdir "$WORK/$1"
    tar -xf "$WORK/base.tar" -C "$WORK/$1"
    cp /etc/resolv.conf "$WORK/$1/etc/resolv.conf"
    cp -r /usr/local/share/ca-certificates "$WORK/$1/usr/local/share/"
    chroot "$WORK/$1" update-ca-certificates >/dev/null
    mount -t proc proc "$WORK/$1/proc"
}

inside() { # NAME COMMAND...
    local name=$1
    shift
    env -u PIP_FIND_LINKS chroot "$WORK/$name" \
        /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

mmdebstrap --quiet --variant=minbase --include=ca-certificates "$SUITE" "$WORK/base.tar"
root build
mkdir "$WORK/build/source"
git -C "$SOURCE" ls-files -z --cached --others --exclude-standard |
    (cd "$SOURCE" && tar --null -T - -cf -) | tar -xf - -C "$WORK/build/source"
for step in system "packages /source" "code /source"; do
    # shellcheck disable=SC2086
    inside build /source/cluster/image/install.sh $step
done
root final
cp "$SOURCE/cluster/image/install.sh" "$WORK/final/install.sh"
inside final /install.sh system
mv "$WORK/build/opt/cal" "$WORK/build/opt/code" "$WORK/final/opt/"
inside final /install.sh check
umount "$WORK/final/proc"
rm "$WORK/final/install.sh"
du -sm "$WORK/final" | sed 's/\t.*/ MB the whole root/'
tar -C "$WORK/final" -cf - . | gzip -1 | wc -c | sed 's/$/ bytes compressed (gzip -1)/'
