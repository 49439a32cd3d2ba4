# shellcheck shell=bash disable=SC2034,SC2154  # the declarations are read by lib/cache.sh
# A kernel that Debian ships:
#
#   chroot/         the build chroot with this kernel's headers
#   root.img        the guest's root with this kernel's modules
#   vmlinuz vmlinux initramfs.gz release
#
# chroot/ is a layer of hard links on the chroot of the suite: dpkg replaces files and does not write into them.
LABEL=K_NAME BELOW=(tools guest) PLACES=() SETTINGS=(K_FROM K_IMAGE K_HEADERS) FILES=(init)

make_piece()
{
	local dir=$1 root=$1/tree release modules
	install_headers "$dir"
	unpack_kernel "$dir"
	release=$(<"$dir/release")
	cp -al "$GUEST_PIECE/tree" "$root"
	modules=$(find "$dir/package" -path "*lib/modules/$release" -prune)
	mkdir -p "$root/lib/modules"
	cp -a "$modules" "$root/lib/modules/"
	enter "$root" -- depmod "$release"
	make_initramfs "$dir" "$root"
	disk_image "$dir/root.img" guest 1024 "$root"
	if ! extract_vmlinux "$dir"; then
		echo "vmlinuz holds no ELF file: guests will boot vmlinuz itself, some seconds slower"
		rm -f "$dir/vmlinux"
	fi
	rm -rf --one-file-system "$root" "$dir/package"
}

# Makes chroot/, release, and a list of the packages that hold the kernel itself. From 7.3 on these are several:
# linux-image, -binary, -modules and -base.
install_headers()
{
	local dir=$1 target=() release
	cp -al "$TOOLS_PIECE/chroot" "$dir/chroot"
	if [[ $K_FROM != - ]]; then
		apt_sources "$K_SUITE" "$K_FROM" | tail -n 1 >"$dir/chroot/etc/apt/sources.list.d/kernel.list"
		target=(-t "$K_FROM")
	fi
	apt_in "$dir/chroot" update
	apt_in "$dir/chroot" -s "${target[@]}" install "$K_IMAGE" >"$dir/install"
	release=$(sed -nE 's/^Inst linux-image-([0-9][^ ]*) .*/\1/p' "$dir/install" | head -n 1)
	[[ $release ]] || die "cannot find out which kernel the package $K_IMAGE of $K_SUITE installs"
	printf '%s\n' "$release" >"$dir/release"
	sed -nE 's/^Inst ([^ ]*) .*/\1/p' "$dir/install" | grep -F -- "-$release" >"$dir/packages"
	rm "$dir/install"
	apt_in "$dir/chroot" "${target[@]}" install "$K_HEADERS"
	# (build is a symbolic link that is dangling as seen from outside)
	enter "$dir/chroot" -- test -d "/lib/modules/$release/build/" ||
		die "kernel $K_NAME: the package $K_IMAGE is version $release," \
			"but $K_HEADERS installs the headers of $(ls "$dir/chroot/lib/modules")." \
			"Image and headers must be of one version; correct the line in tests/vm/kernels"
}

# Unpacks the kernel's packages into package/, without running their maintainer scripts
unpack_kernel()
{
	local dir=$1 release name
	release=$(<"$dir/release")
	while read -r name; do
		enter "$dir/chroot" -b "$DEBS:/var/cache/apt/archives" -- bash -euc \
			"cd /var/cache/apt/archives && apt-get -q -o APT::Sandbox::User=root download '$name'"
		dpkg-deb -x "$(newest_deb "$name")" "$dir/package"
	done <"$dir/packages"
	find "$dir/package" -name 'vmlinuz*' -exec cp {} "$dir/vmlinuz" \;
	[[ -e $dir/vmlinuz ]] || die "no vmlinuz in the packages $(paste -sd ' ' "$dir/packages")"
	# Drivers of hardware that no guest has are half of the image
	for unused in sound drivers/{gpu,media,infiniband,staging,iio,usb,scsi,hwmon,net/ethernet,net/wireless}; do
		rm -rf "$dir/package"/{,usr/}"lib/modules/$release/kernel/$unused"
	done
}

# Takes the ELF file out of vmlinuz. QEMU boots that directly (PVH), which saves the seconds that an emulated processor
# takes to decompress it. The x86 boot header says where the compressed part is and how long.
extract_vmlinux()
{
	local dir=$1 setup offset length unpack
	setup=$(od -An -tu1 -j $((0x1f1)) -N 1 "$dir/vmlinuz")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$dir/vmlinuz")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$dir/vmlinuz")
	offset=$(((setup + 1) * 512 + offset))
	case $(od -An -tx1 -j "$offset" -N 4 "$dir/vmlinuz" | tr -d ' ') in
	fd377a58) unpack='xz -dc' ;;
	28b52ffd) unpack='zstd -dc' ;;
	1f8b*) unpack='gzip -dc' ;;
	*) return 1 ;;
	esac
	# The last four bytes are the unpacked size, which xz and zstd would reject
	# shellcheck disable=SC2086  # a command and its option
	tail -c +$((offset + 1)) "$dir/vmlinuz" | head -c $((length - 4)) |
		enter "$dir/chroot" -- $unpack >"$dir/vmlinux" || [[ $unpack == gzip* ]]
	[[ $(od -An -tx1 -N 4 "$dir/vmlinux") == ' 7f 45 4c 46' ]]
}

# Makes initramfs.gz: busybox, init, and the modules that mounting the disks takes, in the order to load them. Those in
# `layer` are loaded only in a guest that has one (recipes/shell.sh).
make_initramfs()
{
	local dir=$1 root=$2 tree=$1/initramfs
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,new}
	install "$root/bin/busybox" "$tree/bin/busybox"
	install "$(file init)" "$tree/init"
	add_modules "$dir" "$root" "$tree/modules/order" virtio_pci virtio_blk virtio_console ext4
	add_modules "$dir" "$root" "$tree/modules/layer" overlay
	[[ -s $tree/modules/order ]] || die "the kernel package has no modules for the initramfs"
	pack_initramfs "$tree" "$dir/initramfs.gz"
	rm -rf "$tree"
}

# add_modules DIR ROOT LIST NAME...: copies modules and their dependencies beside LIST, and writes their names to it
add_modules()
{
	local root=$2 list=$3 release word path name
	release=$(<"$1/release")
	shift 3
	: >"$list"
	while read -r word path _; do
		[[ $word == insmod ]] || continue
		name=${path##*/}
		name=${name%%.ko*}.ko
		case $path in
		*.xz) xz -dc "$root$path" >"${list%/*}/$name" ;;
		*.zst) enter "$root" -- zstd -dc "$path" >"${list%/*}/$name" ;;
		*) cp "$root$path" "${list%/*}/$name" ;;
		esac
		grep -qxF "$name" "$list" || printf '%s\n' "$name" >>"$list"
	done < <(enter "$root" -- modprobe --set-version "$release" --show-depends --all "$@")
}
