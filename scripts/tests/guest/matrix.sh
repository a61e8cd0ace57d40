# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Four protocols on the page cache x deferral x removal x order, and other ways to vary a run, each
# with oracle and exit balance; paths.sh and axes.sh test other paths and protocols. FSC_ORDERS:
# the orders. FSC_QUICK: fewer of the other ways.

: "${FSC_ORDERS:=0 2 9}"
PROTOCOLS='overlay typesafe rcu_desc rcu_full'

deferrals() { # PROTOCOL: those that it takes
	case $1 in
	overlay | typesafe) echo auto ;;
	rcu_desc) echo auto kfree_rcu call_rcu call_rcu_hurry ;;
	rcu_full) echo auto call_rcu call_rcu_hurry ;;
	esac
}

# What deferral=auto stands for
resolved() { # PROTOCOL DEFERRAL
	case $1.$2 in
	overlay.auto | typesafe.auto) echo none ;;
	rcu_desc.auto) echo kfree_rcu ;;
	rcu_full.auto) echo call_rcu ;;
	*) echo "$2" ;;
	esac
}

matrix_point() { # PROTOCOL DEFERRAL REMOVAL ORDER
	# Order 9 is 2 MiB a folio.
	nr_folios=1024
	[ "$4" -lt 9 ] || nr_folios=32
	point "$1" deferral="$2" removal="$3" order="$4" nr_folios=$nr_folios
	expect resolved deferral "$(resolved "$1" "$2")"
	expect resolved page_bytes $((4096 << $4))
}

# Each of these takes another branch of the loops.
variants='
nr_readers=2 nr_freers=0
nr_readers=2 nr_freers=0 order=0:1,2:1,7:1 nr_folios=64
nr_readers=2 nr_freers=2 reuse_distance=1
popularity=zipf
nr_mappings=4
touch_bytes=256
touch_bytes=16384 order=2
lookups_per_section=8
lookups_per_section=32 gap_ns=1000 hold_ns=1000 publish_ns=1000
freeptr=outside sample_shift=0
gp_probe_ms=5 sample_ms=0
free_rate=2000 reuse_distance=4096 sample_shift=-1
'

read_only() { # PROTOCOL NAME=VALUE...
	point_until 'lookups >= 2000' "$@"
	expect counters misses 0
}

[ -z "${FSC_QUICK:-}" ] || variants='
nr_readers=2 nr_freers=2
lookups_per_section=8 gap_ns=1000 hold_ns=1000 publish_ns=1000
gp_probe_ms=5
'

variant() { # PROTOCOL NAME=VALUE...
	case " $* " in
	*' nr_freers=0 '*) read_only "$@" ;;
	*) point "$@" ;;
	esac
	case "$*" in
	*gp_probe*) sed -n 's/^ "gp": {"count": \([0-9]*\),.*/\1/p' "$JSON" | grep -qv '^0$' || fail "no grace period was probed" ;;
	esac
	case "$*" in
	*nr_mappings* | *touch_bytes* | *order* | *gap_ns* | *zipf* | *section*) expect resolved reader_loop general ;;
	*) expect resolved reader_loop plain ;;
	esac
}

# The keys depend only on seed and popularity: with one freer and no reader, the number of missing
# victims depends only on its stream of keys.
missed() { # NAME=VALUE...: victim_missing into $missing
	missing=
	load nr_readers=0 nr_freers=1 reuse_distance=256 max_turnovers=4000 duration_ms=10000 "$@" || return
	wait_state done
	keep
	unload
	missing=$run_counters_victim_missing
}

same_streams() { # POPULARITY
	missed protocol=overlay popularity="$1" seed=7
	first=$missing
	[ "${first:-0}" -gt 0 ] || fail "no victim was missing, so nothing is shown"
	for protocol in typesafe rcu_desc rcu_full; do
		missed protocol=$protocol popularity="$1" seed=7
		[ "$missing" = "$first" ] || fail "$protocol missed $missing victims, overlay $first"
	done
	missed protocol=overlay popularity="$1" seed=8
	[ "$missing" != "$first" ] || fail "another seed, and the same $first victims missing"
}

# After one turnover the slab that this CPU allocates from still has objects that were never used,
# so the freed descriptor does not come back. But a sheaf gives back what was freed last.
vacuous_without_recycling() { # NAME=VALUE...
	load duration_ms=0 "$@" || return
	wait_state measure
	# The cache exists only during a run.
	read -r sheaf 2>/dev/null </sys/kernel/slab/folioscale_desc/sheaf_capacity || sheaf=0
	stop
	unload
	if [ "$sheaf" -gt 0 ]; then
		skip "the cache has sheaves"
		return
	fi
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

tests=3
for protocol in $PROTOCOLS; do
	for deferral in $(deferrals "$protocol"); do
		for order in $FSC_ORDERS; do
			tests=$((tests + 2))
		done
	done
	tests=$((tests + $(echo "$variants" | grep -c .)))
done
ktap_plan $tests

for protocol in $PROTOCOLS; do
	for deferral in $(deferrals "$protocol"); do
		for removal in reclaim truncate; do
			for order in $FSC_ORDERS; do
				ktap_test "$protocol deferral=$deferral removal=$removal order=$order" \
					matrix_point "$protocol" "$deferral" $removal "$order"
			done
		done
	done
	echo "$variants" >/tmp/variants
	while read -r variant; do
		[ -n "$variant" ] || continue
		# shellcheck disable=SC2086 # a list of words
		ktap_test "$protocol $variant" variant "$protocol" $variant
	done </tmp/variants
done
for popularity in uniform zipf; do
	ktap_test "every protocol gets the same $popularity keys" same_streams $popularity
done
ktap_test "typesafe that recycled nothing is inconclusive" vacuous_without_recycling protocol=typesafe
