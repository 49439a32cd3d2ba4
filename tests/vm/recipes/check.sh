# shellcheck shell=bash disable=SC2034,SC2154  # the declarations are read by lib/cache.sh
# The build chroot of a kernel with the programs that check what was built, in chroot/.
LABEL=K_NAME BELOW=(kernel) PLACES=(check) SETTINGS=() FILES=()

make_piece()
{
	local names=()
	cp -al "$KERNEL_PIECE/chroot" "$1/chroot"
	mapfile -t names < <(packages check)
	apt_in "$1/chroot" install "${names[@]}"
}
