# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2154 # "done" is a state; module.sh is sourced too
#
# Every path x protocol x removal, each for the same time, together FSC_CHURN_S seconds of
# measured windows: readers and freers on all CPUs, with every kind of delay.

: "${FSC_CHURN_S:=120}"
CPUS=$(grep -c '^processor' /proc/cpuinfo)

churn() { # PATH.PROTOCOL REMOVAL
	protocol=${1#*.}
	load path="${1%.*}" protocol="$protocol" removal="$2" nr_readers="$CPUS" nr_freers="$CPUS" order=0:8,2:2,4:1 \
		lookups_per_section=4 gap_ns=500 hold_ns=500 publish_ns=500 popularity=zipf gp_probe_ms=20 \
		warmup_ms=5 duration_ms="$each_ms" || return
	read_all $((60 + each_ms / 500))
	wait_state done
	keep
	expect state state done
	[ "$run_state_verdict" != FAIL ] || fail "FAIL: ${run_state_reason-}"
	expect counters violations 0
	expect_more counters lookups 0
	expect_more counters turnovers 0
	if recycles "$protocol" && recycling_shows "$protocol"; then
		expect_more counters recycled_other_key 0
	fi
	expect_balance
	unload
}

# Read the run's files until it is done
read_all() { # SECONDS
	deadline=$(($(uptime_s) + $1))
	while state && [ "$state" != done ] && [ "$(uptime_s)" -lt $deadline ]; do
		for file in counters threads limbo descriptors violations run.json latency/lookup latency/turnover; do
			cat "$DIR/$file" >/tmp/read
		done
		usleep 20000
	done
}

# Page poisoning and page_owner
asked_for() {
	load autorun=0 || return
	if grep -q page_poison=1 /proc/cmdline; then
		grep -q '"page_poisoning": *1' "$DIR/config" || fail "$(cat "$DIR/config")"
	fi
	if grep -q page_owner=on /proc/cmdline; then
		[ -e /sys/kernel/debug/page_owner ] || fail "no page_owner"
	fi
	unload
}

REMOVALS='reclaim truncate'
nr=$(($(all_runs | wc -w) * $(echo "$REMOVALS" | wc -w)))
each_ms=$((FSC_CHURN_S * 1000 / nr))
ktap_plan $((nr + 2))
ktap_test "what the command line asks for is on" asked_for
for run in $(all_runs); do
	for removal in $REMOVALS; do
		ktap_test "path=${run%.*} protocol=${run#*.} removal=$removal for $each_ms ms" churn "$run" "$removal"
	done
done
ktap_test "no leak" no_leak
