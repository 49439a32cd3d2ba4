#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs the suites in a guest whose kernel has KUnit, by loading them, and prints what KUnit
# says as one TAP stream. It comes from the kernel log, which has all of it; of the results in
# debugfs each case has 512 bytes. Each source NAME_test.c is a suite setnsmon_NAME, and each
# line in it that begins with CASE is a case: one that did not report is a failure.
#
#	guest.sh [PARAMETER=VALUE]...	parameters of the module

cd "$(dirname "$0")" || exit 2

MARK="setnsmon-test: begin kunit $$"
total=0
failed=0

say() { # ok|"not ok" name
	total=$((total + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $total - $2"
}

# What KUnit has said of a suite
results() { # NAME
	dmesg -t | awk -v mark="$MARK" -v begin="# Subtest: setnsmon_$1" '
		index($0, mark) { marked = 1 }
		marked && index($0, begin) { inside = 1; next }
		/^# Totals:/ || /^# setnsmon_/ || /^(not )?ok / { inside = 0 }
		inside'
}

# In KTAP what a case says comes before its result
report() { # NAME
	local line notes='' seen=0 planned
	planned=$(grep -c '^	CASE(' "$1_test.c")
	while IFS= read -r line; do
		if [[ $line =~ ^\ {4}(ok|not\ ok)\ [0-9]+\ (.*)$ ]]; then
			seen=$((seen + 1))
			say "${BASH_REMATCH[1]}" "$1: ${BASH_REMATCH[2]}"
			printf '%s' "$notes"
			notes=''
		elif [[ ${line// /} && ! $line =~ ^\ *1\.\. ]]; then
			line=${line#    }
			notes+="# ${line#\# }"$'\n'
		fi
	done < <(results "$1")
	if ((seen == planned && planned)); then
		say ok "$1: every case has reported"
	else
		say 'not ok' "$1: every case has reported"
		echo "# $seen of $planned"
	fi
}

[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
[ -d /sys/kernel/debug/kunit ] || { echo "1..0 # SKIP this kernel has no KUnit"; exit 0; }

echo "$MARK" >/dev/kmsg
insmod ./setnsmon_kunit.ko "$@" || { echo "Bail out! the suites cannot be loaded"; exit 2; }
[ -d /sys/kernel/debug/kunit/setnsmon_ring ] ||
	{ echo "Bail out! KUnit is switched off: boot with kunit.enable=1"; exit 2; }
for source in *_test.c; do
	report "${source%_test.c}"
done
rmmod setnsmon_kunit || say 'not ok' 'the suites are unloaded'
echo "1..$total"
[ "$failed" = 0 ]
