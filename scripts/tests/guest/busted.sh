# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# The negative controls: the oracle sees each of them within 10 s and sees nothing in the
# unbroken protocols under the same load, and a run that cannot show anything does not pass.
# FSC_QUICK: fewer of the unbroken.

# The load that shows each control: its own delay, the same in every arm. For a violation a freer
# must hit the very folio that a reader has. With 100,000 uniform keys that happens every other
# second, on a busy host not even in ten; with popular keys, hundreds of times a second. For
# noreload a batch of retired descriptors must fill meanwhile.
load_of() { # BUSTED NR_FOLIOS
	case $1 in
	early_pages) echo hold_ns=10000 ;;
	early_both) echo hold_ns=1000000 reuse_distance=1 ;;
	early_publish) echo publish_ns=10000 ;;
	noreload) echo gap_ns=1000000 ;;
	touch_slab) echo gap_ns=10000 mix=60:20:10:5:5 ;;
	stale_type) echo gap_ns=10000 hwpoison=16 ;;
	*) echo gap_ns=10000 ;;
	esac
	[ "$2" = 1024 ] || echo popularity=zipf
}

# busted.table has a row for each negative control of the schema: NAME|PATHS|PARAMETERS
of_busted() { # BUSTED FIELD: that field of its row
	awk -F'|' -v name="$1" -v field="$2" '$1 == name { print $field }' /tests/busted.table
}

# The protocol that it is a bug of
unbroken() { # BUSTED
	of_busted "$1" 3
}

# The paths on which it is not refused (params.sh)
paths_of() { # BUSTED
	of_busted "$1" 2
}

is_seen() { # BUSTED NR_FOLIOS NAME=VALUE...
	busted=$1 nr_folios=$2
	shift 2
	# shellcheck disable=SC2046 # lists of words
	load $(unbroken "$busted") busted="$busted" nr_folios="$nr_folios" \
		warmup_ms=0 duration_ms=10000 $(load_of "$busted" "$nr_folios") "$@" || return
	wait_state measure
	while state; [ "$state" = measure ] && [ "$(violations)" = 0 ]; do
		sleep 0.1
	done
	stop
	expect_verdict FAIL
	expect_balance
	found=$(violations)
	note "$found violations in $((run_window_window_ns / 1000000)) ms: $(sed -n 2p "$DIR/violations")"
	[ "$found" -gt 0 ] || fail "no violation in 10 s"
	# Nothing but the generation that the reader latched need be wrong.
	[ "$busted" != early_both ] || sed 1d "$DIR/violations" | grep -q '^reused ' ||
		fail "nothing was reused while it was held"
	# The first violations are kept, each with what was expected and what was found.
	sed 1d "$DIR/violations" | grep -qE '^(identity|pfn|stamp|generation|line|reused|limbo_bound) key [0-9]+ generation [0-9]+ expected (0|0x[0-9a-f]+) found (0|0x[0-9a-f]+)$' ||
		fail "no violation is described"
	unload
}

# For a while under the load that must show the bug within 10 s
is_clean() { # BUSTED NR_FOLIOS NAME=VALUE...
	busted=$1 nr_folios=$2
	shift 2
	for attempt in 1 2 3 4 5; do
		# shellcheck disable=SC2046 # a list of words
		load nr_folios="$nr_folios" warmup_ms=0 duration_ms=1500 \
			$(load_of "$busted" "$nr_folios") "$@" || return
		wait_state done
		keep
		unload
		# A busy host may not run a virtual CPU for so long; that is no finding.
		[ "${run_state_reason-}" = 'a thread did not run in the window' ] || break
	done
	expect_kept_verdict PASS
	expect counters violations 0
	expect_balance
}

# At this rate the first turnover is when the freer starts and the next a second later: none is
# in the window, unless the machine stood still for that long.
vacuous_without_turnover() { # PROTOCOL
	for attempt in 1 2 3 4 5; do
		load protocol="$1" free_rate=1 warmup_ms=200 duration_ms=200 || return
		wait_state done
		keep
		unload
		[ "$run_counters_turnovers" != 0 ] || break
	done
	expect counters turnovers 0
	expect state verdict INCONCLUSIVE
}

# A control that no reader sees
vacuous_without_readers() { # BUSTED
	path=$(paths_of "$1")
	# shellcheck disable=SC2046 # a list of words
	load $(unbroken "$1") busted="$1" path="${path%% *}" $(load_of "$1" 1024) nr_readers=0 nr_freers=1 \
		warmup_ms=0 duration_ms=200 || return
	wait_state done
	expect_verdict INCONCLUSIVE
	unload
}

stopped_early() {
	load duration_ms=60000 warmup_ms=0 || return
	wait_state measure
	wait_work 100 10
	stop
	expect_verdict INCONCLUSIVE
	unload
}

BUSTED=$(cut -d'|' -f1 /tests/busted.table | grep -vx early_confirm | tr '\n' ' ')
# The sampler sees this bug, with readers and without; it is refused on PREEMPT_RT
case $(uname -v) in
*PREEMPT_RT*) NO_READER='' ;;
*) NO_READER=early_confirm ;;
esac

seen() { # print lines: BUSTED NR_FOLIOS NAME=VALUE...
	for busted in $BUSTED $NO_READER; do
		for path in $(paths_of "$busted"); do
			echo "$busted 1024 path=$path"
			[ "$path" = pagecache ] || continue
			echo "$busted 1024 path=$path removal=truncate nr_freers=2"
			[ -n "${FSC_QUICK:-}" ] || echo "$busted 100000 path=$path"
		done
	done
	for busted in norecheck noseq early_pages; do
		echo "$busted 1024 path=pagecache churn=migrate"
	done
}

# Every protocol on the page cache under three of the loads; other paths, trygets, sizes and
# removals in pairs with loads. The lines are like those of seen()
clean() {
	for busted in norecheck early_pages early_publish; do
		for protocol in $PROTOCOLS; do
			echo "$busted 1024 path=pagecache protocol=$protocol"
		done
	done
	[ -z "${FSC_QUICK:-}" ] || return
	cat <<-'END'
	norecheck 100000 path=pagecache protocol=overlay
	norecheck 100000 path=pagecache protocol=typesafe
	early_pages 100000 path=pagecache protocol=rcu_desc
	early_pages 100000 path=pagecache protocol=rcu_full
	norecheck 100000 path=pagecache protocol=seqcount
	noreload 100000 path=pagecache protocol=hazptr
	nowildcard 100000 path=pagecache protocol=hazptr_cpu
	norecheck 100000 path=pagecache protocol=rcu_bounded
	early_publish 100000 path=pagecache protocol=locked
	norecheck 1024 path=pagecache protocol=overlay removal=truncate nr_freers=2
	norecheck 1024 path=pagecache protocol=typesafe removal=truncate nr_freers=2
	early_publish 1024 path=pagecache protocol=rcu_desc removal=truncate nr_freers=2
	early_pages 1024 path=pagecache protocol=rcu_full removal=truncate nr_freers=2
	norecheck 1024 path=pagecache protocol=seqcount removal=truncate nr_freers=2
	noreload 1024 path=pagecache protocol=hazptr removal=truncate nr_freers=2
	nowildcard 1024 path=pagecache protocol=hazptr_cpu removal=truncate nr_freers=2
	norecheck 1024 path=pagecache protocol=rcu_bounded removal=truncate nr_freers=2
	early_pages 1024 path=pagecache protocol=locked removal=truncate nr_freers=2
	norecheck 1024 path=pagecache protocol=typesafe tryget=xadd
	norecheck 1024 path=pagecache protocol=seqcount tryget=xadd removal=truncate
	norecheck 1024 path=pagecache protocol=rcu_desc tryget=xadd nr_freers=2
	norecheck 1024 path=pagecache protocol=rcu_desc tryget=rcuref removal=truncate nr_freers=2
	early_pages 1024 path=pagecache protocol=rcu_bounded tryget=rcuref removal=truncate
	noreload 1024 path=pagecache protocol=hazptr
	nowildcard 1024 path=pagecache protocol=hazptr_cpu
	norecheck 1024 path=gup protocol=overlay removal=truncate
	norecheck 1024 path=gup protocol=typesafe
	early_publish 1024 path=gup protocol=typesafe tryget=xadd
	norecheck 1024 path=gup protocol=rcu_desc nr_freers=2
	norecheck 1024 path=gup protocol=rcu_desc tryget=xadd
	noreload 1024 path=gup protocol=hazptr
	nowildcard 1024 path=gup protocol=hazptr_cpu
	norecheck 1024 path=gup protocol=rcu_bounded removal=truncate
	early_pages 1024 path=gup protocol=locked
	norecheck 1024 path=pfn protocol=overlay
	norecheck 1024 path=pfn protocol=typesafe
	early_publish 1024 path=pfn protocol=typesafe tryget=xadd removal=truncate
	norecheck 1024 path=pfn protocol=rcu_desc tryget=xadd
	early_pages 1024 path=pfn protocol=rcu_full
	noreload 1024 path=pfn protocol=hazptr
	nowildcard 1024 path=pfn protocol=hazptr_cpu
	norecheck 1024 path=pfn protocol=rcu_bounded
	touch_slab 1024 path=pfn protocol=typesafe
	touch_slab 1024 path=pfn protocol=overlay removal=truncate nr_freers=2
	stale_type 1024 path=pfn protocol=typesafe nr_freers=2
	stale_type 1024 path=pfn protocol=rcu_full
	END
}

seen >/tmp/seen
clean >/tmp/clean
ktap_plan $(($(grep -c . /tmp/seen) + $(grep -c . /tmp/clean) + $(with_trait reused_before_gp | wc -l) + $(echo "$BUSTED" | wc -w) + 1))

while read -r busted nr_folios words; do
	# shellcheck disable=SC2086 # a list of words
	ktap_test "$busted is seen at $nr_folios folios with $words" is_seen "$busted" "$nr_folios" $words
done </tmp/seen
while read -r busted nr_folios words; do
	# shellcheck disable=SC2086 # a list of words
	ktap_test "$words is clean under the load of $busted at $nr_folios folios" \
		is_clean "$busted" "$nr_folios" $words
done </tmp/clean
for protocol in $(with_trait reused_before_gp); do
	ktap_test "$protocol without a turnover is inconclusive" vacuous_without_turnover "$protocol"
done
for busted in $BUSTED; do
	ktap_test "$busted without a reader is inconclusive" vacuous_without_readers "$busted"
done
ktap_test "a run that is stopped early is inconclusive" stopped_early
