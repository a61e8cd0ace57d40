# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=dash
#
# The KUnit suites of module/tests/, on a kernel that has KUnit. They run when their module is
# loaded, and print their results to the kernel log, each case indented below its suite.

SUITES='fsc_hist fsc_memdesc fsc_blocks fsc_stream fsc_limbo fsc_params fsc_report'

run_suites() {
	dmesg -c >/dev/null
	load autorun=0 || return
	if insmod /fsc_kunit.ko 2>/tmp/insmod; then
		rmmod fsc_kunit || fail "rmmod fsc_kunit failed"
	else
		fail "insmod fsc_kunit.ko: $(cat /tmp/insmod)"
	fi
	dmesg | sed 's/^\[[^]]*\] //' >/tmp/kunit
	unload
}

loaded() {
	cat /tmp/trouble >>"$WHY"
	for suite_ in $SUITES; do
		grep -q "ok [0-9]* $suite_\$" /tmp/kunit || fail "$suite_ did not come to its end"
	done
}

# A case's result, from KUnit's line; /tmp/said has the lines before it
result() { # LINE
	case $1 in
	*'# SKIP'*) fail "KUnit left it out: $1" ;;
	'    ok '*) ;;
	*) cat /tmp/said >>"$WHY" && fail "KUnit says $1" ;;
	esac
}

each_case() {
	: >/tmp/said
	while IFS= read -r line_; do
		case $line_ in
		'    # Subtest: '*) suite_=${line_##* } ;;
		'    KTAP'* | '    1..'*) ;;
		'    ok '* | '    not ok '*)
			case_=${line_#*ok * }
			ktap_test "$suite_: ${case_%% *}" result "$line_"
			: >/tmp/said
			;;
		'    # '*) echo "${line_#    # }" >>/tmp/said ;;
		'    '*) echo "$line_" >>/tmp/said ;;
		esac
	done </tmp/kunit
}

: >"$WHY"
: >/tmp/kunit
run_suites
mv "$WHY" /tmp/trouble
# A case without a result is in the plan, so the reader of this list misses it.
ktap_plan $((1 + $(sed -n 's/^    1\.\.//p' /tmp/kunit | awk '{ sum += $1 } END { print sum + 0 }')))
ktap_test "the modules load, the suites run, the modules unload" loaded
each_case
