# shellcheck shell=bash disable=SC2034,SC2154  # the declarations are read by lib/cache.sh
# A kernel that Debian does not ship, built from its source package with that suite's compiler, for what only an
# instrumented kernel can find. It makes what kernel.sh makes, except vmlinux: an instrumented kernel does not come up
# when QEMU enters it directly.
#
# In tests/vm/kernels the line of such a kernel names the package of the source in place of the image, and the layers of
# the configuration, files of config/, in place of the headers. A layer holds lines as .config has them. Everything that
# no layer names is off, so the kernel is small and built in minutes. The build fails if a line is lost because its
# dependencies are missing, or because the kernel no longer has the option.
LABEL=K_NAME BELOW=(tools guest) PLACES=(source) SETTINGS=(K_FROM K_IMAGE K_HEADERS)
read -ra FILES <<<"init config/${K_HEADERS//,/ config/}"

# The compiler does not instrument code in which nothing of ours can go wrong. That halves the time of the build and of
# the guest. (Modules are always instrumented, and so is memory that such code copies, allocates or frees.)
UNINSTRUMENTED='arch/x86 block crypto net fs/ext4 fs/jbd2 drivers/[!bc]* drivers/b[!a]* drivers/c[!h]*'

make_piece()
{
	local dir=$1 root=$1/tree
	cp -al "$TOOLS_PIECE/chroot" "$dir/chroot"
	unpack_source "$dir"
	configure "$dir"
	compile "$dir"
	keep_headers "$dir"
	cp -al "$GUEST_PIECE/tree" "$root"
	mkdir -p "$root/lib/modules/$(<"$dir/release")"
	make_initramfs "$dir" "$root"
	disk_image "$dir/root.img" guest 1024 "$root"
	rm -rf --one-file-system "$root"
}

# Unpacks the source into chroot/usr/src/linux, without what no build of x86 reads
unpack_source()
{
	local dir=$1 target=() names=()
	if [[ $K_FROM != - ]]; then
		apt_sources "$K_SUITE" "$K_FROM" | tail -n 1 >"$dir/chroot/etc/apt/sources.list.d/kernel.list"
		target=(-t "$K_FROM")
	fi
	mapfile -t names < <(packages source)
	apt_in "$dir/chroot" update
	apt_in "$dir/chroot" install "${names[@]}"
	apt_in "$dir/chroot" "${target[@]}" --download-only --reinstall install "$K_IMAGE"
	dpkg-deb -x "$(newest_deb "$K_IMAGE")" "$dir/package"
	mkdir -p "$dir/chroot/usr/src/linux"
	tar -C "$dir/chroot/usr/src/linux" --strip-components=1 \
		--exclude='*/Documentation/*/*' --exclude='*/tools/testing/*' \
		-xf "$dir/package/usr/src/$K_IMAGE.tar.xz"
	rm -r "$dir/package"
	# shellcheck disable=SC2016,SC2086  # expanded inside; patterns
	enter "$dir/chroot" -- bash -euc 'cd /usr/src/linux; find $1 -name Makefile -exec sed -i "1i $2" {} +' \
		bash "$UNINSTRUMENTED" 'KASAN_SANITIZE := n\nUBSAN_SANITIZE := n\nKCSAN_SANITIZE := n'
}

# Writes .config, and fails if a line of the layers is missing from it
configure()
{
	local dir=$1 tree=$1/chroot/usr/src/linux layer lost
	for layer in ${K_HEADERS//,/ }; do
		cat "$(file "config/$layer")"
	done >"$tree/layers"
	enter "$dir/chroot" -- make -C /usr/src/linux KCONFIG_ALLCONFIG=layers allnoconfig
	lost=$(lost_options "$tree/layers" "$tree/.config")
	[[ ! $lost ]] || die "kernel $K_NAME: $K_IMAGE does not accept these lines of tests/vm/config/{$K_HEADERS}:" \
		"$(paste -sd ' ' <<<"$lost")"
}

# lost_options LAYERS CONFIG: prints the lines of LAYERS that CONFIG does not have. An option that CONFIG does not name
# is not set.
lost_options()
{
	awk '
		FNR == NR && /^CONFIG_/ { have[$0]; name = $0; sub(/=.*/, "", name); set[name] }
		FNR == NR { next }
		/^CONFIG_/ && !($0 in have) || /^# CONFIG_.* is not set$/ && $2 in set' "$2" "$1"
}

compile()
{
	local dir=$1
	enter "$dir/chroot" -- nice make -C /usr/src/linux -j "$(nproc)" bzImage modules
	cp "$dir/chroot/usr/src/linux/arch/x86/boot/bzImage" "$dir/vmlinuz"
	enter "$dir/chroot" -- make -s -C /usr/src/linux kernelrelease | tail -n 1 >"$dir/release"
}

# Keeps of the built tree only what modules are built with
keep_headers()
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

# Makes initramfs.gz. Everything that mounting the disks takes is built in.
make_initramfs()
{
	local dir=$1 root=$2 tree=$1/initramfs
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,new}
	install "$root/bin/busybox" "$tree/bin/busybox"
	install "$(file init)" "$tree/init"
	: >"$tree/modules/order"
	: >"$tree/modules/layer"
	pack_initramfs "$tree" "$dir/initramfs.gz"
	rm -rf "$tree"
}
