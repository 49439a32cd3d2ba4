#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Measures cases in a guest, as root; started by `measure`, which knows what kind of guest each case wants.
#
#	guest.sh CASE...
#
# Prints lines for report.py:
#
#	value CASE NAME NUMBER
#	skip CASE REASON
#	fail CASE REASON
#
# Each case first measures the bare calls in the same guest: what it adds is the difference.
set -u

cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
N=${SETNSMON_BENCH_N:-2000}		# single calls of each kind
STREAM=${SETNSMON_BENCH_STREAM:-50000}	# calls at full rate
TRACING=/sys/kernel/tracing
SCRATCH=$(mktemp -d)
case=''

value() # NAME NUMBER
{
	printf 'value %s %s %s\n' "$case" "$1" "$2"
}

# To stop one case, which runs in a subshell
skip()
{
	printf 'skip %s %s\n' "$case" "$*"
	exit 0
}

fail()
{
	printf 'fail %s %s\n' "$case" "$(tr -s '\n' ' ' <<<"$*")"
	exit 1
}

# must COMMAND...
must()
{
	"$@" >"$SCRATCH/must" 2>&1 || fail "$*: $(tail -n 3 "$SCRATCH/must")"
}

# costs PREFIX COMMAND...: COMMAND is calls, or something that runs it
costs()
{
	local prefix=$1 word kind median mean
	shift
	"$@" >"$SCRATCH/costs" 2>"$SCRATCH/errors" || fail "$*: $(tail -n 3 "$SCRATCH/errors")"
	while read -r word kind median mean; do
		[[ $word == cost ]] || continue
		value "$prefix$kind" "$median"
		value "$prefix${kind}_mean" "$mean"
	done <"$SCRATCH/costs"
}

cost()
{
	costs '' ./calls cost "$N"
}

bare()
{
	costs bare_ ./calls cost "$N"
}

# until_true COMMAND...: waits a minute at most
until_true()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	fail "waited in vain for: $*"
}

# in_background COMMAND...: sets background; its output is in $SCRATCH/peer
in_background()
{
	: >"$SCRATCH/peer"
	: >"$SCRATCH/peer.errors"
	"$@" >"$SCRATCH/peer" 2>"$SCRATCH/peer.errors" </dev/null &
	background=$!
}

# end SIGNAL: the one in the background is told to end, and has
end()
{
	kill "-$1" "$background" 2>/dev/null || fail "it had ended already: $(tail -n 3 "$SCRATCH/peer.errors")"
	wait "$background"
}

# with_peer SECONDS BEGIN...: what a call costs, and what comes through of a stream, under one in the background that
# BEGIN starts, and that has so long to take what is left
with_peer()
{
	local seconds=$1
	shift
	"$@"
	cost
	end INT
	"$@"
	stream
	sleep "$seconds"
	end INT
}

# stream: calls at full rate, without anything that could slow them down but what is measured
stream()
{
	must ./calls stream "$STREAM"
	value stream_calls "$STREAM"
}

# recorded COUNT RECORDS-A-CALL: how many calls of the stream came through whole
recorded()
{
	value stream_lost "$((STREAM - $1 / $2))"
}

# bytes BYTES EVENTS
bytes()
{
	(($2)) || fail "it recorded nothing"
	value bytes "$(($1 / $2))"
}

file_size()
{
	stat -c %s "$1"
}

# --- ours ---------------------------------------------------------------------------------------------------------

load() # PARAMETER...
{
	must insmod ../setnsmon.ko "$@"
}

unload()
{
	must rmmod setnsmon
}

case_bare()
{
	bare
}

# The pair, and each half of it
case_empty()
{
	bare
	must insmod empty.ko
	cost
	must rmmod empty
	must insmod empty.ko kretprobe=0
	costs kprobe_ ./calls cost "$N"
	must rmmod empty
	must insmod empty.ko kprobe=0
	costs kretprobe_ ./calls cost "$N"
	must rmmod empty
}

# A slowdown that the check must find: in the handler, and in the difference
case_planted()
{
	bare
	must insmod empty.ko planted=10
	cost
	must rmmod empty
}

# read_along CALLS COMMAND...: COMMAND makes so many; sets read and lost, of a reader that was there before
read_along()
{
	local calls=$1
	shift
	in_background ./drain -n binary "$calls" 65536
	until_true grep -q ready "$SCRATCH/peer.errors"
	"$@"
	wait "$background" || fail "the reader: $(tail -n 1 "$SCRATCH/peer.errors")"
	read -r _ read lost _ < <(grep '^drain ' "$SCRATCH/peer.errors")
}

case_ours()
{
	local read lost
	bare
	load
	cost
	unload
	load
	read_along "$STREAM" stream
	value stream_lost "$lost"
	value bytes 408
	unload
	# The same with rings as large as ftrace's
	load ring_records=4096
	read_along "$STREAM" must ./calls stream "$STREAM"
	value stream_large_lost "$lost"
	unload
}

# callers OPTION...: of another sort
callers()
{
	costs bare_ ./calls "$@" cost "$N"
	load
	costs '' ./calls "$@" cost "$N"
	unload
}

case_ours-threads() { callers -t; }
case_ours-moves() { callers -m; }

# readers COUNT HOW...: as many that sleep in read, and have nothing left to read; HOW starts them
readers()
{
	local count=$1 i
	shift
	pids=()
	for ((i = 0; i < count; i++)); do
		"$@" ./drain -n binary 1000000000 65536 2>/dev/null &
		pids+=("$!")
	done
	until_true grep -qx "$count" /sys/class/misc/setnsmon/readers
	sleep 1
}

no_readers()
{
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	until_true grep -qx 0 /sys/class/misc/setnsmon/readers
}

# paid NAME: what calls in a row cost their caller, with all that interrupts it, but not what others do then
paid()
{
	must ./calls stream "$STREAM"
	read -r _ _ _ "$1" <"$SCRATCH/must"
}

# First calls by themselves: a pause of a millisecond stands between two. The readers have the idle class, so that they
# do not run before the call has returned. Then calls in a row, with readers as they are.
with_readers() # COUNT
{
	local alone with
	bare
	load ring_records=16384
	readers "$1" chrt -i 0
	costs '' ./calls cost $((N / 4)) 1000
	no_readers
	paid alone
	readers "$1"
	paid with
	no_readers
	value waking "$(awk -v ns=$((with - alone)) -v calls="$STREAM" 'BEGIN { printf "%.1f", ns / calls }')"
	unload
}

case_ours-reader()
{
	with_readers 1
}

case_ours-readers8()
{
	with_readers 8
}

# drained NAME N COMMAND...: the fastest of three, of all that is in the ring
drained()
{
	local name=$1 best='' read lost ticks i
	shift
	for ((i = 0; i < 3; i++)); do
		"$@" 2>"$SCRATCH/drain" >/dev/null || fail "$*: $(tail -n 1 "$SCRATCH/drain")"
		read -r _ read lost ticks < <(grep '^drain ' "$SCRATCH/drain")
		((lost == 0)) || fail "$*: $lost were lost"
		[[ $best ]] && ((best <= ticks)) || best=$ticks
	done
	printf -v "$name" '%d' "$best"
}

# difference NAME FROM TO N
difference()
{
	value "$1" "$((($3 - $2) / $4))"
}

# What an event costs its reader, in the kernel and outside: the difference of many and few, so that what it takes to
# start and to end drops out
case_drain()
{
	local format filter
	load ring_records=16384
	must ./calls stream 16000
	# (so many, for what an interrupt takes now and then to be nothing)
	drain_by binary 500 12500 ./drain binary N 131072
	drain_by binary_single 500 12500 ./drain binary N 416
	drain_by text 500 3500 ./drain text N 131072
	for filter in class user flags; do
		drain_by "skipped_$filter" 500 12500 ./drain skipped "$filter" N 16000
	done
	for format in logfmt json table; do
		drain_by "$format" 500 3500 ./drain spawn ../setnsmon -o "$format" -n N
	done
	unload
}

# drain_by NAME FEW MANY COMMAND...: with the word N in it
drain_by()
{
	local name=$1 few=$2 many=$3 few_ticks many_ticks
	shift 3
	drained few_ticks "${@/#N/$few}"
	drained many_ticks "${@/#N/$many}"
	difference "drain_$name" "$few_ticks" "$many_ticks" $((many - few))
}

# --- growth -----------------------------------------------------------------------------------------------------------

case_readers()
{
	local count
	bare
	load ring_records=16384
	for count in 1 4 16 64; do
		readers "$count" chrt -i 0
		costs "${count}_" ./calls only uts 200 5000
		no_readers
		readers_stream "$count"
	done
	unload
}

# The counter goes on while nothing runs, so the calls and the readers' work are timed as one, without a pause
readers_stream() # COUNT
{
	local events few=200 many=1200 ticks=()
	for events in $few $many; do
		./drain crowd "$1" "$events" ./calls stream "$events" 2>"$SCRATCH/drain" >/dev/null ||
			fail "$1 readers: $(tail -n 1 "$SCRATCH/drain")"
		ticks+=("$(awk '$1 == "drain" { print $4 }' "$SCRATCH/drain")")
	done
	difference "$1_event" "${ticks[0]}" "${ticks[1]}" $((many - few))
}

# One CPU is online, and so many are possible: only the one that is online has rings
on_all_cpus()
{
	bare
	load
	value memory_kib "$(dmesg | sed -nE 's/.*setnsmon: .* CPUs: ([0-9]+) KiB;.*/\1/p' | tail -n 1)"
	value memory_vmalloc_kib "$(awk '/\[setnsmon\]/ { sum += $2 } END { print int(sum / 1024) }' /proc/vmallocinfo)"
	cost
	must ./calls stream 1024
	drain_by binary 100 900 ./drain binary N 131072
	unload
}

case_cpus1() { on_all_cpus; }
case_cpus4() { on_all_cpus; }
case_cpus16() { on_all_cpus; }
case_cpus64() { on_all_cpus; }

# --- by the clock -----------------------------------------------------------------------------------------------------

# rate NAME: calls a second, of one caller on each CPU
rate()
{
	local cpu
	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		./calls -c "$cpu" rate 2000 &
	done | cat >"$SCRATCH/rate"
	value "rate_$1" "$(awk '{ sum += $2 } END { print int(sum) }' "$SCRATCH/rate")"
}

# In turns, since the host has other work as well, now more, now less
by_the_clock()
{
	local round
	for round in 1 2 3 4 5; do
		rate "bare_$round"
		must insmod empty.ko
		rate "empty_$round"
		must rmmod empty
		load
		rate "ours_$round"
		unload
		syscall_events 1
		rate "ftrace_$round"
		syscall_events 0
	done
}

case_wall2() { by_the_clock; }
case_wall4() { by_the_clock; }

# The records that the reader gets and those reported to it as lost must add up to the calls, to the last one. Bursts of
# a hundred calls, then a pause of a millisecond, are more than any container runtime does. The caller has a processor,
# and so has the reader.
case_long()
{
	local calls=${SETNSMON_BENCH_LONG:-10000000} read lost
	load
	must taskset -pc 1 "$BASHPID"
	read_along "$calls" must ./calls -c 0 stream "$calls" 100 1000
	((read + lost == calls)) || fail "$read were read and $lost lost, of $calls"
	value long_calls "$calls"
	value long_read "$read"
	value long_lost "$lost"
	value long_recorded "$(</sys/class/misc/setnsmon/recorded)"
	value long_missed "$(</sys/class/misc/setnsmon/missed)"
	unload
}

# --- the kernel's own tracing ---------------------------------------------------------------------------------------

tracing()
{
	echo "$2" >"$TRACING/$1" || fail "cannot write '$2' to $1"
}

# A reader takes the events out of the ring while the calls are made
ftrace_stream() # PATTERN
{
	local got
	tracing trace ''
	in_background cat "$TRACING/trace_pipe"
	sleep 1
	stream
	sleep 20
	end TERM
	got=$(grep -c "$1" "$SCRATCH/peer")
	recorded "$got" 2
}

ftrace_bytes()
{
	local stats=$TRACING/per_cpu/cpu0/stats
	tracing trace ''
	must ./calls stream 1000
	bytes "$(sed -n 's/^bytes: //p' "$stats")" "$(($(sed -n 's/^entries: //p' "$stats") / 2))"
}

syscall_events() # 0|1
{
	tracing events/syscalls/sys_enter_setns/enable "$1"
	tracing events/syscalls/sys_exit_setns/enable "$1"
}

case_ftrace()
{
	bare
	syscall_events 1
	cost
	ftrace_bytes
	ftrace_stream sys_setns
	syscall_events 0
}

case_ftrace-kprobes()
{
	bare
	tracing kprobe_events 'p:bench/entry __x64_sys_setns fd=+112(%di):s32 nstype=+104(%di):x32'
	# shellcheck disable=SC2016  # the kernel's
	echo 'r:bench/return __x64_sys_setns ret=$retval:s64' >>"$TRACING/kprobe_events" || fail "no return probe"
	tracing events/bench/enable 1
	cost
	ftrace_bytes
	ftrace_stream __x64_sys_setns
	tracing events/bench/enable 0
}

need()
{
	command -v "$1" >/dev/null || skip "$1 is not in the guest"
}

enabled()
{
	grep -qx 1 "$TRACING/events/syscalls/sys_exit_setns/enable"
}

begin_trace-cmd()
{
	in_background trace-cmd record -e syscalls:sys_enter_setns -e syscalls:sys_exit_setns -o "$SCRATCH/trace.dat"
	until_true enabled
	sleep 2
}

case_trace-cmd()
{
	need trace-cmd
	bare
	with_peer 2 begin_trace-cmd
	trace-cmd report -i "$SCRATCH/trace.dat" >"$SCRATCH/report" 2>&1
	local got
	got=$(grep -c 'sys_.*_setns' "$SCRATCH/report")
	bytes "$(file_size "$SCRATCH/trace.dat")" "$((got / 2))"
	recorded "$got" 2
}

# It says so when it has begun, if it was told to begin late
begin_perf()
{
	in_background perf record -a -D 100 -e syscalls:sys_enter_setns -e syscalls:sys_exit_setns \
		-o "$SCRATCH/perf.data"
	until_true grep -q 'Events enabled' "$SCRATCH/peer.errors"
}

case_perf()
{
	need perf
	bare
	with_peer 2 begin_perf
	local got
	got=$(perf script -i "$SCRATCH/perf.data" 2>/dev/null | grep -c 'sys_.*_setns')
	bytes "$(file_size "$SCRATCH/perf.data")" "$((got / 2))"
	recorded "$got" 2
}

# --- bpftrace -------------------------------------------------------------------------------------------------------

begin_bpftrace() # SCRIPT
{
	in_background bpftrace -B line -e "BEGIN { printf(\"ready\n\"); } $1"
	until_true grep -q ready "$SCRATCH/peer"
	sleep 5
}

# bpftraced SCRIPT PATTERN: each line that has PATTERN is one call
bpftraced()
{
	need bpftrace
	bare
	with_peer 20 begin_bpftrace "$1"
	local got
	got=$(grep -c "^$2" "$SCRATCH/peer")
	bytes "$(grep "^[io]" "$SCRATCH/peer" | wc -c)" "$got"
	recorded "$got" 1
}

case_bpftrace-kprobes()
{
	bpftraced 'kprobe:__x64_sys_setns { printf("in %d %s\n", pid, comm); }
		kretprobe:__x64_sys_setns { printf("out %d %s %d\n", pid, comm, retval); }' out
}

case_bpftrace-fexit()
{
	bpftraced 'kretfunc:__x64_sys_setns {
		printf("out %d %s %d %d %d\n", pid, comm, args->regs->di, args->regs->si, retval); }' out
}

case_bpftrace-tracepoints()
{
	bpftraced 'tracepoint:syscalls:sys_enter_setns { printf("in %d %s %d %d\n", pid, comm, args->fd, args->flags); }
		tracepoint:syscalls:sys_exit_setns { printf("out %d %s %d\n", pid, comm, args->ret); }' out
}

# --- whole programs -------------------------------------------------------------------------------------------------

audit_rule()
{
	must auditctl -a always,exit -F arch=b64 -S setns -k bench
}

# Whoever calls meanwhile must have been born after auditing was switched on
case_auditd()
{
	need auditd
	bare
	mkdir -p /var/log/audit /run/audit /etc/audit
	sed -i -E 's/^(max_log_file|num_logs) *=.*/\1 = 99/' /etc/audit/auditd.conf
	must auditd -s enable
	until_true auditctl -s
	must auditctl -b 8192
	audit_rule
	cost
	local log=/var/log/audit/audit.log before got size
	sleep 5
	before=$(grep -c 'type=SYSCALL.* syscall=308' "$log")
	size=$(file_size "$log")
	stream
	sleep 20
	got=$(($(grep -c 'type=SYSCALL.* syscall=308' "$log") - before))
	bytes "$(($(file_size "$log") - size))" "$got"
	recorded "$got" 1
}

reason() # PACKAGE
{
	local file=/usr/share/bench/$1.failed
	[[ -e $file ]] && skip "does not build for $(uname -r): $(<"$file")"
	return 0
}

# (On a busy host the guest's seconds may pass before its disk has brought all of sysdig)
begin_sysdig()
{
	in_background sysdig -w "$SCRATCH/scap" evt.type=setns
	until_true grep -qE '^scap [0-9]+ [1-9]' /proc/modules
	sleep 20
}

case_sysdig()
{
	need sysdig
	reason falcosecurity-scap-dkms
	bare
	must modprobe scap
	with_peer 5 begin_sysdig
	local got
	got=$(sysdig -r "$SCRATCH/scap" evt.type=setns 2>/dev/null | wc -l)
	bytes "$(zcat -f "$SCRATCH/scap" | wc -c)" "$((got / 2))"
	recorded "$got" 2
}

case_strace()
{
	need strace
	bare
	costs '' strace -f -e trace=setns -o "$SCRATCH/strace" ./calls cost "$N"
	strace -f -e trace=setns -o "$SCRATCH/strace" ./calls stream "$STREAM" >"$SCRATCH/stream" || fail "the stream"
	value stream_calls "$STREAM"
	bytes "$(file_size "$SCRATCH/strace")" "$(grep -c 'setns(' "$SCRATCH/strace")"
	recorded "$(grep -c 'setns(.*= 0' "$SCRATCH/strace")" 1
}

case_lttng()
{
	reason lttng-modules-dkms
	skip "its modules do build, but there is no measurement of it yet"
}

case_systemtap()
{
	reason systemtap
	skip "it does build, but there is no measurement of it yet"
}

# --- ----------------------------------------------------------------------------------------------------------------

# On this guest's clock, which jumps while the guest waits for the host, a busy disk looks like a hung task.
sysctl -q -w kernel.hung_task_timeout_secs=0

for case; do
	declare -F "case_$case" >/dev/null || {
		echo "guest.sh: no case '$case'" >&2
		exit 2
	}
	("case_$case") 2>"$SCRATCH/stderr" || [[ $? == 1 ]] || fail "$(tail -n 3 "$SCRATCH/stderr")"
done
