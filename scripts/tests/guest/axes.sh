# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2034,SC2154 # module.sh is sourced too
#
# Every way to vary a run that matrix.sh does not test, once on each path where it makes sense,
# until the counters show that it took effect. FSC_QUICK: fewer.

# paths|what the counters must say|protocol and parameters. With three freers on two CPUs a
# reader hardly runs, so there are two at most.
cat >/tmp/axes <<'END'
pagecache gup pfn|same_cpu > 0 && turnovers > 50|typesafe nr_freers=2 cross_cpu=1
pagecache|same_cpu > 0 && turnovers > 50|rcu_bounded nr_freers=2 cross_cpu=1 removal=truncate
pagecache gup|misses * 20 > lookups && turnovers >= 4096|rcu_desc burst=512
gup|misses * 20 > lookups && turnovers >= 4096|hazptr burst=512 removal=truncate
pagecache|misses * 20 > lookups && turnovers >= 4096|rcu_full burst=512 removal=truncate
pfn|turnovers >= 4096|rcu_full burst=512
pagecache gup pfn|turnovers >= 2048|rcu_bounded churn=reclaim burst=256
pagecache pfn|turnovers >= 2048|rcu_full churn=reclaim burst=256
pagecache gup pfn|refreezes > 1000 && tryget_zero + fallback_zero + fallback_pte > 0|typesafe churn=refreeze nr_folios=16
pagecache pfn|refreezes > 1000 && tryget_swept > 0|rcu_desc churn=refreeze nr_folios=16 tryget=xadd
gup|refreezes > 1000 && tryget_swept > 0|rcu_desc churn=refreeze nr_folios=16 tryget=xadd gap_ns=1000
pagecache gup pfn|refreezes > 1000|overlay churn=refreeze nr_folios=16
pagecache|refreezes > 1000|locked churn=refreeze nr_folios=16
pagecache|refreezes > 1000|seqcount churn=refreeze nr_folios=16
pagecache gup|turnovers > 1000 && recheck_moved + fallback_memdesc + fallback_pte > 0|typesafe churn=migrate nr_folios=16 gap_ns=1000
pagecache pfn|turnovers > 1000|rcu_full churn=migrate nr_folios=16
gup|turnovers > 1000|overlay churn=migrate nr_folios=16 nr_freers=2
pfn|turnovers > 1000|rcu_desc churn=migrate nr_folios=16 order=0:1,2:1 hold_ns=1000
pagecache|turnovers > 1000 && seq_retries > 0|seqcount churn=migrate nr_folios=16
pagecache gup|turnovers > 1000|locked churn=migrate nr_folios=16
pagecache|turnovers > 1000|hazptr churn=migrate nr_folios=16
pagecache gup pfn|splits > 50 && turnovers > 50 && frees > splits * 16|typesafe churn=split nr_folios=16 order=4 gap_ns=1000 nr_freers=2
pagecache gup pfn|splits > 20 && turnovers > splits|rcu_desc churn=split nr_folios=16 order=0:4,2:2,9:1 gap_ns=1000 nr_freers=2 removal=truncate
pagecache pfn|splits > 20 && turnovers > splits|rcu_full churn=split nr_folios=16 order=0:4,2:2,7:1 gap_ns=1000 hold_ns=1000
pagecache gup pfn|splits > 50 && turnovers > 50|hazptr churn=split nr_folios=16 order=6 gap_ns=1000 nr_mappings=4
pagecache|splits > 50 && seq_retries > 0|seqcount churn=split nr_folios=16 order=3 gap_ns=1000
pagecache gup|splits > 50 && turnovers > 50|locked churn=split nr_folios=16 order=4
pagecache gup pfn|splits > 50 && turnovers > 50|rcu_bounded churn=split nr_folios=16 order=5 tryget=xadd
pagecache gup pfn|freed_pages > frees * 2 && turnovers > 200|typesafe order=0:8,2:4,9:1 nr_folios=64
pagecache|freed_pages > frees * 2 && seq_retries > 0|seqcount order=0:8,2:4,9:1 nr_folios=64 nr_mappings=4
pagecache gup|freed_pages > frees * 2 && turnovers > 200|overlay order=0:8,2:4,7:1 nr_folios=64 churn=migrate nr_mappings=4 touch_bytes=256
pfn|trygets_avoided > trygets|rcu_desc order=0:8,2:4,9:1 nr_folios=64 passes=2
pfn|trygets_avoided == 0 && trygets > hits|overlay order=0:8,2:4,9:1 nr_folios=64 passes=1
pfn|other_turnovers > 100 && hugetlb_seen > 0|typesafe mix=60:20:10:5:5
pfn|hwpoisoned > 500 && hwpoison_met > 0|typesafe hwpoison=64 gap_ns=1000 nr_freers=2
pfn|hwpoisoned > 500 && hwpoison_met > 0|rcu_desc hwpoison=64 passes=1 removal=truncate order=0:4,2:1
pfn|hwpoisoned > 500 && hwpoison_met > 0|rcu_full hwpoison=64 gap_ns=1000 churn=split order=2 nr_folios=128
pfn|hwpoisoned > 500|hazptr hwpoison=1024 passes=1 nr_folios=64
pfn|other_turnovers > 100 && hugetlb_seen > 0|overlay mix=60:20:10:5:5 removal=truncate
pfn|other_turnovers > 100 && hugetlb_seen > 0|rcu_full mix=60:20:10:5:5 nr_freers=2
pfn|other_turnovers > 100 && hugetlb_seen == 0 && trygets > 0|hazptr mix=60:20:10:5:5 passes=1
pfn|other_turnovers > 100 && hugetlb_seen > 0|rcu_bounded mix=1:0:0:100:0 nr_folios=64
gup|fallback_zero > 0|rcu_desc gap_ns=10000
gup|fallback_memdesc > 0|typesafe gap_ns=10000 order=0:1,1:1 burst=2 nr_folios=8
gup|fallback_pte > 0|rcu_bounded gap_ns=10000 hold_ns=10000 removal=truncate nr_readers=2 nr_folios=16
gup|fallback_pmd > 0|rcu_desc gap_ns=10000 hold_ns=100000 removal=truncate nr_readers=2 order=9 nr_folios=4
gup|hazard_moved > 0 && hazard_scans > 0|hazptr gap_ns=10000
gup|hazard_waits > 0 && turnovers > 50|hazptr_cpu gap_ns=10000 removal=truncate
pagecache pfn|hazard_waits > 0 && turnovers > 50|hazptr_cpu gap_ns=10000
pagecache|hazard_waits > 0 && stalls > 2 && turnovers > 50|hazptr_cpu nr_folios=1 stall_ms=50 stall_every_ms=1
pagecache|turnovers > 1000 && hazard_scans > 1000|hazptr_cpu churn=migrate nr_folios=16
pagecache|hazard_backups > 0 && turnovers > 200|hazptr_cpu nr_readers=24 gap_ns=1000000 removal=truncate nr_folios=256
pagecache pfn|hazard_moved > 0 && hazard_scans > 0|hazptr gap_ns=10000
gup|turnovers > 200|typesafe nr_mms=4 nr_readers=2
gup|turnovers > 200 && pins > 200|overlay pin=pin
gup|turnovers > 200 && pins > 200|rcu_bounded pin=pin order=2 tryget=xadd removal=truncate
gup|turnovers > 200 && pins > 200|locked pin=pin order=0:1,2:1
gup|turnovers > 200|typesafe lookups_per_section=32 hold_ns=1000 touch_bytes=256
pagecache gup pfn|tryget_swept > 0|typesafe tryget=xadd gap_ns=10000
pagecache|seq_retries > 0|seqcount
pagecache|seq_retries > 0 && seq_fallbacks > 0|seqcount gap_ns=10000 tryget=xadd
pagecache|seq_retries > 0 && turnovers > 200|seqcount nr_mappings=64 hold_ns=10000 touch_bytes=256
pagecache gup pfn|expedited > 0 && turnovers > 50|rcu_bounded bounded_max=4
pagecache|expedited > 0 && turnovers > 50|rcu_bounded bounded_max=1 nr_freers=2 tryget=rcuref removal=truncate
gup|stalls > 2 && turnovers > 50|typesafe stall_ms=100 stall_every_ms=1
pagecache|stalls > 2 && turnovers > 50|locked stall_ms=50 stall_every_ms=1
pagecache|stalls > 2 && turnovers > 50|seqcount stall_ms=50 stall_every_ms=1
END

[ -z "${FSC_QUICK:-}" ] || cat >/tmp/axes <<'END'
gup|same_cpu > 0 && turnovers > 50|typesafe nr_freers=2 cross_cpu=1
gup|refreezes > 1000 && tryget_swept > 0|rcu_desc churn=refreeze nr_folios=16 tryget=xadd gap_ns=1000
pagecache gup|turnovers > 1000 && recheck_moved + fallback_memdesc + fallback_pte > 0|typesafe churn=migrate nr_folios=16 gap_ns=1000
pagecache|refreezes > 1000|seqcount churn=refreeze nr_folios=16
pagecache gup pfn|splits > 20 && turnovers > 20|typesafe churn=split nr_folios=16 order=4 gap_ns=1000
pagecache|splits > 20 && turnovers > splits|rcu_desc churn=split nr_folios=16 order=0:4,2:2,7:1 gap_ns=1000 removal=truncate
pfn|hwpoisoned > 500 && hwpoison_met > 0|rcu_full hwpoison=64 gap_ns=1000 nr_freers=2
pfn|other_turnovers > 100 && hugetlb_seen > 0|typesafe mix=60:20:10:5:5
gup|fallback_zero > 0|rcu_desc gap_ns=10000
gup|turnovers > 200 && pins > 200|rcu_bounded pin=pin order=2 tryget=xadd removal=truncate
pagecache|seq_retries > 0 && seq_fallbacks > 0|seqcount gap_ns=10000
gup|expedited > 0 && turnovers > 50|rcu_bounded bounded_max=4
gup|stalls > 2 && turnovers > 50|typesafe stall_ms=100 stall_every_ms=1
pagecache|hazard_backups > 0 && turnovers > 200|hazptr_cpu nr_readers=24 gap_ns=1000000 removal=truncate nr_folios=256
END

# Five readers of a CPU are in their sections only where a section is preempted.
case "$(uname -v) $(cat /sys/kernel/debug/sched/preempt 2>/dev/null)" in
*PREEMPT_RT* | *'(full)'* | *'(lazy)'*) ;;
*) sed -i '/hazard_backups > 0/d' /tmp/axes ;;
esac

# Here a reader gets another folio than it looked for, because the descriptor was recycled.
recycling_shows typesafe || sed -i '/fallback_memdesc > 0/d' /tmp/axes

axis() { # PATH EXPRESSION PROTOCOL NAME=VALUE...
	path=$1 expression=$2
	shift 2
	point_until "$expression" "$@" path="$path"
	case "$*" in
	*refreeze*)
		expect counters allocs 0
		expect counters frees 0
		;;
	*pin=pin* | *order=* | *gap_ns* | *hold_ns*) expect resolved reader_loop general ;;
	*) expect resolved reader_loop plain ;;
	esac
	case "$*" in
	*bounded_max*)
		peak=$run_limbo_descriptor_objects_peak
		# The ceiling on each CPU, and what threads there have just added to it.
		most=$(((run_params_bounded_max + run_params_nr_freers + run_params_nr_readers) * CPUS))
		[ "$peak" -le $most ] || fail "$peak descriptors in limbo, not at most $most"
		;;
	esac
}

# With so many keys, most of them vacant, a lookup of any but the one hot folio would miss.
hot() { # PATH PROTOCOL NAME=VALUE...
	path=$1
	shift
	point_until 'lookups > 2000 && turnovers > 0' "$@" path="$path" popularity=hot nr_readers=2 \
		reuse_distance=65536 free_rate=10
	expect counters misses 0
}

# A lookup finds the old folio or the new one: key 0, which all look up, never loses its slot.
never_misses() { # PROTOCOL
	point_until 'lookups > 10000 && turnovers > 1000' "$1" churn=migrate popularity=hot nr_folios=4 reuse_distance=1
	expect counters misses 0
}

# A role's threads take its list's CPUs in turn
lists_of_cpus() { # PATH
	path=$1
	point typesafe path="$path" nr_readers=2 nr_freers=2 reader_cpus=1 freer_cpus=0
	for thread in 'reader/0 cpu 1' 'reader/1 cpu 1' 'freer/0 cpu 0' 'freer/1 cpu 0'; do
		grep -q "^$thread " /tmp/threads || fail "not $thread: $(tr '\n' ';' </tmp/threads)"
	done
	point typesafe path="$path" nr_readers=2 nr_freers=1 reader_cpus=0-1
	for thread in 'reader/0 cpu 0' 'reader/1 cpu 1' 'freer/0 cpu 0'; do
		grep -q "^$thread " /tmp/threads || fail "not $thread: $(tr '\n' ';' </tmp/threads)"
	done
}

# Without a stall a grace period takes tens of milliseconds, and ten times that is rare.
stalls_rcu() { # PATH PROTOCOL
	load path="$1" protocol="$2" stall_ms=1000 stall_every_ms=10 gp_probe_ms=1 warmup_ms=0 duration_ms=0 || return
	wait_state measure
	deadline=$(($(uptime_s) + 60)) max=0
	until [ "$max" -gt 700000000 ]; do
		[ "$(uptime_s)" -lt $deadline ] || {
			fail "no grace period was longer than $max ns"
			break
		}
		sleep 0.1
		max=$(sed -n 's/^max //p' "$DIR/latency/gp")
		max=${max:-0}
	done
	counters
	[ "$stalls" -gt 0 ] || fail "no stall"
	wait_threads
	stop
	expect_verdict PASS
	expect_balance
	unload
}

CPUS=$(grep -c '^processor' /proc/cpuinfo)
HOT='pagecache.typesafe gup.rcu_desc gup.hazptr' MIGRATE='typesafe rcu_desc rcu_full locked' LISTS=$PATHS STALLS='pagecache.rcu_full pfn.hazptr'
[ -z "${FSC_QUICK:-}" ] || HOT=gup.typesafe MIGRATE=rcu_full LISTS=gup STALLS=pagecache.rcu_full

while IFS='|' read -r on expression words; do
	for path in $on; do
		echo "$path|$expression|$words"
	done
done </tmp/axes >/tmp/points
ktap_plan $(($(grep -c . /tmp/points) + $(echo "$HOT $MIGRATE $LISTS $STALLS" | wc -w)))

while IFS='|' read -r path expression words; do
	# shellcheck disable=SC2086 # a list of words
	ktap_test "path=$path $words: $expression" axis "$path" "$expression" $words
done </tmp/points
for point in $HOT; do
	ktap_test "path=${point%.*} ${point#*.} popularity=hot" hot "${point%.*}" "${point#*.}"
done
for protocol in $MIGRATE; do
	ktap_test "$protocol churn=migrate leaves no slot vacant" never_misses "$protocol"
done
for path in $LISTS; do
	ktap_test "path=$path reader_cpus and freer_cpus" lists_of_cpus "$path"
done
for point in $STALLS; do
	ktap_test "path=${point%.*} ${point#*.} stall_ms=1000 holds grace periods off" stalls_rcu "${point%.*}" "${point#*.}"
done
