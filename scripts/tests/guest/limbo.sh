# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Limbo, what is freed and not yet reusable: its cap, and its counters.

# A MiB is 13,107 descriptors. rcu_desc frees 20,000 in one go while sections last a tenth of a
# second: that is more than a grace period can give back.
FSC_PATIENCE_S=900 # on an idle host it takes seconds
reaches_its_cap() { # NAME=VALUE...
	# Without a warm-up: a freer that waits through the edges of the window has none.
	load limbo_max_mb=1 nr_readers=1 nr_freers=2 warmup_ms=0 duration_ms=0 "$@" || return
	wait_state measure
	# A wait that begins before its freer sees the window is none of the window's.
	wait_threads
	counters
	wait_counters "limbo_waits >= $limbo_waits + 2"
	# The run must go on after that.
	wait_work 0 $((turnovers + 1000))
	stop
	expect_verdict PASS
	expect_more counters limbo_waits 0
	expect window throttled 1
	cap=$run_resolved_limbo_max_bytes
	[ "$cap" = 1048576 ] || fail "the cap is $cap"
	peak=$((run_limbo_descriptor_bytes_peak + run_limbo_page_bytes_peak))
	note "peak $peak of $cap bytes, $run_counters_limbo_waits waits, $run_counters_turnovers turnovers"
	[ $peak -le "$cap" ] || fail "the peak $peak is over the cap $cap"
	[ $peak -gt $((cap / 4)) ] || fail "the peak $peak is nowhere near the cap $cap"
	case "$*" in
	*rcu_desc*auto* | *kfree_rcu*)
		expect_more counters limbo_barriers 0
		expect limbo exact 0
		;;
	*) expect limbo exact 1 ;;
	esac
	expect_balance
	unload
}

# The sampler looks at the limbo every 10 ms of the window.
wait_samples() {
	wait_state measure
	wait_work 1000 1000
	deadline=$(($(uptime_s) + 30))
	while [ "$1" = some ] && grep -q '^descriptors_peak 0$' "$DIR/limbo"; do
		[ "$(uptime_s)" -lt $deadline ] || break
		sleep 0.1
	done
	sleep 0.3
}

# If the callbacks are ours, the true limbo is known: the markers' bound is never below it (that is
# a violation), and never above it by more than a sheaf's worth on each CPU.
bound_holds() { # EVERY NAME=VALUE...: a marker every so many frees
	every=$1
	shift
	load protocol=rcu_desc deferral=call_rcu check_bound=1 sample_ms=1 warmup_ms=0 duration_ms=0 "$@" || return
	wait_state measure
	wait_work 0 3000
	stop
	expect_verdict PASS
	expect limbo exact 1
	above=$run_limbo_bound_above most=$((run_limbo_marker_every * CPUS))
	note "$above of $most descriptors above, $run_limbo_samples looks, limbo's peak $run_limbo_descriptor_objects_peak"
	[ "$run_limbo_marker_every" = "$every" ] || fail "a marker every $run_limbo_marker_every frees"
	[ "$above" -le $most ] || fail "the bound is $above above the truth, more than $most"
	[ "$above" -gt 0 ] || fail "no look saw anything between two markers"
	expect_balance
	unload
}

# Markers bound kfree_rcu's limbo if the kernel has sheaves that kfree_rcu() fills.
bounded_by() { # markers|flushed
	load protocol=rcu_desc deferral=kfree_rcu warmup_ms=0 duration_ms=0 || return
	wait_samples some
	stop
	expect_verdict PASS
	expect limbo exact 0
	expect limbo bound "$1"
	expect counters deferred_remote 0
	expect_balance
	unload
}

# Does this kernel have sheaves, and does kfree_rcu() use them?
bound_here() { # into $BOUND and $SHEAF, the objects of a sheaf, empty without sheaves
	insmod "$KO" protocol=typesafe nr_readers=0 duration_ms=0
	SHEAF=$(cat /sys/kernel/slab/folioscale_desc/sheaf_capacity 2>/dev/null)
	rmmod folioscale
	BOUND=markers
	case $(uname -v) in *PREEMPT_RT*) BOUND=flushed ;; esac
	[ "${SHEAF:-0}" != 0 ] || BOUND=flushed
}

# Sheaves of 250 objects, or refused where the kernel has none; nothing is known where kfree_rcu() does not use them.
larger_sheaves() {
	case $SHEAF in
	'')
		insmod "$KO" protocol=rcu_desc sheaf_capacity=250 2>/tmp/insmod && { fail "it was loaded"; rmmod folioscale; return; }
		dmesg | grep -q 'sheaf_capacity=250: allowed: since Linux 6.18' || fail "$(dmesg | tail -n 3)"
		return
		;;
	esac
	load protocol=rcu_desc sheaf_capacity=250 free_rate=20000 nr_freers=2 warmup_ms=0 duration_ms=0 || return
	wait_state measure
	capacity=$(cat /sys/kernel/slab/folioscale_desc/sheaf_capacity)
	[ "$capacity" = 250 ] || fail "a sheaf has $capacity objects"
	wait_work 0 3000
	stop
	expect_verdict PASS
	expect limbo bound "$BOUND"
	[ "$BOUND" != markers ] || expect limbo marker_every 250
	expect_balance
	unload
	bound_holds 250 sheaf_capacity=250 free_rate=20000 nr_freers=2
}

# Protocols that free at once have none. One freer has at most one of 1024 folios out of its slot.
no_limbo() { # PROTOCOL
	load protocol="$1" limbo_max_mb=1 nr_folios=1024 warmup_ms=0 duration_ms=0 || return
	wait_samples none
	read -r _ live _ limbo <"$DIR/descriptors"
	note "live $live, limbo $limbo"
	[ "$live" -ge 1023 ] || fail "$live descriptors are live, not 1023 at least"
	[ "$limbo" = 0 ] || fail "$limbo descriptors are in limbo"
	stop
	read -r _ live _ limbo <"$DIR/descriptors"
	[ "$live $limbo" = "0 0" ] || fail "at the end live $live, limbo $limbo"
	expect_verdict PASS
	expect counters limbo_waits 0
	expect window throttled 0
	expect limbo descriptor_objects_peak 0
	expect limbo page_objects_peak 0
	unload
}

only_descriptors() {
	load protocol=rcu_desc warmup_ms=0 duration_ms=0 deferral=call_rcu || return
	wait_samples some
	stop
	expect_verdict PASS
	expect_more limbo descriptor_objects_peak 0
	expect limbo page_objects_peak 0
	unload
}

both() {
	load protocol=rcu_full warmup_ms=0 duration_ms=0 || return
	wait_samples some
	stop
	expect_verdict PASS
	expect_more limbo descriptor_objects_peak 0
	expect_more limbo page_objects_peak 0
	unload
}

# Each burst's memory is back before the next one is freed, so there is never more in limbo; and
# freers wait for it if, and only if, pages wait.
reclaims() { # PROTOCOL PEAK
	load protocol="$1" churn=reclaim burst=512 nr_folios=2048 hold_ns=1000000 warmup_ms=0 duration_ms=0 || return
	wait_state measure
	deadline=$(($(uptime_s) + 60))
	until [ "$(sed -n 's/^count //p' "$DIR/latency/reclaim")" -ge 20 ]; do
		[ "$(uptime_s)" -lt $deadline ] || { fail "fewer than 20 in 60 s"; break; }
		sleep 0.1
	done
	note "from the first free until 512 pages are back: $(tr '\n' ' ' <"$DIR/latency/reclaim" | cut -d' ' -f1-8)"
	stop
	expect_verdict PASS
	expect limbo page_objects_peak "$2"
	expect_balance
	unload
}

# Protocols that keep back descriptors without limbo.c have ceilings of their own. They always stay
# below them, even if sections are long, and so below limbo_max_mb.
has_its_ceiling() { # PROTOCOL MOST ITS-COUNTER NAME=VALUE...
	protocol=$1 most=$2 counter=$3
	shift 3
	load protocol="$protocol" limbo_max_mb=1 warmup_ms=0 duration_ms=0 "$@" || return
	wait_state measure
	wait_threads
	wait_counters "$counter > 20 && turnovers > 4 * $most"
	stop
	expect_verdict PASS
	expect counters limbo_waits 0
	expect window throttled 0
	expect limbo exact 1
	expect limbo page_objects_peak 0
	peak=$run_limbo_descriptor_objects_peak
	note "peak $peak of $most descriptors, $run_counters_turnovers turnovers"
	[ "$peak" -le "$most" ] || fail "the peak $peak is over the ceiling $most"
	[ "$peak" -gt $((most / 8)) ] || fail "the peak $peak is nowhere near the ceiling $most"
	expect_balance
	unload
}

# rcu_bounded's ceiling: bounded_max on each CPU, and what each thread is just adding to it.
bounded() { # BOUNDED_MAX NAME=VALUE...
	max=$1
	shift
	# Two readers and two freers
	has_its_ceiling rcu_bounded $(((max + 4) * CPUS)) expedited \
		bounded_max="$max" nr_readers=2 nr_freers=2 "$@"
}

# hazptr's ceiling: a batch of each thread that frees; under truncate readers free, too.
hazards() { # THREADS NAME=VALUE...
	threads=$1
	shift
	has_its_ceiling hazptr $((threads * 64)) hazard_scans nr_readers=2 nr_freers=2 "$@"
}

# hazptr_cpu keeps what it waits with: one descriptor of each thread that frees.
waits() { # THREADS NAME=VALUE...
	threads=$1
	shift
	has_its_ceiling hazptr_cpu "$threads" hazard_waits nr_readers=2 nr_freers=2 gap_ns=10000 "$@"
}

CPUS=$(grep -c '^processor' /proc/cpuinfo)

bound_here
ktap_plan $((4 + 3 + 4 + 2 + 5 + 3 + 9))

for deferral in auto kfree_rcu call_rcu call_rcu_hurry; do
	ktap_test "rcu_desc deferral=$deferral reaches limbo_max_mb" \
		reaches_its_cap protocol=rcu_desc deferral=$deferral path=gup gap_ns=100000000 burst=20000 nr_folios=40000
done
for deferral in auto call_rcu call_rcu_hurry; do
	ktap_test "rcu_full deferral=$deferral reaches limbo_max_mb" \
		reaches_its_cap protocol=rcu_full deferral=$deferral hold_ns=1000000
done
for protocol in overlay typesafe seqcount locked; do
	ktap_test "$protocol has no limbo" no_limbo $protocol
done
ktap_test "rcu_desc has descriptors in limbo, no pages" only_descriptors
ktap_test "rcu_full has both" both
for rate in 1000 20000 0; do
	ktap_test "the markers' bound holds at free_rate=$rate" bound_holds 60 free_rate=$rate nr_freers=2
done
ktap_test "kfree_rcu's limbo is bounded by: $BOUND" bounded_by "$BOUND"
ktap_test "sheaf_capacity=250" larger_sheaves
ktap_test "rcu_full reclaims after a grace period" reclaims rcu_full 512
ktap_test "rcu_desc reclaims pages at once" reclaims rcu_desc 0
ktap_test "typesafe reclaims at once" reclaims typesafe 0
ktap_test "rcu_bounded stays under bounded_max" bounded 512
ktap_test "rcu_bounded stays under a small bounded_max" bounded 16 path=gup removal=truncate
# The most that is allowed: half of limbo_max_mb, including one descriptor for each thread
ktap_test "rcu_bounded stays under a bounded_max of half the cap" bounded 3274 path=gup gap_ns=100000000 burst=8000 nr_folios=16384
# Nobody allocates during a burst of frees: a list that got longer with every other free would grow.
ktap_test "rcu_bounded stays under bounded_max with two freers a CPU" bounded 16 nr_freers=4 burst=8000 nr_folios=40000
ktap_test "hazptr stays under a batch a thread" hazards 2
ktap_test "hazptr stays under a batch a thread, under truncate" hazards 4 removal=truncate hold_ns=10000
ktap_test "hazptr stays under a batch a thread, under gup" hazards 2 path=gup
ktap_test "hazptr_cpu keeps one descriptor of a freer" waits 2
ktap_test "hazptr_cpu keeps one of whoever frees, under truncate" waits 4 removal=truncate
