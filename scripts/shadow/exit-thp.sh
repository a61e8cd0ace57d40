# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# exit of a process with a third of memory in transparent huge pages

size=$((MEM_MB / 3))

prepare() { thp always; }

load() { /usr/bin/python3 -S -c "bytearray($size << 20)"; }

# Two thirds of them, as memory may be fragmented.
did() { counted_as freed_anon_order9 $((size / 3)); }

clean() { thp never; }
