# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# The negative controls: the oracle sees each of them within 10 s, sees nothing in the
# unbroken protocols under the same load, and a run that could not have shown anything does
# not pass. FSC_QUICK: fewer of the unbroken.

# What each control needs to be seen: its own delay, in every arm alike. A violation wants a
# freer to hit the very folio that a reader has: among 100,000 uniform keys every other second,
# and on a busy host not even in ten; with popular ones, hundreds of times a second.
load_of() { # BUSTED NR_FOLIOS
	case $1 in
	norecheck) echo gap_ns=10000 ;;
	early_pages) echo hold_ns=10000 ;;
	early_publish) echo publish_ns=10000 ;;
	esac
	[ "$2" = 1024 ] || echo popularity=zipf
}

protocol_of() { # BUSTED
	case $1 in
	early_pages) echo rcu_full ;;
	*) echo typesafe ;;
	esac
}

is_seen() { # BUSTED NR_FOLIOS NAME=VALUE...
	busted=$1 nr_folios=$2
	shift 2
	# shellcheck disable=SC2046 # a list of words
	load protocol="$(protocol_of "$busted")" busted="$busted" nr_folios="$nr_folios" \
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
	# The first ones are kept, each with what was expected and what was found.
	sed 1d "$DIR/violations" | grep -qE '^(identity|stamp|generation|touch) key [0-9]+ generation [0-9]+ expected (0|0x[0-9a-f]+) found (0|0x[0-9a-f]+)$' ||
		fail "no violation is described"
	unload
}

# In two seconds of the same load, which at 10 s of it must show the bug
is_clean() { # PROTOCOL BUSTED NR_FOLIOS NAME=VALUE...
	protocol=$1 busted=$2 nr_folios=$3
	shift 3
	# shellcheck disable=SC2046 # a list of words
	load protocol="$protocol" nr_folios="$nr_folios" warmup_ms=0 duration_ms=2000 \
		$(load_of "$busted" "$nr_folios") "$@" || return
	wait_state done
	expect_verdict PASS
	expect counters violations 0
	expect_balance
	unload
}

# At this rate a turnover comes when the freer starts and the next a second later: there is
# none in the window, unless the machine stood still for that long.
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

# One turnover, and the slab that this CPU allocates from still has objects that were never
# used: the descriptor that was freed does not come back.
vacuous_without_recycling() { # NAME=VALUE...
	taskset 1 insmod "$KO" nr_readers=0 nr_freers=1 nr_folios=1000 max_turnovers=1 "$@" || {
		fail "insmod failed"
		return
	}
	wait_state done
	expect_verdict INCONCLUSIVE
	expect counters recycled_other_key 0
	[ "${run_state_reason%%:*}" = vacuous ] || fail "the reason is $run_state_reason"
	unload
}

# A control that nobody looks at
vacuous_without_readers() { # BUSTED
	load busted="$1" protocol="$(protocol_of "$1")" nr_readers=0 nr_freers=1 warmup_ms=0 duration_ms=200 || return
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

BUSTED='norecheck early_pages early_publish'
if [ -z "${FSC_QUICK:-}" ]; then
	SIZES='1024 100000'
	ktap_plan $((2 * (3 + 3 * 4) + 3 + 3 * 4 + 2 + 1 + 3 + 1))
else
	SIZES=1024
	ktap_plan $((3 + 3 * 4 + 3 + 2 + 1 + 3 + 1))
fi

for busted in $BUSTED; do
	for nr_folios in $SIZES; do
		ktap_test "$busted is seen at $nr_folios folios" is_seen "$busted" "$nr_folios"
		for protocol in $PROTOCOLS; do
			ktap_test "$protocol is clean under the load of $busted at $nr_folios folios" \
				is_clean "$protocol" "$busted" "$nr_folios"
		done
	done
	ktap_test "$busted is seen with truncate and two freers" is_seen "$busted" 1024 removal=truncate nr_freers=2
	[ -z "${FSC_QUICK:-}" ] || continue
	for protocol in $PROTOCOLS; do
		ktap_test "$protocol is clean under the load of $busted with truncate and two freers" \
			is_clean "$protocol" "$busted" 1024 removal=truncate nr_freers=2
	done
done
for protocol in overlay typesafe; do
	ktap_test "$protocol without a turnover is inconclusive" vacuous_without_turnover $protocol
done
ktap_test "typesafe that recycled nothing is inconclusive" vacuous_without_recycling protocol=typesafe
for busted in $BUSTED; do
	ktap_test "$busted without a reader is inconclusive" vacuous_without_readers "$busted"
done
ktap_test "a run that is stopped early is inconclusive" stopped_early
