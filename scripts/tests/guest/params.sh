# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Each parameter's bad values at insmod, between runs and during one, and what is refused
# only in combination: the error, and the one line that the kernel log gets.

# name, a good value that is not the default, what is allowed, bad values; each bad one also
# empty and not a number
cat >/tmp/table <<'END'
protocol|rcu_full|overlay, typesafe, rcu_desc, rcu_full|TYPESAFE typesaf typesafee 1
path|pagecache|pagecache|page 0
busted|norecheck|none, norecheck, early_pages, early_publish|some 1
popularity|zipf|uniform, zipf|zip 1
removal|truncate|reclaim, truncate|invalidate 1
deferral|call_rcu|auto, kfree_rcu, call_rcu, call_rcu_hurry|none call 2
freeptr|outside|inside, outside|in 1
nr_readers|3|0 to 1024|-1 1025 4294967296
nr_freers|3|0 to 1024|-1 1025 4294967296
nr_folios|100|1 to 16777216|-1 0 16777217
nr_mappings|4|1 to 1024|-1 0 1025
order|2|0 to 9|-1 10
seed|5|0 to 18446744073709551615|-1 18446744073709551616
free_rate|7|0 to 10000000|-1 10000001
reuse_distance|9|1 to 65536|-1 0 65537
publish_ns|1|0 to 1000000000|-1 1000000001
gap_ns|1|0 to 1000000000|-1 1000000001
hold_ns|1|0 to 1000000000|-1 1000000001
touch_bytes|128|24 to 2097152|-1 0 23 2097153
lookups_per_section|2|1 to 32|-1 0 33
sample_shift|-1|-1 to 20|-2 21
warmup_ms|1|0 to 3600000|-1 3600001
duration_ms|100|0 to 3600000|-1 3600001
max_turnovers|0|0 to 1073741824|-1 1073741825
sample_ms|1|0 to 10000|-1 10001
gp_probe_ms|1|0 to 10000|-1 10001
limbo_max_mb|100|0 to 1048576|-1 1048577
autorun|0|0 to 1|2 -1 yess
END

# what the module has said since the last call, one line each; not the kernel's own words on it
new_lines() {
	dmesg -c | sed -n "s/^\[[^]]*\] //
/^folioscale: \`/d
/^folioscale: loading out-of-tree/d
/^folioscale: module verification/d
/^folioscale:/p
/^: allowed/p" | sort -u
}

# said LINE: since the last call the module has said this line, once or (busybox insmod tries
# twice) more often, and no other. Lines in which the kernel adds its own word on a parameter
# are left out; they quote the value as in folioscale: `x' invalid for parameter `order'.
said() {
	new_lines >/tmp/said
	[ "$(cat /tmp/said)" = "$1" ] || fail "it said '$(tr '\n' '|' </tmp/said)', not '$1'"
}

# begins LINE: the same, for a line that ends in figures of this machine, which may have
# changed until busybox tried again
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
	# ash reports the failed write on the stderr of the shell that it is.
	if (echo "$3" >"$PARAMS/$2") 2>/tmp/error; then
		fail "$2 took '$3'"
		return
	fi
	grep -q "$1" /tmp/error || fail "$2=$3: $(cat /tmp/error)"
	[ "$(cat "$PARAMS/$2")" = "$before" ] || fail "$2 is $(cat "$PARAMS/$2") now, it was $before"
}

# each BAD of one row
bad_at_insmod() { # NAME ALLOWED BAD...
	name_=$1 allowed=$2
	shift 2
	for value in '' x "$@"; do
		refused 'Invalid argument' "$name_=$value"
		said "folioscale: $name_=$value: allowed: $allowed"
	done
}

bad_between_runs() { # NAME ALLOWED BAD...
	name_=$1 allowed=$2
	shift 2
	for value in '' x "$@"; do
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
		grep -q "^${file##*/}|" /tmp/table || fail "${file##*/} has no row here"
	done
	[ "$(find "$PARAMS" -type f | wc -l)" = "$(grep -c . /tmp/table)" ] || fail "a row here is no parameter"
}

# Refused when a run starts: at insmod, and by control with the module loaded
combination() { # ERROR LINE NAME=VALUE...
	error=$1 line=$2
	shift 2
	free=$(sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo)
	begin=$(uptime_s)
	refused "$error" "$@"
	begins "folioscale: $line"
	load autorun=0 "$@" || return
	(echo start >"$DIR/control") 2>/tmp/error && fail "control started it"
	grep -q "$error" /tmp/error || fail "control: $(cat /tmp/error)"
	begins "folioscale: $line"
	state
	[ "$state" = idle ] || fail "the state is $state"
	unload
	# Before anything was allocated
	left=$(sed -n 's/^MemFree: *\([0-9]*\).*/\1/p' /proc/meminfo)
	[ $((free - left)) -lt 32768 ] || fail "$((free - left)) kB of free memory are gone"
	[ $(($(uptime_s) - begin)) -lt 20 ] || fail "that took $(($(uptime_s) - begin)) s"
}

combinations() {
	cat <<'END'
Invalid argument|deferral=kfree_rcu: allowed: auto, call_rcu, call_rcu_hurry with protocol=rcu_full|protocol=rcu_full deferral=kfree_rcu
Invalid argument|deferral=call_rcu: allowed: auto with protocol=typesafe|protocol=typesafe deferral=call_rcu
Invalid argument|deferral=call_rcu_hurry: allowed: auto with protocol=overlay|protocol=overlay deferral=call_rcu_hurry
Invalid argument|busted=norecheck: allowed: with protocol=typesafe|protocol=rcu_full busted=norecheck
Invalid argument|busted=early_publish: allowed: with protocol=typesafe|protocol=overlay busted=early_publish
Invalid argument|busted=early_pages: allowed: with protocol=rcu_full|protocol=rcu_desc busted=early_pages
Invalid argument|touch_bytes=4097: allowed: up to 4096 with order=0|touch_bytes=4097
Invalid argument|touch_bytes=2097152: allowed: up to 1048576 with order=8|touch_bytes=2097152 order=8
Invalid argument|nr_mappings=3: allowed: powers of two|nr_mappings=3
Invalid argument|nr_readers=0: allowed: 1 or more with nr_freers=0|nr_readers=0 nr_freers=0
Invalid argument|gap_ns=1000000000 hold_ns=0: allowed:|gap_ns=1000000000
Invalid argument|gap_ns=0 hold_ns=1000000000: allowed:|hold_ns=1000000000 lookups_per_section=3
Invalid argument|limbo_max_mb=1: allowed: 5 to |limbo_max_mb=1 order=9 nr_folios=4
Invalid argument|max_turnovers=5: allowed: with nr_readers=0 free_rate=0|max_turnovers=5
Invalid argument|max_turnovers=5: allowed: with nr_readers=0 free_rate=0|max_turnovers=5 nr_readers=0 free_rate=1
Cannot allocate memory|nr_folios=16777216: allowed: half of the free memory,|nr_folios=16777216
Cannot allocate memory|nr_folios=2000: allowed: half of the free memory,|nr_folios=2000 order=9
END
}

rows() { # FUNCTION: for each row FUNCTION NAME ALLOWED BAD...
	while IFS='|' read -r name_ good allowed bad; do
		# shellcheck disable=SC2086 # a list of words
		ktap_test "$name_: bad values $2" "$1" "$name_" "$allowed" $bad
	done </tmp/table
}

nr_rows=$(grep -c . /tmp/table)
ktap_plan $((1 + 4 * nr_rows + $(combinations | grep -c .)))

rows bad_at_insmod 'at insmod'

load autorun=0
ktap_test "every parameter is tested" every_parameter_has_a_row
rows bad_between_runs 'between runs'
while IFS='|' read -r name_ good allowed bad; do
	ktap_test "$name_: a good value between runs" good_between_runs "$name_" "$good"
done </tmp/table
echo 0 >"$PARAMS/duration_ms"
echo start >"$DIR/control"
wait_state measure
while IFS='|' read -r name_ good allowed bad; do
	ktap_test "$name_: a good value during a run" good_during_a_run "$name_" "$good"
done </tmp/table
unload

combinations >/tmp/combinations
while IFS='|' read -r error line words; do
	# shellcheck disable=SC2086 # a list of words
	ktap_test "$words" combination "$error" "$line" $words
done </tmp/combinations
