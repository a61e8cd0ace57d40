# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# rm of a file of a quarter of memory in the page cache of ext4

size=$((MEM_MB / 4))

prepare() {
	file_of "$FSC_DISK/file" $size
	sync
}

load() { rm "$FSC_DISK/file"; }

# Of the last pages some may be on their way.
did() { counted_as pages_file $((size * 250)); }
