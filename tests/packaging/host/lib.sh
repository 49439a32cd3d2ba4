# shellcheck shell=bash
# Shared by the steps in tests/packaging/host/guest: TAP, the blocks of INSTALL.md, and the oracles. Runs in a guest.

# shellcheck disable=SC2034  # used by the file that sources this one
readonly TREE=/guest/setnsmon NEW=/guest/new
# Files that survive a boot
readonly STATE=/var/lib/guest
# shellcheck source=tests/lib/tap.sh
. "$TREE/tests/lib/tap.sh"
TAP_LOG=/run/host-test.log


# same EXPECTED FOUND: compares two texts
same()
{
	diff -u --label expected --label found <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# says PATTERN...: checks that the output in the file $SAID, of the last `keep`, matches all patterns
says()
{
	local pattern status=0
	for pattern in "$@"; do
		grep -qE -e "$pattern" "$SAID" || {
			printf 'nothing like /%s/ in:\n' "$pattern"
			status=1
		}
	done
	((status == 0)) || cat "$SAID"
	return "$status"
}

# keep COMMAND...: runs it, and copies its output to $SAID
readonly SAID=/run/host-test.said
keep()
{
	local status=0
	"$@" >"$SAID" 2>&1 || status=$?
	cat "$SAID"
	return "$status"
}

fails()
{
	! "$@"
}

# --- docs/INSTALL.md --------------------------------------------------------------------------------------------------

# block PATTERN: prints the only block of commands in docs/INSTALL.md that has a line like PATTERN
block()
{
	awk -v pattern="$1" '
		/^```sh$/ { text = ""; inside = 1; next }
		/^```$/ { if (inside && text ~ pattern) { found++; result = text }; inside = 0 }
		inside { text = text $0 "\n" }
		END { printf "%s", result; exit found != 1 }' "$TREE/docs/INSTALL.md" || {
		printf 'docs/INSTALL.md has no block, or more than one, with: %s\n' "$1" >&2
		return 1
	}
}

# Lines that prepare the host. Their effect is not specific to setnsmon, and stays.
readonly PREPARING='^apt(-get)? (-y )?(update|install)( [^/]*)?$'

# prepare PATTERN: types the lines of that block that prepare the host
prepare()
{
	local text
	text=$(block "$1") && type_lines "$(grep -E "$PREPARING" <<<"$text")"
}

# follow PATTERN: types the other lines of that block
follow()
{
	local text
	text=$(block "$1") && type_lines "$(grep -vE "$PREPARING" <<<"$text")"
}

# type_lines TEXT: runs the lines in the tree one after the other, as a person would type them; stops at a failure
type_lines()
{
	local line status
	cd "$TREE" || return
	while IFS= read -r line; do
		printf '$ %s\n' "$line"
		# The packages were built outside the guest, because that takes a chroot and a network
		[[ $line != 'make deb' ]] || continue
		status=0
		eval "$line" </dev/null || status=$?
		if ((status)); then
			printf 'that ended with status %d\n' "$status"
			return 1
		fi
	done <<<"$1"
}

# --- the contents of the host -----------------------------------------------------------------------------------------

# Places that are not searched for traces of setnsmon:
#   /guest /harness /out /srv, STATE   the tests' own files
#   /tmp, /var/tmp, /var/log           temporary files and logs
#   /var/cache, /var/lib/apt           caches of apt and others, lists of packages
#   /var/lib/dpkg                      dpkg's database, which `no_package` checks
#   /var/lib/systemd                   random seed, times at which timers ran, units that packages have enabled
#   /var/lib/dkms/mok.*                DKMS's signing key, which it makes with its first module, for all modules
#   /etc/*-, /etc/.pwd.lock            backups of programs that change users and groups
readonly APART=(/guest /harness /out /srv "$STATE" /tmp /var/tmp /var/log /var/cache /var/lib/apt /var/lib/dpkg
	/var/lib/systemd '/var/lib/dkms/mok.*' '/etc/*-' /etc/.pwd.lock)

# find_all EXPRESSION...: finds in the root file system, except in those places
find_all()
{
	local path apart=()
	for path in "${APART[@]}"; do
		apart+=(-o -path "$path")
	done
	find / -xdev \( "${apart[@]:1}" \) -prune -o "$@"
}

# Prints all files with their attributes, and checksums of those that programs rewrite in place
files()
{
	find_all \( -type d -printf '%p %M %u:%g\n' -o -printf '%p %M %u:%g %s %l\n' \) | sort
	find_all \( -path '/etc/*' -o -path '/usr/lib/modules/*/modules.*' \) -type f -print0 |
		sort -z | xargs -0 sha256sum
}

# note NAME: saves the present list of files
note()
{
	files >"$STATE/$1"
}

# Prints the files of other packages. Those that came as dependencies are not traces of setnsmon.
of_other_packages()
{
	local list
	for list in /var/lib/dpkg/info/*.list; do
		[[ ${list##*/} == setnsmon* ]] || cat "$list"
	done | sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,' | sort -u
}

# as_noted NAME: checks that no file has come, gone or changed since `note NAME`
as_noted()
{
	files >"$STATE/now"
	of_other_packages >"$STATE/others"
	diff "$STATE/$1" "$STATE/now" |
		awk -v others="$STATE/others" '
			BEGIN { while ((getline path < others) > 0) other[path] = 1 }
			/^[<>]/ { path = $2 ~ /^[0-9a-f]+$/ ? $3 : $2
				  if ($1 == "<" || !(path in other)) { print; bad = 1 } }
			END { exit bad }'
}

no_package()
{
	fails dpkg-query -W 'setnsmon*' && fails compgen -G '/var/lib/dpkg/info/setnsmon*'
}

nothing_of_dkms()
{
	local pattern
	for pattern in /var/lib/dkms /usr/src '/lib/modules/*/updates/dkms'; do
		fails compgen -G "$pattern/setnsmon*" || return
	done
	fails grep setnsmon /lib/modules/*/modules.dep
}

nothing_running()
{
	fails grep '^setnsmon ' /proc/modules && fails ls -l /dev/setnsmon && fails pgrep -a setnsmon
}

# --- whether it works -------------------------------------------------------------------------------------------------

# loaded VERSION
loaded()
{
	same setnsmon "$(sed -n 's/^\(setnsmon\) .* Live .*/\1/p' /proc/modules)" &&
		same "$1" "$(cat /sys/module/setnsmon/version)"
}

# device MODE OWNER:GROUP
device()
{
	same "character special file $1 $2" "$(stat -c '%F 0%a %U:%G' /dev/setnsmon)"
}

# counter_files MODE OWNER:GROUP
counter_files()
{
	local name
	for name in entered recorded missed ret_unknown readers other_probes unarmed; do
		same "$1 $2" "$(stat -c '0%a %U:%G' "/sys/class/misc/setnsmon/$name")" || return
	done
}

# counts USER: checks that this user may read a counter
counts()
{
	keep runuser -u "$1" -- cat /sys/class/misc/setnsmon/recorded && says '^[0-9]+$'
}

# Makes a network namespace that lasts as long as the guest. HOLDER is a process in it, TARGET is its number.
make_target()
{
	unshare --net sleep infinity &
	HOLDER=$!
	until TARGET=$(readlink "/proc/$HOLDER/ns/net") && [[ $TARGET != "$(readlink /proc/self/ns/net)" ]]; do
		sleep 0.1
	done
	TARGET=${TARGET//[^0-9]/}
}

# Makes a call of setns that certainly succeeds: its caller then finds itself in that namespace. CALLER is the process.
make_call()
{
	[[ ${HOLDER:-} ]] || make_target
	nsenter --net="/proc/$HOLDER/ns/net" readlink /proc/self/ns/net >/run/host-test.link &
	CALLER=$!
	wait "$CALLER" && same "net:[$TARGET]" "$(cat /run/host-test.link)"
}

# has_call FILE REGEX...: checks for a line of text or JSON with the caller, target and result of that call
has_call()
{
	local lines regex
	lines=$(grep -E "[\" ]pid\"?[=:]$CALLER\b" "$1")
	for regex in "\"?inum\"?[=:]$TARGET\b" '\bret"?[=:]0\b'; do
		lines=$(grep -E "$regex" <<<"$lines")
	done
	[[ $lines ]] || {
		printf 'no call of process %s that joined %s in:\n' "$CALLER" "$TARGET"
		tail -n 5 "$1"
		return 1
	}
}

# on_terms COMMAND...: runs it, and ends it by ctrl-C if it does not end by itself
on_terms()
{
	local status=0
	timeout -s INT 4 "$@" >/run/host-test.seen 2>&1 || status=$?
	((status == 0 || status == 124)) || {
		printf 'status %d from: %s\n' "$status" "$*"
		cat /run/host-test.seen
		return 1
	}
}

# shows COMMAND...: checks that it shows a call that is made now
shows()
{
	make_call && on_terms "$@" && has_call /run/host-test.seen
}

# refused_to USER: checks that this user may read neither the device nor a counter
refused_to()
{
	keep fails runuser -u "$1" -- head -c 1 /dev/setnsmon && says 'Permission denied' &&
		keep fails runuser -u "$1" -- cat /sys/class/misc/setnsmon/recorded && says 'Permission denied'
}

# works VERSION READER: checks that the module of that version is loaded and records, and that both ways to read show it
works()
{
	local version=$1 reader=$2
	tap_check "the module is loaded, in version $version" loaded "$version"
	tap_check "cat /dev/setnsmon shows a call" shows cat /dev/setnsmon
	tap_check "the reader shows a call" shows "$reader" -o json
	tap_check "the reader's selftest says ok" "$reader" selftest
}
