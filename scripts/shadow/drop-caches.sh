# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# drop_caches with a quarter of memory of clean file pages

size=$((MEM_MB / 4))

prepare() {
	fallocate -l "${size}M" "$FSC_DISK/file"
	cat "$FSC_DISK/file" >/dev/null
}

load() { echo 3 >/proc/sys/vm/drop_caches; }

did() {
	changed_by drop_pagecache 1
	counted_as pages_file $((size * 250))
}

clean() { rm -f "$FSC_DISK/file"; }
