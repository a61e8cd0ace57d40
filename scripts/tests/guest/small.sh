# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# On a machine of 1 GiB, rcu_full frees as fast as it can while readers on all CPUs hold each
# section for a millisecond: the limbo's default cap keeps the machine alive.

CPUS=$(grep -c '^processor' /proc/cpuinfo)

full_rate() { # SECONDS NAME=VALUE...
	seconds=$1
	shift
	load protocol=rcu_full nr_readers="$CPUS" nr_freers="$CPUS" hold_ns=1000000 free_rate=0 \
		duration_ms=0 "$@" || return
	wait_state measure
	sleep "$seconds"
	wait_counters 'turnovers > 1000'
	stop
	expect_verdict PASS
	expect_balance
	note "limbo peak $((run_limbo_page_bytes_peak >> 20)) of $((run_resolved_limbo_max_bytes >> 20)) MiB," \
		"$run_counters_turnovers turnovers, $run_counters_limbo_waits waits," \
		"$run_counters_alloc_failed failed allocations"
	[ "$run_limbo_page_bytes_peak" -le "$run_resolved_limbo_max_bytes" ] || fail "over the cap"
	[ "$run_resolved_limbo_max_bytes" -le $((1024 << 20 >> 3)) ] || fail "the cap is over an eighth of RAM"
	unload
}

survived() {
	if dmesg | grep -E 'Out of memory|oom-kill|page allocation failure' >>"$WHY"; then
		return 1
	fi
}

ktap_plan 5

ktap_test "order 0" full_rate 12
ktap_test "order 2" full_rate 3 order=2
ktap_test "order 9" full_rate 3 order=9 nr_folios=64
ktap_test "order 0, walked by frames" full_rate 3 path=pfn
ktap_test "no allocation of anybody else failed" survived
