#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2154 # "done" is a state; point.sh sets $value
#
# soak FILE SECONDS: run the points of FILE in turn until the time is up. Sourced after point.sh and
# memory.sh. The host judges what is found (fsc/cmd/soak.py); what it cannot see is emitted as trouble.

: "${FSC_WARM:=8}"	# points before memory is first counted: caches are warm by then
: "${FSC_PATIENCE:=500}"	# seconds to wait for the end of a run
# The threads of a run use all CPU time.
renice -n -19 -p $$ >/dev/null

uptime_s() { # into $uptime
	read -r uptime _ </proc/uptime
	uptime=${uptime%%.*}
}

# memory NAME: emit free memory and slabs, in kB
memory() {
	give_back
	sleep 1
	awk -v free="$(free_kb)" '{ kb[$1] = $2 } END {
		printf "{\"total_kb\": %d, \"free_kb\": %d, \"slab_kb\": %d}\n", kb["MemTotal:"], free, kb["Slab:"]
	}' /proc/meminfo >"$FSC_TMP/memory"
	emit "$1" "$FSC_TMP/memory"
}

trouble() { # TEXT
	{
		echo "$1"
		dmesg | tail -n 20
	} >"$FSC_TMP/trouble"
	emit "trouble/$number" "$FSC_TMP/trouble"
}

refused() { # FILE: emit the error in FILE, and what the module said
	{
		cat "$1"
		dmesg | grep 'folioscale: '
	} >"$FSC_TMP/refused"
	emit "refused/$number" "$FSC_TMP/refused"
}

# No cache may outlive its run.
caches_gone() {
	for cache in "$FSC_SLABS"/folioscale_*; do
		[ ! -e "$cache" ] || trouble "the cache ${cache##*/} is still there"
	done
}

# Read every file, whatever phase the run is in
read_all() {
	for file in "$FSC_DEBUGFS"/* "$FSC_DEBUGFS"/latency/*; do
		[ -d "$file" ] || [ "${file##*/}" = control ] || cat "$file" >/dev/null || trouble "cannot read $file"
	done
}

# ended [COMMAND]: wait until the run is over, repeating COMMAND; then send its run.json
ended() {
	uptime_s
	until_=$((uptime + FSC_PATIENCE))
	while value "$FSC_DEBUGFS/state"; [ "$value" != done ]; do
		uptime_s
		[ "$uptime" -lt "$until_" ] || {
			trouble "the state is $value, not done, after $FSC_PATIENCE s"
			return
		}
		${1:-sleep 0.1}
	done
	emit "run/$number" "$FSC_DEBUGFS/run.json"
	caches_gone
}

again() {
	dmesg -c >/dev/null
	if (echo start >"$FSC_DEBUGFS/control") 2>"$FSC_TMP/start"; then
		ended
	else
		refused "$FSC_TMP/start"
	fi
}

one() { # NUMBER HOW SECONDS WORD...: run a point
	number=$1 how=$2 at=$3
	shift 3
	emit "begin/$number" /dev/null
	dmesg -c >/dev/null
	if ! insmod "$FSC_KO" "$@" 2>"$FSC_TMP/insmod"; then
		refused "$FSC_TMP/insmod"
		return
	fi
	case $how in
	unload) sleep "$at" ;;
	stop)
		sleep "$at"
		echo stop >"$FSC_DEBUGFS/control" || trouble "control took no stop"
		ended
		;;
	read)
		emit "during/$number" "$FSC_DEBUGFS/run.json"
		ended read_all
		;;
	again)
		ended
		again
		;;
	*) ended ;;
	esac
	rmmod folioscale 2>"$FSC_TMP/rmmod" || trouble "rmmod: $(cat "$FSC_TMP/rmmod")"
	caches_gone
}

soak() { # FILE SECONDS
	uptime_s
	end=$((uptime + $2)) count=0
	while read -r point; do
		uptime_s
		[ "$uptime" -lt "$end" ] || break
		# shellcheck disable=SC2086 # a list of words
		one $point
		emit "end/${point%% *}" /dev/null
		count=$((count + 1))
		[ $count != "$FSC_WARM" ] || memory memory/start
	done <"$1"
	[ $count -le "$FSC_WARM" ] || memory memory/end
}
