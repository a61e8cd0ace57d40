# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Allocations of slab objects and of pages fail at random, 1, 10 and 50 of a hundred, from insmod
# to rmmod: a load is refused or works, a run goes on, counts failures and ends as any other. They
# fail only in tasks that ask for it, to spare the shell. For kernels with fault injection.
# FSC_QUICK: fewer protocols.

PERCENTS='1 10 50'
publishing=
LOADS=2
LOADS_AT_MOST=40

# Whether allocations fail in kernel threads made from here on: they inherit make-it-fail from
# kthreadd, which forks them, and fails to fork some. So do kernel workers made meanwhile.
threads_made_fail() { # 1|0
	echo "$1" >/proc/2/make-it-fail
}

# Nothing fails in new or existing threads
no_thread_fails() {
	threads_made_fail 0
	for task in /proc/[0-9]*; do
		echo 0 >"$task/make-it-fail"
	done 2>/dev/null
}

# Something must have failed and, for pages at 1%, where most loads work, a freer as well: freers of
# every protocol allocate pages.
enough_loads() {
	[ "$number" -ge "$LOADS" ] && [ "$injected" -gt 0 ] || return
	[ "$fault.$percent" != fail_page_alloc.1 ] || [ "$in_runs" -gt 0 ]
}

# Loads while allocations fail; nothing fails any more when they are over
loads_fail() { # PATH.PROTOCOL
	threads_made_fail 1
	try_loads "$1"
	fail_nothing
	no_thread_fails
	nothing_left
}

# Loads while allocations of insmod, of the run's threads and of rmmod fail: most loads are
# refused, with ENOMEM or the error of a thread's creation; the runs of the others end well.
try_loads() { # PATH.PROTOCOL
	refused=0 worked=0 all=0 in_runs=0
	for fault in $FAULTS; do
		for percent in $PERCENTS; do
			fail_allocations "$fault" "$percent"
			number=0 injected=0
			until enough_loads || [ $number -ge $LOADS_AT_MOST ]; do
				number=$((number + 1))
				# Fail nothing of the loader's: its trace events would warn.
				cat "/tmp/space.$fault" >"/sys/kernel/debug/$fault/space"
				failing make-it-fail 1 insmod "path=${1%.*} protocol=${1#*.} nr_folios=16 warmup_ms=0 duration_ms=100" || return
				case $error in
				0)
					worked=$((worked + 1))
					# debugfs files may be missing; the module can do without.
					if [ -e "$DIR/state" ] && [ -e "$DIR/run.json" ]; then
						wait_state done
						keep
						in_runs=$((in_runs + run_counters_alloc_failed + run_counters_publish_failed))
						expect_balance
						[ "$run_state_verdict" != FAIL ] || fail "$run_state_reason"
					fi
					rmmod_failing
					;;
				# EAGAIN: no struct kthread (kernel/fork.c:copy_process)
				11 | 12) refused=$((refused + 1)) ;;
				*) fail "$fault $percent: errno $error" ;;
				esac
				injected "$fault"
			done
			[ $injected -gt 0 ] || fail "$fault $percent: no allocation failed in $LOADS_AT_MOST loads"
			all=$((all + injected))
		done
		fail_nothing
	done
	note "$refused loads refused, $worked worked, $all allocations failed, $in_runs of freers"
	[ $refused -gt 0 ] || fail "no load was refused"
	[ $in_runs -gt 0 ] || fail "no freer of a load failed to allocate"
}

rmmod_failing() {
	failing make-it-fail 1 rmmod || return
	[ "$error" = 0 ] || fail "rmmod: errno $error"
}

# A run in which more and more allocations of its threads fail, and which ends meanwhile. With
# overlay freers allocate only nodes of the xarray from slabs, and these are kept.
run_goes_on() { # PATH.PROTOCOL NAME=VALUE...
	run=$1
	shift
	# For the threads of the run; nothing fails yet.
	threads_made_fail 1
	load path="${run%.*}" protocol="${run#*.}" nr_folios=256 nr_readers=1 nr_freers=2 warmup_ms=0 duration_ms=0 sample_ms=5 "$@"
	loaded=$?
	threads_made_fail 0
	[ $loaded = 0 ] || return
	wait_state measure
	said=
	for fault in $FAULTS; do
		for percent in $PERCENTS; do
			fail_allocations "$fault" "$percent"
			counters
			failures=$((alloc_failed + publish_failed))
			case $fault.$run in
			failslab.*.overlay) ;;
			*) failures=$((failures + 1)) ;;
			esac
			wait_counters "turnovers >= $((turnovers + 100)) && lookups >= $((lookups + 100)) &&
				alloc_failed + publish_failed >= $failures"
			[ "$fault.$percent" != "$publishing" ] || wait_counters "publish_failed > 0"
			injected "$fault"
			said="$said $fault $percent%: $injected;"
		done
		# The last fault goes on to the end.
		[ "$fault" = fail_page_alloc ] || fail_nothing
	done
	failing make-it-fail 1 write "$DIR/control" stop
	[ "$error" = 0 ] || fail "stop: errno $error"
	counters
	keep
	expect_sound_verdict
	note "failed:$said counted $alloc_failed and $publish_failed, $turnovers turnovers"
	rmmod_failing
	fail_nothing
	no_thread_fails
	nothing_left
}

# With few folios and many keys, most of them vacant, a slot needs a new node of the xarray, or on
# gup a page table.
publishing_fails() { # FAULT.PERCENT PATH.PROTOCOL NAME=VALUE...: FAULT.PERCENT fails it
	publishing=$1
	shift
	run_goes_on "$@"
	publishing=
	[ "$publish_failed" -gt 0 ] || fail "publishing never failed"
}

# Only allocations from the descriptors' cache fail, in any task, once it exists. Not with busybox's
# insmod, which tries again.
cache_fails() { # PERCENT PROTOCOL
	fail_allocations failslab 0
	echo N >/sys/kernel/debug/failslab/task-filter
	echo Y >/sys/kernel/debug/failslab/cache-filter
	echo "$1" >/sys/kernel/debug/failslab/probability
	/tests/failing fail-nth 0 insmod "protocol=$2 nr_folios=20000" >/tmp/failing &
	deadline=$(($(uptime_s) + 60))
	until [ -e /sys/kernel/slab/folioscale_desc/failslab ] || [ "$(uptime_s)" -ge "$deadline" ]; do :; done
	# The run may fail before this write.
	(echo 1 >/sys/kernel/slab/folioscale_desc/failslab) 2>/dev/null
	wait $!
	read -r error left </tmp/failing
	injected failslab
	note "errno $error, $injected descriptors failed"
	[ "$error" = 12 ] || fail "errno $error"
	[ "$injected" -gt 0 ] || fail "none failed"
	fail_nothing
	nothing_left
}

# ... and while freers allocate descriptors, until rmmod; on pfn also from the caches for other
# memory
cache_fails_later() { # PROTOCOL NAME=VALUE...
	protocol=$1
	shift
	load protocol="$protocol" nr_folios=256 nr_readers=1 nr_freers=2 warmup_ms=0 duration_ms=0 sample_ms=5 "$@" || return
	wait_state measure
	for cache in /sys/kernel/slab/folioscale_*; do
		echo 1 >"$cache/failslab"
	done
	for percent in $PERCENTS; do
		fail_allocations failslab 0
		echo N >/sys/kernel/debug/failslab/task-filter
		echo Y >/sys/kernel/debug/failslab/cache-filter
		echo "$percent" >/sys/kernel/debug/failslab/probability
		counters
		wait_counters "turnovers >= $((turnovers + 100)) && alloc_failed > $alloc_failed"
	done
	injected failslab
	[ "$injected" -gt 0 ] || fail "none failed"
	stop_soundly
	unload
	fail_nothing
	nothing_left
}

RUNS=$(all_runs)
[ -z "${FSC_QUICK:-}" ] || RUNS='pagecache.overlay pagecache.rcu_full gup.typesafe gup.hazptr pfn.rcu_bounded'
# Every protocol, and every path
LOAD_RUNS='pagecache.overlay pagecache.typesafe pagecache.rcu_desc pfn.rcu_full pagecache.seqcount gup.hazptr pfn.rcu_bounded gup.locked'
[ -z "${FSC_QUICK:-}" ] || LOAD_RUNS='pagecache.typesafe gup.hazptr pfn.rcu_bounded'
CACHES=$(with_trait own_descriptor)
ktap_plan $(($(echo "$RUNS $LOAD_RUNS $CACHES" | wc -w) + $(echo "$PERCENTS" | wc -w) * $(echo "$CACHES" | wc -w) + 6))

# The bytes of slabs or pages that the loader allocates before it calls the module: measured by a
# load without a run. That includes the module's debugfs files, which are few.
space_of_a_load() { # FAULT
	fail_allocations "$1" 100
	echo 2000000000 >"/sys/kernel/debug/$1/space"
	failing make-it-fail 1 insmod autorun=0
	read -r left <"/sys/kernel/debug/$1/space"
	fail_nothing
	unload
	echo $((2000000000 - left)) >"/tmp/space.$1"
}

load nr_folios=16 && wait_state done && unload
for fault in $FAULTS; do
	space_of_a_load "$fault"
done
note "a load without a run: $(cat /tmp/space.failslab) bytes of slabs, $(cat /tmp/space.fail_page_alloc) of pages"
note_free
for run in $LOAD_RUNS; do
	ktap_test "loads of ${run#*.} on ${run%.*} while allocations fail" loads_fail "$run"
done
for run in $RUNS; do
	ktap_test "a run of ${run#*.} on ${run%.*} while allocations fail" run_goes_on "$run"
done
ktap_test "a run that cannot publish on pagecache" publishing_fails failslab.50 pagecache.rcu_desc nr_folios=8 reuse_distance=1000
ktap_test "a run that cannot publish on gup" publishing_fails fail_page_alloc.50 gup.hazptr nr_folios=8 order=9
for protocol in $CACHES; do
	for percent in $PERCENTS; do
		ktap_test "$percent% of the descriptors of $protocol fail" cache_fails "$percent" "$protocol"
	done
	ktap_test "descriptors of $protocol fail in its run" cache_fails_later "$protocol"
done
ktap_test "descriptors of all of pfn's caches fail in its run" cache_fails_later rcu_bounded path=pfn mix=2:1:1:1:1
ktap_test "no memory is gone" nothing_is_gone 4096
ktap_test "no leak" no_leak "$LEAKS_OF_THE_KERNEL"
ktap_test "a run after that" point rcu_desc
