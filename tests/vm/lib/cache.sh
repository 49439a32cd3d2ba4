# shellcheck shell=bash
# shellcheck disable=SC2030,SC2031  # declarations of a recipe are read in a subshell on purpose
# The cache: build chroots, guest images and kernels. Each piece is a directory PIECE-LABEL-KEY that one file of
# recipes/ makes, in a shell of its own (recipes/run). LABEL is the kernel or its suite.
#
# KEY is a hash of everything that a recipe can use: the recipe, recipes/lib.sh, and what the recipe declares:
#
#   LABEL      the setting that the piece is named after
#   BELOW      the pieces that it is built on; it finds the directory of `guest` in $GUEST_PIECE
#   PLACES     the places of tests/vm/packages that it installs from
#   SETTINGS   the fields of the line in tests/vm/kernels
#   FILES      other files of tests/vm
#
# Comments are left out of the hash, so that rewording one builds nothing anew. A recipe that uses what it has not
# declared fails. A piece is built under another name and renamed when it is complete, so an interrupted set-up leaves
# nothing that looks complete.
#
# debs-SUITE holds every package that was downloaded for the suite, and is shared by all pieces.

readonly PIECES='tools guest shell kernel check bench system'
readonly CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/setnsmon
# shellcheck source=tests/vm/recipes/lib.sh
. "$VM_DIR/recipes/lib.sh"

# --- the table of kernels ---------------------------------------------------------------------------------------------

kernel_names()
{
	sed -E '/^[[:space:]]*(#|$)/d; s/[[:space:]].*//' "$VM_DIR/kernels"
}

# Prints the kernels that Debian ships
debian_kernel_names()
{
	sed -E '/linux-source-/d; /^[[:space:]]*(#|$)/d; s/[[:space:]].*//' "$VM_DIR/kernels"
}

cmd_kernels()
{
	case ${1:-} in
	'') kernel_names ;;
	-d) debian_kernel_names ;;
	*) usage_error "kernels: unknown argument '$1'" ;;
	esac
}

# kernel_load NAME: sets K_NAME K_SUITE K_FROM K_IMAGE K_HEADERS
# shellcheck disable=SC2034  # recipes read them
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
	die "unknown kernel '$1' (expected: $(kernel_names | paste -sd ' '))" \
		"a kernel is a line in tests/vm/kernels"
}

# Succeeds if the kernel is one that Debian does not ship
from_source()
{
	[[ $K_IMAGE == linux-source-* ]]
}

# --- keys -------------------------------------------------------------------------------------------------------------

# Prints files without blank lines and comments. (In .config a line like a comment switches an option off.)
without_comments()
{
	sed -E '/^# CONFIG_.* is not set$/b; /^[[:space:]]*(#|$)/d' "$@"
}

# recipe_of PIECE: prints the recipe that makes a piece of the kernel that is loaded
recipe_of()
{
	if [[ $1 == kernel ]] && from_source; then
		echo source
	else
		echo "$1"
	fi
}

# piece_dir PIECE: prints the directory of a piece of the kernel that is loaded
piece_dir()
{
	(
		recipe=$(recipe_of "$1")
		LABEL='' BELOW=() PLACES=() SETTINGS=() FILES=()
		# shellcheck source=/dev/null
		. "$VM_DIR/recipes/$recipe.sh"
		key=$(
			cd "$VM_DIR" || exit
			without_comments recipes/lib.sh "recipes/$recipe.sh" "${FILES[@]}"
			for name in "${BELOW[@]}"; do
				piece_dir "$name"
			done
			for name in "${PLACES[@]}"; do
				printf '%s:\n' "$name"
				packages "$name" "$K_SUITE"
			done
			for name in "${SETTINGS[@]}"; do
				printf '%s=%s\n' "$name" "${!name}"
			done
		)
		# (the place of the cache is not part of the key)
		key=$(sha256sum <<<"${key//"$CACHE"/}")
		printf '%s/%s-%s-%s\n' "$CACHE" "$1" "${!LABEL}" "${key:0:12}"
	)
}

# _export_inputs ARCHIVE: exports what the recipe of a piece may use
_export_inputs()
{
	local name var
	# shellcheck disable=SC2034  # read by the recipe
	export DEBS=$1 K_SUITE MIRROR SECURITY_MIRROR APT_OPTIONS
	export "${LABEL?}" "${SETTINGS[@]}"
	for name in "${BELOW[@]}"; do
		export "${name^^}_PIECE=$(piece_dir "$name")"
	done
	for name in "${PLACES[@]}"; do
		var=PACKAGES_${name//-/_}
		export "$var=$(packages "$name" "$K_SUITE")"
	done
}

# _make PIECE DIR: runs the recipe of a piece
_make()
{
	local recipe LABEL='' BELOW=() PLACES=() SETTINGS=() FILES=()
	recipe=$(recipe_of "$1")
	# shellcheck source=/dev/null
	. "$VM_DIR/recipes/$recipe.sh"
	find_mirrors
	_export_inputs "$(archive_of "$1")"
	exec "$VM_DIR/recipes/run" "$recipe" "$2"
}

# --- set-up -----------------------------------------------------------------------------------------------------------

# describe PIECE: prints what a piece is, for people
describe()
{
	case $1 in
	tools) echo "build chroot of $K_SUITE" ;;
	guest) echo "guest of $K_SUITE" ;;
	shell) echo "podman and other programs" ;;
	kernel)
		if from_source; then
			echo "kernel $K_NAME, compiled from $K_IMAGE (5 to 20 minutes)"
		else
			echo "kernel $K_NAME"
		fi
		;;
	check) echo "checkers for kernel $K_NAME" ;;
	bench) echo "guest of the benchmark with kernel $K_NAME" ;;
	system) echo "whole system with kernel $K_NAME" ;;
	esac
}

# The pieces below a piece, and the piece itself, in the order to make them
_pieces_of()
{
	(
		BELOW=()
		# shellcheck source=/dev/null
		. "$VM_DIR/recipes/$(recipe_of "$1").sh"
		for name in "${BELOW[@]}"; do
			_pieces_of "$name"
		done
		echo "$1"
	)
}

# archive_of PIECE: prints the directory of downloaded packages for a piece. apt locks it, so pieces that are made at
# the same time need different ones.
archive_of()
{
	case $1 in
	guest | shell) printf '%s/debs-%s/guest\n' "$CACHE" "$K_SUITE" ;;
	*) printf '%s/debs-%s\n' "$CACHE" "$K_SUITE" ;;
	esac
}

# missing PIECE...: prints those of the pieces, and of the pieces below them, that do not exist
missing()
{
	local name piece
	for name in "$@"; do
		for piece in $(_pieces_of "$name"); do
			[[ -d $(piece_dir "$piece") ]] || echo "$piece"
		done
	done | awk '!seen[$0]++'
}

# next_pieces PIECE...: of these missing pieces, prints those to make next: they do not need another one of them, and
# use different directories of packages
next_pieces()
{
	local piece archives=' '
	for piece in "$@"; do
		[[ $(missing "$piece") == "$piece" && $archives != *" $(archive_of "$piece") "* ]] || continue
		archives+="$(archive_of "$piece") "
		echo "$piece"
	done
}

# _make_all PIECE...: makes pieces at the same time
_make_all()
{
	local piece pids=() pid rc=0
	for piece in "$@"; do
		(_make "$piece" "$(piece_dir "$piece").tmp") &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=$?
	done
	return "$rc"
}

# Only one set-up runs at a time. `exec 9>&-` ends it.
_setup_lock()
{
	cmd_deps
	mkdir -p "$CACHE"
	exec 9>"$CACHE/lock"
	if ! flock --nonblock 9; then
		say "another set-up is running; waiting for it"
		flock 9
	fi
}

# need PIECE...: makes these pieces and those below them, unless they exist
need()
{
	local piece dir text lacking=() now=()
	[[ $(missing "$@") ]] || return 0
	_setup_lock
	while mapfile -t lacking < <(missing "$@") && ((${#lacking[@]})); do
		mapfile -t now < <(next_pieces "${lacking[@]}")
		text=''
		for piece in "${now[@]}"; do
			dir=$(piece_dir "$piece")
			rm -rf --one-file-system "$dir.tmp"
			mkdir -p "$dir.tmp"
			text+="${text:+; }$(describe "$piece")"
		done
		step "$text" _make_all "${now[@]}"
		for piece in "${now[@]}"; do
			dir=$(piece_dir "$piece")
			mv "$dir.tmp" "$dir"
		done
	done
	exec 9>&-
}

cmd_setup()
{
	parse_options setup k:cbls "$@"
	kernel_load "${OPT[k]:-$DEFAULT_KERNEL}"
	cmd_deps
	if [[ ${OPT[s]:-} ]]; then
		need_system
		say "the whole system with kernel $K_NAME is ready in $CACHE"
		return
	fi
	need kernel ${OPT[c]:+check} ${OPT[b]:+bench} ${OPT[l]:+shell}
	say "kernel $K_NAME is $(<"$(piece_dir kernel)/release"), ready in $CACHE"
}

# --- cleaning ---------------------------------------------------------------------------------------------------------

# Prints the pieces that are of use to this tree, for any kernel of the table
_current_pieces()
{
	local name piece
	while read -r name; do
		kernel_load "$name"
		for piece in $PIECES; do
			piece_dir "$piece"
		done
	done < <(kernel_names)
}

_remove_old()
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

# Prints the size of the cache in MiB
_cache_size()
{
	local size
	size=$(du -sm "$CACHE")
	printf '%s\n' "${size%%[!0-9]*}"
}

# Prints what each piece adds to the size of the cache. Pieces share files by hard links; a shared file counts once, for
# the piece that the others are built on.
_list_cache()
{
	local names=()
	mapfile -t names < <(cd "$CACHE" &&
		ls -dU debs-* tools-* guest-* kernel-* shell-* check-* bench-* system-* 2>/dev/null)
	(cd "$CACHE" && du -cm --max-depth=0 "${names[@]}") | awk '{ printf "%6d MiB  %s\n", $1, $2 }'
	printf '%s\n' "The cache is $CACHE. To remove it: $VM_NAME clean-cache" \
		"To remove only what no longer fits the recipes of this tree: $VM_NAME clean-cache -o"
}

cmd_cache()
{
	parse_options cache k:q "$@"
	((${#ARGS[@]} == 0)) || usage_error "cache: unknown argument '${ARGS[0]}'"
	if [[ ${OPT[k]:-} ]]; then
		kernel_load "${OPT[k]}"
		for piece in $PIECES; do
			piece_dir "$piece"
		done
	elif [[ ! -d $CACHE ]]; then
		[[ ${OPT[q]:-} ]] || say "the cache is empty: $CACHE does not exist"
	elif [[ ${OPT[q]:-} ]]; then
		printf '%s\n' "What the tests have set up stays in $CACHE. To remove it: $VM_NAME clean-cache"
	else
		_list_cache
	fi
}

cmd_clean_cache()
{
	local before
	if [[ ! -d $CACHE ]]; then
		say "nothing to remove: $CACHE does not exist"
		return
	fi
	# Not while a piece is being made
	_setup_lock
	before=$(_cache_size)
	case ${1:-} in
	-o)
		_remove_old
		say "freed $((before - $(_cache_size))) MiB; $(_cache_size) MiB are still in use in $CACHE"
		;;
	'')
		rm -rf --one-file-system "$CACHE"
		say "removed $CACHE and freed $before MiB"
		;;
	*) usage_error "clean-cache: unknown argument '$1'" ;;
	esac
}
