# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# fio reads and writes at random, a file that is a little larger than memory

size=$((MEM_MB * 5 / 4))

prepare() {
	fallocate -l "${size}M" "$FSC_DISK/file"
	# Memory is full when counting begins.
	cat "$FSC_DISK/file" >/dev/null
}

load() {
	fio --name=random --filename="$FSC_DISK/file" --rw=randrw --bs=16k --size="${size}M" --ioengine=psync \
		--numjobs=2 --invalidate=0 --time_based --runtime=15 --group_reporting --minimal
}

did() { changed_by pgsteal_kswapd 1000; }

clean() { rm -f "$FSC_DISK/file"; }
