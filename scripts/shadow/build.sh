# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# tar unpacks a source tree, gcc compiles it, rm deletes it

prepare() {
	mkdir "$FSC_DISK/source"
	cp -r /usr/include/linux /usr/include/asm-generic "$FSC_DISK/source"
	for number in 1 2 3 4 5 6 7 8; do
		printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n%s\n' \
			"int f$number(int a, char **b) { return printf(\"%d %s\", a, b[0]) + atoi(b[1]); }" \
			>"$FSC_DISK/source/$number.c"
	done
	tar -C "$FSC_DISK" -cf "$FSC_DISK/source.tar" source
	rm -r "$FSC_DISK/source"
}

load() {
	cd "$FSC_DISK" || return
	tar xf source.tar
	for file in source/*.c; do
		gcc -O2 -c -o "${file%.c}.o" "$file"
	done
	ls source/*.o
	rm -r source source.tar
}

did() {
	[ "$(grep -c '^source/[1-8].o$' "$FSC_TMP/output")" = 8 ] || return
	counted_as freed_anon 5000
	counted_as freed_file 500
}
