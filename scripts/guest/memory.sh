# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Measure free memory. Sourced by the soak and by the tests.

# Make the kernel free its caches, including KASAN's quarantine.
give_back() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for shrink in /sys/kernel/slab/*/shrink; do
		[ ! -L "${shrink%/*}" ] || continue
		echo 1 >"$shrink"
	done 2>/dev/null
}

# Pages on the lists of CPUs are free, too, and they are many.
free_kb() {
	free_pages=$(awk '$1 == "count:" { sum += $2 } END { print sum + 0 }' /proc/zoneinfo)
	echo $((free_pages * 4 + $(sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo)))
}
