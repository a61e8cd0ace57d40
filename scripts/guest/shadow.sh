#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Functions that count with fsc_shadow around a load, in a guest with this machine's programs, and with
# HOST=1 on this machine (sh). Sourced; the caller provides emit (protocol.sh) and the
# variables FSC_KO, the module, and FSC_SCRIPTS, the scripts' folder.

: "${FSC_TMP:=/tmp}"
FSC_SHADOW=/sys/kernel/debug/folioscale_shadow
export FSC_SCRIPTS FSC_TMP FSC_SHADOW

# shadow_place FILE...: in a guest: load these modules of the kernel's, and mount the scratch disk
# as $FSC_DISK and a tmpfs as $FSC_TMPFS
shadow_place() {
	for module in "$@"; do
		busybox insmod "$module" || return
	done
	FSC_DISK=/tmp/disk FSC_TMPFS=/tmp/tmpfs
	export FSC_DISK FSC_TMPFS
	mkdir -p "$FSC_DISK" "$FSC_TMPFS"
	mkfs.ext4 -q -F /dev/vda && mount -t ext4 /dev/vda "$FSC_DISK" && mount -t tmpfs -o size=80% none "$FSC_TMPFS"
}

# shadow_load_module "NAME=VALUE ...": load it; emit error with the reasons if that fails
shadow_load_module() {
	# shellcheck disable=SC2086 # a list of words
	if ! insmod "$FSC_KO" $1 2>"$FSC_TMP/insmod"; then
		{ cat "$FSC_TMP/insmod"; dmesg | grep -E 'fsc_shadow|Lockdown: |Loading of .*module' | tail -n 8; } >"$FSC_TMP/error"
		emit error "$FSC_TMP/error"
		return 1
	fi
	emit config "$FSC_SHADOW/config"
}

# shadow_readers MODULE "NAME=VALUE ...": keep RCU busy, or readers in long sections, until the machine ends
shadow_readers() {
	# shellcheck disable=SC2086 # a list of words
	if ! busybox insmod "$1" $2 duration_ms=0 warmup_ms=0 2>"$FSC_TMP/insmod"; then
		emit error "$FSC_TMP/insmod"
		return 1
	fi
}

# counted COMMAND...: start counting, run COMMAND, stop; emit what there is to know
counted() {
	cat /proc/vmstat >"$FSC_TMP/vmstat.before"
	echo start >"$FSC_SHADOW/control" || return
	"$@" >"$FSC_TMP/output" 2>&1
	ended=$?
	# It waits until limbo is empty.
	echo stop >"$FSC_SHADOW/control" || return
	cat /proc/vmstat >"$FSC_TMP/vmstat.after"
	cat "$FSC_SHADOW/summary" >"$FSC_TMP/summary"
	emit summary "$FSC_TMP/summary"
	emit series "$FSC_SHADOW/series"
	awk 'NR == FNR { before[$1] = $2; next } $2 != before[$1] { print $1, $2 - before[$1] }' \
		"$FSC_TMP/vmstat.before" "$FSC_TMP/vmstat.after" >"$FSC_TMP/vmstat"
	emit vmstat "$FSC_TMP/vmstat"
	return $ended
}

# told STATUS: emit the end of what the load printed, and its exit status
told() {
	{
		echo "status $1"
		tail -c 4000 "$FSC_TMP/output"
	} >"$FSC_TMP/told"
	emit told "$FSC_TMP/told"
	return "$1"
}

# part LOAD FUNCTION: run a function of a load (scripts/shadow/*.sh)
part() {
	bash "$FSC_SCRIPTS/guest/shadow-part.sh" "$FSC_SCRIPTS/shadow/$1.sh" "$2"
}

# shadow_load LOAD: prepare it, count while it runs, and see whether it did what it is for
shadow_load() {
	failed=0
	if part "$1" prepare >"$FSC_TMP/output" 2>&1; then
		counted part "$1" load || failed=$?
		[ $failed != 0 ] || part "$1" did >>"$FSC_TMP/output" 2>&1 || failed=$?
	else
		failed=$?
	fi
	told $failed
	part "$1" clean >/dev/null 2>&1
	return $failed
}

# shadow_command COMMAND: count while a shell runs COMMAND
shadow_command() {
	failed=0
	counted sh -c "$1" || failed=$?
	told $failed
}
