# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Each allocation of a load, and of a start through control, fails once: the result is ENOMEM or,
# if the kernel can do without the memory, a run like any other; and nothing is leaked. Allocations
# by kthreadd for the threads are not this task's. For kernels with fault injection. FSC_QUICK:
# fewer of each.

FEW='nr_folios=4 reuse_distance=2 nr_readers=1 nr_freers=1 warmup_ms=0 duration_ms=1 sample_ms=1'
SETUPS='pagecache.overlay pagecache.rcu_desc pagecache.seqcount gup.hazptr pfn.rcu_bounded pfn.typesafe'

[ -z "${FSC_QUICK:-}" ] || SETUPS=pagecache.rcu_desc

# Parameters for what only one setup has
more_of() { # PATH.PROTOCOL
	case $1 in
	pagecache.overlay) echo gp_probe_ms=1 popularity=zipf order=0:1,2:1 ;;
	gup.hazptr) echo nr_mms=2 nr_mappings=2 ;;
	pfn.rcu_bounded) echo mix=2:1:1:1:1 ;;
	pfn.typesafe) echo busted=touch_slab mix=2:1:0:0:1 ;;
	esac
}

# fail each N-th allocation after FROM, until there is none
each_allocation() { # COMMAND FROM: COMMAND fails allocation $n and sets $error and $left
	n=$2 refused=0 taken=0
	while n=$((n + 1)); do
		"$1" || return
		case $error.$left in
		0.0) taken=$((taken + 1)) ;;
		0.*) break ;;
		12.0) refused=$((refused + 1)) ;;
		*) fail "allocation $n: errno $error, $left left"; return ;;
		esac
	done
	note "$refused failures refused, $taken done without"
	[ $refused -ge "${least_refused:-10}" ] || fail "only $refused failures refused"
}

# Without a fork: there are many. FAIL includes a wrong balance; check that separately if a control
# shows violations, which are FAIL, too.
judge_nth() {
	wait_state done
	{ read -r line && read -r line; } <"$DIR/run.json"
	case $parameters.$line in
	*busted=*.*'"reason": "violations"'*)
		keep
		expect_balance
		;;
	*'"verdict": "FAIL"'* | *.) fail "allocation $n: $line" ;;
	esac
}

load_nth() {
	failing fail-nth "$n" insmod "$parameters" || return
	if [ "$error" = 0 ]; then
		# The module works without files of debugfs.
		[ "$parameters" = autorun=0 ] || [ ! -e "$DIR/state" ] || [ ! -e "$DIR/run.json" ] || judge_nth
		unload
	elif [ -e /sys/module/folioscale ] || [ -e /sys/kernel/slab/folioscale_desc ]; then
		fail "allocation $n: the module or its cache is there"
	fi
}

# Skip what the loader allocates before it calls the module: its trace events warn if they get no
# memory. The allocations that a load without a run can do without, for debugfs, are the last.
find_first() { # into $n
	failing fail-nth 100000 insmod autorun=0 || return
	unload
	n=$((100000 - left))
	parameters=autorun=0
	while load_nth; do
		[ "$error" = 0 ] || break
		n=$((n - 5))
	done
}

each_of_a_load() { # failslab|fail_page_alloc PATH.PROTOCOL
	count_only "$1"
	find_first || return
	note "the module's begin behind the ${n}th allocation"
	first=$n
	# Those of the loader and of a load without a run are among them: they do not count.
	least_refused=0
	each_allocation load_nth "$first"
	without_a_run=$refused
	parameters="$FEW path=${2%.*} protocol=${2#*.} $(more_of "$2")"
	[ "$1" = fail_page_alloc ] || least_refused=
	most=0
	for pass in 1 2 3; do
		each_allocation load_nth "$first"
		[ $refused -le $most ] || most=$refused
		# Slab allocations are many, and one pass finds each.
		[ "$1" = fail_page_alloc ] || break
	done
	least_refused=
	[ $most -gt "$without_a_run" ] || fail "$most were refused, $without_a_run without a run"
	count_all
	nothing_left
}

# If the start fails, the state must stay as the run before left it
start_nth() {
	failing fail-nth "$n" write "$DIR/control" start || return
	if [ "$error" = 0 ]; then
		judge_nth
	else
		[ ! -e /sys/kernel/slab/folioscale_desc ] || fail "allocation $n: the cache is still there"
		state
		[ "$state" = "$before" ] || fail "allocation $n: the state is $state"
	fi
	before=$state
	[ ! -s "$WHY" ]
}

# Make fail-nth count and fail all allocations, regardless of probability
count_all() {
	for fault in $FAULTS; do
		fail_allocations "$fault" 0
	done
}

# Slabs take new pages at another place each time. Counting those would change the number of an
# allocation, and might skip it.
count_only() { # failslab|fail_page_alloc
	count_all
	case $1 in
	failslab) echo 20 >/sys/kernel/debug/fail_page_alloc/min-order ;;
	# No cache is marked to fail
	fail_page_alloc) echo Y >/sys/kernel/debug/failslab/cache-filter ;;
	esac
}

each_of_a_start() { # PATH.PROTOCOL
	parameters="$FEW path=${1%.*} protocol=${1#*.} $(more_of "$1")"
	# shellcheck disable=SC2086 # a list of words
	load autorun=0 $parameters || return
	before=idle
	count_only failslab
	each_allocation start_nth 0
	count_only fail_page_alloc
	# Few of the pages are the module's, most are slabs', and a pass may miss them.
	least_refused=0 pages_refused=0
	for pass in 1 2 3; do
		each_allocation start_nth 0
		pages_refused=$((pages_refused + refused))
	done
	least_refused=
	[ $pages_refused -gt 0 ] || fail "no failure of a page was refused"
	count_all
	unload
	nothing_left
}

# Open the files and print their contents
read_nth() {
	failing fail-nth "$n" read "$DIR/$file"
}

each_of_a_read() {
	# A run that is over: its files do not grow
	load nr_folios=16 duration_ms=1 warmup_ms=0 || return
	wait_state done
	for file in config counters threads limbo descriptors violations run.json latency/lookup; do
		least_refused=1
		each_allocation read_nth 0
	done
	least_refused=
	keep
	# A window of a millisecond may have been too short for a thread.
	[ "$run_state_verdict" != FAIL ] || fail "$run_state_reason"
	expect_balance
	unload
}

ktap_plan $(($(echo "$SETUPS" | wc -w) + 5))

load nr_folios=16 && wait_state done && unload
count_all
for setup in $SETUPS; do
	ktap_test "each allocation of a start fails, ${setup#*.} on ${setup%.*}" each_of_a_start "$setup"
done
ktap_test "each allocation of a load fails, slabs'" each_of_a_load failslab gup.hazptr
ktap_test "each allocation of a load fails, pages" each_of_a_load fail_page_alloc pagecache.rcu_full
ktap_test "each allocation of a read fails" each_of_a_read
ktap_test "no leak" no_leak "$LEAKS_OF_THE_KERNEL"
ktap_test "a run after that" point rcu_desc
