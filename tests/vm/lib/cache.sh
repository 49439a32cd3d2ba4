# shellcheck shell=bash
# The cache: build chroots, guest images and kernels. Each piece is a directory NAME-KEY, where KEY is a hash of what
# the piece was made from: a change in a list or in a recipe makes a new piece and leaves the old one alone. A piece is
# built under another name and renamed when it is complete, so an interrupted set-up leaves nothing that looks whole.
#
#   tools-SUITE     build chroot of the suite, without any kernel
#   guest-SUITE     guest root of the suite, without any kernel
#   kernel-NAME     chroot/ = tools + headers; root.img = guest + modules; vmlinux, vmlinuz, initramfs.gz, release
#                   (from source: see source.sh)
#   check-NAME      chroot/ = kernel-NAME's + the checkers
#   bench-NAME      root.img = kernel-NAME's + what the benchmark compares with; see bench.sh
#   system-NAME     root.img = a whole Debian with systemd, and the packages it may install; see system.sh
#   debs-SUITE      every package ever downloaded for the suite, shared by the pieces above
#
# The chroots are layers by hard links (cp -al): dpkg replaces files and does not write into them.

readonly CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/setnsmon
readonly DEBIAN=noninteractive

_hash()
{
	sha256sum | cut -c 1-12
}

# --- the table of kernels ---------------------------------------------------------------------------------------------

kernel_names()
{
	sed -E '/^[[:space:]]*(#|$)/d; s/[[:space:]].*//' "$VM_DIR/kernels"
}

# Those that Debian ships, and people run
debian_kernel_names()
{
	sed -E '/linux-source-/d; /^[[:space:]]*(#|$)/d; s/[[:space:]].*//' "$VM_DIR/kernels"
}

cmd_kernels()
{
	case ${1:-} in
	'') kernel_names ;;
	-d) debian_kernel_names ;;
	*) usage_error "kernels: $1 is unknown" ;;
	esac
}

# kernel_load NAME: sets K_NAME K_SUITE K_FROM K_IMAGE K_HEADERS
kernel_load()
{
	local name
	while read -r name K_SUITE K_FROM K_IMAGE K_HEADERS; do
		if [[ $name == "$1" ]]; then
			[[ $K_HEADERS ]] || die "tests/vm/kernels: the line of '$name' has fewer than five fields"
			K_NAME=$name
			return
		fi
	done < <(sed -E '/^[[:space:]]*(#|$)/d' "$VM_DIR/kernels")
	die "no kernel '$1' in tests/vm/kernels; it has: $(kernel_names | paste -sd ' ')"
}

# --- keys -------------------------------------------------------------------------------------------------------------

tools_dir()
{
	printf '%s/tools-%s-%s\n' "$CACHE" "$K_SUITE" \
		"$({ packages build "$K_SUITE"; declare -f _bootstrap _make_tools; } | _hash)"
}

guest_dir()
{
	printf '%s/guest-%s-%s\n' "$CACHE" "$K_SUITE" \
		"$({ packages guest "$K_SUITE"; declare -f _bootstrap _make_guest; } | _hash)"
}

kernel_dir()
{
	if from_source "$K_IMAGE"; then
		source_kernel_dir
		return
	fi
	printf '%s/kernel-%s-%s\n' "$CACHE" "$K_NAME" "$({
		printf '%s\n' "$(tools_dir)" "$(guest_dir)" "$K_FROM" "$K_IMAGE" "$K_HEADERS"
		declare -f _make_kernel _kernel_headers _kernel_image _initramfs _root_image _extract_vmlinux
		cat "$VM_DIR/init"
	} | _hash)"
}

check_dir()
{
	printf '%s/check-%s-%s\n' "$CACHE" "$K_NAME" \
		"$({ kernel_dir; packages check "$K_SUITE"; declare -f _make_check; } | _hash)"
}

# --- entering a root --------------------------------------------------------------------------------------------------

# A mount namespace of its own for COMMAND. Inside of a plain chroot the root is no mount and cannot be made private;
# there PRIVATE is empty, and whoever mounts has to unmount.
_alone()
{
	# shellcheck disable=SC2016  # expanded by the inner shell
	unshare --mount --propagation unchanged bash -euc '
		PRIVATE=1
		mount --make-rprivate / 2>/dev/null || PRIVATE=
		export PRIVATE
		exec "$@"' alone "$@"
}

# What `enter` does in the new namespace: COUNT bindings, the root, the command
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
	# The directory that it names need not be there inside
	unset TMPDIR
	chroot "$root" "$@"'

# enter ROOT [-b SOURCE:TARGET]... -- COMMAND...: a chroot with /proc and /dev, and SOURCE bound to TARGET in it. The
# mounts live in a namespace of their own: nothing is left behind, whatever happens.
enter()
{
	local root=$1 binds=(/proc:/proc /dev:/dev)
	shift
	while [[ $1 == -b ]]; do
		binds+=("$2")
		shift 2
	done
	shift
	_alone bash -euc "$ENTER" enter "$root" "${#binds[@]}" "${binds[@]}" "$@"
}

# apt_in ROOT ARGS...: apt-get in a chroot, with the network settings and the mirrors of this machine and the shared
# directory of packages
apt_in()
{
	local root=$1
	shift
	cp -L --remove-destination /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || :
	cp -L --remove-destination /etc/hosts "$root/etc/hosts" 2>/dev/null || :
	DEBIAN_FRONTEND=$DEBIAN enter "$root" -b "$CACHE/debs-$K_SUITE:/var/cache/apt/archives" -- \
		apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io "$@"
}

# _bootstrap DIR PACKAGES [MMDEBSTRAP OPTIONS]...
_bootstrap()
{
	local dir=$1 include=$2 debs=$CACHE/debs-$K_SUITE options=()
	shift 2
	mkdir -p "$debs/partial"
	host_apt_options >"$dir.apt"
	[[ -s $dir.apt ]] && options+=(--aptopt="$dir.apt")
	# mmdebstrap wants an empty directory of packages and leaves one; here it gets the shared one, and keeps it.
	# shellcheck disable=SC2016  # expanded by mmdebstrap's hooks
	sources "$K_SUITE" - | DEBS=$debs _alone mmdebstrap --mode=root --format=directory \
		--variant=apt --include="$include" "${options[@]}" "$@" \
		--dpkgopt=force-unsafe-io \
		--skip=download/empty --skip=essential/unlink --skip=cleanup/apt --skip=cleanup/reproducible \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
		--setup-hook='mount --bind "$DEBS" "$1/var/cache/apt/archives"' \
		--customize-hook='umount "$1/var/cache/apt/archives"' \
		"$K_SUITE" "$dir" -
	rm -f "$dir.apt"
}

# --- recipes: each fills the directory $1 -----------------------------------------------------------------------------

_make_tools()
{
	_bootstrap "$1/chroot" "$(packages build "$K_SUITE" | paste -sd ,)"
}

_make_guest()
{
	_bootstrap "$1/tree" "$(packages guest "$K_SUITE" | paste -sd ,)" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*'
	rm -rf "$1/tree/var/lib/apt/lists" "$1/tree/var/cache/apt"
	printf 'guest\n' >"$1/tree/etc/hostname"
	printf '127.0.0.1 localhost guest\n' >"$1/tree/etc/hosts"
}

_make_check()
{
	local extra=()
	cp -al "$(kernel_dir)/chroot" "$1/chroot"
	mapfile -t extra < <(packages check "$K_SUITE")
	apt_in "$1/chroot" install "${extra[@]}"
}

# _kernel_headers DIR: the build chroot of this kernel, DIR/release, and DIR/packages: those that hold the kernel
# itself. From 7.3 on that is no longer one package, but several (linux-image, -binary, -modules, -base).
_kernel_headers()
{
	local dir=$1 target=() release
	cp -al "$(tools_dir)/chroot" "$dir/chroot"
	if [[ $K_FROM != - ]]; then
		sources "$K_SUITE" "$K_FROM" | tail -n 1 >"$dir/chroot/etc/apt/sources.list.d/kernel.list"
		target=(-t "$K_FROM")
	fi
	apt_in "$dir/chroot" update
	apt_in "$dir/chroot" -s "${target[@]}" install "$K_IMAGE" >"$dir/install"
	release=$(sed -nE 's/^Inst linux-image-([0-9][^ ]*) .*/\1/p' "$dir/install" | head -n 1)
	[[ $release ]] || die "cannot tell which kernel the package $K_IMAGE of $K_SUITE brings"
	printf '%s\n' "$release" >"$dir/release"
	sed -nE 's/^Inst ([^ ]*) .*/\1/p' "$dir/install" | grep -F -- "-$release" >"$dir/packages"
	rm "$dir/install"
	apt_in "$dir/chroot" "${target[@]}" install "$K_HEADERS"
	# (build is a symbolic link that leads nowhere from outside)
	enter "$dir/chroot" -- test -d "/lib/modules/$release/build/" ||
		die "kernel $K_NAME: the package $K_IMAGE is of $release," \
			"but $K_HEADERS brings headers of $(ls "$dir/chroot/lib/modules");" \
			"image and headers must be of one version; correct the line in tests/vm/kernels"
}

# _kernel_image DIR: unpacks the kernel's packages (without their maintainer scripts) into DIR/package
_kernel_image()
{
	local dir=$1 release name deb
	release=$(<"$dir/release")
	while read -r name; do
		enter "$dir/chroot" -b "$CACHE/debs-$K_SUITE:/var/cache/apt/archives" -- bash -euc \
			"cd /var/cache/apt/archives && apt-get -q -o APT::Sandbox::User=root download '$name'"
		deb=$(find "$CACHE/debs-$K_SUITE" -name "${name}_*.deb" -printf '%T@ %p\n' | sort -n | tail -n 1)
		dpkg-deb -x "${deb#* }" "$dir/package"
	done <"$dir/packages"
	find "$dir/package" -name 'vmlinuz*' -exec cp {} "$dir/vmlinuz" \;
	[[ -e $dir/vmlinuz ]] || die "no vmlinuz in the packages $(paste -sd ' ' "$dir/packages")"
	# Drivers of hardware that no guest has are half of the image
	for unused in sound drivers/{gpu,media,infiniband,staging,iio,usb,scsi,hwmon,net/ethernet,net/wireless}; do
		rm -rf "$dir/package"/{,usr/}"lib/modules/$release/kernel/$unused"
	done
}

# _extract_vmlinux DIR: the ELF file inside of vmlinuz. QEMU boots that directly (PVH), which saves the seconds that the
# emulated processor takes to decompress it. Where and how long the compressed part is stands in the x86 boot header.
_extract_vmlinux()
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
	# The last four bytes are the unpacked size, which xz and zstd take for rubbish
	# shellcheck disable=SC2086  # a command and its option
	tail -c +$((offset + 1)) "$dir/vmlinuz" | head -c $((length - 4)) |
		enter "$dir/chroot" -- $unpack >"$dir/vmlinux" || [[ $unpack == gzip* ]]
	[[ $(od -An -tx1 -N 4 "$dir/vmlinux") == ' 7f 45 4c 46' ]]
}

# _initramfs DIR ROOT: busybox, /init, and the modules that it takes to mount the disk, in the order to load them
_initramfs()
{
	local dir=$1 root=$2 tree=$1/initramfs release word path
	release=$(<"$dir/release")
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,new}
	install "$root/bin/busybox" "$tree/bin/busybox"
	install "$VM_DIR/init" "$tree/init"
	while read -r word path _; do
		[[ $word == insmod ]] || continue
		local name=${path##*/}
		name=${name%%.ko*}.ko
		case $path in
		*.xz) xz -dc "$root$path" >"$tree/modules/$name" ;;
		*.zst) enter "$root" -- zstd -dc "$path" >"$tree/modules/$name" ;;
		*) cp "$root$path" "$tree/modules/$name" ;;
		esac
		grep -qxF "$name" "$tree/modules/order" 2>/dev/null || printf '%s\n' "$name" >>"$tree/modules/order"
	done < <(enter "$root" -- modprobe --set-version "$release" --show-depends --all \
		virtio_pci virtio_blk virtio_console ext4)
	[[ -s $tree/modules/order ]] || die "found no modules for the initramfs in the kernel package"
	(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$dir/initramfs.gz"
	rm -rf "$tree"
}

# _root_image DIR ROOT: no journal, for a disk that lives as long as one run; room for what a test may write
_root_image()
{
	local size
	size=$(du -sm "$2")
	size=$((${size%%[!0-9]*} * 11 / 10 + 1024))
	mke2fs -q -t ext4 -O '^has_journal' -m 0 -L guest -d "$2" "$1/root.img" "${size}M"
}

_make_kernel()
{
	local dir=$1 root=$1/tree release modules
	_kernel_headers "$dir"
	_kernel_image "$dir"
	release=$(<"$dir/release")
	cp -al "$(guest_dir)/tree" "$root"
	modules=$(find "$dir/package" -path "*lib/modules/$release" -prune)
	mkdir -p "$root/lib/modules"
	cp -a "$modules" "$root/lib/modules/"
	enter "$root" -- depmod "$release"
	_initramfs "$dir" "$root"
	_root_image "$dir" "$root"
	if ! _extract_vmlinux "$dir"; then
		echo "no ELF file found in vmlinuz: guests will boot vmlinuz itself, some seconds slower"
		rm -f "$dir/vmlinux"
	fi
	rm -rf "$root" "$dir/package"
}

# --- set-up -----------------------------------------------------------------------------------------------------------

have_kernel()
{
	[[ -d $(kernel_dir) ]]
}

have_check()
{
	have_kernel && [[ -d $(check_dir) ]]
}

# _piece TEXT DIR RECIPE
_piece()
{
	local text=$1 dir=$2
	[[ -d $dir ]] && return
	rm -rf --one-file-system "$dir.tmp"
	mkdir -p "$dir.tmp"
	step "$text" "$3" "$dir.tmp"
	mv "$dir.tmp" "$dir"
}

# One set-up at a time; `exec 9>&-` ends it
_setup_lock()
{
	cmd_deps
	mkdir -p "$CACHE"
	exec 9>"$CACHE/lock"
	if ! flock --nonblock 9; then
		say "another set-up is under way; waiting for it"
		flock 9
	fi
}

_setup()
{
	_setup_lock
	_piece "build chroot of $K_SUITE" "$(tools_dir)" _make_tools
	_piece "guest root of $K_SUITE" "$(guest_dir)" _make_guest
	if from_source "$K_IMAGE"; then
		_piece "kernel $K_NAME, compiled from $K_IMAGE" "$(kernel_dir)" _make_source_kernel
	else
		_piece "kernel $K_NAME: headers, modules, disk image" "$(kernel_dir)" _make_kernel
	fi
	if [[ $1 == check ]]; then
		_piece "checkers for $K_NAME" "$(check_dir)" _make_check
	fi
	exec 9>&-
}

need_kernel()
{
	have_kernel || _setup kernel
}

need_check()
{
	have_check || _setup check
}

cmd_setup()
{
	local want=kernel kernel=$DEFAULT_KERNEL opt
	while getopts :k:csb opt; do
		case $opt in
		k) kernel=$OPTARG ;;
		c) want=check ;;
		b) want=bench ;;
		s) want=system ;;
		*) usage_error "setup: -$OPTARG: unknown, or its value is missing" ;;
		esac
	done
	kernel_load "$kernel"
	cmd_deps
	case $want in
	kernel) need_kernel ;;
	check) need_check ;;
	bench) need_bench ;;
	system)
		need_system
		say "the system with kernel $K_NAME is ready in $CACHE"
		return
		;;
	esac
	say "kernel $K_NAME is $(<"$(kernel_dir)/release"), ready in $CACHE"
}

# What is of use to this tree, for any kernel of the table
_current_pieces()
{
	local name
	while read -r name; do
		kernel_load "$name"
		tools_dir
		guest_dir
		kernel_dir
		check_dir
		bench_dir
		system_dir
	done < <(kernel_names)
}

_clean_old()
{
	local current dir
	current=$(_current_pieces)
	for dir in "$CACHE"/*-*-*; do
		if [[ -d $dir ]] && ! grep -qxF "$dir" <<<"$current"; then
			say "removing ${dir##*/}"
			rm -rf --one-file-system "$dir"
		fi
	done
}

cmd_clean_cache()
{
	[[ -d $CACHE ]] || return 0
	if [[ ${1:-} == -o ]]; then
		_clean_old
		return
	fi
	(($# == 0)) || usage_error "clean-cache: $1 is unknown"
	say "removing $CACHE ($(du -sh "$CACHE" | cut -f 1))"
	rm -rf --one-file-system "$CACHE"
}
