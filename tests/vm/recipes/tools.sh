# shellcheck shell=bash disable=SC2034  # the declarations are read by lib/cache.sh
# The build chroot of a suite, without any kernel, in chroot/.
LABEL=K_SUITE BELOW=() PLACES=(build) SETTINGS=() FILES=()

make_piece()
{
	bootstrap "$1/chroot" "$(packages build | paste -sd ,)"
}
