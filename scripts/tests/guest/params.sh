# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Each parameter's bad values at insmod, between runs and during one, and what is refused
# only in combination: the error, and the one line that the kernel log gets. FSC_MANY_CPUS: only
# what is refused on six CPUs.

# For each parameter: its name, a good value that is not the default, what is allowed, bad values
# (guest_test.py makes them from the schema). Also bad are x and, except for lists of CPUs, the
# empty value.
TABLE=/tests/params.table

# print the lines that the module has logged since the last call, without the kernel's own about it
new_lines() {
	dmesg -c | sed -n "s/^\[[^]]*\] //
/^folioscale: \`/d
/^folioscale: loading out-of-tree/d
/^folioscale: module verification/d
/^folioscale:/p
/^: allowed/p" | sort -u
}

# said LINE: since the last call the module has logged this line and no other, once or (busybox
# insmod tries twice) more often. Lines of the kernel about a parameter are left out, such as
# folioscale: `x' invalid for parameter `order'.
said() {
	new_lines >/tmp/said
	[ "$(cat /tmp/said)" = "$1" ] || fail "it said '$(tr '\n' '|' </tmp/said)', not '$1'"
}

# begins LINE: the same, for a line that ends with figures of this machine, which may change before
# busybox tries again
begins() {
	new_lines >/tmp/said
	while read -r line_; do
		case $line_ in
		"$1"*) ;;
		*) fail "it said '$line_', not '$1'" ;;
		esac
	done </tmp/said
	[ "$(sed 's/[0-9]* MiB//g' /tmp/said | sort -u | wc -l)" = 1 ] || fail "not one line: $(cat /tmp/said)"
}

refused() { # ERROR NAME=VALUE...: by insmod
	error=$1
	shift
	dmesg -c >/dev/null
	if insmod "$KO" "$@" 2>/tmp/insmod; then
		fail "insmod $* worked"
		rmmod folioscale
		return
	fi
	grep -q "$error" /tmp/insmod || fail "insmod $*: $(cat /tmp/insmod)"
	[ ! -e /sys/module/folioscale ] || fail "insmod $*: the module is there"
}

write_refused() { # ERROR NAME VALUE: through sysfs
	before=$(cat "$PARAMS/$2")
	dmesg -c >/dev/null
	# ash reports a failed write on the stderr of the shell itself: use a subshell.
	if (echo "$3" >"$PARAMS/$2") 2>/tmp/error; then
		fail "$2 took '$3'"
		return
	fi
	grep -q "$1" /tmp/error || fail "$2=$3: $(cat /tmp/error)"
	[ "$(cat "$PARAMS/$2")" = "$before" ] || fail "$2 is $(cat "$PARAMS/$2") now, it was $before"
}

takes_nothing() { # NAME: the empty value is a good one
	[ "${1%_cpus}" != "$1" ] || [ "$1" = account ]
}

# Only the last BAD of a row: the same code checks all of them between runs
bad_at_insmod() { # NAME ALLOWED BAD...
	name_=$1 allowed=$2
	shift $(($# - 1))
	takes_nothing "$name_" || set -- '' "$@"
	for value in "$@"; do
		refused 'Invalid argument' "$name_=$value"
		said "folioscale: $name_=$value: allowed: $allowed"
	done
}

# each BAD of one row
bad_between_runs() { # NAME ALLOWED BAD...
	name_=$1 allowed=$2
	shift 2
	takes_nothing "$name_" || set -- '' "$@"
	for value in x "$@"; do
		write_refused 'Invalid argument' "$name_" "$value"
		said "folioscale: $name_=$value: allowed: $allowed"
	done
}

good_during_a_run() { # NAME VALUE
	write_refused 'Device or resource busy' "$1" "$2"
	said "folioscale: $1=$2: allowed: between runs"
}

good_between_runs() { # NAME VALUE
	before=$(cat "$PARAMS/$1")
	echo "$2" >"$PARAMS/$1" || fail "$1 did not take $2"
	[ "$(cat "$PARAMS/$1")" = "$2" ] || fail "$1 is $(cat "$PARAMS/$1"), not $2"
	sed -n 1p "$DIR/config" | grep -qE "\"$1\": \"?$2[\",}]" || fail "config does not have $1=$2"
	echo "$before" >"$PARAMS/$1" || fail "$1 did not take its old value $before"
}

every_parameter_has_a_row() {
	for file in "$PARAMS"/*; do
		grep -q "^${file##*/}|" "$TABLE" || fail "${file##*/} has no row here"
	done
	[ "$(find "$PARAMS" -type f | wc -l)" = "$(grep -c . "$TABLE")" ] || fail "a row here is no parameter"
}

# Scripts and documents read the copy. On a debug kernel the schema also has bugs for its checkers.
schema_as_written() {
	diff -u /tests/schema.json "$DIR/schema" >/tmp/diff || fail "module/schema.json (scripts/folioscale schema): $(head -n 9 /tmp/diff)"
}

# Refused when a run starts: at insmod, and by control with the module loaded
combination() { # ERROR LINE NAME=VALUE...
	error=$1 line=$2
	shift 2
	free=$(free_kb)
	refused "$error" "$@"
	begins "folioscale: $line"
	load autorun=0 "$@" || return
	(echo start >"$DIR/control") 2>/tmp/error && fail "control started it"
	grep -q "$error" /tmp/error || fail "control: $(cat /tmp/error)"
	begins "folioscale: $line"
	state
	[ "$state" = idle ] || fail "the state is $state"
	unload
	# Refused before anything was allocated
	left=$(free_kb)
	[ $((free - left)) -lt 32768 ] || fail "$((free - left)) kB of free memory are gone"
}

combinations() {
	cat <<'END'
Invalid argument|churn=split: allowed: without protocol=overlay, whose compound pages only the kernel can take apart|churn=split order=2 protocol=overlay
Invalid argument|churn=split: allowed: with order=1 or more burst=1 touch_bytes=4096 or less, and without tryget=rcuref and busted|churn=split
Invalid argument|churn=split: allowed: with order=1 or more burst=1 |churn=split order=2 burst=2
Invalid argument|churn=split: allowed: with order=1 or more burst=1 touch_bytes=4096 or less|churn=split order=2 touch_bytes=4104
Invalid argument|churn=split: allowed: with order=1 or more |churn=split order=2 protocol=rcu_desc tryget=rcuref removal=truncate
Invalid argument|churn=split: allowed: with order=1 or more |churn=split order=2 busted=norecheck
Invalid argument|cross_cpu=1: allowed: with two freers or more on two CPUs or more, max_turnovers=0 churn=replace|churn=split order=2 cross_cpu=1 nr_freers=2
Invalid argument|deferral=kfree_rcu: allowed: auto, call_rcu, call_rcu_hurry with protocol=rcu_full|protocol=rcu_full deferral=kfree_rcu
Invalid argument|deferral=call_rcu: allowed: auto with protocol=typesafe|protocol=typesafe deferral=call_rcu
Invalid argument|deferral=call_rcu_hurry: allowed: auto with protocol=overlay|protocol=overlay deferral=call_rcu_hurry
Invalid argument|deferral=kfree_rcu: allowed: auto with protocol=seqcount|protocol=seqcount deferral=kfree_rcu
Invalid argument|deferral=kfree_rcu: allowed: auto with protocol=hazptr|protocol=hazptr deferral=kfree_rcu
Invalid argument|deferral=kfree_rcu: allowed: auto with protocol=hazptr_cpu|protocol=hazptr_cpu deferral=kfree_rcu
Invalid argument|deferral=kfree_rcu: allowed: auto with protocol=rcu_bounded|protocol=rcu_bounded deferral=kfree_rcu
Invalid argument|deferral=kfree_rcu: allowed: auto with protocol=locked|protocol=locked deferral=kfree_rcu
Invalid argument|busted=norecheck: allowed: with protocol=typesafe|protocol=rcu_full busted=norecheck
Invalid argument|busted=early_publish: allowed: with protocol=typesafe|protocol=overlay busted=early_publish
Invalid argument|busted=early_pages: allowed: with protocol=rcu_full|protocol=rcu_desc busted=early_pages
Invalid argument|busted=noseq: allowed: with protocol=seqcount|protocol=typesafe busted=noseq
Invalid argument|busted=noreload: allowed: with protocol=hazptr|protocol=rcu_bounded busted=noreload
Invalid argument|busted=nowildcard: allowed: with protocol=hazptr_cpu|protocol=hazptr busted=nowildcard
Invalid argument|busted=early_reuse: allowed: with protocol=rcu_bounded|protocol=hazptr busted=early_reuse
Invalid argument|busted=ignore_locked: allowed: with protocol=rcu_desc|protocol=typesafe busted=ignore_locked tryget=xadd
Invalid argument|busted=stale_type: allowed: with protocol=typesafe|protocol=locked busted=stale_type
Invalid argument|path=gup: allowed: without busted=stale_type: this path does not meet frames without a folio|path=gup busted=stale_type hwpoison=1
Invalid argument|path=pagecache: allowed: without busted=stale_type: this path does not meet frames without a folio|path=pagecache busted=stale_type hwpoison=1
Invalid argument|busted=stale_type: allowed: with hwpoison=1 or more|path=pfn busted=stale_type
Invalid argument|hwpoison=1: allowed: with path=pfn, and without protocol=overlay, which has no memdesc words|path=pagecache hwpoison=1
Invalid argument|hwpoison=2: allowed: with path=pfn, and without protocol=overlay, which has no memdesc words|path=gup hwpoison=2
Invalid argument|hwpoison=3: allowed: with path=pfn, and without protocol=overlay, which has no memdesc words|path=pfn protocol=overlay hwpoison=3
Invalid argument|busted=touch_slab: allowed: with protocol=typesafe|protocol=locked busted=touch_slab
Invalid argument|path=gup: allowed: without protocol=rcu_full: GUP returns references, and its readers take none|path=gup protocol=rcu_full
Invalid argument|path=gup: allowed: without protocol=seqcount: GUP returns references, and its readers copy|path=gup protocol=seqcount
Invalid argument|path=gup: allowed: without protocol=seqcount: GUP returns references, and its readers copy|path=gup protocol=seqcount tryget=xadd
Invalid argument|path=gup: allowed: without busted=early_pages: GUP returns references, and its readers take none|path=gup protocol=rcu_full busted=early_pages
Invalid argument|path=gup: allowed: without busted=noseq: GUP returns references, and its readers copy|path=gup protocol=seqcount busted=noseq
Invalid argument|path=gup: allowed: without busted=early_reuse: GUP rechecks the pte, which hides this bug|path=gup protocol=rcu_bounded busted=early_reuse
Invalid argument|path=gup: allowed: without busted=ignore_locked: GUP rechecks the pte, which hides this bug|path=gup protocol=rcu_desc tryget=xadd busted=ignore_locked
Invalid argument|path=gup: allowed: without busted=touch_slab: this path does not meet frames without a folio|path=gup protocol=typesafe busted=touch_slab
Invalid argument|path=pagecache: allowed: without busted=touch_slab: this path does not meet frames without a folio|path=pagecache protocol=typesafe busted=touch_slab
Invalid argument|path=pfn: allowed: without protocol=locked: a frame has no mapping to lock|path=pfn protocol=locked
Invalid argument|path=pfn: allowed: without protocol=seqcount: a frame has no mapping, so no sequence to recheck|path=pfn protocol=seqcount
Invalid argument|path=pfn: allowed: without busted=noseq: a frame has no mapping, so no sequence to recheck|path=pfn protocol=seqcount busted=noseq
Invalid argument|tryget=xadd: allowed: cas with protocol=overlay|protocol=overlay tryget=xadd
Invalid argument|tryget=xadd: allowed: cas with protocol=rcu_full|protocol=rcu_full tryget=xadd
Invalid argument|tryget=xadd: allowed: cas with protocol=locked|protocol=locked tryget=xadd
Invalid argument|tryget=xadd: allowed: cas with protocol=hazptr: without a grace period a late put may touch a freed descriptor|protocol=hazptr tryget=xadd
Invalid argument|tryget=xadd: allowed: cas with protocol=hazptr_cpu: without a grace period a late put may touch a freed descriptor|protocol=hazptr_cpu tryget=xadd
Invalid argument|tryget=rcuref: allowed: cas with protocol=overlay: it uses the count of struct folio|protocol=overlay tryget=rcuref removal=truncate
Invalid argument|tryget=rcuref: allowed: cas with protocol=typesafe: rcuref may mark a recycled object dead, its get is relaxed, and it cannot freeze|protocol=typesafe tryget=rcuref removal=truncate
Invalid argument|tryget=rcuref: allowed: cas with protocol=rcu_full: its readers take no reference|protocol=rcu_full tryget=rcuref removal=truncate
Invalid argument|tryget=rcuref: allowed: cas with protocol=seqcount: rcuref may mark a recycled object dead, its get is relaxed, and it cannot freeze|protocol=seqcount tryget=rcuref removal=truncate
Invalid argument|tryget=rcuref: allowed: cas with protocol=hazptr: without a grace period a late put may touch a freed descriptor|protocol=hazptr tryget=rcuref removal=truncate
Invalid argument|tryget=rcuref: allowed: cas with protocol=hazptr_cpu: without a grace period a late put may touch a freed descriptor|protocol=hazptr_cpu tryget=rcuref removal=truncate
Invalid argument|tryget=rcuref: allowed: cas with protocol=locked: under the lock a get cannot fail|protocol=locked tryget=rcuref removal=truncate
Invalid argument|tryget=xadd: allowed: cas with busted=norecheck|protocol=typesafe tryget=xadd busted=norecheck
Invalid argument|tryget=xadd: allowed: cas with busted=early_reuse|protocol=rcu_bounded tryget=xadd busted=early_reuse
Invalid argument|tryget=xadd: allowed: cas with busted=noreload: the control exists only for that|protocol=hazptr tryget=xadd busted=noreload
Invalid argument|tryget=cas: allowed: xadd with busted=ignore_locked|protocol=rcu_desc busted=ignore_locked
Invalid argument|removal=reclaim: allowed: truncate with tryget=rcuref, which cannot freeze|protocol=rcu_desc tryget=rcuref
Invalid argument|removal=reclaim: allowed: truncate with tryget=rcuref, which cannot freeze|protocol=rcu_bounded tryget=rcuref path=gup
Invalid argument|pin=pin: allowed: with path=gup, and not with tryget=rcuref, which counts by one|pin=pin
Invalid argument|pin=pin: allowed: with path=gup, and not with tryget=rcuref, which counts by one|pin=pin path=pfn
Invalid argument|pin=pin: allowed: with path=gup, and not with tryget=rcuref, which counts by one|pin=pin path=gup protocol=rcu_desc tryget=rcuref removal=truncate
Invalid argument|touch_bytes=4097: allowed: up to 4096 with order=0|touch_bytes=4097
Invalid argument|touch_bytes=2097152: allowed: up to 1048576 with order=8|touch_bytes=2097152 order=8
Invalid argument|touch_bytes=8193: allowed: up to 8192 with order=9:2,1:1|touch_bytes=8193 order=9:2,1:1
Invalid argument|nr_mappings=3: allowed: powers of two|nr_mappings=3
Invalid argument|nr_readers=0: allowed: 1 or more with nr_freers=0|nr_readers=0 nr_freers=0
Invalid argument|gap_ns=1000000000 hold_ns=0: allowed: 1 lookups * (64 * gap_ns + 1 * hold_ns) up to 1000000000, and of that gap_ns up to 1000000000; it is 64000000000|gap_ns=1000000000
Invalid argument|gap_ns=0 hold_ns=1000000000: allowed: 3 lookups * (64 * gap_ns + 1 * hold_ns) up to 1000000000, and of that gap_ns up to 1000000000; it is 3000000000|hold_ns=1000000000 lookups_per_section=3
Invalid argument|gap_ns=50000001 hold_ns=0: allowed: 2 lookups * (1 * gap_ns + 1 * hold_ns) up to 1000000000, and of that gap_ns up to 100000000; it is 100000002|path=gup gap_ns=50000001 lookups_per_section=2
Invalid argument|gap_ns=2000000 hold_ns=0: allowed: 512 lookups * (1 * gap_ns + 1 * hold_ns) up to 1000000000, and of that gap_ns up to 1000000000; it is 1024000000|path=pfn gap_ns=2000000
Invalid argument|stall_ms=101: allowed: up to 100 with path=gup, and with a reader|stall_ms=101 path=gup
Invalid argument|gap_ns=0 stall_ms=51: allowed: up to 50000000 ns with protocol=locked, whose readers wait for each other, on 2 CPUs|protocol=locked stall_ms=51
Invalid argument|stall_ms=1: allowed: up to 1000 with path=pagecache, and with a reader|stall_ms=1 nr_readers=0
Invalid argument|nr_readers=11: allowed: with sections of 1000000000 ns up to 10 on 2 CPUs|nr_readers=11 hold_ns=1000000000
Invalid argument|nr_readers=6: allowed: with sections of 1000000000 ns up to 5 on 1 CPUs|nr_readers=6 hold_ns=1000000000 reader_cpus=1
Invalid argument|churn=refreeze: allowed: with removal=reclaim burst=1|churn=refreeze removal=truncate
Invalid argument|churn=refreeze: allowed: with removal=reclaim burst=1|churn=refreeze burst=2
Invalid argument|churn=migrate: allowed: with removal=reclaim burst=1|churn=migrate removal=truncate
Invalid argument|churn=migrate: allowed: with removal=reclaim burst=1|churn=migrate burst=2
Invalid argument|churn=migrate: allowed: without busted=early_publish|churn=migrate busted=early_publish
Invalid argument|churn=reclaim: allowed: with removal=reclaim nr_freers=1|churn=reclaim removal=truncate
Invalid argument|churn=reclaim: allowed: with removal=reclaim nr_freers=1|churn=reclaim nr_freers=2
Invalid argument|burst=65: allowed: up to nr_folios=64|burst=65 nr_folios=64
Invalid argument|cross_cpu=1: allowed: with two freers or more on two CPUs or more, max_turnovers=0 churn=replace|cross_cpu=1
Invalid argument|cross_cpu=1: allowed: with two freers or more on two CPUs or more, max_turnovers=0 churn=replace|cross_cpu=1 nr_readers=0 nr_freers=2 max_turnovers=5
Invalid argument|gap_ns=0 hold_ns=1000000000: allowed: 1 lookups * (68 * gap_ns + 4 * hold_ns) up to 1000000000, and of that gap_ns up to 1000000000; it is 4000000000|protocol=seqcount hold_ns=1000000000
Invalid argument|busted=touch_slab: allowed: with slabs in mix=100:0:0:0:0|path=pfn busted=touch_slab
Invalid argument|cross_cpu=1: allowed: with two freers or more on two CPUs or more, max_turnovers=0 churn=replace|cross_cpu=1 nr_freers=2 freer_cpus=1
Invalid argument|cross_cpu=1: allowed: with two freers or more on two CPUs or more, max_turnovers=0 churn=replace|cross_cpu=1 nr_freers=2 churn=refreeze
Invalid argument|cross_cpu=1: allowed: with two freers or more on two CPUs or more, max_turnovers=0 churn=replace|cross_cpu=1 nr_freers=2 churn=migrate
Invalid argument|max_turnovers=5: allowed: with nr_readers=0 free_rate=0|max_turnovers=5
Invalid argument|max_turnovers=5: allowed: with nr_readers=0 free_rate=0|max_turnovers=5 nr_readers=0 free_rate=1
Invalid argument|check_bound=1: allowed: with protocol=rcu_desc deferral=call_rcu|check_bound=1
Invalid argument|check_bound=1: allowed: with protocol=rcu_desc deferral=call_rcu|check_bound=1 protocol=rcu_desc
Invalid argument|check_bound=1: allowed: with protocol=rcu_desc deferral=call_rcu|check_bound=1 protocol=rcu_full deferral=call_rcu
Invalid argument|batch=2: allowed: up to burst=1, and with order=0|batch=2
Invalid argument|batch=2: allowed: up to burst=8, and with order=0|batch=2 burst=8 order=0:1,2:1
Invalid argument|account=/nowhere: allowed: a cgroup that exists, by its path in cgroup2: error -2|account=/nowhere
Invalid argument|account=/: allowed: below the root, with the memory controller enabled|account=/
Invalid argument|mark=1: allowed: without protocol=seqcount: its readers write nothing|mark=1 protocol=seqcount
Invalid argument|mark=1: allowed: without path=pfn: its walkers do not mark|mark=1 path=pfn
Invalid argument|mark=1: allowed: without busted=norecheck: the folio may be free|mark=1 busted=norecheck
Invalid argument|poison=0: allowed: with nr_readers=0, because readers know freed pages by it|poison=0
Invalid argument|callback_ns=1: allowed: with protocol=rcu_desc deferral=call_rcu or call_rcu_hurry|callback_ns=1
Invalid argument|callback_ns=1: allowed: with protocol=rcu_desc deferral=call_rcu or call_rcu_hurry|callback_ns=1 protocol=rcu_desc
Invalid argument|limbo_max_mb=1: allowed: 5 to |limbo_max_mb=1 order=9 nr_folios=4
Invalid argument|limbo_max_mb=1: allowed: twice what protocol=rcu_bounded keeps back, 1 MiB|limbo_max_mb=1 protocol=rcu_bounded bounded_max=3277
Invalid argument|limbo_max_mb=1: allowed: twice what protocol=hazptr keeps back, 2 MiB|limbo_max_mb=1 protocol=hazptr nr_readers=100
Cannot allocate memory|nr_folios=16777216: allowed: half of the free memory,|nr_folios=16777216
Cannot allocate memory|nr_folios=2000: allowed: half of the free memory,|nr_folios=2000 order=9
Cannot allocate memory|nr_folios=100000: allowed: half of the free memory,|nr_folios=100000 path=pfn mix=1:1:1:1:1
Cannot allocate memory|nr_folios=1: allowed: half of the free memory,|nr_folios=1 order=9 protocol=seqcount nr_readers=1024 touch_bytes=2097152
Cannot allocate memory|limbo_max_mb=900 nr_folios=150000: allowed: together three quarters of the free memory,|limbo_max_mb=900 nr_folios=150000
END
}

# Refused on more than two CPUs
many_cpus() {
	cat <<'END'
Invalid argument|nr_readers=31: allowed: with sections of 1000000000 ns up to 30 on 6 CPUs|nr_readers=31 hold_ns=1000000000
Invalid argument|nr_readers=16: allowed: with sections of 1000000000 ns up to 15 on 3 CPUs|nr_readers=16 hold_ns=1000000000 reader_cpus=1,3-4
Invalid argument|gap_ns=0 stall_ms=17: allowed: up to 16666666 ns with protocol=locked, whose readers wait for each other, on 6 CPUs|protocol=locked stall_ms=17
Invalid argument|gap_ns=0 stall_ms=1000: allowed: up to 16666666 ns with protocol=locked, whose readers wait for each other, on 6 CPUs|protocol=locked stall_ms=1000
END
}

all_combinations() {
	while IFS='|' read -r error line words; do
		# shellcheck disable=SC2086 # a list of words
		ktap_test "$words" combination "$error" "$line" $words
	done </tmp/combinations
}

# A list is good while its CPUs are online; it is checked again when a run starts.
offline() {
	load autorun=0 reader_cpus=5 || return
	echo 0 >/sys/devices/system/cpu/cpu5/online || fail "CPU 5 stays online"
	dmesg -c >/dev/null
	(echo start >"$DIR/control") 2>/tmp/error && fail "control started it"
	grep -q 'Invalid argument' /tmp/error || fail "control: $(cat /tmp/error)"
	said 'folioscale: reader_cpus=5 freer_cpus=: allowed: CPUs that are online, 0-4'
	write_refused 'Invalid argument' freer_cpus 5
	echo 3-5 >"$PARAMS/reader_cpus" || fail "what is left of a list is not taken"
	echo start >"$DIR/control" || fail "control did not start it"
	wait_state measure
	grep -q '^reader/0 cpu 3 ' "$DIR/threads" || fail "$(cat "$DIR/threads")"
	unload
	echo 1 >/sys/devices/system/cpu/cpu5/online || fail "CPU 5 stays offline"
}

rows() { # FUNCTION: for each row FUNCTION NAME ALLOWED BAD...
	while IFS='|' read -r name_ good allowed bad; do
		# shellcheck disable=SC2086 # a list of words
		ktap_test "$name_: bad values $2" "$1" "$name_" "$allowed" $bad
	done <"$TABLE"
}

if [ -n "${FSC_MANY_CPUS:-}" ]; then
	many_cpus >/tmp/combinations
	ktap_plan $(($(grep -c . /tmp/combinations) + 1))
	all_combinations
	ktap_test "CPUs of a list that are offline" offline
	ktap_end
fi

combinations >/tmp/combinations
nr_rows=$(grep -c . "$TABLE")
ktap_plan $((2 + 4 * nr_rows + $(grep -c . /tmp/combinations)))

rows bad_at_insmod 'at insmod'

load autorun=0
ktap_test "every parameter is tested" every_parameter_has_a_row
ktap_test "the schema is as it is written down" schema_as_written
rows bad_between_runs 'between runs'
while IFS='|' read -r name_ good allowed bad; do
	ktap_test "$name_: a good value between runs" good_between_runs "$name_" "$good"
done <"$TABLE"
echo 0 >"$PARAMS/duration_ms"
echo start >"$DIR/control"
wait_state measure
while IFS='|' read -r name_ good allowed bad; do
	ktap_test "$name_: a good value during a run" good_during_a_run "$name_" "$good"
done <"$TABLE"
unload

all_combinations
