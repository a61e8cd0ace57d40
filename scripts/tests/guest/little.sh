# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Tests on one CPU that counts instructions and uses them as its clock. Little's law: the mean
# limbo, sampled from the counters, is the rate of frees times the mean wait, which is clocked when
# a descriptor becomes reusable; the samples are on time. A turnover's callbacks are counted. And
# populating takes the same time for each folio, of many as of few.

# predict NAME=VALUE...: make a run; predict limbo from rate and wait, in thousandths of an object
predict() {
	load nr_folios=256 sample_ms=1 warmup_ms=200 "$@" || return
	wait_state done 600
	expect_verdict PASS
	expect limbo exact 1
	[ "${run_limbo_waits:-null}" != null ] || { fail "no free was timed"; return 1; }
	wait_us=$((run_limbo_wait_ns / run_limbo_released / 1000))
	# In thousandths, like the sampler's mean
	objects=$((run_limbo_waited_ns / (run_limbo_window_ns / 1000)))
	predicted=$((objects * run_limbo_frees / run_limbo_waits))
	measured=$run_limbo_descriptor_objects_mean_milli
	note "mean limbo $measured, rate x wait $predicted thousandths of an object; mean wait $wait_us us," \
		"$((run_limbo_window_ns / 1000 / wait_us)) of them in the window, $run_limbo_samples looks"
	[ $((run_limbo_window_ns / 1000)) -ge $((100 * wait_us)) ] || fail "fewer than a hundred waits"
	unload
}

expect_predicted() { # OBJECTS-MILLI
	if [ $(($1 * 100)) -lt $((predicted * 95)) ] || [ $(($1 * 100)) -gt $((predicted * 105)) ]; then
		fail "$1 is not within 5% of $predicted"
	fi
}

# Within 5%, in windows of at least a hundred waits
law() { # NAME=VALUE...
	predict "$@" && expect_predicted "$measured"
}

# At full rate the sampler only runs between the freer's batches, in step with those of hazptr. But
# the size of the latter is known: from 0 to 63.
half_a_batch() { # NAME=VALUE...
	predict "$@" && expect_predicted 31500
}

# Measure the nanoseconds, which are instructions, of a turnover: all except idle ones
per_turnover() { # CALLBACK_NS
	load protocol=rcu_desc deferral=call_rcu nr_readers=0 nr_freers=1 nr_folios=1024 sample_ms=0 \
		max_turnovers=20000 warmup_ms=0 callback_ns="$1" || return
	# A shell that polls for the end is counted, too: poll only after the run has ended.
	sleep 3
	wait_state done 600
	expect_verdict PASS
	took=$(((run_window_whole_ns - run_window_whole_idle_ns) / run_window_whole_turnovers))
	unload
}

# Most of these callbacks run after the freer has ended, in softirqs that interrupt idle.
deferred_work_is_counted() {
	per_turnover 0 || return
	without=$took
	per_turnover 20000 || return
	more=$((took - without))
	note "$without a turnover, and $more more where each callback takes 20000 more"
	# The longer run also has more ticks and grace periods.
	if [ $more -lt 20000 ] || [ $more -gt 21600 ]; then
		fail "$more is not 20000 and up to 8% more"
	fi
}

# Measure how many ms insmod takes to populate this many folios
populating() { # PROTOCOL NR_FOLIOS
	read -r before _ </proc/uptime
	load protocol="$1" nr_folios="$2" autorun=1 warmup_ms=0 duration_ms=1 nr_freers=0 || return
	read -r after _ </proc/uptime
	took=$(((${after%.*} * 100 + 1${after#*.} - ${before%.*} * 100 - 1${before#*.}) * 10))
	wait_state done
	unload
}

populates_many_like_few() { # PROTOCOL
	populating "$1" 1000 && few=$took && populating "$1" 100000 && some=$took && populating "$1" 300000 || return
	note "$few ms for 1000, $some ms for 100000, $took ms for 300000"
	# The clock's step of 10 ms is a tenth of the time for 100000.
	[ $((took - few)) -le $(((some - few) * 299 * 3 / 99 / 2)) ] || fail "each of 300000 takes over 1.5 times as long as of 100000"
}

ktap_plan 13

ktap_test "rcu_desc, call_rcu, at full rate" law protocol=rcu_desc deferral=call_rcu nr_readers=1 duration_ms=2500
ktap_test "rcu_full at full rate" law protocol=rcu_full nr_readers=1 duration_ms=2500
ktap_test "rcu_desc, call_rcu_hurry, 10,000 frees a second" law protocol=rcu_desc deferral=call_rcu_hurry free_rate=10000 nr_readers=0 duration_ms=4000
ktap_test "rcu_full, 1,000 frees a second" law protocol=rcu_full free_rate=1000 nr_readers=0 duration_ms=6000
ktap_test "rcu_full under truncate" law protocol=rcu_full removal=truncate free_rate=10000 nr_readers=0 duration_ms=4000
ktap_test "hazptr, 10,000 frees a second" law protocol=hazptr free_rate=10000 nr_readers=0 duration_ms=4000
# Every place in its batch of 64 must be timed at some time.
ktap_test "hazptr at full rate has half a batch" half_a_batch protocol=hazptr nr_readers=0 duration_ms=2000
ktap_test "rcu_bounded, 10,000 frees a second" law protocol=rcu_bounded free_rate=10000 nr_readers=0 duration_ms=8000
ktap_test "what is deferred is counted as a turnover's" deferred_work_is_counted
# Populating is the same for all that have descriptors of their own.
for protocol in overlay typesafe rcu_desc rcu_full; do
	ktap_test "$protocol populates 300000 folios like 100000" populates_many_like_few "$protocol"
done
