#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs functional and stress tests as root in a guest and prints one TAP stream. The module (setnsmon.ko) and the reader
# (setnsmon) are in the directory above.
#
#	guest.sh		all tests
#	guest.sh GUEST		those for one kind of guest: serial, small, parallel, stress or stress-serial
#	guest.sh NAME...	those whose name contains a NAME
#
# tests/lib/registry lists the tests. Processors that run at the same time (`vm run -p`) show races, but QEMU 7.2 may
# crash a guest that arms probes while they are hit: see tests/vm/lib/guest.sh. SETNSMON_PATIENCE=N multiplies the time
# that each test may take, for debug kernels.
#
# Two marks in the kernel log enclose each test. After it the kernel must not have complained in between, and the module
# must be gone.

cd "$(dirname "$0")/.." || exit 2
# shellcheck source=tests/lib/tap.sh
. lib/tap.sh
export PYTHONPATH=$PWD:$PWD/lib:$PWD/functional/lib:$PWD/stress/lib

mark()
{
	echo "setnsmon-test: $*" >/dev/kmsg
}

# kernel_log TEST: what the kernel logged since the mark "begin TEST"
kernel_log()
{
	dmesg | awk -v mark="setnsmon-test: begin $1" \
		'index($0, mark) { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }'
}

check_kernel_log() # TEST
{
	local found
	# The harness exports this function
	found=$(kernel_log "$1" | complaints_in)
	if [[ ! $found ]]; then
		tap_result ok "$1: the kernel did not complain"
	else
		tap_result 'not ok' "$1: the kernel did not complain"
		kernel_log "$1" | sed 's/^/# /'
	fi
}

# check_gone TEST: the test left no module behind. A process that still holds the device is named and killed.
check_gone()
{
	local pid holders
	if ! grep -q '^setnsmon ' /proc/modules; then
		tap_result ok "$1: the module is gone"
		return
	fi
	tap_result 'not ok' "$1: the module is gone"
	holders=$(find /proc/[0-9]*/fd -lname /dev/setnsmon 2>/dev/null | cut -d/ -f3 | sort -u)
	for pid in $holders; do
		echo "# held by $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		kill -9 "$pid"
	done
	sleep 1
	rmmod setnsmon 2>&1 | sed 's/^/# /'
}

# user_processes: the pids of all processes that are not kernel threads
user_processes()
{
	local directory
	for directory in /proc/[0-9]*; do
		[[ ! $(readlink "$directory/exe" 2>/dev/null) ]] || echo "${directory#/proc/}"
	done | sort
}

# kill_left BEFORE: names and kills the processes that a test left behind. BEFORE has those from before the test.
kill_left()
{
	local pid
	sleep 0.2
	for pid in $(comm -13 <(echo "$1") <(user_processes)); do
		[[ -e /proc/$pid && $(ps -o ppid= -p "$pid" | tr -d ' ') != "$$" ]] || continue
		echo "# left behind: $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		kill -9 "$pid"
	done 2>/dev/null
}

# run TEST SECONDS: TEST is functional/NAME or stress/NAME
run()
{
	local test=$1 name=${1#*/} begin=$SECONDS before
	before=$(user_processes)
	named()
	{
		printf '%s: %s\n' "$name" "$1"
	}
	mark "begin $name"
	tap_include named timeout -k 5 $(($2 * ${SETNSMON_PATIENCE:-1})) python3 -B "${test%%/*}/cases/$name.py"
	kill_left "$before"
	check_gone "$name"
	mark "end $name"
	check_kernel_log "$name"
	echo "# $name took $((SECONDS - begin)) s"
}

# wanted NAME GUEST [FILTER]...
wanted()
{
	local name=$1 guest=$2 filter
	shift 2
	(($#)) || return 0
	for filter; do
		case $filter in
		serial | small | parallel | stress | stress-serial) [[ $filter != "$guest" ]] || return 0 ;;
		*) [[ $name != *"$filter"* ]] || return 0 ;;
		esac
	done
	return 1
}

declare -F complaints_in >/dev/null || tap_bail 'run this by tests/vm/vm run'
((UID == 0)) || {
	echo '1..0 # SKIP needs root'
	exit
}
if grep -q '^setnsmon ' /proc/modules; then
	rmmod setnsmon || tap_bail 'setnsmon is loaded and in use'
fi

# The lines of JSON that the tests parse, and the schema by which the host judges them: functional/judge
export SETNSMON_RECORDS=${OUT:?}/records.json
./setnsmon schema >"$OUT/schema.json"

while read -r test seconds guest _; do
	[[ $test == functional/* || $test == stress/* ]] || continue
	wanted "/${test#*/}/" "$guest" "$@" || continue
	eval "seconds=\$(($seconds))"
	run "$test" "$seconds" </dev/null
done <lib/registry
tap_plan
