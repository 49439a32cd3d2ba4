# shellcheck shell=bash
# This machine: what must be installed on it, and which Debian mirrors it uses.

# packages PLACE SUITE: prints the packages of a place, one a line. The place `documented` holds what the documentation
# tells people to install. (It names the headers of the running kernel as linux-headers-$(uname -r), which is left out.)
packages()
{
	local place=$1 suite=$2 p s words
	if [[ $place == documented ]]; then
		cat "$TOP/README.md" "$TOP/docs/INSTALL.md" 2>/dev/null |
			sed -nE 's/^ *apt(-get)? install (.*)/\2/p' | tr -s ' ' '\n' |
			grep -vE '^-|[$/<]' | sort -u || :
		return
	fi
	while read -r p s words; do
		if [[ $p == "$place" && ($s == any || $s == "$suite") ]]; then
			# shellcheck disable=SC2086  # split on purpose
			printf '%s\n' $words
		fi
	done <"$VM_DIR/packages"
}

missing_packages()
{
	local pair
	while read -r pair; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || printf '%s\n' "${pair#*=}"
	done < <(
		packages host any
		((!EUID)) || packages user any
	)
}

_apt_install()
{
	export DEBIAN_FRONTEND=noninteractive
	# A fresh machine may never have fetched its package lists. Old lists may name files that no longer exist.
	if ! compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; then
		apt-get -q update
	fi
	apt-get -q -y --no-install-recommends install "$@" && return
	apt-get -q update
	apt-get -q -y --no-install-recommends install "$@"
}

# as_root COMMAND...: for a user who is not root, runs this program again in a user namespace in which the user is root.
# That is enough for chroots, their mounts and their files. The files belong to the user.
as_root()
{
	((EUID)) || return 0
	cmd_deps
	unshare --user --map-root-user --map-auto --mount true 2>/dev/null ||
		die "you are not root, and this machine does not let you create a user namespace with its own ids" \
			"type: sudo $VM_NAME $* (or sudo make ...)" \
			"or give yourself a range in /etc/subuid and /etc/subgid," \
			"and see: sysctl kernel.unprivileged_userns_clone"
	exec unshare --user --map-root-user --map-auto --mount -- "$VM_DIR/vm" "$@"
}

cmd_deps()
{
	local missing
	mapfile -t missing < <(missing_packages)
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null ||
		die "these Debian packages are missing, and this machine has no apt-get to install them: ${missing[*]}"
	if ((EUID)); then
		die "these packages are missing: ${missing[*]}" \
			"type: sudo apt-get install --no-install-recommends ${missing[*]}"
	fi
	say "installing on this machine: ${missing[*]}"
	step "installing ${#missing[@]} packages" _apt_install "${missing[@]}"
	mapfile -t missing < <(missing_packages)
	((${#missing[@]} == 0)) ||
		die "these packages are installed, but their commands are not found: ${missing[*]}"
}

# _site CODENAME: prints the site from which this machine's apt gets that release
_site()
{
	# shellcheck disable=SC2016  # apt's variables
	apt-get indextargets --format '$(RELEASE) $(SITE)' 'Identifier: Packages' 2>/dev/null |
		awk -v codename="$1" '$1 == codename && !found { print $2; found = 1 }'
}

_host_codename()
{
	# shellcheck disable=SC1091
	(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-sid}")
}

# Sets MIRROR, SECURITY_MIRROR and APT_OPTIONS for the recipes: the mirrors that this machine itself uses, and what apt
# in a chroot must know about this machine's proxies
find_mirrors()
{
	local host
	host=$(_host_codename)
	MIRROR=${SETNSMON_MIRROR:-$(_site "$host")}
	# shellcheck disable=SC2034  # read by the recipes
	SECURITY_MIRROR=${SETNSMON_SECURITY_MIRROR:-$(_site "$host-security")}
	[[ $MIRROR ]] || die "this machine's apt configuration names no Debian mirror" \
		"name one: SETNSMON_MIRROR=http://.../debian SETNSMON_SECURITY_MIRROR=http://.../debian-security"
	# shellcheck disable=SC2034  # read by the recipes
	APT_OPTIONS=$(apt-config dump --format '%F "%v";%n' 2>/dev/null |
		grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) ' || :)
}
