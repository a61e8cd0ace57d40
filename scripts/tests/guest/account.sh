# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# account=: a run's folios and descriptors are charged to a memory cgroup, and no more than it may
# have are allocated.

ROOT=/sys/fs/cgroup
GROUP=$ROOT/charged
FOLIOS=8192

# What CPUs have in stock, 64 pages each, and what is left of slabs stays charged: less than this
LEAST=$(((4 << 20) + $(grep -c '^processor' /proc/cpuinfo) * 64 * 4096))

prepare() {
	mount -t cgroup2 none $ROOT || fail "no cgroup2"
	echo +memory >$ROOT/cgroup.subtree_control || fail "no memory controller"
	mkdir $GROUP
}

current() { # into $bytes
	read -r bytes <$GROUP/memory.current
}

slab() { # into $slab: bytes that the slabs' objects are charged for
	slab=$(sed -n 's/^slab //p' $GROUP/memory.stat)
}

nothing_is_charged() {
	deadline=$(($(uptime_s) + 60))
	while current; [ "$bytes" -ge $LEAST ]; do
		[ "$(uptime_s)" -lt $deadline ] || { fail "$bytes bytes are charged"; return 1; }
		sleep 0.1
	done
}

start() { # PATH.PROTOCOL NAME=VALUE...
	run=$1
	shift
	load path="${run%.*}" protocol="${run#*.}" nr_folios=$FOLIOS warmup_ms=0 duration_ms=0 "$@" || return
	wait_state measure
	wait_work 500 500
}

finish() {
	stop
	expect_verdict PASS
	expect_balance
	unload
	nothing_is_charged
}

# Freers have replaced folios, so what is charged is not only what was populated.
charged() { # PATH.PROTOCOL NAME=VALUE...
	start "$@" account=/charged || return
	current
	slab
	note "$bytes bytes, $slab of slabs"
	pages=$FOLIOS
	case $* in *order=1*) pages=$((2 * FOLIOS)) ;; esac
	[ "$bytes" -ge $((pages * 4096)) ] || fail "$bytes bytes are charged for $pages pages"
	case $1 in
	*.overlay) ;;
	*) [ "$slab" -ge $((FOLIOS * 80)) ] || fail "$slab bytes of slabs are charged for $FOLIOS descriptors" ;;
	esac
	finish
}

not_charged() {
	start pagecache.rcu_desc || return
	nothing_is_charged
	finish
}

# All folios are replaced: those that the run began with were charged, and so must be the others.
stays_charged() {
	start pagecache.rcu_desc account=/charged || return
	wait_counters "turnovers > 4 * $FOLIOS"
	current
	[ "$bytes" -ge $((FOLIOS * 4096)) ] || fail "$bytes bytes are charged after $turnovers turnovers"
	finish
}

over_the_limit() {
	echo 16M >$GROUP/memory.max
	refused 'Cannot allocate memory' nr_folios=$FOLIOS account=/charged
	nothing_is_charged
	grep -qx 'oom_kill 0' $GROUP/memory.events || fail "$(cat $GROUP/memory.events)"
	echo max >$GROUP/memory.max
}

# The run keeps the cgroup until it is drained, whoever removes it; what it allocates then is charged above.
removed() {
	start pagecache.rcu_full account=/charged || return
	rmdir $GROUP || fail "it cannot be removed"
	wait_counters "turnovers > $((turnovers + 1000))"
	stop
	expect_verdict PASS
	expect_balance
	unload
	mkdir $GROUP
}

refused() { # ERROR NAME=VALUE...
	error=$1
	shift
	insmod "$KO" "$@" 2>/tmp/insmod && { fail "insmod $* worked"; rmmod folioscale; return; }
	grep -q "$error" /tmp/insmod || fail "$(cat /tmp/insmod)"
}

# A cgroup without the controller would charge its parent.
without_controller() {
	mkdir $GROUP/below
	dmesg -c >/dev/null
	refused 'Invalid argument' account=/charged/below
	dmesg | grep -q 'account=/charged/below: allowed: below the root, with the memory controller' || fail "$(dmesg)"
	rmdir $GROUP/below
}

RUNS="pagecache.overlay pagecache.typesafe pagecache.rcu_desc pagecache.rcu_full gup.hazptr gup.rcu_bounded pfn.rcu_full pfn.overlay"
ktap_plan $(($(echo "$RUNS" | wc -w) + 7))

ktap_test "a cgroup" prepare
ktap_test "nothing is charged without account" not_charged
for run in $RUNS; do
	ktap_test "${run#*.} on ${run%.*} is charged" charged "$run"
done
ktap_test "large folios are charged" charged pagecache.typesafe order=1
ktap_test "it stays charged" stays_charged
ktap_test "more than the cgroup may have" over_the_limit
ktap_test "a cgroup without the controller" without_controller
ktap_test "a cgroup that is removed" removed
