#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# setup.sh bench|trace|shadow|check|kernels: install the missing Debian packages that a target needs. It
# prints what and why before it does anything, and nothing if nothing is missing. On a machine that
# is not Debian it only prints what is missing.
# Kernels, their sources and compilers are never installed, only unpacked (scripts/fsc/vm/fetch.py):
# installing a kernel would rebuild initrds and change the boot menu of the user's machine.
set -euo pipefail
# The output of apt and others is parsed below.
export LC_ALL=C

# Package; what shows that it is installed (a command, a file, py: a Python module, lib: a library,
# static: a command that needs no library; clang: a clang of that version or later); and what it is
# for.
# If names differ between releases of Debian, all are given.
bench_needs='
make                       make                          builds the module
binutils                   objcopy                       reads and links what was built
xz-utils                   xz                            unpacks packages
debian-archive-keyring     /usr/share/keyrings/debian-archive-keyring.gpg  has the keys that kernels are checked against
libelf1t64|libelf1         lib:libelf.so.1               the tools that come with kernel headers are linked against it
libssl3t64|libssl3         lib:libcrypto.so.3            likewise
zlib1g                     lib:libz.so.1                 likewise
qemu-system-x86            qemu-system-x86_64            runs the virtual machine
busybox-static             static:/bin/busybox           is all the user space of the virtual machine
python3                    /usr/bin/python3              the runner
python3-numpy              py:numpy                      statistics
python3-scipy              py:scipy                      statistics
python3-jsonschema         py:jsonschema                 checks result.json and suites
python3-jinja2             py:jinja2                     makes the HTML of report.html
python3-matplotlib         py:matplotlib                 draws the plots of report.html
'
root_only='
virtiofsd|qemu-system-common  /usr/libexec/virtiofsd|/usr/lib/qemu/virtiofsd  lets a virtual machine read the files of this one
'
trace_needs="$bench_needs$root_only
bpftrace                   bpftrace                      runs scripts/bpftrace
linux-perf                 perf                          perf
trace-cmd                  trace-cmd                     records trace events
gdb                        gdb                           what make gdb waits for
"
shadow_only='
e2fsprogs                  /usr/sbin/mkfs.ext4           makes the scratch disk of the virtual machine
util-linux                 fallocate                     makes the files that loads read
mount                      /usr/sbin/swapon|/sbin/swapon  a load swaps
git                        git                           a load
sqlite3                    sqlite3                       a load
fio                        fio                           a load
stress-ng                  stress-ng                     a load
gcc                        gcc                           a load
libc6-dev                  /usr/include/stdio.h          what that compiles
'
shadow_needs="$bench_needs$root_only$shadow_only"
kernels_only='
gcc                        gcc                           builds the kernel, and the programs of the tests
libc6-dev                  /usr/include/stdio.h          the programs of the build are built with it
flex                       flex                          builds Kconfig
bison                      bison                         likewise
bc                         bc                            computes constants of kernel/time
libelf-dev                 /usr/include/gelf.h           objtool is built with it
libssl-dev                 /usr/include/openssl/ssl.h    the certificate tools are built with it
perl                       perl                          some scripts of the build are written in it, and checkpatch.pl
'
kernels_needs="$bench_needs$kernels_only"
check_needs="$trace_needs$kernels_only$shadow_only
clang-19|clang             clang:17                      builds the module, as gcc does
sparse                     sparse                        static checks of the module
shellcheck                 shellcheck                    static checks of the scripts
mmdebstrap                 mmdebstrap                    makes the Debian that a test starts from
chromium                   chromium                      opens report.html as a reader would
chromium-driver            chromedriver                  lets a test look at what chromium shows
python3-selenium           py:selenium                   what that test is written with
"

usage() { echo 'usage: setup.sh bench|trace|shadow|check|kernels' >&2; exit 2; }

[ $# -eq 1 ] || usage
case "$1" in
bench) needs=$bench_needs ;;
trace) needs=$trace_needs ;;
shadow) needs=$shadow_needs ;;
check) needs=$check_needs ;;
kernels) needs=$kernels_needs ;;
*) usage ;;
esac

is_there() {
	local one libraries program version
	local -a choices
	IFS='|' read -ra choices <<<"$1"
	for one in "${choices[@]}"; do
		case "$one" in
		/*) [ -e "$one" ] && return ;;
		# The python3 that runs scripts/folioscale, whatever is first in PATH.
		py:*) /usr/bin/python3 -c "import importlib.util, sys; sys.exit(not importlib.util.find_spec('${one#py:}'))" \
			2>/dev/null && return ;;
		lib:*) libraries=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null || true)
			grep -qF "${one#lib:} " <<<"$libraries" && return ;;
		static:*) program=$(command -v "${one#static:}") || continue
			# There are no libraries in the virtual machine.
			! ldd "$program" >/dev/null 2>&1 && return ;;
		# Kernels refuse older ones (scripts/min-tool-version.sh).
		clang:*) for program in $(compgen -c clang | grep -xE 'clang(-[0-9]+)?'); do
				version=$("$program" -dumpversion 2>/dev/null) || continue
				[ "${version%%.*}" -ge "${one#clang:}" ] && return
			done ;;
		*) command -v "$one" >/dev/null && return ;;
		esac
	done
	return 1
}

packages=() missing=() reasons=()
while read -r package shown reason; do
	[ -n "$package" ] || continue
	is_there "$shown" && continue
	packages+=("$package")
	missing+=("$shown")
	reasons+=("$reason")
done <<<"$needs"
[ ${#missing[@]} -gt 0 ] || exit 0

# shellcheck source=/dev/null
id=$(. /etc/os-release 2>/dev/null && echo "${ID-}") || id=
if [ "$id" != debian ] || ! command -v apt-get >/dev/null; then
	echo "make $1 needs what this machine does not have; install it (in brackets: the packages of Debian):"
	for i in "${!missing[@]}"; do
		shown=${missing[i]//|/ or }
		case "$shown" in
		py:*) shown="Python's ${shown#py:}" ;;
		lib:*) shown=${shown#lib:} ;;
		static:*) shown="${shown#static:}, linked statically" ;;
		clang:*) shown="clang ${shown#clang:} or later" ;;
		esac
		printf '  %-28s %s (%s)\n' "$shown" "${reasons[i]}" "${packages[i]//|/ or }"
	done
	exit 2
fi

has_candidate() {
	local policy
	policy=$(apt-cache policy "$1" 2>/dev/null)
	grep -q '^  Candidate: [^(]' <<<"$policy"
}

# The first of the names that this Debian has; without package lists the first name.
name_of() {
	local name
	for name in ${1//|/ }; do
		if has_candidate "$name"; then
			echo "$name"
			return
		fi
	done
	echo "${1%%|*}"
	return 1
}

resolve() {
	local i name complete=yes
	names=()
	for i in "${!packages[@]}"; do
		name=$(name_of "${packages[i]}") || complete=no
		case " ${names[*]-} " in *" $name "*) ;; *) names+=("$name") ;; esac
	done
	install=(apt-get install -y --no-install-recommends "${names[@]}")
	[ "$complete" = yes ]
}

resolve && known=yes || known=no
echo "make $1 needs ${#missing[@]} thing(s) that this machine does not have:"
for i in "${!missing[@]}"; do
	printf '  %-28s%s\n' "$(name_of "${packages[i]}" || true)" "${reasons[i]}"
done

if [ "$(id -u)" -ne 0 ]; then
	echo "As root, type:"
	echo "  sudo apt-get update && sudo ${install[*]}"
	exit 2
fi

export DEBIAN_FRONTEND=noninteractive
options=(-q -o DPkg::Lock::Timeout=300)
# A failed update is no error, because a source of the user's own may be unreachable: what counts is
# whether the packages can be installed afterwards.
update() { echo "Running: apt-get update"; apt-get "${options[@]}" update || true; resolve || true; }

fresh=no
if [ "$known" = no ]; then
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
