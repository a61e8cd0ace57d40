# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# a memory cgroup at its limit: a file of four times that is read, then a process is killed for asking too much
# console: invoked oom-killer
# console: Memory cgroup out of memory: Killed process

group=/sys/fs/cgroup/fsc-shadow
limit=$((MEM_MB / 16))

prepare() {
	grep -q ' /sys/fs/cgroup cgroup2' /proc/mounts || mount -t cgroup2 none /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p $group
	echo "${limit}M" >$group/memory.max
	fallocate -l "$((limit * 4))M" "$FSC_DISK/file"
}

load() {
	(
		echo "$BASHPID" >$group/cgroup.procs
		dd if="$FSC_DISK/file" of=/dev/null bs=1M status=none
	)
	(
		echo "$BASHPID" >$group/cgroup.procs
		/usr/bin/python3 -S -c "b'x' * ($((limit * 2)) << 20)" || true
	) || true
}

did() {
	changed_by oom_kill 1
	counted_as pages_file $((limit * 256 * 2))
}

clean() {
	rmdir $group
	rm -f "$FSC_DISK/file"
}
