# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# How much memory is free. Sourced by the soak and by the tests.

# What the kernel keeps for later it gives back when it is asked; KASAN's quarantine, too.
give_back() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for shrink in /sys/kernel/slab/*/shrink; do
		[ ! -L "${shrink%/*}" ] || continue
		echo 1 >"$shrink"
	done 2>/dev/null
}

# What lies on the lists of a CPU is free, too, and no small part.
free_kb() {
	free_pages=$(awk '$1 == "count:" { sum += $2 } END { print sum + 0 }' /proc/zoneinfo)
	echo $((free_pages * 4 + $(sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo)))
}
