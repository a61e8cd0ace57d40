# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2154 # module.sh is sourced too
#
# Every allowed path x protocol x tryget x removal at order 0, and orders 2 and 9 in pairs on the
# paths that look up single pages of a folio; each with oracle and exit balance. What matrix.sh
# tests is left out. FSC_QUICK: in pairs, and what is delicate with PREEMPT_RT.

# Every protocol, tryget and removal with both orders. At order 9 a folio is 2 MiB and, on gup, has
# a page table of its own.
pairs='
overlay cas truncate 2
overlay cas reclaim 9
typesafe xadd reclaim 2
typesafe cas truncate 9
rcu_desc rcuref truncate 2
rcu_desc xadd reclaim 9
rcu_full cas reclaim 2
rcu_full cas truncate 9
hazptr cas reclaim 2
hazptr cas truncate 9
hazptr_cpu cas reclaim 2
hazptr_cpu cas truncate 9
rcu_bounded xadd truncate 2
rcu_bounded rcuref truncate 9
locked cas truncate 2
locked cas reclaim 9
'

# gup turns interrupts off, rcu_bounded has a local lock, hazptr_cpu waits for readers that may be
# preempted, seqcount spins while a writer may be, xadd sweeps inside an RCU section.
quick='
gup overlay cas reclaim 0
gup typesafe cas truncate 2
gup typesafe xadd reclaim 0
gup rcu_desc rcuref truncate 0
gup hazptr cas truncate 0
gup hazptr_cpu cas truncate 0
gup rcu_bounded cas reclaim 0
gup locked cas truncate 0
pagecache seqcount cas reclaim 0
pagecache seqcount xadd truncate 0
pagecache rcu_bounded cas truncate 0
pagecache rcu_bounded xadd reclaim 0
pagecache hazptr cas reclaim 0
pagecache hazptr_cpu cas reclaim 0
pagecache locked cas reclaim 0
pfn rcu_full cas reclaim 0
pfn rcu_bounded rcuref truncate 2
pfn typesafe xadd truncate 0
'

in_matrix() { # PATH PROTOCOL TRYGET
	case $1.$2.$3 in
	pagecache.overlay.cas | pagecache.typesafe.cas | pagecache.rcu_desc.cas | pagecache.rcu_full.cas) ;;
	*) return 1 ;;
	esac
}

points() { # print lines: PATH PROTOCOL TRYGET REMOVAL ORDER
	if [ -n "${FSC_QUICK:-}" ]; then
		echo "$quick" | grep .
		return
	fi
	for path in $PATHS; do
		for protocol in $(protocols_of "$path"); do
			for tryget in $(trygets_of "$protocol"); do
				! in_matrix "$path" "$protocol" "$tryget" || continue
				for removal in $(removals_of "$tryget"); do
					echo "$path $protocol $tryget $removal 0"
				done
			done
			[ "$path" = pagecache ] || echo "$pairs" | sed -n "s/^$protocol /$path &/p"
		done
	done
}

path_point() { # PATH PROTOCOL TRYGET REMOVAL ORDER
	nr_folios=1024
	[ "$5" -lt 9 ] || nr_folios=32
	until='lookups >= 2000 && turnovers >= 50'
	# Who frees must also have scanned
	case $2 in
	hazptr | hazptr_cpu) until="$until && hazard_scans > 0" ;;
	esac
	point_until "$until" "$2" path="$1" tryget="$3" removal="$4" order="$5" nr_folios=$nr_folios
	expect params path "$1"
	expect params protocol "$2"
	expect resolved page_bytes $((4096 << $5))
	# On gup the plain loop is for folios of one page.
	case $1.$5 in
	*.[1-9]) expect resolved reader_loop general ;;
	*) expect resolved reader_loop plain ;;
	esac
	case $2 in
	rcu_full) expect resolved tryget none ;;
	*) expect resolved tryget "$3" ;;
	esac
	case $1.$2 in
	gup.locked) ;;
	gup.*) expect resolved falls_back 1 ;;
	pfn.*) expect resolved walks 1 ;;
	esac
}

points >/tmp/points
ktap_plan "$(grep -c . /tmp/points)"
while read -r path protocol tryget removal order; do
	ktap_test "path=$path protocol=$protocol tryget=$tryget removal=$removal order=$order" \
		path_point "$path" "$protocol" "$tryget" "$removal" "$order"
done </tmp/points
