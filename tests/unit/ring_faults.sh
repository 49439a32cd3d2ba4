#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Checks that ring_stress_test.c finds injected faults. They are put into copies of ring.c, or of the test where the
# writer is; the test must fail with the right message. ring_rests.h widens the windows, and each fault gets several
# tries. tests/model covers what x86 never reorders.
#
#	ring_faults.sh SCRATCH-DIRECTORY

scratch=$1
export SETNSMON_STRESS_MS=100
export TSAN_OPTIONS=halt_on_error=1
mkdir -p "$scratch"
cd "$(dirname "$0")" || exit 1
# shellcheck source=tests/lib/tap.sh
. ../lib/tap.sh

copy()
{
	mkdir -p "$scratch/stream"
	cp ../../module/stream/ring.[ch] "$scratch/stream"
	cp ring_stress_test.c "$scratch"
}

plant() # FILE SED-SCRIPT
{
	copy
	sed -E -i "$2" "$scratch/$1"
	! cmp -s "$scratch/$1" "../../module/$1" && ! cmp -s "$scratch/$1" "$1"
}

build() # WAY
{
	make -s --no-print-directory "planted.$1" to="$scratch/test" \
		from="$scratch/ring_stress_test.c $scratch/stream/ring.c" >"$scratch/log" 2>&1
}

# Fails if the fault was not found in 30 seconds, or if something else was found
found() # CASE WORDS
{
	local end=$((SECONDS + 30))
	while ((SECONDS < end)); do
		timeout 60 "$scratch/test" "$1" >"$scratch/log" 2>&1 && continue
		grep -qE "$2" "$scratch/log"
		return
	done
	return 1
}

can_build() # WAY
{
	make -s --no-print-directory "probe.$1" >/dev/null 2>&1
}

show()
{
	grep -v '^# .*records' "$scratch/log" | head -n 12 | sed 's/^/# /'
}

# sound WAY: checks that the unchanged test finds nothing
sound()
{
	local name="without a fault nothing is found [$1]"
	copy
	if ! can_build "$1"; then
		tap_skip "$name" "this machine cannot build it"
	elif build "$1" && timeout 60 "$scratch/test" 1 >"$scratch/log" 2>&1; then
		tap_result ok "$name"
	else
		tap_result 'not ok' "$name"
		show
	fi
}

# WAY is a build variant of the Makefile, CASE a number in the test, WORDS its expected message
fault() # WAY CASE FILE SED-SCRIPT WORDS NAME
{
	local name="$6: found [$1]"
	if ! can_build "$1"; then
		tap_skip "$name" "this machine cannot build it"
	elif ! plant "$3" "$4"; then
		tap_result 'not ok' "$name"
		echo "# there is nothing to change in $3"
	elif build "$1" && found "$2" "$5"; then
		tap_result ok "$name"
	else
		tap_result 'not ok' "$name"
		show
	fi
}

for way in gcc asan tsan; do
	sound $way
done

torn='r->torn is [1-9]'
loss='r->wrong_loss is [1-9]'
race='ThreadSanitizer: data race'

fault gcc 1 ring_stress_test.c \
	'/^\t+ring_commit\(&ring, record\);$/d; s/^(\t+)n = ring.head;$/&\n\1ring_commit(\&ring, record);/' \
	"$torn" "a record is committed before it is filled"
fault gcc 1 stream/ring.h '/WRITE_ONCE\(slot\[0\], ring_state_writing/d' \
	"$torn" "the state does not say that a record is being written"
fault gcc 1 stream/ring.h 's/return READ_ONCE\(slot\[0\]\) == ring_state_holds\(n\);/return slot || n;/' \
	"$torn" "a reader does not look at the state again"
fault gcc 1 stream/ring.h \
	'/A, writer/d; s/^(.*)C, writer.*$/&\n\tsmp_store_release(\&words[-1], ring_state_holds(n));/' \
	"$loss" "head moves before the state"
fault gcc 1 stream/ring.c 's/end = end - n > ring->records \? end - ring->records : n \+ 1;//' \
	"$loss" "a reader that was overtaken skips what is still there"
fault gcc 1 stream/ring.c 's/\*lost = end - n;/*lost = end - n - 1;/' \
	"$loss" "one lost record is not counted"
fault gcc 4 stream/ring.c 's/(return) READ_ONCE\(\*ring_slot\(ring, end\)\) < (ring_state_writing\(end\);)/\1 \2/' \
	'too_early is [1-9]' "settled is said while a record is being written"
fault asan 1 stream/ring.c 's/(ring->stride = words) \+ 1;/\1 + 2;/' \
	'AddressSanitizer: heap-buffer-overflow' "a slot lies outside of the memory"
fault tsan 1 stream/ring.h 's/return smp_load_acquire\(&ring->head\);/return ring->head;/' \
	"$race" "head is read by a plain load"
fault tsan 1 stream/ring.h 's/smp_store_release\(&ring->head, n \+ 1\);/ring->head = n + 1;/' \
	"$race" "head is written by a plain store"
fault tsan 1 stream/ring.h 's/smp_store_release\(&words\[-1\], (.*)\);/WRITE_ONCE(words[-1], \1);/
		s/smp_store_release\(&ring->head, n \+ 1\)/WRITE_ONCE(ring->head, n + 1)/' \
	"$race" "neither A nor C is a release"
fault tsan 1 stream/ring.h 's/smp_load_acquire\(([^()]*)\)/READ_ONCE(*(\1))/' \
	"$race" "neither A nor C is an acquire"

tap_plan
