#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The UAPI header by itself, with nothing included before it, in every language
# and for both word sizes that a program may choose; -Wpadded finds implicit
# padding.
#
#	header_compile.sh SCRATCH-DIRECTORY

include=../../include/uapi
scratch=$1
n=0
mkdir -p "$scratch"
echo '#include <linux/setnsmon.h>' >"$scratch/only.c"
echo '#include <linux/setnsmon.h>' >"$scratch/only.cc"
printf '%s\n' '#include <linux/setnsmon.h>' '#include <linux/setnsmon.h>' \
	'struct setnsmon_record a_record;' >"$scratch/twice.c"
cp "$scratch/twice.c" "$scratch/twice.cc"

try() { # compiler standard word-size source
	n=$((n + 1))
	name="the header compiles: $1 -std=$2 -m$3 $4"
	if ! command -v "$1" >/dev/null; then
		echo "ok $n - $name # SKIP $1 is not installed"
		return
	fi
	if ! echo "#include <stddef.h>" | "$1" -m"$3" -x c -fsyntax-only - 2>/dev/null; then
		echo "ok $n - $name # SKIP $1 -m$3 does not work here"
		return
	fi
	if "$1" -std="$2" -m"$3" -pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only \
		-I"$include" "$scratch/$4" 2>"$scratch/log"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		grep error "$scratch/log" | head -8 | sed 's/^/# /'
		failed=1
	fi
}

for bits in 64 32; do
	for std in c89 gnu89 c99 c11 gnu17; do
		for cc in gcc clang; do
			try $cc $std $bits only.c
			try $cc $std $bits twice.c
		done
	done
	for std in c++98 c++11 c++17; do
		for cc in g++ clang++; do
			try $cc $std $bits only.cc
			try $cc $std $bits twice.cc
		done
	done
done
echo "1..$n"
exit "${failed:-0}"
