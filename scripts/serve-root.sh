#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# serve-root.sh SOCKET: this machine's root over virtiofs, for the one virtual machine that
# connects to SOCKET, and until that ends. Everything is read-only on this side, in a mount
# namespace of its own: what the guest mounts read-only its root may mount again.
# The current folder gets an empty folder root/, where all is bound.
set -euo pipefail

die() { echo "serve-root.sh: $*" >&2; exit 2; }

[ $# -ge 1 ] || die 'usage: serve-root.sh SOCKET'
if [ "${2-}" != unshared ]; then
	user=()
	[ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
	exec unshare "${user[@]}" --mount --propagation private "$0" "$1" unshared
fi

for daemon in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd ''; do
	[ ! -x "$daemon" ] || break
done
[ -n "$daemon" ] || die 'no virtiofsd in /usr/libexec or /usr/lib/qemu: run scripts/setup.sh trace'

mkdir -p root
mount --rbind / root
findmnt -Rnlo TARGET "$PWD/root" | while read -r below; do
	mount -o remount,bind,ro "$below"
done
# The daemon keeps a lock file there, for good.
mount -t tmpfs none /run

# chroot: the other sandbox wants a process namespace, and forks out of sight of whoever is
# to end it. cache=always: nobody else writes there while the machine runs.
if "$daemon" --help | grep -q -e --shared-dir; then
	exec "$daemon" --socket-path="$1" --shared-dir="$PWD/root" --cache=always --sandbox=chroot
fi
# It has a file open for whatever the guest has looked up, and wants this many if it may.
files=1000000
(ulimit -n $files) 2>/dev/null || files=$(ulimit -Hn)
exec "$daemon" -f --socket-path="$1" -o source="$PWD/root" -o cache=always -o sandbox=chroot -o log_level=warn \
	--rlimit-nofile="$files"
