# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# A reader and a freer that never meet, because they take turns on the only CPU: each yields it
# between lookups or turnovers. There the oracle cannot see anything, so the run must not pass.
# It takes a kernel with preempt=none, which 7.x refuses. A reader that yields while it holds a
# folio does meet the freer.

turns() { # VERDICT NAME=VALUE...
	verdict=$1
	shift
	load nr_folios=2 reuse_distance=1 warmup_ms=0 duration_ms=5000 "$@" || return
	wait_state done
	keep
	unload
	note "$run_counters_frees frees, reason: ${run_state_reason-}"
	# So many that a meeting is to be expected (module/verdict.c)
	[ "$run_counters_frees" -ge $((10000 * 3)) ] || fail "only $run_counters_frees frees"
	expect state verdict "$verdict"
	[ "$verdict" = PASS ] ||
		expect state reason 'vacuous: no reader had a folio that was being freed'
}

ktap_plan 5
for protocol in rcu_desc rcu_full locked hazptr; do
	ktap_test "$protocol: readers and freers that never meet are inconclusive" turns INCONCLUSIVE protocol="$protocol"
done
ktap_test "rcu_desc: a reader that yields while it holds a folio meets the freer" turns PASS protocol=rcu_desc hold_ns=1000
