# shellcheck shell=bash
# Kernels that Debian does not ship: built from its source package, with that suite's compiler, for what only a debug
# kernel can find. Their lines in tests/vm/kernels name the package of the source where others name that of the image,
# and the layers of the configuration, files of config/, where others name the headers.
#
# A layer holds lines as .config has them. What no layer names is off, so a kernel is small, and built in minutes. The
# build fails if one of the lines has not survived: what it depends on is missing, or the kernel no longer has it.
#
# Where nothing of ours can go wrong the compiler does not look for it either: it takes half of the time, in the build
# and in the guest. (Modules are always looked at; so is memory that such code copies, allocates or frees.)
readonly UNWATCHED='arch/x86 block crypto net fs/ext4 fs/jbd2 drivers/[!bc]* drivers/b[!a]* drivers/c[!h]*'

from_source() # IMAGE
{
	[[ $1 == linux-source-* ]]
}

# _layers: the lines of K_HEADERS's layers
_layers()
{
	local layer
	for layer in ${K_HEADERS//,/ }; do
		cat "$VM_DIR/config/$layer"
	done
}

source_kernel_dir()
{
	printf '%s/kernel-%s-%s\n' "$CACHE" "$K_NAME" "$({
		printf '%s\n' "$(tools_dir)" "$(guest_dir)" "$K_FROM" "$K_IMAGE"
		packages source "$K_SUITE"
		printf '%s\n' "$UNWATCHED"
		declare -f _make_source_kernel _unpack_source _configure _lost_options _compile _lean_headers \
			_bare_initramfs _root_image
		_layers
		cat "$VM_DIR/init"
	} | _hash)"
}

# _unpack_source DIR: the source into DIR/chroot/usr/src/linux, less what no build of x86 reads
_unpack_source()
{
	local dir=$1 deb target=()
	if [[ $K_FROM != - ]]; then
		sources "$K_SUITE" "$K_FROM" | tail -n 1 >"$dir/chroot/etc/apt/sources.list.d/kernel.list"
		target=(-t "$K_FROM")
	fi
	apt_in "$dir/chroot" update
	# shellcheck disable=SC2046  # words
	apt_in "$dir/chroot" install $(packages source "$K_SUITE")
	apt_in "$dir/chroot" "${target[@]}" --download-only --reinstall install "$K_IMAGE"
	deb=$(find "$CACHE/debs-$K_SUITE" -name "${K_IMAGE}_*.deb" -printf '%T@ %p\n' | sort -n | tail -n 1)
	dpkg-deb -x "${deb#* }" "$dir/package"
	mkdir -p "$dir/chroot/usr/src/linux"
	tar -C "$dir/chroot/usr/src/linux" --strip-components=1 \
		--exclude='*/Documentation/*/*' --exclude='*/tools/testing/*' \
		-xf "$dir/package/usr/src/$K_IMAGE.tar.xz"
	rm -r "$dir/package"
	# shellcheck disable=SC2016,SC2086  # expanded inside; patterns
	enter "$dir/chroot" -- bash -euc 'cd /usr/src/linux; find $1 -name Makefile -exec sed -i "1i $2" {} +' \
		bash "$UNWATCHED" 'KASAN_SANITIZE := n\nUBSAN_SANITIZE := n\nKCSAN_SANITIZE := n'
}

# _configure DIR: writes .config, and fails if it does not hold what the layers ask for
_configure()
{
	local dir=$1 tree=$1/chroot/usr/src/linux lost
	_layers >"$tree/layers"
	enter "$dir/chroot" -- make -C /usr/src/linux KCONFIG_ALLCONFIG=layers allnoconfig
	lost=$(_lost_options "$tree/layers" "$tree/.config")
	[[ ! $lost ]] || die "kernel $K_NAME: $K_IMAGE does not take these lines of tests/vm/config/{$K_HEADERS}:" \
		"$(paste -sd ' ' <<<"$lost")"
}

# _lost_options LAYERS CONFIG: the lines that are not so in CONFIG. What it does not name is not set either.
_lost_options()
{
	awk '
		FNR == NR && /^CONFIG_/ { have[$0]; name = $0; sub(/=.*/, "", name); set[name] }
		FNR == NR { next }
		/^CONFIG_/ && !($0 in have) || /^# CONFIG_.* is not set$/ && $2 in set' "$2" "$1"
}

_compile()
{
	local dir=$1
	enter "$dir/chroot" -- nice make -C /usr/src/linux -j "$(nproc)" bzImage modules
	cp "$dir/chroot/usr/src/linux/arch/x86/boot/bzImage" "$dir/vmlinuz"
	enter "$dir/chroot" -- make -s -C /usr/src/linux kernelrelease | tail -n 1 >"$dir/release"
}

# _lean_headers DIR: of the built tree only what modules are built with
_lean_headers()
{
	local dir=$1 src=$1/chroot/usr/src release
	release=$(<"$dir/release")
	mkdir -p "$src/linux-headers-$release" "$dir/chroot/lib/modules/$release"
	tar -C "$src/linux" --exclude='*.o' --exclude='.*.cmd' --exclude='*.a' -cf - \
		.config Makefile Module.symvers include scripts tools/objtool/objtool \
		arch/x86/include arch/x86/Makefile{,_32.cpu,.um} |
		tar -C "$src/linux-headers-$release" -xf -
	ln -s "/usr/src/linux-headers-$release" "$dir/chroot/lib/modules/$release/build"
	rm -rf "$src/linux"
}

# Everything that it takes to mount the disk is in the kernel
_bare_initramfs()
{
	local dir=$1 root=$2 tree=$1/initramfs
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,new}
	install "$root/bin/busybox" "$tree/bin/busybox"
	install "$VM_DIR/init" "$tree/init"
	: >"$tree/modules/order"
	(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$dir/initramfs.gz"
	rm -rf "$tree"
}

# There is no vmlinux here: an instrumented kernel does not come up when QEMU enters it directly
_make_source_kernel()
{
	local dir=$1 root=$1/tree
	cp -al "$(tools_dir)/chroot" "$dir/chroot"
	_unpack_source "$dir"
	_configure "$dir"
	_compile "$dir"
	_lean_headers "$dir"
	cp -al "$(guest_dir)/tree" "$root"
	mkdir -p "$root/lib/modules/$(<"$dir/release")"
	_bare_initramfs "$dir" "$root"
	_root_image "$dir" "$root"
	rm -rf "$root"
}
