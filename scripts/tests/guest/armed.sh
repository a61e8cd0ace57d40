# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC2154 # module.sh is sourced too
#
# Run one negative control of one of the kernel's checkers (FSC_ARMED), until the kernel has
# printed the report (FSC_REPORT). A checker reports once per boot, so each control has its own.

control() {
	case $FSC_ARMED in
	# Few folios, half of them freed at a time: their pages stay free while readers use them.
	early_pages) echo protocol=rcu_full hold_ns=100000 nr_folios=16 burst=8 ;;
	early_free) echo protocol=rcu_desc gap_ns=10000 ;;
	plain_race) echo protocol=typesafe nr_freers=2 ;;
	lock_inversion) echo protocol=typesafe ;;
	esac
}

shown() {
	dmesg -c >/dev/null
	# shellcheck disable=SC2046 # a list of words
	load busted="$FSC_ARMED" warmup_ms=0 duration_ms=0 $(control) || return
	wait_state measure
	deadline=$(($(uptime_s) + 120))
	until dmesg | grep -qE "$FSC_REPORT"; do
		# This is not a failure here: the host looks for the report (Control.run).
		[ "$(uptime_s)" -lt "$deadline" ] || {
			note "no report in 120 s"
			break
		}
		sleep 0.2
	done
	stop
	unload
}

ktap_plan 1
ktap_test "busted=$FSC_ARMED runs" shown
