# shellcheck shell=bash
# Guests that are a whole Debian: systemd, udev, apt, a kernel that apt installed, and an initramfs that initramfs-tools
# made. What a person does on a host can be done in them, and their disk can be kept from one boot to the next.
#
#   system-NAME     root.img, of a system that has an older version of the kernel of that name, if the mirror has two
#
# There is no network in a guest. What it may install lies on its disk, in two repositories for apt:
#
#   /srv/mirror/now      what README's `apt-get install` lines name, and the headers of that older kernel
#   /srv/mirror/later    what is new when the newer kernel has come out; the guest is not told of it yet
#
# What else these lines bring, like compilers and libraries, is installed already: it proves nothing, and an emulated
# processor would take minutes to unpack it.
#
# No boot loader is involved: QEMU gets the newest kernel in the disk's /boot, and its initramfs, which are those that a
# boot loader would start.

system_dir()
{
	printf '%s/system-%s-%s\n' "$CACHE" "$K_NAME" "$({
		printf '%s\n' "$K_FROM" "$K_IMAGE" "$K_HEADERS"
		packages system "$K_SUITE"
		_system_wants
		declare -f _bootstrap _make_system \
			_system_{settings,sources,old,pin,kernel,service,closure,indirect} \
			_system_{unpacked,mirrors,mirror,forget,image}
	} | _hash)"
}

# What will be asked for. README names the headers of the running kernel as linux-headers-$(uname -r).
_system_wants()
{
	{
		sed -nE 's/^apt(-get)? install (.*)/\2/p' "$TOP/README.md" | tr -s ' ' '\n' | grep -vE '^-|[$/]'
		packages mirror "$K_SUITE"
		printf '%s\n' "$K_HEADERS"
	} | sort -u
}

# --- recipes ----------------------------------------------------------------------------------------------------------

_make_system()
{
	local root=$1/tree
	_bootstrap "$root" "$(packages system "$K_SUITE" | paste -sd ,)"
	_system_settings "$root"
	_system_sources "$root"
	_system_kernel "$root"
	_system_service "$root"
	_system_indirect "$root"
	_system_mirrors "$1" "$root"
	_system_forget "$root"
	_system_image "$1" "$root"
	rm -rf --one-file-system "$root"
}

# Settings that a person may have as well; those of initramfs-tools and dpkg save minutes of an emulated processor
_system_settings()
{
	local root=$1 unit
	printf 'guest\n' >"$root/etc/hostname"
	printf '/dev/vda / ext4 noatime 0 0\n' >"$root/etc/fstab"
	printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >"$root/etc/initramfs-tools/conf.d/guest"
	printf '%s\n' virtio_pci virtio_blk ext4 >>"$root/etc/initramfs-tools/modules"
	printf 'APT::Get::Assume-Yes "true";\nDPkg::Use-Pty "false";\n' >"$root/etc/apt/apt.conf.d/90guest"
	printf 'force-unsafe-io\n' >"$root/etc/dpkg/dpkg.cfg.d/90guest"
	# What runs now and then, the log-ins that nobody comes to, and what has no bearing on modules
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
		systemd-tmpfiles-clean.timer getty.target apparmor.service; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
	# The same for every run, so that two lists of files can be compared
	printf '%032d\n' 1 >"$root/etc/machine-id"
}

_system_sources()
{
	sources "$K_SUITE" "$K_FROM" >"$1/etc/apt/sources.list"
	apt_in "$1" update
}

# The oldest version of the kernel that the mirror has, if it is not the newest, too
_system_old()
{
	local versions
	versions=$(enter "$1" -- apt-cache madison "$K_IMAGE" | awk '{ print $3 }' | sort -uV)
	[[ $versions != *$'\n'* ]] || head -n 1 <<<"$versions"
}

# _system_pin ROOT VERSION: all that comes from the kernel's source is of this version
_system_pin()
{
	printf '%s\n' 'Package: linux-image-* linux-headers-* linux-kbuild-* linux-compiler-* linux-libc-dev' \
		"Pin: version $2" 'Pin-Priority: 1001' >"$1/etc/apt/preferences.d/kernel"
}

_system_kernel()
{
	local root=$1 old target=()
	old=$(_system_old "$root")
	[[ $K_FROM == - ]] || target=(-t "$K_FROM")
	[[ ! $old ]] || _system_pin "$root" "$old"
	# (what it recommends as well, or the next kernel would bring it)
	apt_in "$root" --install-recommends "${target[@]}" install "$K_IMAGE"
}

# The test comes on a disk, and is started when everything else has been
_system_service()
{
	local root=$1
	mkdir -p "$root/guest" "$root/harness"
	cat >"$root/etc/systemd/system/guest.service" <<-'END'
		[Unit]
		Description=What the host wants to be done
		After=multi-user.target

		[Service]
		TimeoutStartSec=infinity
		ExecStartPre=mount -t tmpfs tmpfs /harness
		ExecStartPre=mount -t tmpfs -o size=75%% tmpfs /guest
		ExecStartPre=tar -C / -xf /dev/vdb
		ExecStartPre=udevadm settle
		ExecStart=/harness/referee

		[Install]
		WantedBy=multi-user.target
	END
	ln -s ../guest.service "$root/etc/systemd/system/multi-user.target.wants/guest.service"
}

# _system_closure ROOT PACKAGE...: the names and versions of all that apt would install, a pair a line
_system_closure()
{
	local root=$1
	shift
	apt_in "$root" --install-recommends -s install "$@" |
		sed -nE 's/^Inst ([^ ]+)( \[[^]]*\])? \(([^ ]+) .*/\1 \3/p'
}

_system_indirect()
{
	local root=$1 words names
	mapfile -t words < <(_system_wants)
	mapfile -t names < <(_system_closure "$root" "${words[@]}" | sed -E '/^linux-/d; s/ .*//' |
		grep -vxF "$(printf '%s\n' "${words[@]}")")
	apt_in "$root" install "${names[@]}"
	enter "$root" -- apt-mark auto "${names[@]}"
}

# _system_unpacked DEB NEW SCRATCH: the same package without compression, which takes an emulated processor a minute
_system_unpacked()
{
	dpkg-deb -R "$1" "$3"
	dpkg-deb -Znone -b "$3" "$2"
	rm -rf "$3"
}

# _system_mirror ROOT SCRATCH NAME PACKAGE...: what apt fetches to install these in SCRATCH
_system_mirror()
{
	local mirror=$1/srv/mirror/$3 scratch=$2 name version deb
	shift 3
	mkdir -p "$mirror"
	apt_in "$scratch" --install-recommends --download-only install "$@"
	while read -r name version; do
		deb=$(compgen -G "$CACHE/debs-$K_SUITE/${name}_${version//:/%3a}_*.deb")
		[[ -e $mirror/../now/${deb##*/} ]] || _system_unpacked "$deb" "$mirror/${deb##*/}" "$scratch/deb"
	done < <(_system_closure "$scratch" "$@")
}

_system_mirrors()
{
	local root=$2 scratch=$1/scratch words name
	mapfile -t words < <(_system_wants)
	cp -al "$root" "$scratch"
	_system_mirror "$root" "$scratch" now "${words[@]}"
	rm -f "$scratch/etc/apt/preferences.d/kernel"
	_system_mirror "$root" "$scratch" later "$K_IMAGE" "$K_HEADERS" "${words[@]}"
	apt_in "$scratch" install apt-utils
	for name in now later; do
		# shellcheck disable=SC2016  # expanded inside
		enter "$scratch" -b "$root/srv/mirror:/mnt" -- \
			sh -ec 'cd "/mnt/$1" && apt-ftparchive packages . >Packages' sh "$name"
	done
	rm -rf --one-file-system "$scratch"
}

# Nothing of this machine's own names, mirrors and ways out stays
_system_forget()
{
	local root=$1
	rm -rf "$root"/etc/apt/{preferences.d/kernel,apt.conf.d/99mmdebstrap,sources.list.d/*} \
		"$root"/var/lib/apt/lists/* "$root"/etc/{hosts,resolv.conf}
	printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
	: >"$root/etc/resolv.conf"
	printf 'deb [trusted=yes] file:/srv/mirror/now ./\n' >"$root/etc/apt/sources.list"
	enter "$root" -- apt-get -q update
}

# No journal, since a disk that was not left cleanly is never booted from again; room for compilers and for a tree
_system_image()
{
	local size
	size=$(du -sm "$2")
	size=$((${size%%[!0-9]*} * 11 / 10 + 4096))
	mke2fs -q -t ext4 -O '^has_journal' -m 0 -L system -d "$2" "$1/root.img" "${size}M"
}

need_system()
{
	[[ ! -d $(system_dir) ]] || return 0
	! from_source "$K_IMAGE" || die "system: $K_NAME is no kernel that apt can install"
	_setup_lock
	_piece "system with kernel $K_NAME" "$(system_dir)" _make_system
	exec 9>&-
}

# --- booting ----------------------------------------------------------------------------------------------------------

# _newest_kernel DISK DIR: takes the kernel and its initramfs out of DISK, as DIR/vmlinuz and DIR/initrd
_newest_kernel()
{
	local disk=$1 dir=$2 release
	release=$(debugfs -R 'ls -p /boot' "$disk" 2>/dev/null |
		sed -nE 's,.*/vmlinuz-([^/]*)/.*,\1,p' | sort -V | tail -n 1)
	[[ $release ]] || die "there is no kernel in /boot of $disk"
	debugfs -R "dump /boot/vmlinuz-$release \"$dir/vmlinuz\"" "$disk" 2>/dev/null
	debugfs -R "dump /boot/initrd.img-$release \"$dir/initrd\"" "$disk" 2>/dev/null
	[[ -s $dir/vmlinuz && -s $dir/initrd ]] || die "the kernel $release on $disk, or its initramfs, cannot be read"
}

# shellcheck disable=SC2034  # what the machine is like is for _qemu
cmd_system()
{
	local kernel=$DEFAULT_KERNEL opt paths=() dir keep='' disk=''
	CPUS=2 MEMORY=2048 TIME_LIMIT=900 APPEND='' THREADS=single
	while getopts :k:c:m:t:a:o:i:d: opt; do
		case $opt in
		k) kernel=$OPTARG ;;
		c) CPUS=$OPTARG ;;
		m) MEMORY=$OPTARG ;;
		t) TIME_LIMIT=$OPTARG ;;
		a) APPEND=$OPTARG ;;
		o) keep=$OPTARG ;;
		i) paths+=("$OPTARG") ;;
		d) disk=$OPTARG ;;
		*) usage_error "system: -$OPTARG: unknown, or its value is missing" ;;
		esac
	done
	shift $((OPTIND - 1))
	(($#)) || usage_error "system: no script"
	# Each page table more is dear to an emulated processor, which has none of the flaws that they help against
	APPEND+=' root=/dev/vda mitigations=off'
	kernel_load "$kernel"
	dir=$(_run_dir "$keep")
	[[ $disk ]] || disk=$dir/disk
	if [[ ! -e $disk ]]; then
		need_system
		cp --sparse=always "$(system_dir)/root.img" "$disk"
	fi
	_terminal_hints
	_newest_kernel "$disk" "$dir"
	_prepare "$dir" system "${paths[@]}" -- "$@"
	_run "$dir" "$keep" _qemu "$dir" "$dir/vmlinuz" "$dir/initrd" "$disk"
}
