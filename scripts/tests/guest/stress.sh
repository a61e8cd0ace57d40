# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Readers on every CPU with the longest sections that are accepted: no stall, no soft lockup,
# no hung task. Those are for the console check to see; here it is told to look sooner than
# it would, and each run outlasts that.

CPUS=$(grep -c '^processor' /proc/cpuinfo)
# A section may be a second long, and the host may be slow.
echo 4 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
echo 3 >/proc/sys/kernel/watchdog_thresh # a soft lockup is twice that
echo 10 >/proc/sys/kernel/hung_task_timeout_secs
RUN_MS=5500

long_sections() { # NAME=VALUE...
	load nr_readers="$CPUS" nr_freers="$CPUS" warmup_ms=0 duration_ms=$RUN_MS "$@" || return
	wait_state done
	keep
	expect counters violations 0
	expect_more counters lookups 0
	expect_balance
	unload
}

ktap_plan $((4 + 1))

for protocol in $PROTOCOLS; do
	ktap_test "$protocol with the longest sections" long_sections protocol="$protocol" \
		gap_ns=244140 hold_ns=15625000 lookups_per_section=32 sample_shift=0
done
ktap_test "rcu_full with the longest holds" long_sections protocol=rcu_full hold_ns=1000000000
