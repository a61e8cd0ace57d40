# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# Write rubbish to all files, read in steps that cat does not make, start and stop from many tasks
# at once, hold files open: that must only give errors, and a run after it must pass. FSC_SEED: the
# seed of the rubbish.

SEED=${FSC_SEED:-1}
FILES='schema config state counters threads limbo descriptors violations run.json
latency/lookup latency/allocate latency/free latency/reuse latency/turnover latency/reclaim latency/gp'
WRITERS=8

# Print random bytes, determined by SEED
bytes() { # COUNT FROM TO
	SEED=$((SEED + 1))
	awk -v seed="$SEED" -v n="$1" -v from="$2" -v to="$3" 'BEGIN {
		srand(seed)
		while (n--)
			printf "%c", from + int(rand() * (to - from + 1))
	}'
}

# Write rubbish to /tmp/rubbish.*: NULs, near misses of words, a byte, pages and a MiB. dd cannot
# write zero bytes; poke does
make_rubbish() {
	rm -f /tmp/rubbish.*
	printf '\n' >/tmp/rubbish.newline
	printf '\0' >/tmp/rubbish.nul
	printf '\0start' >/tmp/rubbish.nul_start
	printf 'start\0x' >/tmp/rubbish.start_nul
	printf '%%s%%n%%p' >/tmp/rubbish.format
	printf -- '-' >/tmp/rubbish.minus
	printf '0x' >/tmp/rubbish.hex
	printf '99999999999999999999999999999999' >/tmp/rubbish.digits
	printf '0:1,0:1,0:,:' >/tmp/rubbish.list
	# None may be a number: the first byte is not one of a number's.
	for size in 1 2 7 15 16 17 63 64 255; do
		{ bytes 1 128 255; bytes $((size - 1)) 1 255; } >/tmp/rubbish.random_$size
	done
	bytes 4095 33 126 >/tmp/rubbish.page_less
	bytes 4096 33 126 >/tmp/rubbish.page
	bytes 4097 33 126 >/tmp/rubbish.page_more
	# A MiB from awk would take minutes.
	bytes 8192 1 255 | tr -d '\n' >/tmp/rubbish.some
	for piece in $(seq 128); do cat /tmp/rubbish.some; done >/tmp/rubbish.mib
	head -c 1048576 /dev/zero >/tmp/rubbish.mib_zero
	head -c 1048576 /dev/zero | tr '\0' 7 >/tmp/rubbish.mib_digits
}

write_rubbish() { # FILE FROM: in one write; its error goes to /tmp/error
	dd if="$2" of="$1" bs=1048576 count=1 2>/tmp/error
}

rubbish_in_control() {
	load autorun=0 duration_ms=0 warmup_ms=0 || return
	for junk in /tmp/rubbish.*; do
		write_rubbish "$DIR/control" "$junk" && fail "control took ${junk#*.}"
		grep -q 'Invalid argument' /tmp/error || fail "${junk#*.}: $(cat /tmp/error)"
	done
	state
	[ "$state" = idle ] || fail "the state is $state"
	# Neither half a word, nor one with blanks around it, nor two
	for word in st 'start ' ' start' 'start
start'; do
		(printf '%s' "$word" >"$DIR/control") 2>/dev/null && fail "control took '$word'"
	done
	/tests/poke -w "$DIR/control" >>"$WHY" || fail "see above"
	echo start >"$DIR/control" || fail "control took no start"
	wait_state measure
	/tests/poke -w "$DIR/control" >>"$WHY" || fail "see above"
	for junk in /tmp/rubbish.*; do
		write_rubbish "$DIR/control" "$junk"
	done
	wait_work 100 10
	stop
	unload
}

# Whatever is written, a parameter must then have a value that it accepts
rubbish_in_parameters() {
	load autorun=0 || return
	taken=0
	# Blanks that the kernel's own parser of CPU lists allows around numbers
	for space in '\t' '\v' '\f' '\r' '\240' ' '; do
		(printf '0%b' "$space" >"$PARAMS/reader_cpus") 2>/dev/null && fail "reader_cpus took '0$space'"
	done
	for file in "$PARAMS"/*; do
		for junk in /tmp/rubbish.*; do
			! write_rubbish "$file" "$junk" || taken=$((taken + 1))
		done
		value=$(cat "$file")
		echo "$value" >"$file" || fail "${file##*/} is '$value', which it does not take"
	done
	keep_config
	note "$taken of $(($(find "$PARAMS" -type f | wc -l) * $(find /tmp/rubbish.* | wc -l))) were taken"
	unload
	for junk in newline minus hex digits format list random_1 random_17 page; do
		insmod "$KO" "nr_folios=$(cat "/tmp/rubbish.$junk")" 2>/dev/null && { fail "nr_folios took $junk"; unload; }
		insmod "$KO" "$(cat "/tmp/rubbish.$junk")=1" 2>/dev/null && unload
	done
	nothing_left
}

keep_config() {
	[ "$(head -c 11 "$DIR/config")" = '{"params": ' ] || fail "config is $(head -c 100 "$DIR/config")"
	# The host checks that it is JSON.
	cat "$DIR/config" >/tmp/config
	emit config /tmp/config
}

# During a run only that reading works matters, not what is read
odd_reads() {
	load duration_ms=0 warmup_ms=0 sample_ms=1 gp_probe_ms=1 nr_readers=2 nr_freers=2 || return
	wait_state measure
	for file in $FILES; do
		dd if="$DIR/$file" of=/tmp/odd bs=1 2>/tmp/error || fail "$file by bytes: $(cat /tmp/error)"
		dd if="$DIR/$file" of=/tmp/odd bs=7 skip=13 2>/tmp/error || fail "$file from byte 91: $(cat /tmp/error)"
		dd if="$DIR/$file" of=/tmp/odd bs=1048576 skip=1000 count=1 2>/tmp/error || fail "$file from its end: $(cat /tmp/error)"
		[ ! -s /tmp/odd ] || fail "$file has something at 1000 MiB"
		/tests/poke "$DIR/$file" >>"$WHY" || fail "see above"
	done
	stop
	# Now nothing changes any more
	for file in $FILES; do
		cat "$DIR/$file" >/tmp/whole
		dd if="$DIR/$file" of=/tmp/odd bs=1 2>/dev/null
		cmp -s /tmp/whole /tmp/odd || fail "$file by bytes is another"
		dd if="$DIR/$file" of=/tmp/odd bs=7 skip=13 2>/dev/null
		tail -c +92 /tmp/whole >/tmp/rest
		cmp -s /tmp/rest /tmp/odd || fail "$file from byte 91 is another"
	done
	for file in "$PARAMS"/*; do
		# sysfs: poll reports changes only.
		/tests/poke "$file" >/tmp/poked || grep -v ': poll 0$' /tmp/poked >>"$WHY"
	done
	keep
	expect_balance
	unload
}

many_writers() {
	load autorun=0 warmup_ms=1 duration_ms=20 nr_readers=2 nr_freers=2 || return
	rm -f /tmp/enough
	: >/tmp/started
	: >/tmp/changes
	number=0
	others=
	for writer in $(seq $WRITERS); do
		while [ ! -e /tmp/enough ]; do
			echo start >"$DIR/control" && echo x >>/tmp/started
			[ $((writer % 2)) = 0 ] || echo stop >"$DIR/control"
			cat "/tmp/rubbish.random_15" >"$DIR/control"
		done 2>/dev/null &
		others="$others $!"
	done
	# They start runs with whatever the parameters are by then.
	while [ ! -e /tmp/enough ]; do
		for protocol in typesafe rcu_desc hazptr overlay; do
			# This is refused during a run.
			until echo "$protocol" >"$PARAMS/protocol" || [ -e /tmp/enough ]; do :; done
			[ -e /tmp/enough ] || echo x >>/tmp/changes
			echo $((number = number % 100 + 16)) >"$PARAMS/nr_folios"
			for file in protocol mix order reader_cpus seed; do
				write_rubbish "$PARAMS/$file" /tmp/rubbish.random_63
			done
			cat "$PARAMS"/* "$DIR/config" >/dev/null
		done
	done 2>/dev/null &
	others="$others $!"
	deadline=$(($(uptime_s) + ${FSC_PATIENCE_S:-60}))
	while { [ "$(grep -c x /tmp/started)" -lt 30 ] || [ "$(grep -c x /tmp/changes)" -lt 5 ]; } && [ "$(uptime_s)" -lt $deadline ]; do
		cat "$DIR/run.json" "$DIR/counters" "$DIR/limbo" "$DIR/threads" >/tmp/read
	done
	: >/tmp/enough
	for other in $others; do wait "$other"; done
	note "$(grep -c x /tmp/started) runs started, $(grep -c x /tmp/changes) times another protocol between two of them"
	[ "$(grep -c x /tmp/changes)" -ge 5 ] || fail "the protocol hardly changed"
	[ "$(grep -c x /tmp/started)" -gt 10 ] || fail "hardly a run was started"
	stop_the_last
}

# An open file of debugfs keeps the module loaded, also half read and while it is read. An open
# file of sysfs does not, and then cannot be read any more.
held_open() {
	load duration_ms=0 warmup_ms=0 || return
	wait_state measure
	for file in config run.json latency/lookup; do
		exec 4<"$DIR/$file"
		dd bs=1 count=5 <&4 >/dev/null 2>&1
		rmmod folioscale 2>/tmp/rmmod && { fail "rmmod worked with $file open"; exec 4<&-; return; }
		grep -qE 'busy|unavailable' /tmp/rmmod || fail "rmmod: $(cat /tmp/rmmod)"
		dd bs=1 count=5 <&4 >/dev/null 2>/tmp/error || fail "$file after rmmod: $(cat /tmp/error)"
		exec 4<&-
	done
	exec 4>"$DIR/control"
	rmmod folioscale 2>/tmp/rmmod && { fail "rmmod worked with control open"; exec 4>&-; return; }
	grep -qE 'busy|unavailable' /tmp/rmmod || fail "rmmod: $(cat /tmp/rmmod)"
	(echo start >&4) 2>/dev/null && fail "control started a second run"
	echo stop >&4 || fail "control took no stop after rmmod"
	exec 4>&-
	exec 4<"$PARAMS/seed" 5<"$PARAMS/mix"
	exec 6>"$PARAMS/seed"
	dd bs=1 count=1 <&5 >/dev/null 2>&1
	unload
	dd bs=1 <&4 >/tmp/read 2>/tmp/error && fail "seed after rmmod: $(cat /tmp/read)"
	(echo 5 >&6) 2>/dev/null && fail "seed took a value after rmmod"
	load autorun=0 || return
	dd bs=1 <&4 >/tmp/read 2>/tmp/error && fail "seed of the module before: $(cat /tmp/read)"
	exec 4<&- 5<&- 6>&-
	unload
	nothing_left
}

# The files are opened and read while the module is loaded and unloaded
read_while_it_goes() {
	rm -f /tmp/enough
	while [ ! -e /tmp/enough ]; do
		cat "$DIR"/* "$DIR"/latency/* "$PARAMS"/* >/tmp/round
		[ ! -s /tmp/round ] || echo x >>/tmp/rounds
	done 2>/dev/null &
	while [ ! -e /tmp/enough ]; do
		echo stop >"$DIR/control"
	done 2>/dev/null &
	number=0
	for run in $(all_runs); do
		number=$((number + 1))
		load path="${run%.*}" protocol="${run#*.}" duration_ms=0 warmup_ms=0 || break
		usleep $((number * 7919 % 50000))
		deadline=$(($(uptime_s) + 30))
		until rmmod folioscale 2>/tmp/rmmod; do
			grep -qE 'busy|unavailable' /tmp/rmmod || fail "rmmod: $(cat /tmp/rmmod)"
			[ "$(uptime_s)" -lt $deadline ] || { fail "rmmod does not come in between"; break 2; }
		done
	done
	: >/tmp/enough
	wait
	note "$(grep -c x /tmp/rounds) rounds of reads, $number loads"
	dmesg | sed -n 's/.*\(debugfs file owner did not clean up.*\)/\1/p' >/tmp/said
	[ ! -s /tmp/said ] || note "the kernel says: $(tail -n 1 /tmp/said)"
	[ "$(grep -c x /tmp/rounds)" -gt 20 ] || fail "the files were hardly read"
	nothing_left
}

ktap_plan 8
note "FSC_SEED=$SEED"
make_rubbish

ktap_test "rubbish in control" rubbish_in_control
ktap_test "rubbish in the parameters" rubbish_in_parameters
ktap_test "reads by steps, from anywhere, and what no cat does" odd_reads
ktap_test "$WRITERS write start, stop and rubbish at once" many_writers
ktap_test "files held open when the module goes" held_open
ktap_test "files read while the module comes and goes" read_while_it_goes
ktap_test "no leak" no_leak
ktap_test "a run after that" point rcu_desc
