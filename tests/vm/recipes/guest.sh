# shellcheck shell=bash disable=SC2034  # the declarations are read by lib/cache.sh
# The root of a suite's guests, without any kernel, in tree/.
LABEL=K_SUITE BELOW=() PLACES=(guest) SETTINGS=() FILES=()

make_piece()
{
	bootstrap "$1/tree" "$(packages guest | paste -sd ,)" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*'
	forget_apt "$1/tree"
	printf 'guest\n' >"$1/tree/etc/hostname"
}
