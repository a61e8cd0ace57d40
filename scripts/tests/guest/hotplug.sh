# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Every CPU but one goes offline and comes back, during a run and while runs start and end: the
# threads go on elsewhere, the result says so, and nothing hangs. On four CPUs.

CPUS=$(grep -c '^processor' /proc/cpuinfo)
OTHERS=$(seq 1 $((CPUS - 1)))

all_cpus() { # 0|1
	for cpu in $OTHERS; do
		echo "$1" >"/sys/devices/system/cpu/cpu$cpu/online" || fail "cpu$cpu: no $1"
	done
}

# 6.12 warns of a CPU that goes offline while its deadline server is queued, which it counts as a
# task; and of tasks that are left there, which it lists.
left_behind() {
	dmesg -c >/tmp/dmesg
	! grep 'name: fsc_' /tmp/dmesg >>"$WHY" || return
	! grep -q 'Dying CPU not properly vacated' /tmp/dmesg || note "the kernel warns of a CPU, which has no thread of ours"
}

# count threads that were bound to a CPU that went offline, and threads that say that they moved,
# into $bound and $moved
count_threads() {
	bound=$(grep -vc ' cpu 0 ' "$DIR/threads")
	moved=$(grep -c ' moved$' "$DIR/threads")
}

expect_moved() {
	count_threads
	[ "$moved" = "$bound" ] || fail "$moved threads of $bound say that they moved: $(cat "$DIR/threads")"
	[ "$bound" -gt 1 ] || fail "only $bound threads were bound to other CPUs"
	[ "$(grep -c ' cpu 0 .* moved$' "$DIR/threads")" = 0 ] || fail "moved from CPU 0: $(cat "$DIR/threads")"
}

during_a_run() { # NAME=VALUE...
	load nr_readers="$CPUS" nr_freers="$CPUS" warmup_ms=0 duration_ms=0 "$@" || return
	wait_state measure
	wait_work 500 20
	all_cpus 0
	wait_threads
	expect_moved
	all_cpus 1
	wait_threads
	stop
	expect_verdict INCONCLUSIVE
	[ "$run_state_reason" = "a thread ran elsewhere: its CPU went offline" ] || fail "the reason is $run_state_reason"
	[ "$(grep -c '"moved": 1' "$JSON")" = "$bound" ] || fail "run.json: $(grep -c '"moved": 1' "$JSON") of $bound moved"
	expect counters violations 0
	expect_balance
	# With fewer CPUs the sum must not come out negative.
	used=$(sed -n 's/^"cpu": {.*"system_ns": \([0-9]*\),.*/\1/p' "$JSON")
	case ${#used} in
	0 | 1[5-9] | 2?) fail "system_ns is $used" ;;
	esac
	unload
	left_behind
}

# CPUs that no thread is bound to may go offline
elsewhere() {
	load protocol=rcu_full reader_cpus=0 freer_cpus=0 warmup_ms=0 duration_ms=0 || return
	wait_state measure
	wait_work 500 20
	all_cpus 0
	wait_threads
	all_cpus 1
	stop
	expect_verdict PASS
	expect_balance
	unload
}

# In every phase: a background loop takes CPUs off and on
while_runs_come_and_go() {
	rm -f /tmp/enough /tmp/gone
	while [ ! -e /tmp/enough ]; do
		for cpu in $OTHERS; do
			echo 0 >"/sys/devices/system/cpu/cpu$cpu/online"
			read -r online <"/sys/devices/system/cpu/cpu$cpu/online"
			[ "$online" = 1 ] || echo "$cpu" >>/tmp/gone
			echo 1 >"/sys/devices/system/cpu/cpu$cpu/online"
		done
	done 2>/dev/null &
	number=0
	for run in $(all_runs); do
		load path="${run%.*}" protocol="${run#*.}" nr_readers="$CPUS" nr_freers="$CPUS" warmup_ms=5 duration_ms=20 sample_ms=1 || break
		wait_state done
		keep
		expect_balance
		[ "$run_state_verdict" != FAIL ] || fail "$run: $run_state_reason"
		unload || break
		number=$((number + 1))
	done
	: >/tmp/enough
	wait
	all_cpus 1
	note "$number runs while CPUs went and came $(wc -l </tmp/gone) times"
	for cpu in $OTHERS; do
		[ "$(grep -cx "$cpu" /tmp/gone)" -gt 2 ] || fail "cpu$cpu hardly went"
	done
	left_behind
}

RUNS='pagecache.overlay pagecache.rcu_desc pagecache.rcu_full pagecache.locked pagecache.hazptr pagecache.hazptr_cpu gup.rcu_bounded
gup.hazptr pfn.rcu_bounded pfn.typesafe'
ktap_plan $(($(echo "$RUNS" | wc -w) + 5))

for run in $RUNS; do
	ktap_test "CPUs go and come during a run of ${run#*.} on ${run%.*}" during_a_run path="${run%.*}" protocol="${run#*.}"
done
ktap_test "CPUs go and come during a throttled run" during_a_run protocol=rcu_desc free_rate=200 sample_ms=1 gp_probe_ms=1
ktap_test "CPUs without threads go" elsewhere
ktap_test "CPUs go and come while runs do" while_runs_come_and_go
ktap_test "a run after that" point rcu_desc nr_readers="$CPUS" nr_freers="$CPUS"
ktap_test "no leak" no_leak
