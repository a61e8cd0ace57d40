# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; variables come from elsewhere and go there
#
# Load the module, follow a run, read its results. Needs ktap.sh.
#
# On a busy host a virtual CPU may stand still for a tenth of a second and more: wait for events
# here, and for a time only if there is no event to wait for.

KO=/folioscale.ko
DIR=/sys/kernel/debug/folioscale
PARAMS=/sys/module/folioscale/parameters
JSON=/tmp/run.json
# The threads of a run use all CPU time; a script that has to wait for its turn takes three times
# as long.
renice -n -19 -p $$ >/dev/null

# protocols.table has a row for each protocol of the schema: NAME|PATHS|TRYGETS|TRAITS
PROTOCOLS=$(cut -d'|' -f1 /tests/protocols.table | tr '\n' ' ')
PATHS='pagecache gup pfn'

of_protocol() { # PROTOCOL FIELD: that field of its row
	awk -F'|' -v name="$1" -v field="$2" '$1 == name { print $field }' /tests/protocols.table
}

# params.sh tests that others are refused
protocols_of() { # PATH
	awk -F'|' -v path="$1" '(" " $2 " ") ~ (" " path " ") { print $1 }' /tests/protocols.table
}

# Every path under every protocol that it has: PATH.PROTOCOL
all_runs() {
	for path in $PATHS; do
		for protocol in $(protocols_of "$path"); do
			echo "$path.$protocol"
		done
	done
}

trygets_of() { # PROTOCOL
	of_protocol "$1" 3
}

removals_of() { # TRYGET
	case $1 in
	rcuref) echo truncate ;;
	*) echo reclaim truncate ;;
	esac
}

has_trait() { # PROTOCOL TRAIT
	case " $(of_protocol "$1" 4) " in
	*" $2 "*) ;;
	*) return 1 ;;
	esac
}

recycles() { # PROTOCOL: descriptors may be reused before a grace period
	has_trait "$1" reused_before_gp
}

# The protocols with a trait
with_trait() { # TRAIT
	for protocol in $PROTOCOLS; do
		! has_trait "$protocol" "$1" || echo "$protocol"
	done
}

load() { # NAME=VALUE...
	insmod "$KO" "$@" 2>/tmp/insmod && return
	fail "insmod $*: $(cat /tmp/insmod)"
	dmesg | grep 'folioscale: ' | tail -n 2 >>"$WHY"
	return 1
}

unload() {
	rmmod folioscale || fail "rmmod failed"
}

# FSC_NO_RECYCLING: protocols whose recycled descriptors do not show on this kernel. SLUB_RCU_DEBUG
# keeps freed objects of TYPESAFE caches for a grace period, and KASAN for longer; page poison
# overwrites descriptors of overlay.
recycling_shows() { # PROTOCOL
	case " ${FSC_NO_RECYCLING:-} " in
	*" $1 "*) return 1 ;;
	esac
}

# Without a fork
state() { # into $state
	state=
	read -r state <"$DIR/state"
}

wait_state() { # WORD [SECONDS]
	deadline=$(($(uptime_s) + ${2:-60}))
	while state; [ "$state" != "$1" ]; do
		[ "$(uptime_s)" -lt "$deadline" ] || { fail "state is $state, not $1"; return 1; }
		sleep 0.03
	done
}

uptime_s() {
	read -r seconds _ </proc/uptime
	echo "${seconds%%.*}"
}

# Read the counters of the run so far, without a fork: the threads use the CPUs
counters() { # into $lookups, $turnovers, ...
	while read -r name_ value_; do
		eval "$name_=$value_"
	done <"$DIR/counters"
}

# total of violations so far
violations() {
	sed -n 's/^total //p' "$DIR/violations"
}

# stop the run and wait for its end
stop() {
	echo stop >"$DIR/control" || fail "control took no stop"
	state
	[ "$state" = done ] || fail "stopped, and the state is $state"
}

# Save run.json and send it to the runner. Its numbers and words become variables, such as
# $run_counters_lookups and $run_state_verdict.
run_names=
keep() {
	cat "$DIR/run.json" >"$JSON"
	emit run.json "$JSON"
	# shellcheck disable=SC2086 # a list of words
	unset $run_names
	awk '
		/^"(state|params|resolved|window|counters|limbo|balance)":/ {
			split($0, word, "\"")
			section = word[2]
			if (section != "state")
				sub(/^"[a-z]*": /, "")
			gsub(/[{}]|,$/, "")
			n = split($0, field, ", \"")
			for (i = 1; i <= n; i++) {
				split(field[i], pair, "\": ")
				gsub("\"", "", pair[1])
				gsub("\"", "", pair[2])
				name = "run_" section "_" pair[1]
				names = names " " name
				printf "%s=\"%s\"\n", name, pair[2]
			}
		}
		END { printf "run_names=\"%s\"\n", names }' "$JSON" >/tmp/run.sh
	# shellcheck disable=SC1091
	. /tmp/run.sh
}

field() { # SECTION NAME: a number or word that keep() saved, into $found
	eval "found=\${run_$1_$2-}"
}

expect() { # SECTION NAME VALUE
	field "$1" "$2"
	[ "$found" = "$3" ] || fail "$2 is '$found', not '$3'"
}

expect_more() { # SECTION NAME THAN
	field "$1" "$2"
	[ "${found:-0}" -gt "$3" ] || fail "$2 is '$found', not more than $3"
}

# expect_verdict WORD: of a run that is over
expect_verdict() {
	keep
	expect_kept_verdict "$1"
}

expect_kept_verdict() {
	expect state state done
	[ "$1" != PASS ] || recycling_shows "${run_params_protocol-}" || case ${run_state_reason-} in
	'vacuous: no descriptor came back '*) return ;;
	esac
	[ "${run_state_verdict-}" = "$1" ] || fail "verdict ${run_state_verdict-} (${run_state_reason-}), not $1"
}

# Stop the last of many runs: it may be over or have shown nothing, but must not be FAIL.
stop_the_last() {
	echo stop >"$DIR/control"
	wait_state done
	keep
	expect_balance
	[ "$run_state_verdict" != FAIL ] || fail "the last run is FAIL: $run_state_reason"
	unload
}

# What must be true of any run that ended
expect_balance() {
	expect balance descriptors_freed "${run_balance_descriptors_allocated:-?}"
	expect balance folios_freed "${run_balance_folios_allocated:-?}"
	expect balance pages_released "${run_balance_pages_freed:-?}"
	for cache in desc unrefcounted hugetlb; do
		[ ! -e "/sys/kernel/slab/folioscale_$cache" ] || fail "the cache of $cache is still there"
	done
}

# Wait until every thread has made progress twice: it may have made the first before it saw the
# window begin.
wait_threads() {
	deadline=$(($(uptime_s) + ${FSC_PATIENCE_S:=60}))
	for round in 1 2; do
		cat "$DIR/threads" >/tmp/threads
		while grep -qxFf /tmp/threads "$DIR/threads"; do
			[ "$(uptime_s)" -lt "$deadline" ] || {
				fail "a thread stands still: $(grep -xFf /tmp/threads "$DIR/threads")"
				return 1
			}
			sleep 0.03
		done
	done
}

# Wait until EXPRESSION is true: arithmetic with the names of counters
wait_counters() { # EXPRESSION
	deadline=$(($(uptime_s) + ${FSC_PATIENCE_S:=60}))
	while counters; [ $(($1)) = 0 ]; do
		[ "$(uptime_s)" -lt "$deadline" ] || {
			fail "not $1 in $FSC_PATIENCE_S s: $(tr '\n' ' ' <"$DIR/counters")"
			return 1
		}
		sleep 0.03
	done
}

# Wait until a run has done enough in its window for a verdict
wait_work() { # LOOKUPS TURNOVERS [RECYCLED]
	wait_threads && wait_counters "lookups >= $1 && turnovers >= $2 && recycled_other_key >= ${3:-0}"
}

# A run that passes. Its window ends once it has done enough, not after a fixed time.
point() { # PROTOCOL NAME=VALUE...
	point_until 'lookups >= 2000 && turnovers >= 50' "$@"
}

# ... and once EXPRESSION is true, too: see wait_counters()
point_until() { # EXPRESSION PROTOCOL NAME=VALUE...
	until=$1 protocol=$2
	shift 2
	load protocol="$protocol" duration_ms=0 warmup_ms=0 "$@" || return
	least=0
	case " $* " in
	*' churn=refreeze '* | *' nr_freers=0 '*) ;;
	*) ! { recycles "$protocol" && recycling_shows "$protocol"; } || least=20 ;;
	esac
	wait_state measure
	wait_threads
	wait_counters "hits > 0 && recycled_other_key >= $least && $until"
	# Save what is reported of the threads while they exist
	cat "$DIR/threads" >/tmp/threads
	stop
	expect_verdict PASS
	expect counters violations 0
	expect_more counters hits 0
	expect_balance
	unload
}
