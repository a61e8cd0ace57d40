# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# stress-ng maps, writes and unmaps anonymous memory and files of half of memory for 15 s

load() { stress-ng --temp-path "$FSC_DISK" --vm 2 --vm-bytes 40% --vm-keep --mmap 1 --mmap-bytes 10% --timeout 15 --metrics-brief; }

did() { counted_as pages_anon $((MEM_MB * 64)); }
