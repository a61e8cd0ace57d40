#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch-kernel.sh amd64|rt-amd64: Debian's current 6.12 kernel and what it takes to build
# modules for it, unpacked under build/kernels/FLAVOUR/ and never installed: the host
# neither boots it nor knows of it. Does nothing when it is there already.
set -euo pipefail

case "${1-}" in
amd64) flavour=amd64 common=common ;;
rt-amd64) flavour=rt-amd64 common=common-rt ;;
*) echo 'usage: fetch-kernel.sh amd64|rt-amd64' >&2; exit 2 ;;
esac

die() { echo "fetch-kernel.sh: $*" >&2; exit 2; }

kernels=$(cd "$(dirname "$0")/.." && pwd)/build/kernels
target=$kernels/$flavour
[ ! -e "$target" ] || exit 0

apt=(apt-get -q)
# As root apt would download as _apt, which may not write here, and warn about it.
[ "$(id -u)" -ne 0 ] || apt+=(-o APT::Sandbox::User=root)

update() {
	[ "$(id -u)" -eq 0 ] || die "apt does not know where to get the kernel; type: sudo apt-get update"
	echo "Running: apt-get update"
	"${apt[@]}" update || true
}

# The metapackage depends on the one concrete image: linux-image-6.12.117+deb12-amd64.
release_of() {
	local depends
	depends=$(apt-cache depends --important "linux-image-6.12-$1" 2>/dev/null) || return 0
	sed -n '/^ *Depends: linux-image-/{s///p;q}' <<<"$depends"
}

resolve() {
	release=$(release_of "$flavour") # 6.12.117+deb12-rt-amd64
	version=${release%"-$flavour"}   # 6.12.117+deb12
	packages=("linux-image-$release" "linux-headers-$release"
		"linux-headers-$version-$common" "linux-kbuild-$version")
}

aside=$kernels/.$flavour.$$
trap 'rm -rf "$aside"' EXIT
mkdir -p "$aside/deb" "$aside/root"

download() {
	[ -n "$release" ] || return 1
	echo "Downloading into build/kernels/$flavour (nothing is installed): ${packages[*]}"
	(cd "$aside/deb" && "${apt[@]}" download "${packages[@]}")
}

resolve
if ! download; then
	# No package lists, or old ones that name versions the mirror has dropped since.
	update
	resolve
	download || die "cannot download linux-image-6.12-$flavour and its headers"
fi

for deb in "$aside"/deb/*.deb; do
	case "$deb" in
	# The kernel's own modules would be nine tenths of it; no guest here loads any.
	*/linux-image-*) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$aside/root" ./boot ;;
	*) dpkg-deb -x "$deb" "$aside/root" ;;
	esac
done

# The headers include their common half by the path that it would be installed at.
# Neither half knows any other absolute path; scripts and tools are relative links.
headers=$aside/root/usr/src/linux-headers-$release
sed -i "s|^include /usr/src/|include ../|" "$headers/Makefile"
grep -q '^include \.\./' "$headers/Makefile" || die "$headers/Makefile: not as expected"
[ -e "$aside/root/boot/vmlinuz-$release" ] || die "no kernel in linux-image-$release"

mv "$aside/root" "$target"
