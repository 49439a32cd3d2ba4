# shellcheck shell=bash disable=SC2034,SC2154  # the declarations are read by lib/cache.sh
# A whole Debian with systemd, udev, apt, a kernel that apt installed, and an initramfs that initramfs-tools made, in
# root.img. If the mirror has two versions of the kernel, the older one is installed.
#
# A guest has no network. The packages that it may install are on its disk, in two repositories for apt:
#
#   /srv/mirror/now      what the documented `apt-get install` lines name, and the headers of the older kernel
#   /srv/mirror/later    what is new when the newer kernel has come out; the guest's apt does not know it yet
#
# What those lines install besides, such as compilers and libraries, is installed already: it proves nothing, and an
# emulated processor would take minutes to unpack it.
LABEL=K_NAME BELOW=() PLACES=(system mirror documented) SETTINGS=(K_FROM K_IMAGE K_HEADERS) FILES=()

make_piece()
{
	local root=$1/tree
	bootstrap "$root" "$(packages system | paste -sd ,)"
	configure "$root"
	apt_sources "$K_SUITE" "$K_FROM" >"$root/etc/apt/sources.list"
	apt_in "$root" update
	install_kernel "$root"
	add_service "$root"
	install_indirect "$root"
	make_mirrors "$1" "$root"
	forget_machine "$root"
	# Room for compilers and for a tree
	disk_image "$1/root.img" system 4096 "$root"
	rm -rf --one-file-system "$root"
}

# Prints what the guest will be asked to install
wanted()
{
	{
		packages documented
		packages mirror
		printf '%s\n' "$K_HEADERS"
	} | sort -u
}

# Makes settings that a person may have as well. Those of initramfs-tools and dpkg save an emulated processor minutes.
configure()
{
	local root=$1 unit
	printf 'guest\n' >"$root/etc/hostname"
	printf '/dev/vda / ext4 noatime 0 0\n' >"$root/etc/fstab"
	printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >"$root/etc/initramfs-tools/conf.d/guest"
	printf '%s\n' virtio_pci virtio_blk ext4 >>"$root/etc/initramfs-tools/modules"
	printf 'APT::Get::Assume-Yes "true";\nDPkg::Use-Pty "false";\n' >"$root/etc/apt/apt.conf.d/90guest"
	printf 'force-unsafe-io\n' >"$root/etc/dpkg/dpkg.cfg.d/90guest"
	# Periodic jobs, log-in prompts, and what does not concern modules
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
		systemd-tmpfiles-clean.timer getty.target apparmor.service; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
	# The same in every run, so that two lists of files can be compared
	printf '%032d\n' 1 >"$root/etc/machine-id"
}

# Prints the oldest version of the kernel that the mirror has, unless it has only one
old_version()
{
	local versions
	versions=$(enter "$1" -- apt-cache madison "$K_IMAGE" | awk '{ print $3 }' | sort -uV)
	[[ $versions != *$'\n'* ]] || head -n 1 <<<"$versions"
}

# pin_version ROOT VERSION: everything that is built from the kernel's source is of this version
pin_version()
{
	printf '%s\n' 'Package: linux-image-* linux-headers-* linux-kbuild-* linux-compiler-* linux-libc-dev' \
		"Pin: version $2" 'Pin-Priority: 1001' >"$1/etc/apt/preferences.d/kernel"
}

install_kernel()
{
	local root=$1 old target=()
	old=$(old_version "$root")
	[[ $K_FROM == - ]] || target=(-t "$K_FROM")
	[[ ! $old ]] || pin_version "$root" "$old"
	# (with what it recommends, or the next kernel would install that)
	apt_in "$root" --install-recommends "${target[@]}" install "$K_IMAGE"
}

# The test comes on a disk, and starts when everything else has been started
add_service()
{
	local root=$1
	mkdir -p "$root/guest" "$root/harness"
	cat >"$root/etc/systemd/system/guest.service" <<-'END'
		[Unit]
		Description=Job of the host
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

# closure ROOT PACKAGE...: prints the names and versions of everything that apt would install, a pair a line
closure()
{
	local root=$1
	shift
	apt_in "$root" --install-recommends -s install "$@" |
		sed -nE 's/^Inst ([^ ]+)( \[[^]]*\])? \(([^ ]+) .*/\1 \3/p'
}

install_indirect()
{
	local root=$1 words names
	mapfile -t words < <(wanted)
	mapfile -t names < <(closure "$root" "${words[@]}" | sed -E '/^linux-/d; s/ .*//' |
		grep -vxF "$(printf '%s\n' "${words[@]}")")
	apt_in "$root" install "${names[@]}"
	enter "$root" -- apt-mark auto "${names[@]}"
}

# uncompress_deb DEB NEW SCRATCH: makes the same package without compression, which would take an emulated processor a
# minute to undo
uncompress_deb()
{
	dpkg-deb -R "$1" "$3"
	dpkg-deb -Znone -b "$3" "$2"
	rm -rf "$3"
}

# make_mirror ROOT SCRATCH NAME PACKAGE...: collects what apt fetches to install these packages in SCRATCH
make_mirror()
{
	local mirror=$1/srv/mirror/$3 scratch=$2 name version deb
	shift 3
	mkdir -p "$mirror"
	apt_in "$scratch" --install-recommends --download-only install "$@"
	while read -r name version; do
		deb=$(compgen -G "$DEBS/${name}_${version//:/%3a}_*.deb")
		[[ -e $mirror/../now/${deb##*/} ]] || uncompress_deb "$deb" "$mirror/${deb##*/}" "$scratch/deb"
	done < <(closure "$scratch" "$@")
}

make_mirrors()
{
	local root=$2 scratch=$1/scratch words name
	mapfile -t words < <(wanted)
	cp -al "$root" "$scratch"
	make_mirror "$root" "$scratch" now "${words[@]}"
	rm -f "$scratch/etc/apt/preferences.d/kernel"
	make_mirror "$root" "$scratch" later "$K_IMAGE" "$K_HEADERS" "${words[@]}"
	apt_in "$scratch" install apt-utils
	for name in now later; do
		# shellcheck disable=SC2016  # expanded inside
		enter "$scratch" -b "$root/srv/mirror:/mnt" -- \
			sh -ec 'cd "/mnt/$1" && apt-ftparchive packages . >Packages' sh "$name"
	done
	rm -rf --one-file-system "$scratch"
}

# Removes this machine's names, mirrors and proxies
forget_machine()
{
	local root=$1
	rm -rf "$root"/etc/apt/{preferences.d/kernel,apt.conf.d/99mmdebstrap,sources.list.d/*} \
		"$root"/var/lib/apt/lists/* "$root"/etc/{hosts,resolv.conf}
	printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
	: >"$root/etc/resolv.conf"
	printf 'deb [trusted=yes] file:/srv/mirror/now ./\n' >"$root/etc/apt/sources.list"
	enter "$root" -- apt-get -q update
}
