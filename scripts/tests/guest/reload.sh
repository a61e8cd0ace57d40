# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# Load and unload as fast as a program can: see reload.c. On one CPU. In turn on each path, also
# with protocols that keep something for each thread.

reload() {
	/tests/reload 60 0 '' 'path=gup protocol=hazptr' 'path=pfn protocol=rcu_bounded' >/dev/null || fail "reload ended with $?"
	[ ! -e /sys/module/folioscale ] || fail "the module is still there"
}

ktap_plan 1
ktap_test "60 times insmod and rmmod before a kthread has run" reload
