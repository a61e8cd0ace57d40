#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# perf_tool TOOL "NAME=VALUE ...": one run of the module under a tool of scripts/perf. Sourced
# after point.sh and trace.sh. The caller provides emit, $FSC_SCRIPTS, and $FSC_AS, a prefix of
# the names under which files are emitted.

# A larger perf.data is not emitted. What is read from it is, whatever its size.
FSC_DATA_MAX=52428800
: "${FSC_AS:=}"

perf_tool() {
	tool=$1
	[ "$tool" != sched ] || has_tracefs || return
	load error "$2" || return
	emit "${FSC_AS}config" "$FSC_DEBUGFS/config"
	rm -rf "$FSC_TMP/perf"
	mkdir "$FSC_TMP/perf" || return
	case $tool in
	record) set -- --out "$FSC_TMP/perf" ;;
	stat) set -- --json "$FSC_TMP/perf/stat.json" ;;
	sched) set -- --json "$FSC_TMP/perf/sched.json" --data "$FSC_TMP/perf/perf.data" ;;
	esac
	# The python3 in PATH may be another one.
	/usr/bin/python3 -B "$FSC_SCRIPTS/perf/$tool" "$@" >"$FSC_TMP/output" 2>&1
	result=$?
	emit "${FSC_AS}output" "$FSC_TMP/output"
	if grep -qx 'done' "$FSC_DEBUGFS/state"; then
		emit "${FSC_AS}run.json" "$FSC_DEBUGFS/run.json"
	fi
	for file in "$FSC_TMP"/perf/*; do
		[ -f "$file" ] || continue
		if [ "${file##*/}" = perf.data ] && [ "$(wc -c <"$file")" -gt $FSC_DATA_MAX ]; then
			say "perf.data has more than $FSC_DATA_MAX bytes and is not kept: a shorter duration_ms is wanted"
		else
			emit "$FSC_AS${file##*/}" "$file"
		fi
	done
	rmmod folioscale
	return $result
}
