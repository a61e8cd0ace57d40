# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Loading, starting, stopping, reading, unloading, in every order and at once.
# FSC_QUICK: fewer of each.

# Each protocol on each path; a thousand are what check-debug's cycles are for.
CYCLES=21

FILES='schema config state counters threads limbo descriptors violations run.json
latency/lookup latency/allocate latency/free latency/reuse latency/turnover latency/reclaim latency/gp'

HELD_OPEN="$FILES control"
RUNS='pagecache.overlay pagecache.typesafe pagecache.rcu_desc pagecache.rcu_full pagecache.seqcount
pagecache.locked pagecache.hazptr gup.typesafe gup.hazptr gup.rcu_bounded pfn.rcu_full pfn.rcu_bounded'
JSON_RUNS='pagecache.overlay pagecache.rcu_desc pagecache.seqcount gup.typesafe gup.hazptr pfn.rcu_full
pfn.rcu_bounded'
[ -z "${FSC_QUICK:-}" ] || CYCLES=12 HELD_OPEN='run.json latency/reuse control' \
	RUNS='pagecache.typesafe pagecache.rcu_full pagecache.seqcount gup.hazptr pfn.rcu_bounded' \
	JSON_RUNS='pagecache.rcu_full pagecache.seqcount gup.rcu_bounded pfn.hazptr'

gone() { # nothing is left of the module
	[ ! -e /sys/module/folioscale ] || fail "the module is still there"
	[ ! -e "$DIR" ] || fail "its debugfs is still there"
	[ ! -e /sys/kernel/slab/folioscale_desc ] || fail "its cache is still there"
	# shellcheck disable=SC2009 # busybox
	! ps | grep -q '[f]sc_' || fail "its threads are still there: $(ps | grep '[f]sc_' | head -n 3)"
}

rmmod_during_a_run() { # NAME=VALUE...
	load duration_ms=0 warmup_ms=0 nr_readers=2 nr_freers=2 "$@" || return
	wait_state measure
	wait_work 500 20
	unload
	gone
}

rmmod_during_warmup() {
	load warmup_ms=60000 || return
	wait_state warmup
	unload
	gone
}

rmmod_with_a_file_open() { # FILE
	if [ "$1" = control ]; then
		exec 4>"$DIR/control"
	else
		exec 4<"$DIR/$1"
	fi
	if rmmod folioscale 2>/tmp/rmmod; then
		fail "rmmod worked"
		exec 4>&-
		load duration_ms=0 warmup_ms=0
		return
	fi
	grep -qE 'busy|unavailable' /tmp/rmmod || fail "rmmod: $(cat /tmp/rmmod)"
	counters
	wait_work $((lookups + 100)) $((turnovers + 10))
	state
	[ "$state" = measure ] || fail "the state is $state"
	exec 4>&-
}

cycle() { # NUMBER: the module is unloaded at any moment of its run
	case $(($1 % 3)) in
	0) path=pagecache ;;
	1) path=gup ;;
	2) path=pfn ;;
	esac
	for protocol in $(protocols_of "$path"); do
		load protocol="$protocol" path="$path" duration_ms=0 warmup_ms=10 nr_readers=1 nr_freers=2 order=$(($1 % 4)) || return
		number=$((number + 1))
		usleep $((number * 7919 % 150000))
		unload || return
	done
}

# A run that leaked its folios would cost 4 to 16 MiB; nothing else is near a MiB.
cycles() {
	hogs='' number=0 round=0
	# The first cycles fill the kernel's own caches.
	cycle 0
	cycle 1
	cycle 2
	number=0
	before=$(free_kb)
	for hog in 1 2; do
		# Starts processes, allocates and frees memory, and never stops.
		while :; do dd if=/dev/zero of=/tmp/hog.$hog bs=64k count=64 2>/dev/null; done &
		# As nice as the threads of a run: at this shell's priority it would starve them
		renice -n 19 -p $! >/dev/null
		hogs="$hogs $!"
	done
	while [ $number -lt $CYCLES ]; do
		cycle $round || break
		round=$((round + 1))
	done
	# shellcheck disable=SC2086 # a list of words
	kill $hogs
	wait
	# Their last processes are not our children.
	while pidof dd >/dev/null; do sleep 0.1; done
	rm /tmp/hog.*
	gone
	leaked=$((before - $(free_kb)))
	note "$number cycles, $leaked kB of free memory less than before"
	[ $leaked -lt 16384 ] || fail "$leaked kB are gone"
}

start_and_stop() {
	load autorun=0 warmup_ms=0 duration_ms=0 || return
	state
	[ "$state" = idle ] || fail "the state is $state before any run"
	[ -z "$(cat "$DIR/run.json")" ] || fail "run.json before any run"
	[ -n "$(cat "$DIR/config")" ] || fail "no config before any run"
	for run in pagecache.typesafe pagecache.rcu_full gup.hazptr pfn.rcu_bounded; do
		protocol=${run#*.}
		echo "${run%.*}" >"$PARAMS/path" || fail "path is not writable"
		echo "$protocol" >"$PARAMS/protocol" || fail "protocol is not writable"
		echo start >"$DIR/control" || fail "control took no start"
		wait_state measure
		(echo start >"$DIR/control") 2>/tmp/error && fail "it started twice"
		grep -q 'busy' /tmp/error || fail "a second start: $(cat /tmp/error)"
		wait_work 500 20
		stop
		expect_verdict PASS
		expect params protocol "$protocol"
		expect params path "${run%.*}"
		expect_balance
	done
	# What a finished run reports does not change with the parameters.
	echo overlay >"$PARAMS/protocol"
	keep
	expect params protocol rcu_bounded
	echo stop >"$DIR/control" || fail "a stop without a run"
	unload
	gone
}

junk_in_control() {
	load duration_ms=0 warmup_ms=0 || return
	wait_state measure
	for word in '' x 'start now' stopp STOP 'stop stop' "$(head -c 5000 /dev/zero | tr '\0' s)"; do
		dmesg -c >/dev/null
		(echo "$word" >"$DIR/control") 2>/tmp/error && fail "control took '$word'"
		grep -q 'Invalid argument' /tmp/error || fail "'$word': $(cat /tmp/error)"
		dmesg -c | grep -q 'folioscale: control: allowed: start, stop' || fail "'$word': nothing said"
	done
	state
	[ "$state" = measure ] || fail "the state is $state"
	unload
}

modes() {
	load autorun=0 || return
	[ "$(stat -c '%a %u %g' "$DIR/control")" = '200 0 0' ] || fail "control is $(stat -c '%a %u %g' "$DIR/control")"
	for file in $FILES; do
		[ "$(stat -c '%a %u %g' "$DIR/$file")" = '400 0 0' ] || fail "$file is $(stat -c '%a %u %g' "$DIR/$file")"
	done
	[ "$(find "$DIR" -type f | wc -l)" = $(($(echo "$FILES" | wc -w) + 1)) ] ||
		fail "other files than are tested here: $(find "$DIR" -type f | tr '\n' ' ')"
	unload
}

# Read run.json in each phase that can be caught; the runner checks them afterwards
run_json_any_time() {
	for run in $JSON_RUNS; do
		load path="${run%.*}" protocol="${run#*.}" warmup_ms=200 duration_ms=0 sample_ms=1 gp_probe_ms=1 nr_readers=2 nr_freers=2 || return
		keep
		wait_state measure
		keep
		sleep 0.1
		keep
		phases="$run_state_state"
		echo stop >"$DIR/control" &
		while state; [ "$state" != done ]; do
			keep
			phases="$phases $run_state_state"
		done
		wait
		expect_verdict PASS
		expect_balance
		note "$run: $phases"
		unload
	done
}

# Several shells each read all the files, others start and stop, for a while
all_at_once() {
	load autorun=0 warmup_ms=10 duration_ms=50 nr_readers=2 nr_freers=2 sample_ms=1 gp_probe_ms=1 || return
	others='' end=$(($(uptime_s) + 5))
	for reader in 1 2 3; do
		while [ "$(uptime_s)" -lt $end ]; do
			for file in $FILES; do
				cat "$DIR/$file" >/dev/null || echo "$file" >>/tmp/unreadable
			done
			echo x >>/tmp/rounds
		done &
		others="$others $!"
	done
	rm -f /tmp/unreadable /tmp/rounds /tmp/started
	for starter in 1 2; do
		while [ "$(uptime_s)" -lt $end ]; do
			for run in $JSON_RUNS; do
				# Refused during the other starter's run, or if the two have
				# set a path and a protocol that do not fit.
				echo "${run%.*}" >"$PARAMS/path"
				echo "${run#*.}" >"$PARAMS/protocol"
				echo start >"$DIR/control" && echo x >>/tmp/started
				echo stop >"$DIR/control"
			done
		done 2>/dev/null &
		others="$others $!"
	done
	for other in $others; do wait "$other"; done
	note "every file read $(grep -c . /tmp/rounds) times, $(grep -c . /tmp/started) runs started"
	[ ! -e /tmp/unreadable ] || fail "could not read $(sort -u /tmp/unreadable | tr '\n' ' ')"
	[ "$(grep -c . /tmp/started)" -gt 2 ] || fail "hardly a run was started"
	stop_the_last
	gone
}

BUSTED='typesafe.norecheck typesafe.early_publish rcu_full.early_pages seqcount.noseq hazptr.noreload
rcu_bounded.early_reuse'
ktap_plan $(($(echo "$RUNS $BUSTED" | wc -w) + 2 + 4 + 1 + $(echo "$HELD_OPEN" | wc -w) + 1 + 7))

# The kernel's own functions, beside which overlay's lookups are timed (module/opencoded/tmpfs.c). Every lookup hits, and the
# file's memory comes back.
on_a_file() { # PROTOCOL
	rm -f /tmp/shmem
	for _ in 1 2 3 4; do
		insmod /fsc_opencoded.ko path=tmpfs protocol="$1" lookups=20000 || return
		grep -q '"lookups": 20000, "hits": 20000, "good": 1, ' /sys/kernel/debug/fsc_opencoded/result ||
			fail "$(cat /sys/kernel/debug/fsc_opencoded/result)"
		rmmod fsc_opencoded
		sed -n 's/^Shmem: *\([0-9]*\) kB/\1/p' /proc/meminfo >>/tmp/shmem
	done
	# The file has 4 MB.
	awk 'NR == 1 { first = $1 } END { exit $1 >= first + 4096 }' /tmp/shmem || fail "Shmem grew: $(tr '\n' ' ' </tmp/shmem)kB"
}

ktap_test "a lookup by hand that is called, on a file" on_a_file called
ktap_test "filemap_get_folio() on a file" on_a_file filemap_get_folio
ktap_test "kernel_read() of a file" on_a_file kernel_read

for run in $RUNS; do
	ktap_test "rmmod during a run of ${run#*.} on ${run%.*}" \
		rmmod_during_a_run path="${run%.*}" protocol="${run#*.}"
done
for busted in $BUSTED; do
	ktap_test "rmmod during a run of ${busted#*.}" \
		rmmod_during_a_run protocol="${busted%.*}" busted="${busted#*.}"
done
ktap_test "rmmod during a run of ignore_locked" rmmod_during_a_run protocol=rcu_desc tryget=xadd busted=ignore_locked
ktap_test "rmmod during a run of touch_slab" \
	rmmod_during_a_run path=pfn protocol=typesafe busted=touch_slab mix=60:20:10:5:5 gap_ns=1000
ktap_test "rmmod during a run of all shares of the mix" \
	rmmod_during_a_run path=pfn protocol=overlay mix=60:20:10:5:5 order=0:8,2:4
ktap_test "rmmod during stalls" rmmod_during_a_run protocol=rcu_bounded stall_ms=200 stall_every_ms=1
ktap_test "rmmod during the warm-up" rmmod_during_warmup

load duration_ms=0 warmup_ms=0
wait_state measure
for file in $HELD_OPEN; do
	ktap_test "rmmod with $file open" rmmod_with_a_file_open "$file"
done
ktap_test "rmmod once all are closed" unload

ktap_test "control starts and stops" start_and_stop
ktap_test "junk in control" junk_in_control
ktap_test "modes of the debugfs files" modes
ktap_test "run.json at any time" run_json_any_time
ktap_test "all files read while runs start and stop" all_at_once
ktap_test "$CYCLES times insmod and rmmod on a busy machine" cycles
