# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # see guest/shadow-part.sh
# git commits a tree of some hundred files, clones and packs it

prepare() {
	export HOME=$FSC_TMP
	mkdir "$FSC_DISK/one"
	cp -r /usr/include/linux "$FSC_DISK/one"
	git -C "$FSC_DISK/one" init -q
}

load() {
	cd "$FSC_DISK" || return
	who=(-c user.name=folioscale -c user.email=none)
	git -C one add .
	git -C one "${who[@]}" commit -qm all
	git clone -q one two
	git -C two gc -q
	git -C two count-objects -v
}

did() {
	grep -q '^packs: 1$' "$FSC_TMP/output"
	counted_as freed_anon 1000
}

clean() { rm -rf "$FSC_DISK/one" "$FSC_DISK/two"; }
