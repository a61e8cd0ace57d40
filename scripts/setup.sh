#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh bench|trace|check|kernels: install the Debian packages that a target needs and that are
# missing. Says what and why before it does anything; silent when all is there.
# Kernels are never installed, only unpacked under build/ (fetch-kernel.sh): installing
# one would rebuild initrds and touch the boot menu of the user's machine.
set -euo pipefail

bench_packages='
gcc-12              the compiler that Debian built its kernel with
make                builds the module
pahole              gives the module its BTF
libelf1             the tools that come with the kernel headers are linked against it
libssl3             likewise
zlib1g              likewise
qemu-system-x86     runs the virtual machine
busybox-static      all there is of user space in the virtual machine
python3             the runner
python3-numpy       statistics
python3-scipy       statistics
python3-jsonschema  checks result.json
python3-matplotlib  draws the plots of report.html
'
trace_packages="$bench_packages
qemu-system-common  has virtiofsd, by which a virtual machine reads this one's root
bpftrace            runs scripts/bpftrace
linux-perf          perf
trace-cmd           records trace events
gdb                 what make gdb waits for
binutils            has addr2line, for lines of source
"
check_packages="$trace_packages
sparse              static checks of the module
shellcheck          static checks of the scripts
linux-source-6.12   has checkpatch.pl
perl                runs checkpatch.pl
chromium            opens report.html as a reader would
chromium-driver     lets a test look at what chromium shows
python3-selenium    what that test is written with
"
kernels_packages="$bench_packages
linux-source-6.12   what the debug kernels are built from
flex                builds Kconfig
bison               likewise
bc                  computes kernel/time's constants
libelf-dev          objtool is built with it
libssl-dev          the build's certificate tools are
binutils            assembles and links
perl                some of the build's scripts are written in it
xz-utils            unpacks the source
"

usage() { echo 'usage: setup.sh bench|trace|check|kernels' >&2; exit 2; }

[ $# -eq 1 ] || usage
case "$1" in
bench) wanted=$bench_packages ;;
trace) wanted=$trace_packages ;;
check) wanted=$check_packages ;;
kernels) wanted=$kernels_packages ;;
*) usage ;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "Not Debian: nothing is installed. make $1 needs what these packages have:$wanted"
	exit 0
fi

missing=() reasons=()
# One line per architecture of a package; packages it never heard of are no output.
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
while read -r package reason; do
	[ -n "$package" ] || continue
	grep -qxF "$package" <<<"$installed" && continue
	missing+=("$package")
	reasons+=("$(printf '  %-20s%s' "$package" "$reason")")
done <<<"$wanted"
[ ${#missing[@]} -gt 0 ] || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
echo "make $1 needs ${#missing[@]} package(s) that are not installed:"
printf '%s\n' "${reasons[@]}"

if [ "$(id -u)" -ne 0 ]; then
	echo "As root, type:"
	echo "  sudo apt-get update && sudo ${install[*]}"
	exit 2
fi

has_candidates() {
	local package policy
	for package in "${missing[@]}"; do
		policy=$(apt-cache policy "$package")
		grep -q '^  Candidate: [^(]' <<<"$policy" || return 1
	done
}

export DEBIAN_FRONTEND=noninteractive
options=(-q -o DPkg::Lock::Timeout=300)
# A source of the user's own may be unreachable and none of our business, so a failed
# update is not the end: what counts is whether the packages can be had afterwards.
update() { echo "Running: apt-get update"; apt-get "${options[@]}" update || true; }

fresh=no
if ! has_candidates; then
	update
	fresh=yes
fi
echo "Running: ${install[*]}"
if ! "${install[@]}" "${options[@]}"; then
	# Old package lists name versions that the mirror has dropped since.
	[ "$fresh" = no ] || { echo "setup.sh: apt-get install failed" >&2; exit 2; }
	update
	"${install[@]}" "${options[@]}" || { echo "setup.sh: apt-get install failed" >&2; exit 2; }
fi
