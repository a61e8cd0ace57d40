# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2034,SC2154 # variables come from elsewhere and go there
#
# Shared by the scripts that test failures and leaks. Needs ktap.sh and module.sh.

FAULTS='failslab fail_page_alloc'
KMEMLEAK=/sys/kernel/debug/kmemleak
OWNERS=/sys/kernel/debug/page_owner_stacks/show_stacks

# A protocol that recycles must have done so, or the run is vacuous: KASAN prevents recycling.
expect_sound_verdict() {
	expect counters violations 0
	expect_balance
	if recycles "$run_params_protocol" && [ "$recycled_other_key" = 0 ]; then
		expect_kept_verdict INCONCLUSIVE
		case $run_state_reason in
		vacuous:*) ;;
		*) fail "the reason is $run_state_reason" ;;
		esac
	else
		expect_kept_verdict PASS
	fi
}

# Stop a run and check its verdict, with counters since the run's begin.
stop_soundly() {
	stop
	counters
	keep
	expect_sound_verdict
}

# From here on PERCENT of the allocations fail in tasks that asked for it
fail_allocations() { # failslab|fail_page_alloc PERCENT
	attr=/sys/kernel/debug/$1
	echo "$2" >"$attr/probability"
	echo 1 >"$attr/interval"
	echo "${MANY:=1000000}" >"$attr/times"
	echo 0 >"$attr/space"
	echo 0 >"$attr/verbose"
	echo Y >"$attr/task-filter"
	echo N >"$attr/ignore-gfp-wait"
	[ ! -e "$attr/cache-filter" ] || echo N >"$attr/cache-filter"
	[ ! -e "$attr/min-order" ] || echo 0 >"$attr/min-order"
	[ ! -e "$attr/ignore-gfp-highmem" ] || echo N >"$attr/ignore-gfp-highmem"
}

fail_nothing() {
	for attr in $FAULTS; do
		echo 0 >"/sys/kernel/debug/$attr/probability"
	done
}

# Do one thing under fault injection: see failing.c
failing() { # ARGUMENTS: its errno into $error, and the rest of a count into $left
	error='' left=''
	/tests/failing "$@" >/tmp/failing || { fail "failing $*: exit status $?"; return 1; }
	read -r error left </tmp/failing
}

# how many allocations have failed since fail_allocations
injected() { # failslab|fail_page_alloc: into $injected
	read -r left <"/sys/kernel/debug/$1/times"
	injected=$((MANY - left))
}

# For each kind of leak a line: how often, its size, and its callers in the kernel up to the module,
# whose functions have no names any more
sum_up_leaks() {
	awk '
		function flush() { if (size) print size ": " who; size = who = ""; ours = 0 }
		/^unreferenced/ { flush(); size = $NF; sub(/\)?:$/, "", size) }
		/^ +(\[<.*>\] )?0x/ { ours = 1 }
		/\+0x[0-9a-f]+\/0x/ { if (!ours) who = who " " $1 }
		END { flush() }' "$1" | sed 's/+0x[0-9a-f]*\/0x[0-9a-f]*//g' | sort | uniq -c
}

# What 6.12 itself leaks if allocations fail: the name of a cache that it gets no kobject for
LEAKS_OF_THE_KERNEL=' sysfs_slab_add'

# kmemleak does not track pages as such. page_owner does: stacks, and the pages of each. Ours are
# those whose allocator was called from the module, whose functions have no names once it is gone.
# Pages of slabs and vmalloc() have functions between; kmemleak tracks them.
pages_of_the_module() { # into $pages
	awk '
		!NF { next }
		/^nr_base_pages: / { if (ours) { sum += $2; print said $0 > "/tmp/pages" }; caller = ours = 0; said = ""; next }
		{ said = said $1 "\n" }
		caller || /^ (__set_page_owner|post_alloc_hook|prep_new_page|get_page_from_freelist|[a-z_]*(alloc_pages|alloc_frozen_pages|folio_alloc)[a-z_.0-9]*)\+/ { next }
		{ caller = 1; ours = /\[folioscale\]/ || /^ 0x/ }
		END { print sum + 0 }' "$OWNERS" >/tmp/sum
	read -r pages </tmp/sum
}

# First check that page_owner sees the pages of a run
no_page_left() {
	if [ ! -e "$OWNERS" ]; then
		note "no page_owner: pages that are lost were not looked for"
		return
	fi
	# by folio_alloc(), by alloc_pages()
	for protocol in overlay typesafe; do
		load protocol=$protocol nr_folios=64 duration_ms=0 || return
		wait_state measure
		pages_of_the_module
		[ "$pages" -ge 32 ] || fail "page_owner knows $pages pages of a run of $protocol that has 64, more or less"
		unload
	done
	: >/tmp/pages
	pages_of_the_module
	[ "$pages" = 0 ] || fail "$pages pages are lost: $(cat /tmp/pages)"
}

# Scan twice: a pointer may be in a register or in transit. Objects younger than 5 s are skipped.
no_leak() { # [PATTERN]: leaks that are allowed
	no_page_left
	if [ ! -e "$KMEMLEAK" ] || grep -q kmemleak=off /proc/cmdline; then
		skip "no kmemleak"
		return 0
	fi
	sleep 6
	if ! echo scan >"$KMEMLEAK" || ! echo scan >"$KMEMLEAK"; then
		fail "kmemleak has turned itself off"
	fi
	cat "$KMEMLEAK" >/tmp/leaks
	sum_up_leaks /tmp/leaks >/tmp/summary
	[ -z "${1-}" ] || note "$(grep -c -- "$1" /tmp/summary) kinds of leaks that are the kernel's"
	! grep -v -- "${1:-^$}" /tmp/summary >>"$WHY" || return
}

# how much memory is free, into $free_before
note_free() {
	give_back
	free_before=$(free_kb)
}

nothing_is_gone() { # KB: more than what the machine itself may use meanwhile
	give_back
	gone=$((free_before - $(free_kb)))
	note "$gone kB of free memory less than before"
	[ $gone -lt "$1" ] || fail "$gone kB are gone"
}

# Nothing is left of the module
nothing_left() {
	[ ! -e /sys/module/folioscale ] || fail "the module is still there"
	[ ! -e "$DIR" ] || fail "its debugfs is still there"
	for cache in /sys/kernel/slab/folioscale_*; do
		[ ! -e "$cache" ] || fail "$cache is still there"
	done
	! grep '^folioscale_' /proc/slabinfo >>"$WHY" || return
}
