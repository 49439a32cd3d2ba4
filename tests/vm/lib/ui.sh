# shellcheck shell=bash
# What the harness says, and how it shows that long work goes on. All of it goes to stderr: the stdout of `vm run`
# and `vm chroot` belongs to the command that they run.

# Exit statuses of the harness itself; the table in `vm help` explains them.
# shellcheck disable=SC2034  # used by the files that source this one
readonly EX_PANIC=122 EX_DIED=123 EX_TIMEOUT=124 EX_HARNESS=125 EX_COMPLAINT=126

say()
{
	printf 'vm: %s\n' "$*" >&2
}

# die MESSAGE [MORE LINES]...: the machinery itself cannot go on
die()
{
	printf 'vm: error: %s\n' "$1" >&2
	shift
	(($#)) && printf 'vm:        %s\n' "$@" >&2
	exit "$EX_HARNESS"
}

# A terminal gets one line that is drawn over; a log gets plain lines now and then.
_step_draw()
{
	local text=$1 secs=$2
	if [[ -t 2 ]]; then
		printf '\r\033[K  %s ... %ds' "$text" "$secs" >&2
	elif ((secs > 0 && secs % 30 == 0 && secs != _step_shown)); then
		printf '  [%4ds] %s ...\n' "$secs" "$text" >&2
		_step_shown=$secs
	fi
}

_step_interrupted()
{
	trap '' INT TERM
	kill -TERM -- "-$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
	rm -f "$2"
	printf '\nvm: interrupted; what was begun will be begun anew\n' >&2
	exit 130
}

# step TEXT COMMAND...: runs COMMAND (a function will do) with its output in a log that is shown only when it fails;
# then it ends the program. (It must not be called in a condition: there bash would ignore failures inside COMMAND.)
step()
{
	local text=$1 log pid rc=0 begin=$SECONDS _step_shown=0 nap=1
	shift
	log=$(mktemp)
	[[ -t 2 ]] && nap=0.2
	[[ -t 2 ]] || printf '  %s ...\n' "$text" >&2
	# A process group of its own, so that ctrl-C can end all of it (a plain background job would ignore it)
	set -m
	("$@") >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064  # the pid of now
	trap "_step_interrupted $pid '$log'" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		_step_draw "$text" $((SECONDS - begin))
		sleep "$nap"
	done
	wait "$pid" || rc=$?
	trap - INT TERM
	[[ -t 2 ]] && printf '\r\033[K' >&2
	if ((rc)); then
		printf '  %s: failed (status %d). The end of its output:\n' "$text" "$rc" >&2
		tail -n 40 "$log" | sed 's/^/    | /' >&2
		rm -f "$log"
		exit "$EX_HARNESS"
	fi
	rm -f "$log"
	printf '  %s: %ds\n' "$text" $((SECONDS - begin)) >&2
}
