#!/bin/bash
# The guest's part of `make demo`: makes calls of setns(2) as they happen on a host, and shows each with its record.
set -euo pipefail

COUNTER=/sys/class/misc/setnsmon/recorded
export COLUMNS=${SETNSMON_DEMO_COLUMNS:-${COLUMNS:-80}}
bold='' dim='' plain='' color=never
if [[ ${SETNSMON_COLOR:-} && ! ${NO_COLOR:-} ]]; then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m' color=always
fi
shown=/run/shown
printed=0

# tell TEXT: says what comes next
tell()
{
	printf '\n%s# %s%s\n' "$bold" "$*" "$plain"
}

# prompt WHO COMMAND...: shows a command as WHO types it, on several lines if the terminal is narrow
prompt()
{
	local line=$1 word
	shift
	for word in "$@"; do
		if ((${#line} + ${#word} + 3 > COLUMNS)); then
			printf '%s \\\n' "$line"
			line='     '
		fi
		line+=" $word"
	done
	printf '%s\n' "$line"
}

# Prints how many records the reader has shown. Each is a line that begins with the time of day.
count_shown()
{
	grep -cE $'^(\e\\[[0-9;]*m)*[0-9]{2}:' "$shown" || :
}

# Shows the reader's new lines when it has shown every call that was recorded up to now: neither comes too early or too
# late on the screen
show_records()
{
	local tries recorded
	recorded=$(<"$COUNTER")
	for ((tries = 200; tries; tries--)); do
		(($(count_shown) < recorded - recorded_before)) || break
		sleep 0.05
	done
	((tries)) || echo "(the reader has not shown all records within ten seconds)"
	tail -c "+$((printed + 1))" "$shown" >"$shown.new"
	cat "$shown.new"
	printed=$((printed + $(stat -c %s "$shown.new")))
}

# as_root COMMAND...: a command may be refused; that is part of the demo
as_root()
{
	prompt 'root#' "$@"
	"$@" 2>&1 || :
	show_records
}

# as_alice COMMAND...: the same in a session that alice has logged in to
as_alice()
{
	prompt 'alice$' "$@"
	(
		id -u alice >/proc/self/loginuid
		cd ~alice || exit
		exec setpriv --reuid=alice --regid=alice --init-groups env HOME="$PWD" "$@"
	) 2>&1 || :
	show_records
}

start_container()
{
	podman run --detach --name web --hostname web --rootfs /srv/box sleep 1000 >/dev/null
	container=$(podman inspect --format '{{.State.Pid}}' web)
}

# The demo's output is not a terminal, so the reader is told what a terminal would tell it
start_reader()
{
	recorded_before=$(<"$COUNTER")
	: >"$shown"
	setnsmon -o table --color "$color" --new >>"$shown" &
	reader=$!
	until [[ $(</sys/class/misc/setnsmon/readers) != 0 ]]; do
		sleep 0.05
	done
}

play()
{
	tell "An administrator runs a command in a container."
	as_root podman exec web hostname

	tell "alice looks at the network of that container, with sudo."
	as_alice sudo nsenter -t "$container" -n ip -brief address

	tell "alice tries to enter another network without sudo. That fails."
	as_alice ip netns exec lab ip -brief address

	tell "A program in a privileged container escapes: it joins the host's namespaces."
	as_root podman run --privileged --pid=host --rootfs /srv/box nsenter -t 1 -m -u -i -n hostname
}

show_table()
{
	tell "All of it in one table. It says 'denied' and 'to-init' where you should look."
	{
		prompt 'root#' setnsmon --no-follow
		setnsmon -o table --color "$color" --no-follow
	} | tee "$OUT/table"
}

printf '%s(booted; starting a container and loading the module)%s\n' "$dim" "$plain"
ip netns add lab
start_container
insmod ./setnsmon.ko
start_reader
play
kill -INT "$reader"
wait "$reader" || :
show_table
podman kill web >/dev/null
