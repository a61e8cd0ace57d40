# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# How a job talks to the runner (fsc/vm/status_port.py), over file descriptor 3; and how a guest runs its
# job once it has mounted what it needs. Sourced by both guests' init, and with HOST=1 on this
# machine.

: "${FSC_TMP:=/tmp}"

emit() { # NAME FILE: send a copy of a file: debugfs files report no length
	cat "$2" >"$FSC_TMP/.emit" || return
	printf '@blob %s %d\n' "$1" "$(wc -c <"$FSC_TMP/.emit")" >&3
	cat "$FSC_TMP/.emit" >&3
	echo >&3
}

say() { # TEXT: send a line of progress
	printf '%s' "$*" >"$FSC_TMP/.say"
	emit say "$FSC_TMP/.say"
}

send_status() { # RESULT: send, as the last frame, what the job's exit status means
	case $1 in
	0) word=PASS ;;
	3) word=INCONCLUSIVE ;;
	*) word=FAIL ;;
	esac
	echo "@status $word job exited $1" >&3
}

# This port is the only way out of the machine, and only the host decides what it means if
# nothing arrives.
open_port() {
	status_port=
	for port in /sys/class/virtio-ports/*; do
		[ "$(cat "$port/name" 2>/dev/null)" = folioscale.status ] || continue
		status_port=/dev/${port##*/}
	done
	# A kernel that runs as a process has no virtio, but a second console (fsc/vm/uml.py).
	if grep -q 'User Mode Linux' /proc/cpuinfo && busybox stty -F /dev/tty1 raw -echo; then
		status_port=/dev/tty1
	fi
	if [ -z "$status_port" ]; then
		echo 'folioscale: no status port: the kernel wants CONFIG_VIRTIO_PCI=y and CONFIG_VIRTIO_CONSOLE=y'
		busybox poweroff -f
	fi
	exec 3<>"$status_port"
}

# A write to the port returns once its buffer is queued. If the machine is then switched off,
# buffers that the host has not fetched yet are lost. Each write is a buffer, buffers are fetched
# in order, and the queue has room for 128 (QEMU's hw/char/virtio-serial-bus.c): after twice
# as many, everything before them has arrived. Nobody reads what comes after the status.
flush_port() {
	left=256
	while [ $left -gt 0 ]; do
		echo >&3
		left=$((left - 1))
	done
}

run_job() { # FILE: run it with emit() and say(), then switch the machine off
	open_port
	# What the kernel has said until here is about the machine, not about the job (fsc/vm/vm.py).
	echo '<6>folioscale: begin of job' >/dev/kmsg
	echo '@begin' >&3
	# A subshell, so that the job may exit and its variables and traps are its own.
	# shellcheck disable=SC1090 # whatever the runner wants
	(. "$1") </dev/null
	result=$?

	# The host considers the console complete only if this line has arrived.
	echo '<6>folioscale: end of job' >/dev/kmsg
	send_status $result
	flush_port
	busybox poweroff -f
}
