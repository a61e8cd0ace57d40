# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Readers on every CPU with the longest sections that are accepted: no stall, no soft lockup,
# no hung task. The console check finds those; here the kernel's timeouts are shortened, and each
# run outlasts them.

CPUS=$(grep -c '^processor' /proc/cpuinfo)
# A section may last a second. The grace-period kthread waits for one whenever it has to run, and
# for one more if it is moved meanwhile: four in a row have been seen, eight are a stall.
echo 8 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
echo 3 >/proc/sys/kernel/watchdog_thresh # a soft lockup is twice that
echo 10 >/proc/sys/kernel/hung_task_timeout_secs
RUN_S=9.5

long_sections() { # NAME=VALUE...
	long_until 'lookups > 0' "$@"
}

stalls() { # PATH.PROTOCOL.MS
	run=${1%.*}
	long_until 'stalls > 1' path="${run%.*}" protocol="${run#*.}" stall_ms="${1##*.}" stall_every_ms=1
}

long_until() { # EXPRESSION NAME=VALUE...
	expression=$1
	shift
	load nr_readers="$CPUS" nr_freers="$CPUS" warmup_ms=0 duration_ms=0 "$@" || return
	wait_state measure
	sleep $RUN_S
	wait_counters "$expression"
	stop
	keep
	expect counters violations 0
	expect_balance
	unload
}

# params.sh has the limits. Each copy of seqcount has a gap and a hold. On gup interrupts are off
# during the gaps, which are 0.1 s of the 1 s.
longest() { # PATH.PROTOCOL
	case $1 in
	*.seqcount) echo gap_ns=229779 hold_ns=3906250 lookups_per_section=32 ;;
	pagecache.*) echo gap_ns=244140 hold_ns=15625000 lookups_per_section=32 ;;
	gup.*) echo gap_ns=3125000 hold_ns=28125000 lookups_per_section=32 ;;
	pfn.*) echo gap_ns=953125 hold_ns=1000000 mix=60:20:10:5:5 ;;
	esac
}

# One of each kind: how long a section may be depends on the path, and on whether the reader copies, locks or holds in it.
SECTIONS='pagecache.typesafe pagecache.rcu_full pagecache.seqcount pagecache.hazptr pagecache.locked gup.rcu_bounded
pfn.rcu_full'
# A second; on gup 0.1 s; if readers wait for each other, 0.1 s for all CPUs together
STALLS="pagecache.rcu_full.1000 pagecache.seqcount.1000 pagecache.locked.$((100 / CPUS)) gup.rcu_desc.100
gup.locked.$((100 / CPUS)) pfn.rcu_bounded.1000"
ktap_plan $(($(echo "$SECTIONS $STALLS" | wc -w) + 2))

for run in $SECTIONS; do
	# shellcheck disable=SC2046 # a list of words
	ktap_test "${run#*.} with the longest sections on ${run%.*}" long_sections \
		path="${run%.*}" protocol="${run#*.}" sample_shift=0 $(longest "$run")
done
for run in $STALLS; do
	ktap_test "${run%.*} with the longest stalls" stalls "$run"
done
# Only one of fifty blocks has a folio to stall at
ktap_test "pfn with stalls that rarely meet a folio" long_until 'stalls > 1' path=pfn protocol=hazptr mix=3:0:100:0:0 \
	nr_folios=4 order=9 removal=truncate stall_ms=1 stall_every_ms=1 lookups_per_section=13
ktap_test "rcu_full with the longest holds" long_sections protocol=rcu_full hold_ns=1000000000
