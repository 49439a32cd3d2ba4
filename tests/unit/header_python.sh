#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Compares the Python module with the header from which it is made. The judge is the compiler: it is given each
# constant, and each size and offset, as Python has them.
#
#	header_python.sh SCRATCH-DIRECTORY

# shellcheck source=tests/lib/tap.sh
. ../lib/tap.sh
scratch=$1
mkdir -p "$scratch"
# shellcheck disable=SC2034  # for tap_check
TAP_LOG=$scratch/log
header=../../include/uapi/linux/setnsmon.h

# made HEADER: makes the module from it
made()
{
	{
		cat ../../tools/python/head.py &&
			awk -f ../../tools/python/from-header.awk "$1" &&
			cat ../../tools/python/tail.py
	} >"$scratch/setnsmon.py"
}

# Prints C that compiles only if what Python knows is true
assertions()
{
	PYTHONPATH=$scratch python3 -B - <<-'END'
		import ctypes
		import setnsmon

		def claim(left, right):
		    print(f"_Static_assert({left} == {right}, \"{left}\");")

		print("#include <stddef.h>\n#include <linux/setnsmon.h>")
		for name, value in vars(setnsmon).items():
		    if name.isupper() and isinstance(value, int) and not name.startswith("_"):
		        claim(f"SETNSMON_{name}", value)
		    if isinstance(value, type) and issubclass(value, ctypes.Structure):
		        words = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
		        c = "struct setnsmon" + words
		        claim(f"sizeof({c})", ctypes.sizeof(value))
		        for member, *_ in value._fields_:
		            if member != "_union":
		                claim(f"offsetof({c}, {member})", getattr(value, member).offset)
		                claim(f"sizeof((({c} *)0)->{member})", getattr(value, member).size)
	END
}

# agrees LEAST: at least so many claims, and all of them are true
agrees()
{
	made "$header" && assertions >"$scratch/claims.c" || return
	(($(grep -c _Static_assert "$scratch/claims.c") >= $1)) || return
	gcc -std=gnu11 -Wall -Wextra -Werror -fsyntax-only -I../../include/uapi "$scratch/claims.c"
}

# Each constant of the header is in the module
complete()
{
	local name wrong=0
	while read -r name; do
		grep -qE "^#define ${name}[[:space:](]|^[[:space:]]*${name}\b" "$header" || continue
		grep -qE "^${name#SETNSMON_} = " "$scratch/setnsmon.py" || {
			echo "$name is not in the module"
			wrong=1
		}
	done < <(grep -oE '\bSETNSMON_[A-Z0-9_]+' "$header" | sort -u)
	return "$wrong"
}

# A member that has another size in Python is found
finds_a_wrong_size()
{
	sed 's/__u32 target_inum;/__u64 target_inum;/' "$header" >"$scratch/wrong.h"
	! cmp -s "$header" "$scratch/wrong.h" || return
	made "$scratch/wrong.h" && assertions >"$scratch/claims.c" || return
	! gcc -std=gnu11 -fsyntax-only -I../../include/uapi "$scratch/claims.c" 2>/dev/null
}

# It stops at anything that it does not understand
refuses()
{
	{ cat "$header"; echo 'int wrong;'; } >"$scratch/wrong.h"
	! made "$scratch/wrong.h" 2>"$scratch/refused" && grep -q 'not understood: int wrong;' "$scratch/refused"
}

command -v python3 >/dev/null || {
	echo '1..0 # SKIP python3 is not installed'
	exit
}
tap_check "constants, sizes and offsets in Python are those of the header" agrees 100
tap_check "each constant of the header is in the module" complete
tap_check "a wrong size would be found" finds_a_wrong_size
tap_check "C that the generator does not know stops it" refuses
tap_plan
