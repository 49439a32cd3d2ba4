#!/bin/bash
# The guest's part of `make demo`: the reader shows events as they happen, while this script makes them happen.
set -euo pipefail

DEMO=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$DEMO:$PATH
HOST_NET=/proc/1/ns/net
bold='' plain='' color=never
if [[ ${SETNSMON_COLOR:-} && ! ${NO_COLOR:-} ]]; then
	bold=$'\e[1m' plain=$'\e[0m' color=always
fi

# tell TEXT: what comes next, for the reader of the screen
tell()
{
	printf '\n%s# %s%s\n' "$bold" "$*" "$plain"
}

# try COMMAND...: shows it, runs it, and leaves the reader time to print. To be refused is part of the demo.
try()
{
	printf '$ %s\n' "$*"
	"$@" || :
	sleep 0.5
}

# A "container": a process that has all eight kinds of namespaces of its own
start_container()
{
	local tries
	unshare --user --map-root-user --mount --uts --ipc --net --pid --cgroup --time --fork --kill-child \
		sleep 1000 2>/dev/null &
	unshare=$!
	for ((tries = 50; tries; tries--)); do
		container=$(pgrep -P "$unshare" -x sleep) && return
		sleep 0.1
	done
	echo "the container did not start" >&2
	exit 1
}

enter_each_kind()
{
	local kind
	for kind in mount uts ipc net pid user cgroup time; do
		printf '$ nsenter --target %s --%s true\n' "$container" "$kind"
		nsenter --target "$container" "--$kind" --preserve-credentials true
	done
	sleep 0.7
}

play()
{
	tell "Process $container is a container: it has namespaces of all eight kinds. Step into each of them."
	enter_each_kind

	tell "Do what a container runtime does: one call on a pidfd joins several kinds at once."
	try act pidfd "$container" mnt uts ipc net pid

	tell "Make a network namespace by name, and run something in it."
	try ip netns add red
	try ip netns exec red true

	tell "The same from a 32-bit program, which takes another way into the kernel."
	try act32 join /run/netns/red

	tell "The user nobody, put into that network, tries to get out to the host's. A refused call is recorded" \
		"too, with its target."
	try ip netns exec red act nobody "$HOST_NET"

	tell "From inside of a new user namespace, someone tries to climb up into the host's network."
	try act climb "$HOST_NET"
}

show_device()
{
	tell "Any shell can read the device itself: one line a call, everything that is known of it. The last two:"
	printf '$ cat /dev/setnsmon | tail -n 2\n'
	{ timeout 1 cat /dev/setnsmon || :; } | tail -n 2
}

tell "Load the module, start the reader. From now on its lines stand between the commands that cause them."
try insmod ./setnsmon.ko
start_container
# Its output goes through a pipe to the terminal, which it cannot know: so tell it about colours
printf '$ setnsmon -o table --new &\n'
setnsmon -o table --new --color "$color" &
reader=$!
sleep 1

play
kill -INT "$reader"
wait "$reader" || :
show_device
kill -KILL "$container"
