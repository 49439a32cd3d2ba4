#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs the functional tests as root in a guest and prints one TAP stream. The
# module (setnsmon.ko) and the reader (setnsmon) lie in the directory above.
#
#	guest.sh		all tests
#	guest.sh parallel	those for a guest whose processors run at the same time (vm run -p)
#	guest.sh serial		those for one whose processors take serial
#	guest.sh stress		those for one with four processors that run at the same time
#	guest.sh stress-serial	those for one with four processors that take serial
#	guest.sh NAME...	those whose name holds a NAME
#
# A guest that runs in parallel shows races, but QEMU 7.2 may crash it when probes
# are armed while they are hit; see the harness. SETNSMON_PATIENCE=N multiplies the
# time that each test may take, for kernels that look at everything they do.
#
# Each test stands between two marks in the kernel log. After each, the kernel
# must not have complained in between, and the module must be gone.

cd "$(dirname "$0")" || exit 2
export PYTHONPATH=$PWD/../lib:$PWD/lib:$PWD/../stress/lib

# name, seconds it may take, the guest it is for
tests=(
	load 120 serial
	unknown_kernel 120 serial
	faults "${SETNSMON_FAULTS_LIMIT:-300}" serial
	strace_oracle 120 serial
	fields 120 serial
	nsids 60 serial
	targets 90 serial
	outcomes 90 serial
	owners 120 serial
	creds 60 serial
	strings 60 serial
	clocks 90 serial
	untracked 120 serial
	reader 120 serial
	selftest 60 serial
	access 240 serial
	protected 120 serial
	flood "${SETNSMON_FLOOD_LIMIT:-300}" serial
	reload 400 serial
	device 180 parallel
	badinput 180 parallel
	sharing 180 parallel
	device_fuzz "$((180 + ${SETNSMON_FUZZ_SECONDS:-20}))" parallel
	calls 120 parallel
	pidfds 120 parallel
	races 300 parallel
	accounting "$((300 + 4 * ${SETNSMON_STORM_SECONDS:-20}))" stress
	offline "$((300 + 4 * ${SETNSMON_OFFLINES:-60}))" stress-serial
	churn "$((600 + 4 * ${SETNSMON_STORM_SECONDS:-18}))" stress-serial
)

total=0
failed=0

mark() {
	echo "setnsmon-test: $*" >/dev/kmsg
}

say() { # ok|"not ok" name
	total=$((total + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $total - $2"
}

# Renumbers the TAP on stdin as it comes; the last line is the exit status.
merge() { # test
	local line verdict plan='' seen=0 bad=0 status=none
	while IFS= read -r line; do
		case $line in
		1..[0-9]*) plan=${line#1..} ;;
		"ok "* | "not ok "*)
			verdict=ok
			[ "${line#not }" = "$line" ] || { verdict='not ok'; bad=1; }
			seen=$((seen + 1))
			say "$verdict" "$1: ${line#*ok * - }" ;;
		"exit status "*) status=${line#exit status } ;;
		'') ;;
		*) echo "# ${line#\# }" ;;
		esac
	done
	case $status in
	124 | 137)
		say 'not ok' "$1: ends in time" ;;
	*)
		if [ "$plan" != "$seen" ]; then
			say 'not ok' "$1: keeps to its plan"
			echo "# ${plan:-no plan}, but $seen results; exit status $status"
		elif [ "$status" != 0 ] && [ $bad = 0 ]; then
			say 'not ok' "$1: ends well"
			echo "# exit status $status"
		fi ;;
	esac
}

# What the kernel said since the last mark "begin TEST"
kernel_log() {
	dmesg | awk -v mark="setnsmon-test: begin $1" \
		'index($0, mark) { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }'
}

check_kernel_log() {
	local found
	found=$(kernel_log "$1" | complaints_in) # the harness's
	if [ -z "$found" ]; then
		say ok "$1: the kernel did not complain"
	else
		say 'not ok' "$1: the kernel did not complain"
		kernel_log "$1" | sed 's/^/# /'
	fi
}

# A test leaves no module behind; whoever holds it is named and killed.
check_gone() {
	local holders
	if ! grep -q '^setnsmon ' /proc/modules; then
		say ok "$1: the module is gone"
		return
	fi
	say 'not ok' "$1: the module is gone"
	holders=$(find /proc/[0-9]*/fd -lname /dev/setnsmon 2>/dev/null | cut -d/ -f3 | sort -u)
	for pid in $holders; do
		echo "# held by $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		kill -9 "$pid"
	done
	sleep 1
	rmmod setnsmon 2>&1 | sed 's/^/# /'
}

declare -F complaints_in >/dev/null || { echo "Bail out! to be run by tests/vm/vm run"; exit 2; }
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
if grep -q '^setnsmon ' /proc/modules; then
	rmmod setnsmon || { echo "Bail out! setnsmon is loaded and in use"; exit 2; }
fi

script() { # NAME: its file
	local file
	for file in "cases/$1.py" "../stress/cases/$1.py"; do
		[ ! -e "$file" ] || echo "$file"
	done
}

wanted() { # NAME GUEST [FILTER]...
	local name=$1 guest=$2 filter
	shift 2
	[ $# != 0 ] || return 0
	for filter; do
		case $filter in
		parallel | serial | stress | stress-serial) [ "$filter" != "$guest" ] || return 0 ;;
		*) [[ $name != *"$filter"* ]] || return 0 ;;
		esac
	done
	return 1
}

for ((i = 0; i < ${#tests[@]}; i += 3)); do
	name=${tests[i]}
	wanted "$name" "${tests[i + 2]}" "$@" || continue
	mark "begin $name"
	started=$SECONDS
	merge "$name" < <(
		timeout -k 5 $((tests[i + 1] * ${SETNSMON_PATIENCE:-1})) python3 -B "$(script "$name")" </dev/null 2>&1
		printf '\nexit status %s\n' $?
	)
	check_gone "$name"
	mark "end $name"
	check_kernel_log "$name"
	echo "# $name took $((SECONDS - started)) s"
done
echo "1..$total"
[ "$failed" = 0 ]
