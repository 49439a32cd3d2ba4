# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# TAP for the tests that are written in bash: results of their own, and the output of other programs.

# The results so far, and how many of them failed
tap_count=0
tap_failed=0

# tap_result ok|"not ok" NAME: prints a result with the next number
tap_result()
{
	tap_count=$((tap_count + 1))
	[[ $1 == ok ]] || tap_failed=$((tap_failed + 1))
	printf '%s %d - %s\n' "$1" "$tap_count" "$2"
}

# tap_skip NAME REASON
tap_skip()
{
	tap_result ok "$1 # SKIP $2"
}

# tap_note: prints stdin as diagnostics
tap_note()
{
	sed 's/^/#   /'
}

# tap_bail REASON: ends the program because nothing can be tested
tap_bail()
{
	printf 'Bail out! %s\n' "$1"
	exit 2
}

# tap_check NAME COMMAND...: passes if the command does. The file TAP_LOG gets its output, which is shown if it fails.
# Status 77 says that the command cannot be tested here, for the reason in its first line. Needs TAP_LOG.
tap_check()
{
	local name=$1 status=0 begin=$SECONDS
	shift
	"$@" >"${TAP_LOG:?}" 2>&1 || status=$?
	case $status in
	0) tap_result ok "$name" ;;
	77) tap_skip "$name" "$(head -n 1 "$TAP_LOG")" ;;
	*)
		tap_result 'not ok' "$name"
		tail -n 60 "$TAP_LOG" | tap_note
		;;
	esac
	((SECONDS - begin < 10)) || printf '# (that took %d s)\n' $((SECONDS - begin))
}

# tap_plan: prints the plan, which comes last; fails if a test has failed
tap_plan()
{
	printf '1..%d\n' "$tap_count"
	((tap_failed == 0))
}

# tap_feed COMMAND...: runs it for tap_read, with its status in the last line
tap_feed()
{
	local status=0
	"$@" </dev/null || status=$?
	printf '\nexit status %d\n' "$status"
}

# tap_read HANDLER [ARGUMENT]...: reads TAP, with the last line of tap_feed. Calls `HANDLER ARGUMENT... KIND TEXT` for
# each line that is not empty. KIND is ok or "not ok" (TEXT is the name, with a directive), plan, or other (TEXT is the
# line). Several plans are added up. Sets tap_planned (empty without a plan), tap_seen, tap_bad and tap_status.
tap_read()
{
	local line
	tap_planned='' tap_seen=0 tap_bad=0 tap_status=none
	while IFS= read -r line; do
		if [[ $line =~ ^(not )?ok( +[0-9]+)?( +-)?( +(.*))?$ ]]; then
			tap_seen=$((tap_seen + 1))
			[[ ! ${BASH_REMATCH[1]} ]] || tap_bad=$((tap_bad + 1))
			"$@" "${BASH_REMATCH[1]}ok" "${BASH_REMATCH[5]}"
		elif [[ $line =~ ^1\.\.([0-9]+) ]]; then
			tap_planned=$((${tap_planned:-0} + BASH_REMATCH[1]))
			"$@" plan "$line"
		elif [[ $line =~ ^exit\ status\ ([0-9]+)$ ]]; then
			# Not the end of the file: a process that the test left behind may hold the pipe open for ever
			tap_status=${BASH_REMATCH[1]}
			break
		elif [[ $line ]]; then
			[[ $line != 'Bail out!'* ]] || tap_bad=$((tap_bad + 1))
			"$@" other "$line"
		fi
	done
}

# tap_verdict: prints what is wrong with the stream that tap_read has read as a whole, or nothing
tap_verdict()
{
	if [[ $tap_status == 124 || $tap_status == 137 ]]; then
		echo 'it did not end in time'
	elif [[ ! $tap_planned ]]; then
		echo "no plan line (1..N) was printed; exit status $tap_status"
	elif ((tap_planned != tap_seen)); then
		echo "$tap_planned tests were planned, $tap_seen were run; exit status $tap_status"
	elif [[ $tap_status != 0 ]] && ((tap_bad == 0)); then
		echo "exit status $tap_status, although no test failed"
	fi
}

# tap_include NAMER COMMAND...: runs a program that prints TAP and makes its results this one's. `NAMER TEXT` prints the
# name that a result gets here.
tap_include()
{
	local namer=$1 wrong
	shift
	tap_read _tap_include "$namer" < <(tap_feed "$@" 2>&1)
	wrong=$(tap_verdict)
	[[ ! $wrong ]] || tap_result 'not ok' "$("$namer" "ends well")"
	[[ ! $wrong ]] || printf '# %s\n' "$wrong"
}

_tap_include() # NAMER KIND TEXT
{
	case $2 in
	plan) ;;
	other) printf '# %s\n' "${3#\# }" ;;
	*) tap_result "$2" "$("$1" "$3")" ;;
	esac
}
