# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# KTAP for guest scripts, line by line over the status port (fd 3, see guest/protocol.sh), so that
# what precedes a machine's death is not lost. Only one process may write, none in the background.

WHY=/tmp/why
ktap_nr=0

ktap() { # LINE
	printf '@blob ktap %d\n%s\n' "${#1}" "$1" >&3
}

# Print the number of tests, before the first
ktap_plan() { # N
	ktap "KTAP version 1"
	ktap "1..$1"
}

# A test fails by calling this, as often as it likes, or by its exit status
fail() { # TEXT
	echo "$*" >>"$WHY"
	return 1
}

# A test calls this if it cannot show anything here
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
		# Plain ASCII: otherwise the lengths in ktap() would be wrong.
		tr -c '\n -~' '?' <"$WHY" >/tmp/why.ascii
		while read -r line; do
			note "$line"
		done </tmp/why.ascii
		ktap "not ok $ktap_nr $name"
	else
		ktap "ok $ktap_nr $name${skipped:+ # SKIP $skipped}"
	fi
}

# The script's exit status only says that it came to its end
ktap_end() {
	exit 0
}
