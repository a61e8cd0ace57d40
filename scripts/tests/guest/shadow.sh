# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; variables come from elsewhere and go there
#
# fsc_shadow: what it counts, exactly, by kind; that each folio is in limbo from its free until a grace
# period has ended; that it can be unloaded at any time; that its negative controls are caught.

SHADOW=/sys/kernel/debug/folioscale_shadow
SHADOW_PARAMS=/sys/module/fsc_shadow/parameters
SUMMARY=/tmp/summary

shadow_load() { # NAME=VALUE...
	with_unmarked=0
	for word in "$@"; do
		[ "$word" != unmarked=1 ] || with_unmarked=1
	done
	insmod /fsc_shadow.ko "$@" 2>/tmp/insmod && return
	fail "insmod fsc_shadow $*: $(cat /tmp/insmod)"
	dmesg | grep 'fsc_shadow: ' | tail -n 2 >>"$WHY"
	return 1
}

shadow_unload() {
	rmmod fsc_shadow || fail "rmmod fsc_shadow failed"
}

shadow_start() {
	echo start >"$SHADOW/control" || fail "control took no start"
}

# Keep the summary; its numbers become variables, such as $shadow_freed_file
shadow_kept() {
	cat "$SHADOW/summary" >$SUMMARY
	sed 's/^\([a-z0-9_]*\) \(.*\)$/shadow_\1=\2/' $SUMMARY >/tmp/summary.sh
	# shellcheck disable=SC1091
	. /tmp/summary.sh
}

shadow_stop() {
	echo stop >"$SHADOW/control" || fail "control took no stop"
	shadow_kept
}

# What must be true of each run that was stopped
is_whole() {
	[ "$shadow_state" = 'done' ] || fail "state is $shadow_state"
	for what in folios pages; do
		eval "freed=\$shadow_freed_$what entered=\$shadow_entered_$what left=\$shadow_left_$what"
		[ "$freed $freed" = "$entered $left" ] ||
			fail "$freed $what were freed, $entered entered limbo, $left left it"
	done
	# Of the kinds that enter limbo, and of no other.
	in_folios=$((shadow_freed_anon + shadow_freed_shmem + shadow_freed_file + with_unmarked * shadow_freed_unmarked))
	in_pages=$((shadow_pages_anon + shadow_pages_shmem + shadow_pages_file + with_unmarked * shadow_pages_unmarked))
	[ "$shadow_freed_folios $shadow_freed_pages" = "$in_folios $in_pages" ] ||
		fail "$shadow_freed_folios folios of $shadow_freed_pages pages were freed, by kind $in_folios of $in_pages"
	[ "$shadow_option2_now $shadow_option3_now" = '0 0' ] || fail "limbo is not empty"
	# The integral of limbo over time is the sum of the waits, but for parts of a us.
	near "integral of limbo, in folios x us" "$shadow_option2_us" "$shadow_waited_us" $((shadow_freed_folios * 2 + shadow_epochs * 2))
	[ "$shadow_squeezed" = 0 ] || fail "$shadow_squeezed epochs had no place of their own"
}

between() { # WHAT VALUE LEAST MOST
	if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
		fail "$1 is $2, not $3 to $4"
	fi
}

near() { # WHAT VALUE EXPECTED BY
	between "$1" "$2" $(($3 - $4)) $(($3 + $4))
}

# The kernel's own count of pages, which is read before and after. The CPUs that free meanwhile have
# a batch each between the tracepoint and that count.
is_pgfree() {
	between "number of pages that were counted" "$shadow_pgfree_counted" $((shadow_pgfree_least - 128)) $((shadow_pgfree_most + 128))
}

refused() { # WHERE VALUE MESSAGE
	dmesg -c >/dev/null
	if echo "$2" >"$1" 2>/dev/null; then
		fail "$1 took $2"
	fi
	dmesg | grep -qF "fsc_shadow: $3" || fail "$2 to ${1##*/}: no line '$3': $(dmesg | tail -n 1)"
}

bad_values() {
	shadow_load || return
	refused $SHADOW_PARAMS/epoch_us 99 'epoch_us=99: allowed: 100 to 100000'
	refused $SHADOW_PARAMS/epoch_us 100001 'epoch_us=100001: allowed: 100 to 100000'
	refused $SHADOW_PARAMS/epoch_us -1 'epoch_us=-1: allowed: 100 to 100000'
	refused $SHADOW_PARAMS/epoch_us x 'epoch_us=x: allowed: 100 to 100000'
	refused $SHADOW_PARAMS/unmarked 2 'unmarked=2: allowed: 0 to 1'
	refused $SHADOW_PARAMS/bounded_max 0 'bounded_max=0: allowed: 1 to 1048576'
	refused $SHADOW_PARAMS/sheaf_capacity 4097 'sheaf_capacity=4097: allowed: 1 to 4096'
	refused $SHADOW_PARAMS/series_ms 0 'series_ms=0: allowed: 1 to 60000'
	refused $SHADOW_PARAMS/series_rows 15 'series_rows=15: allowed: 16 to 65536'
	refused $SHADOW_PARAMS/busted epochs 'busted=epochs: allowed: none, epoch, slab'
	refused $SHADOW/control go 'control: allowed: start, stop'
	refused $SHADOW/control stop 'stop: allowed: after start'
	[ -z "$(cat $SHADOW/summary)" ] || fail "a summary before the first run"
	shadow_start
	refused $SHADOW/control start 'start: allowed: when the last run was stopped'
	refused $SHADOW_PARAMS/epoch_us 2000 'epoch_us=2000: allowed: between runs'
	shadow_stop
	is_whole
	refused $SHADOW/control stop 'stop: allowed: after start'
	echo 2000 >$SHADOW_PARAMS/epoch_us || fail "epoch_us took no 2000"
	emit config $SHADOW/config
	grep -q '"epoch_us": 2000' $SHADOW/config || fail "config has no epoch_us of 2000"
	shadow_unload
	if insmod /fsc_shadow.ko busted=all 2>/dev/null; then
		fail "insmod took busted=all"
		rmmod fsc_shadow
	fi
}

mount_at() { # TYPE [OPTIONS]
	mkdir -p /mnt
	mount -t "$1" ${2:+-o "$2"} none /mnt
}

# A file system in memory: each page is a folio, and is freed by rm.
file_system() { # TYPE KIND OPTIONS [BUSTED]
	shadow_load busted="${4:-none}" || return
	mount_at "$1" "$3"
	# A CPU keeps up to 31 folios on their way to the LRU lists; rm empties those of its own.
	taskset 1 dd if=/dev/zero of=/mnt/file bs=1M count=20 2>/dev/null
	shadow_start
	taskset 1 rm /mnt/file
	shadow_stop
	is_whole
	is_pgfree
	eval "pages=\$shadow_pages_$2 folios=\$shadow_freed_$2"
	[ "$pages" = 5120 ] || fail "$pages pages of kind $2, not 5120"
	note "$folios folios, peak $shadow_option2_peak, wait $shadow_wait_us_mean us, $shadow_grace_periods grace periods"
	umount /mnt
	shadow_unload
}

process() {
	shadow_load || return
	shadow_start
	dd if=/dev/zero of=/dev/null bs=20M count=1 2>/dev/null
	shadow_stop
	is_whole
	is_pgfree
	# And what else a process has. A CPU keeps up to 31 new folios on their way to the LRU lists.
	between "number of anon pages" "$shadow_pages_anon" $((5120 - 31 * $(nproc))) 6144
	shadow_unload
}

# Inodes and dentries of many files are freed, and then the slabs that were full of them.
slabs() { # BUSTED
	shadow_load busted="$1" || return
	mount_at ramfs
	n=0
	while [ $n -lt 2000 ]; do
		: >/mnt/$n
		n=$((n + 1))
	done
	shadow_start
	umount /mnt
	give_back
	# Inodes are freed by RCU.
	sleep 0.3
	give_back
	shadow_stop
	is_whole
	is_pgfree
	shadow_unload
	note "slab $shadow_pages_slab, file $shadow_pages_file, kmem $shadow_pages_kmem, unmarked $shadow_pages_unmarked pages"
	[ "$shadow_pages_slab" -ge 200 ] || fail "$shadow_pages_slab pages of slabs, not 200 or more"
	[ "$shadow_pages_file" -lt 200 ] || fail "$shadow_pages_file pages of files, not less than 200"
}

# folioscale's folios under overlay are unmarked, but large ones pass for files where the kernel marks folios that it
# allocated (with transparent huge pages). Nobody else frees pages of order 7, which is seen with
# folios of another order. From insmod to rmmod all that it allocated is freed.
freers() { # ORDER: what was counted as order 7, into $counted
	shadow_start
	load protocol=overlay order="$1" nr_folios=64 nr_readers=0 nr_freers=1 free_rate=1000 warmup_ms=0 duration_ms=0 || return
	wait_state measure
	wait_counters 'turnovers >= 500'
	stop
	keep
	expect_balance
	unload
	shadow_stop
	is_whole
	is_pgfree
	counted=$((shadow_freed_unmarked_order7 + shadow_freed_file_order7))
}

freers_exactly() {
	shadow_load unmarked=1 || return
	freers 0 || return
	[ "$counted" = 0 ] || fail "$counted of order 7 were freed by others"
	freers 7 || return
	[ "$counted" = "$run_balance_folios_freed" ] || fail "$counted of order 7 were counted, folioscale freed $run_balance_folios_freed"
	note "$counted folios of order 7"
	shadow_unload
}

# Without a fork, and the lines that follow
turnovers_now() { # into $now
	while read -r name_ now; do
		[ "$name_" != turnovers ] || return 0
	done <"$DIR/counters"
}

# The same as wait_counters for turnovers, but what a fork leaves behind would be in limbo
wait_turnovers() { # AT-LEAST
	[ -p /tmp/nap ] || mkfifo /tmp/nap
	exec 4<>/tmp/nap
	while turnovers_now; [ "$now" -lt "$1" ]; do
		# shellcheck disable=SC3045 # it is busybox's
		read -r -t 0.2 _ <&4
	done
	exec 4<&-
}

# measure BUSTED: the mean limbo while folioscale frees, and between what it should be. Its count of frees is read
# before and after each edge of shadow's window.
measure() {
	shadow_load unmarked=1 busted="$1" || return
	load protocol=overlay nr_folios=1024 nr_readers=0 nr_freers=1 free_rate=10000 warmup_ms=0 duration_ms=0 || return
	wait_state measure
	wait_counters 'turnovers >= 1000'
	turnovers_now
	before=$now
	shadow_start
	turnovers_now
	began=$now
	wait_turnovers $((began + 50000))
	ended=$now
	echo stop >"$SHADOW/control"
	turnovers_now
	after=$now
	stop
	shadow_kept
	unload
	shadow_unload
	is_pgfree
	low=$(((ended - began) * shadow_wait_us_mean / (shadow_window_us / 1000)))
	high=$(((after - before) * shadow_wait_us_mean / (shadow_window_us / 1000)))
	note "mean limbo $shadow_option2_mean_milli thousandths, rate x wait $low to $high;" \
		"$((ended - began)) to $((after - before)) frees in $shadow_window_us us, wait $shadow_wait_us_mean us"
}

# Mean limbo is the rate of folioscale's frees, by its own count, times shadow's mean wait. On a busy host this script
# may stand still at an edge: then what it should be is too far between to tell, and it is measured again.
law() { # BUSTED
	times=10
	while measure "$1"; [ $((high * 100)) -gt $((low * 105)) ]; do
		times=$((times - 1))
		[ $times != 0 ] || { skip "the host is too busy: $low to $high thousandths"; return 0; }
	done
	between "mean limbo in thousandths, $((shadow_freed_folios - ended + began)) of $shadow_freed_folios frees not folioscale's," \
		"$shadow_option2_mean_milli" $((low * 95 / 100)) $((high * 105 / 100))
}

law_and_balance() {
	law none || return
	is_whole
}

# A control is caught if the test fails with it.
catches() { # TEST ARGUMENT...
	"$@"
	if [ -s "$WHY" ]; then
		note "caught: $(head -n 1 "$WHY")"
		: >"$WHY"
	elif [ -z "$skipped" ]; then
		fail "not caught by $*"
	fi
}

# All that the rows of the series have is what was freed, however often they were put together.
series_is_whole() {
	shadow_load series_rows=16 series_ms=1 || return
	mount_at tmpfs
	shadow_start
	for n in 1 2 3 4 5 6 7 8 9 10; do
		dd if=/dev/zero of=/mnt/file bs=1M count=2 2>/dev/null
		rm /mnt/file
		sleep 0.05
	done
	shadow_stop
	is_whole
	rows=$(($(wc -l <$SHADOW/series) - 1))
	folios=$(awk 'NR > 1 { sum += $3 } END { print sum }' $SHADOW/series)
	peak=$(awk 'NR > 1 && $6 > most { most = $6 } END { print most }' $SHADOW/series)
	between "number of rows" $rows 8 16
	[ "$folios" = "$shadow_freed_folios" ] || fail "the rows have $folios folios, $shadow_freed_folios were freed"
	[ "$peak" = "$shadow_option2_peak" ] || fail "the highest peak of a row is $peak, the peak $shadow_option2_peak"
	umount /mnt
	shadow_unload
}

# With a sheaf of one descriptor and a ceiling that nothing reaches, both models are option 2. Long epochs, so that
# what enters limbo, or leaves it, in one of them is most of it.
models() { # BUSTED
	shadow_load sheaf_capacity=1 bounded_max=1048576 epoch_us=10000 busted="$1" || return
	mount_at tmpfs
	shadow_start
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		dd if=/dev/zero of=/mnt/file bs=1M count=4 2>/dev/null
		rm /mnt/file
		sleep 0.02
	done
	shadow_stop
	[ "$1" != none ] || is_whole
	for model in sheaves bounded; do
		eval "peak=\$shadow_model_${model}_peak mean=\$shadow_model_${model}_mean_bytes"
		[ "$peak $mean" = "$shadow_option2_peak $shadow_option2_mean_bytes" ] ||
			fail "peak $peak and mean $mean bytes in model $model, $shadow_option2_peak and $shadow_option2_mean_bytes in option 2"
	done
	note "peak $shadow_option2_peak, mean $shadow_option2_mean_bytes bytes"
	umount /mnt
	shadow_unload
}

# It can be unloaded at any time, and while pages are freed.
unloads() {
	mount_at tmpfs
	: >/tmp/freeing
	(while [ -e /tmp/freeing ]; do
		dd if=/dev/zero of=/mnt/file bs=1M count=4 2>/dev/null
		rm -f /mnt/file
	done) &
	freeing=$!
	n=0
	while [ $n -lt 10 ]; do
		shadow_load || break
		shadow_start
		[ $((n % 3)) = 0 ] || sleep 0.0$n
		shadow_unload
		n=$((n + 1))
	done
	rm /tmp/freeing
	wait $freeing
	[ ! -d $SHADOW ] || fail "$SHADOW is still there"
	rm -f /mnt/file
	umount /mnt
}

ktap_plan 14

ktap_test "bad values are refused by name" bad_values
ktap_test "a file of tmpfs, exactly" file_system tmpfs shmem huge=never
ktap_test "a file of ramfs, exactly" file_system ramfs file
ktap_test "a process ends" process
ktap_test "slabs are no folios" slabs none
ktap_test "busted=slab is caught" catches slabs slab
ktap_test "folioscale's freers, exactly" freers_exactly
ktap_test "mean limbo is rate x wait" law_and_balance
ktap_test "busted=epoch is caught by the law" catches law epoch
ktap_test "busted=epoch is caught by the balance" catches file_system tmpfs shmem huge=never epoch
ktap_test "models of batches and of a ceiling without effect are option 2" models none
ktap_test "an epoch that busted=epoch forgets is in no model" models epoch
ktap_test "the series is whole" series_is_whole
ktap_test "rmmod while pages are freed" unloads
