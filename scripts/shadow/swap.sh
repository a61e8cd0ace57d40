# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# a process with half of memory in a memory cgroup with a quarter, and swap

group=/sys/fs/cgroup/fsc-shadow
limit=$((MEM_MB / 4))

prepare() {
	thp never
	grep -q ' /sys/fs/cgroup cgroup2' /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p $group
	echo "${limit}M" >$group/memory.max
	file_of "$FSC_DISK/swap" $((limit * 2))
	chmod 600 "$FSC_DISK/swap"
	mkswap "$FSC_DISK/swap"
	swapon "$FSC_DISK/swap"
}

load() {
	(
		echo "$BASHPID" >$group/cgroup.procs
		# Pages of zeros would not be written.
		/usr/bin/python3 -S -c "b'x' * ($((limit * 2)) << 20)"
	)
}

did() {
	changed_by pswpout $((limit * 128))
	counted_as pages_anon $((limit * 256))
}

clean() {
	swapoff "$FSC_DISK/swap"
	rm -f "$FSC_DISK/swap"
	rmdir $group
}
