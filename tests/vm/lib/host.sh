# shellcheck shell=bash
# This machine: what must be installed on it, and which Debian mirror it uses.

# packages PLACE SUITE: the words of the table `packages` for a place, one a line
packages()
{
	local place=$1 suite=$2 p s words
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
	# A fresh machine may never have fetched its package lists; one with old lists may name files that are gone.
	if ! compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; then
		apt-get -q update
	fi
	apt-get -q -y --no-install-recommends install "$@" && return
	apt-get -q update
	apt-get -q -y --no-install-recommends install "$@"
}

# as_root COMMAND...: for a user who is not root, starts this program over in a user namespace in which it is: enough
# for chroots, their mounts and their files. What it makes belongs to the user.
as_root()
{
	((EUID)) || return 0
	cmd_deps
	unshare --user --map-root-user --map-auto --mount true 2>/dev/null ||
		die "this machine does not let you make a user namespace with ids of its own" \
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
		die "these Debian packages are missing here and there is no apt-get to install them: ${missing[*]}"
	if ((EUID)); then
		die "these packages are missing: ${missing[*]}" \
			"type: sudo apt-get install --no-install-recommends ${missing[*]}"
	fi
	say "installing on this machine: ${missing[*]}"
	step "installing ${#missing[@]} packages" _apt_install "${missing[@]}"
	mapfile -t missing < <(missing_packages)
	((${#missing[@]} == 0)) ||
		die "installed, but the commands of these packages are still not found: ${missing[*]}"
}

# The site that this machine's apt takes CODENAME from
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

# sources SUITE FROM: apt source lines for a chroot, from the mirrors that this machine itself uses
sources()
{
	local suite=$1 from=$2 host main security
	host=$(_host_codename)
	main=${SETNSMON_MIRROR:-$(_site "$host")}
	security=${SETNSMON_SECURITY_MIRROR:-$(_site "$host-security")}
	[[ $main ]] || die "found no Debian mirror in this machine's apt configuration" \
		"name one: SETNSMON_MIRROR=http://.../debian SETNSMON_SECURITY_MIRROR=http://.../debian-security"
	printf 'deb %s %s main\n' "$main" "$suite"
	if [[ $suite != sid ]]; then
		printf 'deb %s %s-updates main\n' "$main" "$suite"
		[[ $security ]] && printf 'deb %s %s-security main\n' "$security" "$suite"
	fi
	[[ $from == - ]] || printf 'deb %s %s main\n' "$main" "$from"
}

# What apt in a chroot must know of the way out of this machine
host_apt_options()
{
	apt-config dump --format '%F "%v";%n' 2>/dev/null |
		grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date) ' || :
}
