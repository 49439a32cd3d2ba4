# shellcheck shell=bash disable=SC2034,SC2154  # the declarations are read by lib/cache.sh
# The guest of the benchmark, root.img: that of the tests, and in it what setnsmon is compared with.
#
# Modules that Debian ships as source (`bench-dkms`) are built here by DKMS, for this kernel, as on a host. Some of them
# do not build for every kernel, which does not fail the set-up. The reason is left in the guest, in
# /usr/share/bench/PACKAGE.failed, and the benchmark reports it.
LABEL=K_NAME BELOW=(kernel guest) PLACES=(bench bench-dkms bench-stap) SETTINGS=() FILES=()

make_piece()
{
	local dir=$1 root=$1/tree release name
	release=$(<"$KERNEL_PIECE/release")
	[[ $(packages bench) ]] || die "tests/vm/packages has no line 'bench' for $K_SUITE"
	fill_root "$root" "$release"
	cp -al "$KERNEL_PIECE/chroot" "$dir/chroot"
	apt_in "$dir/chroot" update
	apt_in "$dir/chroot" install dkms
	while read -r name; do
		add_module "$dir" "$root" "$release" "$name"
	done < <(packages bench-dkms)
	try_systemtap "$dir" "$root" "$release"
	enter "$root" -- depmod "$release"
	forget_apt "$root"
	disk_image "$dir/root.img" guest 1024 "$root"
	rm -rf --one-file-system "$root" "$dir/chroot"
}

# The kernel's modules exist only in its image
fill_root()
{
	local root=$1 release=$2 names
	cp -al "$GUEST_PIECE/tree" "$root"
	mkdir -p "$root/usr/share/bench"
	debugfs -R "rdump /usr/lib/modules \"$root/usr/lib\"" "$KERNEL_PIECE/root.img" 2>/dev/null
	[[ -d $root/usr/lib/modules/$release/kernel ]] || die "the image of the kernel has no modules"
	mapfile -t names < <(packages bench)
	apt_in "$root" update
	apt_in "$root" install "${names[@]}"
}

# add_module DIR ROOT RELEASE PACKAGE: the package is only unpacked, because its scripts would build the module as well,
# and fail if that fails
add_module()
{
	local dir=$1 root=$2 release=$3 name=$4 deb into
	apt_in "$dir/chroot" --download-only --reinstall install "$name"
	deb=$(newest_deb "$name")
	dpkg-deb --fsys-tarfile "$deb" | tar -C "$dir/chroot" --keep-directory-symlink -xf -
	if enter "$dir/chroot" -- bash -euc "$(declare -f build_module); build_module \"\$@\"" \
		bash "$release" "$(dpkg-deb -c "$deb" | sed -nE 's,.*\./usr/src/([^/]+)/dkms.conf$,\1,p')"; then
		into=$root/usr/lib/modules/$release/updates/dkms
		mkdir -p "$into"
		find "$dir/chroot/var/lib/dkms" -path '*/module/*' -name '*.ko' -exec cp {} "$into" \;
	else
		first_error "$dir/chroot/var/lib/dkms" >"$root/usr/share/bench/$name.failed"
		cat "$root/usr/share/bench/$name.failed"
	fi
	rm -rf "$dir"/chroot/var/lib/dkms/*
}

# build_module RELEASE NAME-VERSION: runs in the chroot
build_module()
{
	dkms add "${2%-*}/${2##*-}"
	dkms build "${2%-*}/${2##*-}" -k "$1" --no-clean-kernel
}

# first_error DIR: prints the first error of a compiler in DKMS's logs
first_error()
{
	find "$1" -name make.log -exec grep -ahm 1 -E '\berror:' {} + | sed -E 's,^.*/([^/]+:[0-9]+:),\1,' | head -n 1 |
		grep . || echo 'the build fails, without a compiler error'
}

# SystemTap turns each script into a module, on a machine with a compiler and headers. The shortest script must build.
try_systemtap()
{
	local dir=$1 root=$2 release=$3 names log=$1/stap.log
	mapfile -t names < <(packages bench-stap)
	((${#names[@]})) || return 0
	apt_in "$dir/chroot" install "${names[@]}"
	enter "$dir/chroot" -- stap -v -p 4 -r "$release" -e 'probe begin { exit() }' >"$log" 2>&1 && return
	{ grep -am 1 -E '\berror:' "$log" || tail -n 1 "$log"; } | sed -E 's,^.*/([^/]+:[0-9]+:),\1,' \
		>"$root/usr/share/bench/systemtap.failed"
	cat "$log"
}
