# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Little memory: the shell and what it loads are in a memory cgroup of a few MiB, and the machine
# may be small. A run's memory is refused or allocated; nobody is killed. A run's folios are the
# kernel's own and charged to nobody.

CGROUP=/sys/fs/cgroup
SMALL=$CGROUP/small
MAX_MB=16

survived() {
	dmesg >>/tmp/said
	if grep -E 'Out of memory|oom-kill|page allocation failure' /tmp/said >>"$WHY"; then
		return 1
	fi
	for event in oom oom_kill; do
		grep -qx "$event 0" "$SMALL/memory.events" || fail "$(grep "^$event " "$SMALL/memory.events")"
	done
	note "peak of the cgroup: $(($(cat "$SMALL/memory.peak") >> 10)) kB of $((MAX_MB << 10))"
}

# More folios than are accepted, then as many as are, with what may be in limbo
to_the_brim() { # BYTES WANTED NAME=VALUE...: bytes of a whole folio; what its counters must say
	bytes=$1 wanted=$2
	shift 2
	dmesg -c >>/tmp/said
	insmod "$KO" nr_folios=16777216 "$@" 2>/tmp/insmod && { fail "it was loaded"; return 1; }
	grep -q 'Cannot allocate memory' /tmp/insmod || fail "$(cat /tmp/insmod)"
	half_mb=$(dmesg | sed -n 's/.*allowed: half of the free memory, \([0-9]*\) MiB.*/\1/p' | head -n 1)
	[ "${half_mb:-0}" -gt 0 ] || { fail "no limit was said: $(dmesg | tail -n 3)"; return 1; }
	# limbo: an eighth of free memory.
	load protocol=rcu_full nr_folios=$((half_mb * 1000000 / bytes)) limbo_max_mb=$((half_mb / 4)) \
		nr_readers=2 nr_freers=2 hold_ns=100000 warmup_ms=0 duration_ms=0 "$@" || return
	wait_state measure
	wait_counters "$wanted"
	stop
	expect_verdict PASS
	expect_balance
	cap=$run_resolved_limbo_max_bytes
	note "$half_mb MiB may be folios; limbo peak $((run_limbo_page_bytes_peak >> 10)) kB of $((cap >> 10))," \
		"$run_counters_alloc_failed failed allocations"
	case $wanted in
	*limbo_waits*) [ "$run_limbo_page_bytes_peak" -gt $((cap / 2)) ] || fail "the limbo was not full" ;;
	esac
	unload
}

# More folios than the cgroup may have
more_than_the_cgroup() { # PATH.PROTOCOL
	load path="${1%.*}" protocol="${1#*.}" nr_folios=$((MAX_MB * 512)) nr_freers=2 warmup_ms=0 duration_ms=0 || return
	wait_state measure
	wait_work 500 20
	stop_soundly
	unload
}

RUNS='pagecache.overlay pagecache.typesafe pagecache.rcu_desc pagecache.rcu_full gup.hazptr gup.rcu_bounded pfn.rcu_full'
ktap_plan $(($(echo "$RUNS" | wc -w) + 8))

in_a_cgroup() {
	mount -t cgroup2 none $CGROUP || fail "no cgroup2"
	echo +memory >$CGROUP/cgroup.subtree_control || fail "no memory controller"
	mkdir $SMALL
	echo ${MAX_MB}M >$SMALL/memory.max
	# 0: the writing process. $$ is another, as jobs run in a subshell.
	echo 0 >$SMALL/cgroup.procs
	grep -qx 0::/small /proc/self/cgroup || fail "$(cat /proc/self/cgroup)"
	note "$(sed -n 's/ \+/ /; /^Mem/p' /proc/meminfo | tr '\n' ' ')"
}

ktap_test "a cgroup of $MAX_MB MiB" in_a_cgroup
for run in $RUNS; do
	ktap_test "more folios than the cgroup has memory, ${run#*.} on ${run%.*}" more_than_the_cgroup "$run"
done
# A folio takes some hundred bytes more than its pages.
for path in pagecache pfn; do
	ktap_test "half of what is free, on $path" to_the_brim 4600 'turnovers > 2000 && lookups > 2000' path=$path
done
# Readers that hold on for a second keep in limbo what is freed meanwhile, until it is full and
# freers wait. On pfn a section has many lookups, and each holds for less: use a small limbo.
ktap_test "half of what is free and a full limbo, on pagecache" \
	to_the_brim 67000 'limbo_waits > 1 && lookups > 10' order=4 hold_ns=1000000000 limbo_max_mb=32
ktap_test "half of what is free and a full limbo, on pfn" \
	to_the_brim 67000 'limbo_waits > 1 && lookups > 10' path=pfn order=4 hold_ns=900000 limbo_max_mb=1
ktap_test "a run of the defaults" point rcu_desc
ktap_test "nobody was killed, no allocation of anybody else failed" survived
ktap_test "no leak" no_leak
