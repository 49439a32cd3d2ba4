# shellcheck shell=bash
# Messages, options, and the progress of long steps. Messages go to stderr: the stdout of `vm run` and `vm chroot`
# belongs to the command that they run.

# Exit statuses of the harness itself; the table in `vm help` explains them.
# shellcheck disable=SC2034  # used by the files that source this one
readonly EX_PANIC=122 EX_DIED=123 EX_TIMEOUT=124 EX_HARNESS=125 EX_COMPLAINT=126

say()
{
	printf 'vm: %s\n' "$*" >&2
}

# die MESSAGE [MORE LINES]...: ends the program because the harness itself cannot go on
die()
{
	printf 'vm: error: %s\n' "$1" >&2
	shift
	(($#)) && printf 'vm:        %s\n' "$@" >&2
	exit "$EX_HARNESS"
}

# parse_options COMMAND LETTERS ARG...: sets OPT[x] for each option -x (to 1 if it takes no value), OPT_PATHS to the
# values of -i, and ARGS to the arguments after the options. LETTERS is as for getopts.
declare -A OPT
parse_options()
{
	local command=$1 letters=$2 opt OPTIND=1
	shift 2
	OPT=() OPT_PATHS=()
	while getopts ":$letters" opt; do
		case $opt in
		i) OPT_PATHS+=("$OPTARG") ;;
		:) usage_error "$command: -$OPTARG lacks its value" ;;
		\?) usage_error "$command: unknown option -$OPTARG" ;;
		*) OPT[$opt]=${OPTARG-1} ;;
		esac
	done
	shift $((OPTIND - 1))
	# shellcheck disable=SC2034  # read by the commands
	ARGS=("$@")
}

# _step_draw TEXT SECONDS LOG: shows that a step goes on. A terminal gets one line that is redrawn, with the last line
# of the step's output. A log gets a line every 30 seconds.
_step_draw()
{
	local text=$1 secs=$2 last line
	if [[ -t 2 ]]; then
		last=$(tail -n 1 "$3" | tr -cd '[:print:]')
		line=$(printf '  [%4ds] %s: %s' "$secs" "$text" "$last")
		printf '\r\033[K%s' "${line:0:_step_width}" >&2
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
	printf '\nvm: interrupted; the next run starts this step again\n' >&2
	exit 130
}

# step TEXT COMMAND...: runs a command or a function. Its output goes to a log, which is shown only if the command
# fails; then the program ends. (`step` must not be called in a condition: bash would ignore failures inside COMMAND.)
step()
{
	local text=$1 log pid rc=0 begin=$SECONDS _step_shown=0 _step_width=79 nap=1
	shift
	log=$(mktemp)
	if [[ -t 2 ]]; then
		nap=0.2
		_step_width=$(stty size </dev/tty 2>/dev/null | cut -d ' ' -f 2) || :
		_step_width=$((${_step_width:-80} > 20 ? ${_step_width:-80} - 1 : 79))
	else
		printf '  %s ...\n' "$text" >&2
	fi
	# A process group of its own, so that ctrl-C can end all of it (a plain background job would ignore it)
	set -m
	("$@") >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064  # the pid of now
	trap "_step_interrupted $pid '$log'" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		_step_draw "$text" $((SECONDS - begin)) "$log"
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
