# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# read of a file of three times memory, whose pages kswapd reclaims

size=$((MEM_MB * 3))

# Not written: ext4 reads zeros then, as fast as memory.
prepare() { fallocate -l "${size}M" "$FSC_DISK/file"; }

load() { dd if="$FSC_DISK/file" of=/dev/null bs=1M status=none; }

did() {
	changed_by pgsteal_kswapd $((MEM_MB * 64))
	counted_as pages_file $((MEM_MB * 256))
}

clean() { rm -f "$FSC_DISK/file"; }
