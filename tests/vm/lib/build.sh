# shellcheck shell=bash
# Building in the chroot of a kernel, from a copy of the tree, so that the tree itself stays as it is.
#
#   build/tree/KERNEL   the copy; /src in the chroot
#   build/vm/KERNEL     what a guest gets: setnsmon.ko, setnsmon, functional/, demo/; on a kernel from source
#                       kunit/ and debug/, too

tree_copy()
{
	printf '%s/build/tree/%s\n' "$TOP" "$K_NAME"
}

results()
{
	printf '%s/build/vm/%s\n' "$TOP" "$K_NAME"
}

# The files of the tree: what is there, less what a compiler made (for another kernel or another libc, perhaps). That is
# found without git, since the tree may be a plain copy: whatever begins like an ELF file or an ar archive, and what
# kbuild drops beside it.
_tree_files()
{
	(
		cd "$TOP" || exit
		export LC_ALL=C
		# shellcheck disable=SC2094  # nothing is written here
		find . \( -path ./.git -o -path ./build \) -prune -o \
			\( -type f -o -type l \) ! -name '*.cmd' ! -name '*.mod' ! -name '*.mod.c' ! -name '*.d' \
			! -name modules.order ! -name Module.symvers -print0 |
			sort -z >"$1.all"
		# grep says 1 when it finds none
		xargs -0 -r grep -lZ -a -m 1 -P '\A(\x7fELF|!<arch>)' <"$1.all" 2>/dev/null | sort -z >"$1.made" || :
		comm -z -23 "$1.all" "$1.made" >"$1"
		rm -f "$1.all" "$1.made"
	)
}

# Makes the copy like the tree. Times are kept, so that make in the copy builds only what changed; what is gone from the
# tree goes from the copy, and what was built in the copy stays.
sync_tree()
{
	local copy list
	copy=$(tree_copy)
	list=$copy.files
	mkdir -p "$copy"
	_tree_files "$list.new"
	if [[ -e $list ]]; then
		(cd "$copy" && LC_ALL=C comm -z -23 "$list" "$list.new" | xargs -0 -r rm -f)
	fi
	tar -C "$TOP" --null --no-recursion -T "$list.new" -cf - | tar -C "$copy" --no-same-owner -xpf -
	mv "$list.new" "$list"
}

# in_chroot DIR COMMAND...: COMMAND in the copied tree, inside of the build chroot DIR
in_chroot()
{
	local chroot=$1
	shift
	mkdir -p "$(tree_copy)"
	# shellcheck disable=SC2016  # expanded inside
	enter "$chroot" -b "$(tree_copy):/src" -- /usr/bin/env -u CDPATH HOME=/root LC_ALL=C.UTF-8 \
		KDIR="/lib/modules/$(<"$(piece_dir kernel)/release")/build" bash -c 'cd /src && exec "$@"' bash "$@"
}

# One at a time on one tree
_build_lock()
{
	mkdir -p "$TOP/build/tree"
	exec 8>"$TOP/build/tree/$K_NAME.lock"
	flock 8
}

# _build PART...
_build()
{
	local chroot copy results part
	chroot=$(piece_dir kernel)/chroot
	copy=$(tree_copy)
	results=$(results)
	local make=(in_chroot "$chroot" make -j "$(nproc)" KDIR="/lib/modules/$(<"$(piece_dir kernel)/release")/build")
	sync_tree
	for part in "$@"; do
		case $part in
		module)
			[[ -e $copy/Kbuild ]] || continue
			"${make[@]}" modules W=1
			_install "$copy/setnsmon.ko" "$results/setnsmon.ko"
			;;
		tools)
			[[ -e $copy/tools/Makefile ]] || continue
			"${make[@]}" tools
			_install "$copy/tools/setnsmon" "$results/setnsmon"
			;;
		*)
			[[ -d $copy/tests/$part ]] || continue
			[[ ! -e $copy/tests/$part/Makefile ]] || "${make[@]}" -C "tests/$part"
			rm -rf "${results:?}/.$part"
			cp -a "$copy/tests/$part" "$results/.$part"
			rm -rf "${results:?}/$part"
			mv "$results/.$part" "$results/$part"
			;;
		esac
	done
}

# Under another name first: a guest that starts now must not get half of a file
_install()
{
	cp -p "$1" "$2.new"
	mv "$2.new" "$2"
}

# A module for another kernel than the guest's would only fail at insmod; say it here, and clearly
_check_vermagic()
{
	local ko release magic
	ko=$(results)/setnsmon.ko
	release=$(<"$(piece_dir kernel)/release")
	[[ -e $ko ]] || return 0
	magic=$(tr '\0' '\n' <"$ko" | sed -n 's/^vermagic=\([^ ]*\).*/\1/p' | head -n 1)
	[[ $magic == "$release" ]] ||
		die "setnsmon.ko was built for kernel $magic, but the guest runs $release" \
			"type: rm -rf build && $VM_NAME build -k $K_NAME"
}

cmd_build()
{
	local kernel=$DEFAULT_KERNEL opt part parts=(module tools lib functional stress demo)
	while getopts :k: opt; do
		case $opt in
		k) kernel=$OPTARG ;;
		*) usage_error "build: -$OPTARG: unknown, or its value is missing" ;;
		esac
	done
	shift $((OPTIND - 1))
	kernel_load "$kernel"
	# What is planted there only such a kernel finds
	from_source && parts+=(kunit debug)
	for part in "$@"; do
		[[ " ${parts[*]} bench " == *" $part "* ]] ||
			usage_error "build: no part '$part'; there are: ${parts[*]} bench"
	done
	(($#)) || set -- "${parts[@]}"
	need kernel
	_build_lock
	step "building for $K_NAME ($(<"$(piece_dir kernel)/release"))" _build_logged "$@"
	exec 8>&-
	_check_vermagic
	grep -E '(warning|error):' "$(results).log" >&2 || :
}

_build_logged()
{
	mkdir -p "$(results)"
	_build "$@" 2>&1 | tee "$(results).log"
}

cmd_chroot()
{
	local kernel=$DEFAULT_KERNEL opt
	while getopts :k: opt; do
		case $opt in
		k) kernel=$OPTARG ;;
		*) usage_error "chroot: -$OPTARG: unknown, or its value is missing" ;;
		esac
	done
	shift $((OPTIND - 1))
	(($#)) || usage_error "chroot: no command"
	kernel_load "$kernel"
	need check
	_build_lock
	sync_tree
	exec 8>&-
	in_chroot "$(piece_dir check)/chroot" "$@"
}
