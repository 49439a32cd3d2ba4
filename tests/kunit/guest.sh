#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Loads the suites in a guest whose kernel has KUnit and prints their results as one TAP stream. It reads them from the
# kernel log, because debugfs keeps only 512 bytes of each case. Each source NAME_test.c is a suite setnsmon_NAME, and
# each line in it that begins with CASE is a case: one that did not report is a failure.
#
#	guest.sh [SUITE]... [PARAMETER=VALUE]...	all suites; parameters of the module

cd "$(dirname "$0")" || exit 2
# shellcheck source=tests/lib/tap.sh
. ../lib/tap.sh

MARK="setnsmon-test: begin kunit $$"

# results SUITE: what KUnit has logged of it, as TAP
results()
{
	dmesg -t | awk -v mark="$MARK" -v begin="# Subtest: setnsmon_$1" '
		index($0, mark) { marked = 1 }
		marked && index($0, begin) { inside = 1; next }
		/^# Totals:/ || /^# setnsmon_/ || /^(not )?ok / { inside = 0 }
		inside' | sed 's/^    //'
}

# In KTAP the diagnostics of a case come before its result
_result() # SUITE KIND TEXT
{
	case $2 in
	plan) ;;
	other) [[ ! ${3// /} ]] || notes+="# ${3#\# }"$'\n' ;;
	*)
		tap_result "$2" "$1: $3"
		printf '%s' "$notes"
		notes=
		;;
	esac
}

report() # SUITE
{
	local notes='' planned
	planned=$(grep -c '^	CASE(' "$1_test.c")
	tap_read _result "$1" < <(results "$1")
	if ((tap_seen == planned && planned)); then
		tap_result ok "$1: every case has reported"
	else
		tap_result 'not ok' "$1: every case has reported"
		echo "# $tap_seen of $planned"
	fi
}

suites=() parameters=()
for word; do
	case $word in
	*=*) parameters+=("$word") ;;
	*) suites+=("$word") ;;
	esac
done
((${#suites[@]})) || for source in *_test.c; do
	suites+=("${source%_test.c}")
done
((UID == 0)) || {
	echo '1..0 # SKIP needs root'
	exit
}
[[ -d /sys/kernel/debug/kunit ]] || {
	echo '1..0 # SKIP this kernel has no KUnit'
	exit
}

echo "$MARK" >/dev/kmsg
insmod ./setnsmon_kunit.ko "${parameters[@]}" || tap_bail 'the suites cannot be loaded'
[[ -d /sys/kernel/debug/kunit/setnsmon_ring ]] || tap_bail 'KUnit is switched off: boot with kunit.enable=1'
for suite in "${suites[@]}"; do
	report "$suite"
done
rmmod setnsmon_kunit || tap_result 'not ok' 'the suites are unloaded'
tap_plan
