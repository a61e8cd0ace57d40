# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# KTAP for guest scripts, line by line over the status port (fd 3, see guest/init), so that
# what was said before a machine dies is not lost. Only one process may talk: not what runs
# in the background.

WHY=/tmp/why
ktap_nr=0

ktap() { # LINE
	printf '@blob ktap %d\n%s\n' "${#1}" "$1" >&3
}

# The number of tests, before the first
ktap_plan() { # N
	ktap "KTAP version 1"
	ktap "1..$1"
}

# A test fails by saying why, as often as it likes, or by its exit status
fail() { # TEXT
	echo "$*" >>"$WHY"
	return 1
}

# A test says that it shows nothing here
skip() { # WHY
	skipped=$*
}

note() { # TEXT: a diagnostic
	ktap "# $*"
}

ktap_test() { # NAME COMMAND...
	name=$1
	shift
	ktap_nr=$((ktap_nr + 1))
	: >"$WHY"
	skipped=
	"$@" || [ -s "$WHY" ] || fail "exit status $? of $*"
	if [ -s "$WHY" ]; then
		# Plain ASCII, or the lengths above would be wrong.
		tr -c '\n -~' '?' <"$WHY" >/tmp/why.ascii
		while read -r line; do
			note "$line"
		done </tmp/why.ascii
		ktap "not ok $ktap_nr $name"
	else
		ktap "ok $ktap_nr $name${skipped:+ # SKIP $skipped}"
	fi
}

# What the script's exit status stands for is that it came to its end
ktap_end() {
	exit 0
}
