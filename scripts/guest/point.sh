#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Functions that run points, in the guest (busybox ash) and with HOST=1 on this machine (sh).
# Sourced; the caller provides emit NAME FILE, which sends a file to the runner.
#
# While a point is measured, at most sleep is forked here, because the run's threads need the CPUs.

: "${FSC_KO:=/folioscale.ko}"
: "${FSC_OPENCODED_KO:=/fsc_opencoded.ko}"
: "${FSC_TMP:=/tmp}"
FSC_DEBUGFS=/sys/kernel/debug/folioscale
FSC_OPENCODED_DEBUGFS=/sys/kernel/debug/fsc_opencoded
FSC_SYSFS=/sys
FSC_SLABS=/sys/kernel/slab
FSC_BUDDYINFO=/proc/buddyinfo
FSC_CGROUP=/sys/fs/cgroup

# value FILE: read its first word, or null, into $value, without a fork
value() {
	value=null
	if [ -r "$1" ]; then
		read -r value _ <"$1" || :
	fi
	: "${value:=null}"
}

# slab_flags CACHE: put its slab_debug flags into $flags, as JSON; empty without such a cache
slab_flags() {
	flags=
	[ -d "$FSC_SLABS/$1" ] || return 0
	for flag in sanity_checks red_zone poison store_user; do
		value "$FSC_SLABS/$1/$flag"
		flags="$flags${flags:+,}\"$flag\":$value"
	done
	flags="\"$1\":{$flags}"
}

# error NAME FILE: emit insmod's messages in FILE, and the kernel's reasons
error() {
	{ cat "$2"; dmesg | grep -E 'folioscale|fsc_|Lockdown: |Loading of .*module' | tail -n 8; } >"$FSC_TMP/error"
	emit "$1" "$FSC_TMP/error"
}

# load NAME [PARAMS]: load the module, idle. If it cannot be used here, emit NAME with the reasons
load() {
	# shellcheck disable=SC2086 # a list of words
	if ! insmod "$FSC_KO" autorun=0 ${2:-} 2>"$FSC_TMP/insmod"; then
		error "$1" "$FSC_TMP/insmod"
		return 1
	fi
	if [ ! -r "$FSC_DEBUGFS/config" ]; then
		echo "no debugfs: no $FSC_DEBUGFS/config" >"$FSC_TMP/insmod"
		error "$1" "$FSC_TMP/insmod"
		rmmod folioscale
		return 1
	fi
}

# machine: emit what the results are measured on, as KEY=VALUE lines
machine() {
	{
		echo "uname=$(uname -a)"
		echo "cmdline=$(cat /proc/cmdline)"
		echo "clocksource=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
		echo "cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
		echo "vcpus=$(grep -c '^processor' /proc/cpuinfo)"
		echo "memory_kb=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)"
		echo "online=$(cat /sys/devices/system/cpu/online)"
		for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
			[ -d "$cpu/topology" ] || continue
			echo "${cpu##*/}=package $(cat "$cpu/topology/physical_package_id"), core $(cat "$cpu/topology/core_id")"
		done
		rcu
		took
	} >"$FSC_TMP/machine"
	emit machine "$FSC_TMP/machine"
}

# rcu: RCU's settings; a setting that the kernel does not know has no file. took() has the CPUs
# whose callbacks are offloaded.
rcu() {
	for file in kernel/rcu_expedited kernel/rcu_normal module/rcutree/parameters/rcu_normal_wake_from_gp \
		module/rcutree/parameters/enable_rcu_lazy; do
		[ ! -r "$FSC_SYSFS/$file" ] || echo "rcu.${file##*/}=$(cat "$FSC_SYSFS/$file")"
	done
}

# took: print what the kernel made of its command line; fsc/vm/bootwords.py compares it with the words
took() {
	echo "took.unknown=$(dmesg | sed -n 's/.*Unknown kernel command line parameters "\(.*\)", will be.*/\1/p')"
	[ ! -r /sys/kernel/debug/sched/preempt ] || echo "took.preempt=$(cat /sys/kernel/debug/sched/preempt)"
	# The kthreads that call offloaded callbacks: rcuop/0, with some kernels rcuos/0.
	echo "took.rcu_nocbs=$(cat /proc/[0-9]*/comm 2>/dev/null | sed -n 's,^rcuo[ps]/,,p' | tr '\n' ' ')"
	# shellcheck disable=SC2013 # words are wanted
	for word in $(cat /proc/cmdline); do
		word=${word%%=*}
		file=/sys/module/${word%%.*}/parameters/${word#*.}
		[ ! -r "$file" ] || echo "took.$word=$(cat "$file")"
	done
}

# fair: emit what the runner needs to refuse an unfair comparison, before anything is run
fair() {
	load error/config || return
	emit config "$FSC_DEBUGFS/config"
	slab_flags kmalloc-64
	echo "{$flags}" >"$FSC_TMP/slabs"
	emit slabs "$FSC_TMP/slabs"
	rmmod folioscale
}

# slab_sample: sample the cache. $objects: what it counts as used; $total: all objects of its
# slabs; $live and $limbo: the module's counts of its descriptors at that moment. The first sample
# also reads the cache's layout; kernels without sheaves have no sheaf_capacity.
slab_sample() {
	[ -r "$FSC_SLABS/folioscale_desc/objects" ] || return 0
	if [ -z "$layout" ]; then
		for name in slab_size object_size objs_per_slab order sheaf_capacity cpu_partial; do
			value "$FSC_SLABS/folioscale_desc/$name"
			layout="$layout\"$name\":$value,"
		done
		slab_flags folioscale_desc
	fi
	value "$FSC_SLABS/folioscale_desc/objects"
	used=$value
	value "$FSC_SLABS/folioscale_desc/total_objects"
	read -r _ live_now _ limbo_now <"$FSC_DEBUGFS/descriptors" || return 0
	[ "$used" != null ] && [ "$value" != null ] || return 0
	objects="$objects${objects:+,}$used"
	total="$total${total:+,}$value"
	live="$live${live:+,}$live_now"
	limbo="$limbo${limbo:+,}$limbo_now"
}

# buddy_sample: read the free blocks by order into $buddy; the last sample in the window is kept
buddy_sample() {
	buddy=""
	while read -r line; do
		buddy="$buddy$line
"
	done <"$FSC_BUDDYINFO"
}

# wait_for_run SECONDS: wait until the run is over. With SECONDS > 0 (icount), sleep that long
# first: a polling shell's instructions would be counted. The runner's timeout ends a run that
# hangs.
wait_for_run() {
	[ "$1" = 0 ] || sleep "$1"
	while :; do
		value "$FSC_DEBUGFS/state"
		case $value in
		done) return 0 ;;
		measure) [ "$1" != 0 ] || { slab_sample; buddy_sample; } ;;
		esac
		if [ "$1" = 0 ]; then sleep 0.1; else sleep 1; fi
	done
}

# nap SECONDS: wait without a fork, whose processes would take CPUs from the run's threads; needs
# busybox's read
nap() {
	# shellcheck disable=SC3045 # it is busybox's
	read -r -t "$1" _ <&4 || :
}

# watch ID WARM NAP TIMES: wait until the run is over. Tell the runner when the window is about to
# begin, after WARM seconds of the warm-up, and when it has ended, TIMES naps of NAP seconds later; the
# runner counts how long the machine's CPUs were taken away meanwhile. Both are told outside of the
# window, and with one nap this shell does nothing in it: on some machines a process that wakes up takes
# a CPU for milliseconds.
watch() {
	[ -p "$FSC_TMP/nap" ] || mkfifo "$FSC_TMP/nap"
	exec 4<>"$FSC_TMP/nap"
	while value "$FSC_DEBUGFS/state"; [ "$value" != warmup ] && [ "$value" != measure ] && [ "$value" != 'done' ]; do
		nap 0.01
	done
	[ "$value" != warmup ] || nap "$2"
	value "$FSC_DEBUGFS/state"
	began=$value left=$4
	# Not emit: that forks.
	[ "$began" != warmup ] || printf '@blob window/%s 0\n\n' "$1" >&3
	while [ "$left" -gt 0 ] && [ "$value" != 'done' ]; do
		nap "$3"
		value "$FSC_DEBUGFS/state"
		[ "$4" = 1 ] || [ "$value" != measure ] || { slab_sample; buddy_sample; }
		left=$((left - 1))
	done
	while value "$FSC_DEBUGFS/state"; [ "$value" = measure ]; do
		nap 0.01
	done
	# If it was too late for the begin, the runner gets no mark.
	[ "$began" != warmup ] || printf '@blob window-end/%s 0\n\n' "$1" >&3
	while value "$FSC_DEBUGFS/state"; [ "$value" != 'done' ]; do
		nap 0.01
	done
	exec 4<&-
}

# again ID: ask the runner whether that point is to be made again; false if it does not answer. An
# answer that came too late for another point is not taken for this one's.
again() {
	[ -z "${unheard:-}" ] || return 1
	answer="" id=""
	printf '@blob again/%s 0\n\n' "$1" >&3
	# shellcheck disable=SC3045 # it is busybox's
	while read -r -t 10 answer id <&3; do
		[ "$id" != "$1" ] || break
	done
	# Nobody is there: not every point waits for that.
	[ "$id" = "$1" ] || unheard=1
	[ "$answer $id" = "again $1" ]
}

# point ID "NAME=VALUE ..." [SECONDS]: make one run of the module
point() {
	run "$1" "$2" wait_for_run "${3:-0}"
}

# cgroup PATH: make the memory cgroup that account= names, in a guest, where nobody else has. If that fails the module
# says what is missing.
cgroup() {
	mount -t cgroup2 none "$FSC_CGROUP" 2>/dev/null
	echo +memory >"$FSC_CGROUP/cgroup.subtree_control"
	mkdir -p "$FSC_CGROUP$1"
} 2>/dev/null

# watched ID "NAME=VALUE ..." WARM NAP TIMES: the same with watch(), as often as the runner asks for it
watched() {
	while run "$1" "$2" watch "$1" "$3" "$4" "$5" && again "$1"; do :; done
}

# run ID "NAME=VALUE ..." WAIT ...: load the module, wait, emit what there is to know, unload it
run() {
	objects="" total="" live="" limbo="" layout="" flags="" buddy=""
	# shellcheck disable=SC2086 # a list of words
	if ! insmod "$FSC_KO" $2 2>"$FSC_TMP/insmod"; then
		error "error/$1" "$FSC_TMP/insmod"
		return 1
	fi
	id=$1
	shift 2
	"$@"
	if [ -n "$layout" ]; then
		{
			echo "{${layout}\"nr_cpus\":$FSC_CPUS,\"nr_nodes\":$FSC_NODES,\"flags\":{$flags},\"objects\":[$objects],"
			echo "\"total_objects\":[$total],\"live\":[$live],\"limbo\":[$limbo]}"
		} >"$FSC_TMP/slab"
		emit "slab/$id" "$FSC_TMP/slab"
	fi
	if [ -n "$buddy" ]; then
		echo "$buddy" >"$FSC_TMP/buddy"
		emit "buddy/$id" "$FSC_TMP/buddy"
	fi
	emit "run/$id" "$FSC_DEBUGFS/run.json"
	rmmod folioscale 2>"$FSC_TMP/rmmod" || error "error/$id" "$FSC_TMP/rmmod"
}

# opencoded KIND ID PATH PROTOCOL LOOKUPS: run a hand-written loop, inside insmod, and emit KIND/ID. Its
# module may be missing.
opencoded() {
	if ! insmod "$FSC_OPENCODED_KO" path="$3" protocol="$4" lookups="$5" 2>"$FSC_TMP/insmod"; then
		error "no$1/$2" "$FSC_TMP/insmod"
		return 0
	fi
	emit "$1/$2" "$FSC_OPENCODED_DEBUGFS/result"
	rmmod fsc_opencoded
}

# refscale KIND ID refscale TYPE LOOPS: run the kernel's own refscale with one reader, and emit KIND/ID with the median of its
# runs, in the form of opencoded()'s. Not every machine has its modules.
refscale() {
	[ -r /refscale.ko ] || return 0
	dmesg -c >/dev/null
	insmod /torture.ko 2>/dev/null
	if ! insmod /refscale.ko scale_type="$4" nreaders=1 nruns=5 loops=$(($5 / 5)) shutdown=0 shutdown_secs=0 2>"$FSC_TMP/insmod"; then
		error "no$1/$2" "$FSC_TMP/insmod"
		return 0
	fi
	# Without memory for its results it never tells them.
	tries=1000
	while dmesg | sed -n 's/^\(\[[^]]*\] \)\{0,1\}[1-5]\t0*\([0-9]*\)\.\([0-9]*\)$/\2\3/p' | sort -n >"$FSC_TMP/runs"
		ns=$(sed -n 5p "$FSC_TMP/runs")
		[ -z "$ns" ] && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.02
	done
	rmmod refscale
	if [ -z "$ns" ]; then
		echo "refscale told no result" >"$FSC_TMP/insmod"
		error "no$1/$2" "$FSC_TMP/insmod"
		return 0
	fi
	ns=$(sed -n '3s/^0*\([0-9]\)/\1/p' "$FSC_TMP/runs")
	echo "{\"lookups\": 1000, \"good\": 1, \"ns\": $ns}" >"$FSC_TMP/refscale"
	emit "$1/$2" "$FSC_TMP/refscale"
}

FSC_CPUS=$(grep -c '^processor' /proc/cpuinfo)
FSC_NODES=$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' 2>/dev/null | grep -c .) || FSC_NODES=1
