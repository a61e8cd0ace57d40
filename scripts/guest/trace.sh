#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# trace SCRIPT "NAME=VALUE ...": one run of the module under a script, with trace.py from this
# folder. Sourced after point.sh. The caller provides emit and $FSC_SCRIPTS, the scripts' folder.

# has_tracefs: emit error if there is none
has_tracefs() {
	[ ! -d /sys/kernel/tracing/events ] || return 0
	echo 'no tracefs: no /sys/kernel/tracing/events' >"$FSC_TMP/no-tracefs"
	emit error "$FSC_TMP/no-tracefs"
	return 1
}

trace() {
	has_tracefs || return
	load error "$2" || return
	emit config "$FSC_DEBUGFS/config"
	# The python3 in PATH may be another one.
	/usr/bin/python3 -B "$FSC_SCRIPTS/guest/trace.py" "$1" >"$FSC_TMP/output" 2>&1
	result=$?
	emit output "$FSC_TMP/output"
	if grep -qx 'done' "$FSC_DEBUGFS/state"; then
		emit counters "$FSC_DEBUGFS/counters"
		emit run.json "$FSC_DEBUGFS/run.json"
	fi
	rmmod folioscale
	return $result
}
