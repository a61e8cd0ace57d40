# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash disable=SC1010,SC2034,SC2154 # "done" is a state; module.sh is sourced too
#
# A machine of two nodes, with a CPU and half of the memory each: freers free what a freer of the other
# node has allocated.

two_nodes() {
	for node in 0 1; do
		cpus=$(cat /sys/devices/system/node/node$node/cpulist) || fail "no node $node"
		[ "$cpus" = $node ] || fail "node $node has the CPUs $cpus"
	done
}

# With markers kfree_rcu() of the other node's descriptors takes the older path, which they do not see.
remote() { # PATH PROTOCOL NAME=VALUE...
	path=$1 protocol=$2
	shift 2
	expression='same_cpu > 0 && turnovers > 200'
	case "$protocol $*" in
	'rcu_desc ' | *kfree_rcu*) expression="$expression && deferred_remote > 100" ;;
	esac
	point_until "$expression" "$protocol" path="$path" nr_freers=2 cross_cpu=1 "$@"
}

# What is freed is the same on every path.
all_runs | grep -e ^pagecache -e "rcu_desc$" >/tmp/runs
ktap_plan $(($(grep -c . /tmp/runs) + 4))

ktap_test "two nodes" two_nodes
while IFS=. read -r path protocol; do
	ktap_test "$protocol on $path: frees of the other node" remote "$path" "$protocol"
done </tmp/runs
ktap_test "rcu_desc deferral=call_rcu check_bound=1: the bound holds" remote pagecache rcu_desc deferral=call_rcu check_bound=1
ktap_test "the same under truncate" remote pagecache rcu_desc removal=truncate deferral=kfree_rcu
ktap_test "rcu_full at its cap" remote pagecache rcu_full limbo_max_mb=1 hold_ns=1000000
