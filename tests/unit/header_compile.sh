#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Compiles the UAPI header by itself, with nothing included before it, in every language standard and for both word
# sizes that a program may use. -Wpadded finds implicit padding.
#
#	header_compile.sh SCRATCH-DIRECTORY

# shellcheck source=tests/lib/tap.sh
. ../lib/tap.sh
include=../../include/uapi
scratch=$1
mkdir -p "$scratch"
echo '#include <linux/setnsmon.h>' >"$scratch/only.c"
echo '#include <linux/setnsmon.h>' >"$scratch/only.cc"
printf '%s\n' '#include <linux/setnsmon.h>' '#include <linux/setnsmon.h>' \
	'struct setnsmon_record a_record;' >"$scratch/twice.c"
cp "$scratch/twice.c" "$scratch/twice.cc"
# shellcheck disable=SC2034  # for tap_check
TAP_LOG=$scratch/log

# The kernel's own headers, which our header includes, must be installed for this word size
usable() # COMPILER WORD-SIZE
{
	command -v "$1" >/dev/null || {
		echo "$1 is not installed"
		return 1
	}
	printf '#include <%s>\n' stddef.h linux/types.h linux/ioctl.h |
		"$1" -m"$2" -x c -fsyntax-only - 2>/dev/null || {
		echo "$1 -m$2 does not work here: headers for $2 bit are not installed (gcc-multilib)"
		return 1
	}
}

try() # COMPILER STANDARD WORD-SIZE SOURCE
{
	usable "$1" "$3" || return 77
	"$1" -std="$2" -m"$3" -pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only -I"$include" "$scratch/$4"
}

for bits in 64 32; do
	for std in c89 gnu89 c99 c11 gnu17; do
		for cc in gcc clang; do
			for source in only.c twice.c; do
				tap_check "the header compiles: $cc -std=$std -m$bits $source" \
					try $cc $std $bits $source
			done
		done
	done
	for std in c++98 c++11 c++17; do
		for cc in g++ clang++; do
			for source in only.cc twice.cc; do
				tap_check "the header compiles: $cc -std=$std -m$bits $source" \
					try $cc $std $bits $source
			done
		done
	done
done
tap_plan
