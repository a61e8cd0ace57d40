# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# exit of a process with a third of memory in pages of 4 KiB

size=$((MEM_MB / 3))

prepare() { thp never; }

load() { /usr/bin/python3 -S -c "bytearray($size << 20)"; }

did() { counted_as freed_anon_order0 $((size * 256)); }
