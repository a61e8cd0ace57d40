# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# rm of a file of a quarter of memory in tmpfs

size=$((MEM_MB / 4))

prepare() { file_of "$FSC_TMPFS/file" $size; }

load() { rm "$FSC_TMPFS/file"; }

did() { counted_as pages_shmem $((size * 256)); }
