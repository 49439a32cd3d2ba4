# shellcheck shell=bash
# The guest of the benchmark: that of the tests, and in it what the benchmark compares with.
#
#   bench-NAME      root.img = kernel-NAME's root + the packages of the place `bench`, and the modules of `bench-dkms`
#
# Modules that Debian ships as source (`bench-dkms`) are built here, for that kernel, by DKMS, as they would be on a
# host. Some do not build for each kernel. That does not fail the set-up: why is left in the guest, in
# /usr/share/bench/PACKAGE.failed, for the benchmark to say.

bench_dir()
{
	printf '%s/bench-%s-%s\n' "$CACHE" "$K_NAME" "$({
		kernel_dir
		packages bench "$K_SUITE"
		packages bench-dkms "$K_SUITE"
		packages bench-stap "$K_SUITE"
		declare -f _make_bench _bench_{root,chroot,module,build,failure,stap}
	} | _hash)"
}

_make_bench()
{
	local dir=$1 root=$1/tree name
	_bench_root "$dir" "$root"
	_bench_chroot "$dir"
	while read -r name; do
		_bench_module "$dir" "$root" "$name"
	done < <(packages bench-dkms "$K_SUITE")
	_bench_stap "$dir" "$root"
	enter "$root" -- depmod "$(<"$(kernel_dir)/release")"
	rm -f "$root"/etc/resolv.conf
	rm -rf "$root"/var/lib/apt/lists "$root"/var/cache/apt
	printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
	_root_image "$dir" "$root"
	rm -rf --one-file-system "$root" "$dir/chroot"
}

# _bench_root DIR ROOT: the kernel's modules are in its image only
_bench_root()
{
	local dir=$1 root=$2 names
	cp -al "$(guest_dir)/tree" "$root"
	mkdir -p "$root/usr/share/bench"
	debugfs -R "rdump /usr/lib/modules \"$root/usr/lib\"" "$(kernel_dir)/root.img" 2>/dev/null
	[[ -d $root/usr/lib/modules/$(<"$(kernel_dir)/release")/kernel ]] || die "no modules in the image of $K_NAME"
	mapfile -t names < <(packages bench "$K_SUITE")
	apt_in "$root" update
	apt_in "$root" install "${names[@]}"
}

_bench_chroot()
{
	cp -al "$(kernel_dir)/chroot" "$1/chroot"
	apt_in "$1/chroot" update
	apt_in "$1/chroot" install dkms
}

# _bench_module DIR ROOT PACKAGE: its scripts would build the module as well, and fail with it
_bench_module()
{
	local dir=$1 root=$2 name=$3 release deb into
	release=$(<"$(kernel_dir)/release")
	apt_in "$dir/chroot" --download-only --reinstall install "$name"
	deb=$(find "$CACHE/debs-$K_SUITE" -name "${name}_*.deb" -printf '%T@ %p\n' | sort -n | tail -n 1)
	dpkg-deb --fsys-tarfile "${deb#* }" | tar -C "$dir/chroot" --keep-directory-symlink -xf -
	if enter "$dir/chroot" -- bash -euc "$(declare -f _bench_build); _bench_build \"\$@\"" \
		bash "$release" "$(dpkg-deb -c "${deb#* }" | sed -nE 's,.*\./usr/src/([^/]+)/dkms.conf$,\1,p')"; then
		into=$root/usr/lib/modules/$release/updates/dkms
		mkdir -p "$into"
		find "$dir/chroot/var/lib/dkms" -path '*/module/*' -name '*.ko' -exec cp {} "$into" \;
	else
		_bench_failure "$dir/chroot/var/lib/dkms" >"$root/usr/share/bench/$name.failed"
		cat "$root/usr/share/bench/$name.failed"
	fi
	rm -rf "$dir"/chroot/var/lib/dkms/*
}

# _bench_build RELEASE NAME-VERSION: in the chroot
_bench_build()
{
	dkms add "${2%-*}/${2##*-}"
	dkms build "${2%-*}/${2##*-}" -k "$1" --no-clean-kernel
}

# The first thing that a compiler complained of
_bench_failure()
{
	find "$1" -name make.log -exec grep -ahm 1 -E '\berror:' {} + | sed -E 's,^.*/([^/]+:[0-9]+:),\1,' | head -n 1 |
		grep . || echo 'the build fails, without a compiler error'
}

# SystemTap makes a module of each script, on a machine with compiler and headers: the emptiest must build
_bench_stap()
{
	local dir=$1 root=$2 names log=$1/stap.log
	mapfile -t names < <(packages bench-stap "$K_SUITE")
	((${#names[@]})) || return 0
	apt_in "$dir/chroot" install "${names[@]}"
	enter "$dir/chroot" -- stap -v -p 4 -r "$(<"$(kernel_dir)/release")" -e 'probe begin { exit() }' \
		>"$log" 2>&1 && return
	{ grep -am 1 -E '\berror:' "$log" || tail -n 1 "$log"; } | sed -E 's,^.*/([^/]+:[0-9]+:),\1,' \
		>"$root/usr/share/bench/systemtap.failed"
	cat "$log"
}

need_bench()
{
	[[ ! -d $(bench_dir) ]] || return 0
	[[ $(packages bench "$K_SUITE") ]] || die "tests/vm/packages has no line 'bench' for $K_SUITE"
	need_kernel
	_setup_lock
	_piece "guest of the benchmark, with kernel $K_NAME" "$(bench_dir)" _make_bench
	exec 9>&-
}
