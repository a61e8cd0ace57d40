# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# 1,000 times fork and exec of a small program, by two shells

load() {
	for _ in 1 2; do
		# shellcheck disable=SC2016 # for the other shell
		sh -c 'n=0; while [ $n -lt 500 ]; do /bin/true; n=$((n + 1)); done' &
	done
	wait
}

did() { counted_as freed_anon 10000; }
