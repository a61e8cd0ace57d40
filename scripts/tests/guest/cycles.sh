# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2034,SC2154 # module.sh is sourced too
#
# insmod and rmmod a thousand times on a busy machine, each time in the middle of a run: slabs must
# not grow, nor free memory shrink. FSC_CYCLES: how often, in steps of 200.

CYCLES=${FSC_CYCLES:-1000}
STEP=200
if [ "$CYCLES" -lt $((2 * STEP)) ]; then
	echo "FSC_CYCLES=$CYCLES: allowed: $((2 * STEP)) and more, or nothing is compared"
	exit 2
fi
# In turn: all paths under all protocols
set --
for run in $(all_runs); do
	set -- "$@" "path=${run%.*} protocol=${run#*.} nr_readers=2 nr_freers=2 nr_folios=64 warmup_ms=1 duration_ms=0 sample_ms=1"
done

# put the number of slab caches, of their objects, and free memory into $caches, $objects and
# $free; /tmp/slabs has each cache and its objects
measure() {
	objects=
	# RCU may free objects to a slab after it was shrunk: repeat until there are no fewer.
	while
		fewer_than=$objects
		give_back
		# debugobjects keeps 256 to 1,024 free ones; what it tracks is elsewhere.
		awk '/ : tunables / && $1 != "debug_objects_cache" { print $1, $2 }' /proc/slabinfo >/tmp/slabs
		objects=$(awk '{ sum += $2 } END { print sum }' /tmp/slabs)
		[ -z "$fewer_than" ] || [ "$objects" -lt "$fewer_than" ]
	do sleep 1; done
	caches=$(wc -l </tmp/slabs)
	free=$(free_kb)
}

# print the caches that have grown most since the first step
grown() {
	awk 'NR == FNR { before[$1] = $2; next } $2 > before[$1] { print $2 - before[$1], $1 }' /tmp/slabs.first /tmp/slabs |
		sort -rn | head -n 5 | tr '\n' ' '
}

hog() {
	while :; do dd if=/dev/zero of=/dev/null bs=64k count=64 2>/dev/null; done
}

step() { # NUMBER PARAMETERS...
	begin=$(uptime_s)
	shift
	hog &
	/tests/reload $STEP 3 "$@" >/tmp/measured || fail "reload ended with $?"
	kill $!
	wait
	while pidof dd >/dev/null; do sleep 0.1; done
	nothing_left
	measure
	read -r measured </tmp/measured
	[ "${measured:-0}" -ge $((STEP / 10)) ] || fail "only $measured of $STEP runs were measured when they went"
	note "$measured measured when they went, $caches caches, $objects objects, $free kB free, $(($(uptime_s) - begin)) s"
	# The first step fills the kernel's own caches.
	if [ -z "${caches_before:-}" ]; then
		caches_before=$caches objects_before=$objects free_before=$free
		cp /tmp/slabs /tmp/slabs.first
	fi
}

no_drift() {
	[ "$caches" = "$caches_before" ] || fail "$caches caches, $caches_before before"
	# A leak of one object a cycle is far more than this.
	[ $((objects - objects_before)) -le $(((CYCLES - STEP) / 2)) ] || fail "$((objects - objects_before)) objects more: $(grown)"
	# ... and so is a leak of one page, of 4 kB
	[ $((free_before - free)) -le $((2 * (CYCLES - STEP))) ] || fail "$((free_before - free)) kB of free memory less"
}

ktap_plan $((CYCLES / STEP + 3))

number=0
while [ $((number = number + STEP)) -le "$CYCLES" ]; do
	ktap_test "insmod and rmmod to the ${number}th time" step "$number" "$@"
done
ktap_test "nothing grows" no_drift
ktap_test "no leak" no_leak
ktap_test "a run after that" point rcu_desc
