# shellcheck shell=bash
# Building in the chroot of a kernel, from a copy of the tree, so that the tree itself stays as it is.
#
#   build/tree/KERNEL   the copy; /src in the chroot. SETNSMON_TREE names another directory than tree, for a second
#                       copy that is built and tested at the same time
#   build/vm/KERNEL     the files for a guest: setnsmon.ko, setnsmon, setnsmon.py, and a folder of each other part;
#                       installed/ has the files that `make install` installs

tree_copy()
{
	printf '%s/build/%s/%s\n' "$TOP" "${SETNSMON_TREE:-tree}" "$K_NAME"
}

results()
{
	printf '%s/build/vm/%s\n' "$TOP" "$K_NAME"
}

# _tree_files LIST: writes the names of the tree's files to LIST, except those that a compiler made, perhaps for another
# kernel or libc. The tree may be a copy without git, so these are recognised by their first bytes (ELF files and ar
# archives) and, for kbuild's other files, by their names.
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
		# (grep fails if it finds nothing)
		xargs -0 -r grep -lZ -a -m 1 -P '\A(\x7fELF|!<arch>)' <"$1.all" 2>/dev/null | sort -z >"$1.made" || :
		comm -z -23 "$1.all" "$1.made" >"$1"
		rm -f "$1.all" "$1.made"
	)
}

# Updates the copy. Times are kept, so that make in the copy builds only what changed. Files that were removed from the
# tree are removed from the copy, and what was built in the copy stays.
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

# in_chroot DIR COMMAND...: runs COMMAND in the copied tree, inside the build chroot DIR
in_chroot()
{
	local chroot=$1
	shift
	mkdir -p "$(tree_copy)"
	# shellcheck disable=SC2016  # expanded inside
	enter "$chroot" -b "$(tree_copy):/src" -- /usr/bin/env -u CDPATH HOME=/root LC_ALL=C.UTF-8 \
		KDIR="/lib/modules/$(<"$(piece_dir kernel)/release")/build" bash -c 'cd /src && exec "$@"' bash "$@"
}

# Only one build runs at a time on one tree
_build_lock()
{
	mkdir -p "$(dirname "$(tree_copy)")"
	exec 8>"$(tree_copy).lock"
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
			_install "$copy/tools/setnsmon.py" "$results/setnsmon.py"
			;;
		installed)
			rm -rf "${copy:?}/build/installed" "${results:?}/installed"
			"${make[@]}" install DESTDIR=/src/build/installed
			cp -a "$copy/build/installed" "$results/installed"
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

# Copies a file under another name first, because a guest that starts now must not get half of it
_install()
{
	cp -p "$1" "$2.new"
	mv "$2.new" "$2"
}

# Fails with a clear message if the module was built for another kernel, which insmod would only report much later
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
	local part parts=(module tools lib functional stress demo)
	parse_options build k: "$@"
	set -- "${ARGS[@]}"
	kernel_load "${OPT[k]:-$DEFAULT_KERNEL}"
	# Only an instrumented kernel finds the faults of debug/
	from_source && parts+=(kunit debug)
	for part in "$@"; do
		[[ " ${parts[*]} bench installed " == *" $part "* ]] ||
			usage_error "build: unknown part '$part' (expected: ${parts[*]} bench installed)"
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
	parse_options chroot k: "$@"
	((${#ARGS[@]})) || usage_error "chroot: no command"
	kernel_load "${OPT[k]:-$DEFAULT_KERNEL}"
	need check
	_build_lock
	sync_tree
	exec 8>&-
	in_chroot "$(piece_dir check)/chroot" "${ARGS[@]}"
}
