# shellcheck shell=bash
# What several recipes share. This file is part of the key of every piece of the cache: a change of anything except a
# comment builds all of them anew. What only one recipe needs belongs into that recipe.

# Runs a command in a mount namespace of its own. Inside a plain chroot the root is not a mount point and cannot be made
# private. PRIVATE is empty there, and a command that mounts has to unmount.
alone()
{
	# shellcheck disable=SC2016  # expanded by the inner shell
	unshare --mount --propagation unchanged bash -euc '
		PRIVATE=1
		mount --make-rprivate / 2>/dev/null || PRIVATE=
		export PRIVATE
		exec "$@"' alone "$@"
}

# The part of `enter` that runs in the new namespace. Its arguments are the root, the number of bindings, the bindings
# and the command.
# shellcheck disable=SC2016  # expanded by the inner shell
readonly ENTER='
	root=$1 count=$2
	shift 2
	mounted=()
	leave() {
		for target in "${mounted[@]}"; do
			umount --recursive --lazy "$target"
		done
	}
	[[ $PRIVATE ]] || trap leave EXIT
	for ((; count; count--)); do
		target=$root${1#*:}
		mkdir -p "$target"
		mount --rbind "${1%%:*}" "$target"
		mount --make-rslave "$target"
		mounted=("$target" "${mounted[@]}")
		shift
	done
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	unset TMPDIR
	chroot "$root" "$@"'

# enter ROOT [-b SOURCE:TARGET]... -- COMMAND...: runs a command in a chroot that has /proc and /dev, with each SOURCE
# bound to its TARGET. The mounts live in a namespace of their own, so nothing is left behind.
enter()
{
	local root=$1 binds=(/proc:/proc /dev:/dev)
	shift
	while [[ $1 == -b ]]; do
		binds+=("$2")
		shift 2
	done
	shift
	alone bash -euc "$ENTER" enter "$root" "${#binds[@]}" "${binds[@]}" "$@"
}

# apt_in ROOT ARGS...: runs apt-get in a chroot, with this machine's network settings and mirrors, and with the
# directory of downloaded packages that all pieces of a suite share
apt_in()
{
	local root=$1
	shift
	cp -L --remove-destination /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || :
	cp -L --remove-destination /etc/hosts "$root/etc/hosts" 2>/dev/null || :
	DEBIAN_FRONTEND=noninteractive enter "$root" -b "$DEBS:/var/cache/apt/archives" -- \
		apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io "$@"
}

# Removes what apt_in has left in a root that becomes an image
forget_apt()
{
	local root=$1
	rm -f "$root"/etc/{resolv.conf,hosts}
	rm -rf "$root"/var/lib/apt/lists "$root"/var/cache/apt
	printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
}

# apt_sources SUITE FROM: prints apt's source lines for a chroot, with the mirrors that this machine itself uses
apt_sources()
{
	local suite=$1 from=$2
	printf 'deb %s %s main\n' "$MIRROR" "$suite"
	if [[ $suite != sid ]]; then
		printf 'deb %s %s-updates main\n' "$MIRROR" "$suite"
		[[ ! $SECURITY_MIRROR ]] || printf 'deb %s %s-security main\n' "$SECURITY_MIRROR" "$suite"
	fi
	[[ $from == - ]] || printf 'deb %s %s main\n' "$MIRROR" "$from"
}

# bootstrap DIR PACKAGES [MMDEBSTRAP OPTIONS]...: makes a new root in DIR. mmdebstrap wants an empty directory of
# packages and leaves one; here it gets the shared one, and keeps it.
bootstrap()
{
	local dir=$1 include=$2 options=()
	shift 2
	mkdir -p "$DEBS/partial"
	printf '%s' "$APT_OPTIONS" >"$dir.apt"
	[[ -s $dir.apt ]] && options+=(--aptopt="$dir.apt")
	# shellcheck disable=SC2016  # expanded by mmdebstrap's hooks
	apt_sources "$K_SUITE" - | alone mmdebstrap --mode=root --format=directory \
		--variant=apt --include="$include" "${options[@]}" "$@" \
		--dpkgopt=force-unsafe-io \
		--skip=download/empty --skip=essential/unlink --skip=cleanup/apt --skip=cleanup/reproducible \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
		--setup-hook='mount --bind "$DEBS" "$1/var/cache/apt/archives"' \
		--customize-hook='umount "$1/var/cache/apt/archives"' \
		"$K_SUITE" "$dir" -
	rm -f "$dir.apt"
}

# newest_deb PACKAGE: prints the file of the version that was downloaded last
newest_deb()
{
	find "$DEBS" -name "${1}_*.deb" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-
}

# disk_image FILE LABEL ROOM TREE: makes an ext4 image of TREE with ROOM MiB to spare. It has no journal: a guest's
# changes are thrown away, and a disk that was not unmounted cleanly is not booted from again.
disk_image()
{
	local file=$1 label=$2 room=$3 tree=$4 size
	size=$(du -sm "$tree")
	size=$((${size%%[!0-9]*} * 11 / 10 + room))
	mke2fs -q -t ext4 -O '^has_journal' -m 0 -L "$label" -d "$tree" "$file" "${size}M"
}

# pack_initramfs TREE FILE: busybox and init are in TREE already
pack_initramfs()
{
	(cd "$1" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$2"
}
