# shellcheck shell=bash
# Running a guest. These go in and out:
#
#   payload   a disk with a tar archive: the referee (PID 1), the job, and /guest
#   output    a virtio port: the output of the command, unmodified
#   verdict   a second port, which only the referee writes to
#   console   the serial line: the kernel's log, in which a panic shows
#   out       a disk to which the referee writes a tar archive: the files of $OUT, the kernel's log buffer

# Messages of a kernel in which something is wrong. The referee looks for them in the log buffer and the host in the
# serial log, because a guest may die before the referee can look.
readonly COMPLAINTS='WARNING:|BUG:|Oops|Call Trace:|general protection|KASAN|KCSAN|UBSAN|KFENCE|kmemleak:|'\
'blocked for more than|possible (recursive|circular|irq)|inconsistent lock state|suspicious RCU|'\
'(rcu|RCU).*(stall|detected)|lockup|unregister_netdevice: waiting|[Uu]nable to handle|'\
'while atomic|sleeping function|refcount_t:|list_(add|del) corruption|Bad page|Kernel panic|DEBUG_LOCKS|'\
'scheduling while|stack-protector|stack guard|unexpected return|invalid opcode:|double fault|'\
'ODEBUG:|BUG [^ ]+ \(|[Ss]lab corruption|usercopy:|detected buffer overflow|non-static key|turning off the locking'

# Prints the complaints in the log on stdin. The referee gets this function with the job.
#
# A KCSAN kernel finds races of the kernel itself in every boot, and their reports are left out. A report is ours if one
# of its two stacks has a function of a module, because such a kernel has no modules except those of a test. Frames
# below the entry of an interrupt or a fault do not count: they only say who was interrupted. (KCSAN's own list of
# functions would be too narrow. It does not cover a module's calls into the kernel, and would have to be written again
# after each load.) Other messages in the middle of a report are kept, and so is a report without an end.
#
# While a test makes allocations fail, kmemleak may lack the memory to note a part of a module. It says so, and scans
# the whole module.
complaints_in()
{
	awk '
		function judge(i) {
			for (i = 1; i <= lines; i++)
				if (ours || !own[i])
					print report[i]
			lines = ours = deep = 0
		}
		{ text = $0; sub(/^\[ *[0-9.]+\] ?/, "", text) }
		text ~ /^BUG: KCSAN:/ { ours = 1; judge(); within = 1 }
		!within { print; next }
		text ~ /^=+$/ { judge(); within = 0; next }
		text ~ /^[a-z].* to 0x[0-9a-f]+ of [0-9]+ bytes by / { deep = 0 }
		text ~ /^ *asm_[a-z_0-9]+\+0x/ { deep = 1 }
		text ~ /^ .*\+0x[0-9a-f]+\/0x[0-9a-f]+ \[[a-z0-9_]+\]$/ && !deep { ours = 1 }
		{ report[++lines] = $0; own[lines] = text ~ /^(BUG: KCSAN:| .*\+0x[0-9a-f]+\/0x[0-9a-f]+)/ }
		END { ours = 1; judge() }' | grep -aE "$complaints" | grep -avF 'kmemleak: Cannot allocate a scan area'
}

readonly BEGIN_MARK='setnsmon-vm: begin'

# _payload DIR FILE KIND PATH...: packs DIR/harness and the paths. The files that were built here do not go into a whole
# system, which gets them from its own packages or compiler. A shell finds them installed as well.
_payload()
{
	local dir=$1 file=$2 kind=$3 path results
	shift 3
	results=$(results)
	tar --owner=0 --group=0 -C "$dir" -cf "$file" harness
	if [[ $kind != system && -d $results ]]; then
		tar --owner=0 --group=0 --exclude=./installed --transform='s,^\.,guest,S' -C "$results" -rf "$file" .
	fi
	if [[ $kind == shell && -d $results/installed/usr ]]; then
		tar --owner=0 --group=0 -C "$results/installed" -rf "$file" usr
	fi
	for path in "$@"; do
		[[ -e $path ]] || die "run: no such file or directory: $path"
		path=$(realpath -s "$path")
		tar --owner=0 --group=0 --transform='s,^,guest/,S' -C "${path%/*}/" -rf "$file" "${path##*/}"
	done
}

# _job KIND COMMAND...: prints the job of the referee, as bash source
_job()
{
	local kind=$1 name
	shift
	printf 'kind=%q\nbegin_mark=%q\ncomplaints=%q\n' "$kind" "$BEGIN_MARK" "$COMPLAINTS"
	# A command may look for complaints as well, between its parts
	declare -f complaints_in
	printf 'export complaints\nexport -f complaints_in\n'
	printf 'argv=('
	(($#)) && printf ' %q' "$@"
	printf ' )\n'
	for name in TERM COLUMNS LINES NO_COLOR "${!SETNSMON_@}"; do
		[[ $name != *_MIRROR && -v $name ]] && printf 'export %s=%q\n' "$name" "${!name}"
	done
	return 0
}

# Sets what the guest should know about the terminal, because a command there prints to a port
_terminal_hints()
{
	local size
	[[ -t 1 ]] || return 0
	size=$(stty size 2>/dev/null </dev/tty) || size=
	if [[ $size == *[1-9]*' '*[1-9]* ]]; then
		LINES=${size% *} COLUMNS=${size#* }
	fi
	[[ ${NO_COLOR:-} || ${TERM:-dumb} == dumb ]] || SETNSMON_COLOR=${SETNSMON_COLOR:-1}
}

# _qemu DIR KERNEL INITRD ROOT OPTION...: runs the machine, without the port of the output. ROOT is the disk and how it
# is used. The machine is always emulated, never KVM, so that it is the same everywhere. The processor is the newest
# that QEMU can emulate, so that SMEP and SMAP are on. Its time stamp counter is the same for all processors, which the
# kernel cannot know (tsc=reliable); it would use the slow HPET instead.
#
# The guest's processors take turns on one thread of the host. With a thread for each, QEMU 7.2 runs kernel code wrongly
# while it is being patched: if a probe is armed and disarmed on a function that another processor calls, the guest
# jumps to address 0, mostly at the first try. The kernel's own kprobe events cause it, too, without setnsmon. Taking
# turns is also faster on two host processors. `run -p` gives each processor its thread, for tests that leave probes
# alone.
_qemu()
{
	local dir=$1 kernel=$2 initrd=$3 root=$4 words
	shift 4
	# An oops ends the guest at once. Stalls are tolerated for long, because the host may be busy. On a busy host
	# no tick may arrive while the kernel tests its timer at boot, and then it panics (no_timer_check).
	words="console=ttyS0 loglevel=4 panic=-1 oops=panic tsc=reliable no_timer_check watchdog_thresh=30"
	words+=" rcupdate.rcu_cpu_stall_timeout=60 $APPEND"
	# The machine must end when this script ends, for whatever reason
	setpriv --pdeathsig TERM timeout --foreground --kill-after=5 "$TIME_LIMIT" \
		qemu-system-x86_64 -accel "tcg,thread=$THREADS" -cpu max -smp "$CPUS" -m "$MEMORY" \
		-nodefaults -no-user-config -display none -vga none -no-reboot \
		-kernel "$kernel" -initrd "$initrd" \
		-append "$words" \
		-drive "file=$root,format=raw,if=none,id=root,cache=unsafe" \
		-device virtio-blk-pci,drive=root \
		-drive "file=$dir/payload.tar,format=raw,if=none,id=payload,readonly=on" \
		-device virtio-blk-pci,drive=payload \
		-drive "file=$dir/out.tar,format=raw,if=none,id=out,cache=unsafe" \
		-device virtio-blk-pci,drive=out \
		-chardev "file,id=console,path=$dir/kernel.log" -serial chardev:console \
		-device virtio-serial-pci \
		-chardev "file,id=verdict,path=$dir/verdict" -device virtserialport,chardev=verdict,name=verdict \
		"$@"
}

# _qemu_piece DIR OPTION...: runs the machine of a kernel of the table. Its changes to its root are thrown away.
_qemu_piece()
{
	local dir=$1 piece boot root
	shift
	piece=$(piece_dir kernel)
	root=$piece/root.img
	[[ ! ${BENCH:-} ]] || root=$(piece_dir bench)/root.img
	boot=$piece/vmlinux
	[[ -e $boot && ! $REAL_BOOT ]] || boot=$piece/vmlinuz
	if [[ ${LAYER:-} ]]; then
		APPEND+=' vm.layer'
		set -- -drive "file=$(piece_dir shell)/layer.img,format=raw,if=none,id=layer,cache=unsafe,snapshot=on" \
			-device virtio-blk-pci,drive=layer "$@"
	fi
	_qemu "$dir" "$boot" "$piece/initramfs.gz" "$root,snapshot=on" "$@"
}

# _prepare DIR KIND PATH... -- COMMAND...
_prepare()
{
	local dir=$1 kind=$2 paths=()
	shift 2
	while [[ $1 != -- ]]; do
		paths+=("$1")
		shift
	done
	shift
	mkdir -p "$dir/harness"
	rm -f "$dir"/{verdict,kernel.log,dmesg.log}
	cp "$VM_DIR/referee" "$dir/harness/referee"
	_job "$kind" "$@" >"$dir/harness/job"
	_payload "$dir" "$dir/payload.tar" "$kind" "${paths[@]}"
	truncate -s 0 "$dir/out.tar"
	truncate -s "${SETNSMON_VM_OUT_SIZE:-512M}" "$dir/out.tar"
	: >"$dir/verdict"
	: >"$dir/kernel.log"
}

_collect()
{
	local dir=$1
	mkdir -p "$dir/out"
	if [[ $(head -c 5 "$dir/out.tar" | tr -d '\0') ]]; then
		tar -C "$dir" --no-same-owner --warning=no-timestamp -xf "$dir/out.tar" ||
			say "cannot read the files that the guest sent"
	fi
	rm -rf "$dir/out.tar" "$dir/payload.tar" "$dir/harness"
}

_show_log()
{
	local dir=$1
	printf 'vm: the end of the kernel log (%s):\n' "$dir/kernel.log" >&2
	tail -n "${2:-30}" "$dir/kernel.log" | tr -d '\r' | sed 's/^/    | /' >&2
}

_begun_log()
{
	tr -d '\r' <"$1/kernel.log" | sed -n "/$BEGIN_MARK/,\$p"
}

# _judge DIR QEMU_STATUS: sets STATUS, and reports on stderr what is wrong
_judge()
{
	local dir=$1 qemu=$2 key value ended='' complaint=() complaints=$COMPLAINTS
	local status=''
	STATUS=
	while read -r key value; do
		case $key in
		status) status=$value ;;
		complaint) complaint+=("$value") ;;
		begun) BEGUN=$value ;;
		end) ended=$value ;;
		esac
	done <"$dir/verdict"

	if grep -qa 'Kernel panic' "$dir/kernel.log"; then
		say "FAILED: the guest's kernel panicked"
		_show_log "$dir" 60
		STATUS=$EX_PANIC
	elif ((qemu == 124 || qemu == 137)); then
		say "FAILED: time-out after $TIME_LIMIT s (-t sets the limit)"
		_show_log "$dir"
		STATUS=$EX_TIMEOUT
	elif [[ $ended != clean || ! $status ]]; then
		say "FAILED: the guest ended without a verdict (qemu's status: $qemu)"
		_show_log "$dir"
		STATUS=$EX_DIED
	else
		if ((${#complaint[@]} == 0)); then
			mapfile -t complaint < <(_begun_log "$dir" | complaints_in)
		fi
		if ((${#complaint[@]})); then
			say "FAILED: the kernel complained (the command's own status: $status)"
			printf '    | %s\n' "${complaint[@]}" >&2
			say "the whole kernel log: $dir/dmesg.log"
			STATUS=$EX_COMPLAINT
		else
			STATUS=$status
		fi
	fi
}

# _run DIR KEEP QEMU...: runs the machine that was prepared, shows the output of its command, and judges
_run()
{
	local dir=$1 keep=$2 begin=$SECONDS qemu
	shift 2
	BEGUN='' STATUS=
	# A pipe of its own, because qemu makes it non-blocking, which would affect other programs that share our output
	set +e
	"$@" -chardev file,id=output,path=/proc/self/fd/1 \
		-device virtserialport,chardev=output,name=output </dev/null | cat
	qemu=${PIPESTATUS[0]}
	set -e

	_collect "$dir"
	_judge "$dir" "$qemu"
	[[ ${SETNSMON_VM_QUIET:-} ]] ||
		say "guest $K_NAME: ${BEGUN:-?} s to boot, $((SECONDS - begin)) s in all, status $STATUS"
	if [[ $keep ]]; then
		:
	elif ((STATUS == EX_PANIC || STATUS == EX_DIED || STATUS == EX_TIMEOUT || STATUS == EX_COMPLAINT)); then
		say "kept for you: $dir"
	else
		rm -rf "$dir"
	fi
	return "$STATUS"
}

# _run_dir DIR: prints the directory for the files of a run: DIR, or a new one if that is empty
_run_dir()
{
	if [[ $1 ]]; then
		mkdir -p "$1" || die "cannot create the directory $1"
		realpath "$1"
	else
		mktemp -d "${TMPDIR:-/tmp}/setnsmon-vm.XXXXXX"
	fi
}

# set_machine MEMORY TIME_LIMIT: sets what the guest's machine is like, from the options and these defaults
# shellcheck disable=SC2034  # SETNSMON_VM_PARALLEL is for _job
set_machine()
{
	CPUS=${OPT[c]:-2} MEMORY=${OPT[m]:-$1} TIME_LIMIT=${OPT[t]:-$2} APPEND=${OPT[a]:-} THREADS=single
	BENCH=${OPT[b]:-} LAYER=${OPT[l]:-} REAL_BOOT=${OPT[z]:-}
	if [[ ${OPT[p]:-} ]]; then
		THREADS=multi
		SETNSMON_VM_PARALLEL=1
	fi
}

cmd_run()
{
	local extra=() dir
	parse_options run k:c:m:t:a:q:o:i:blpz "$@"
	((${#ARGS[@]})) || usage_error "run: no command"
	kernel_load "${OPT[k]:-$DEFAULT_KERNEL}"
	set_machine 2048 300
	read -ra extra <<<"${OPT[q]:-}"
	need kernel ${BENCH:+bench} ${LAYER:+shell}
	dir=$(_run_dir "${OPT[o]:-}")
	_terminal_hints
	_prepare "$dir" run "${OPT_PATHS[@]}" -- "${ARGS[@]}"
	_run "$dir" "${OPT[o]:-}" _qemu_piece "$dir" "${extra[@]}"
}

cmd_shell()
{
	local dir size
	parse_options shell k:c:m:a: "$@"
	((${#ARGS[@]} == 0)) || usage_error "shell: unknown argument '${ARGS[0]}'"
	[[ -t 0 && -t 1 ]] || die "shell: needs a terminal" "for a script: $VM_NAME run -- COMMAND"
	kernel_load "${OPT[k]:-$DEFAULT_KERNEL}"
	set_machine 2048 0
	LAYER=1
	need kernel shell
	dir=$(mktemp -d "${TMPDIR:-/tmp}/setnsmon-vm.XXXXXX")
	# shellcheck disable=SC2064  # the value of now
	trap "rm -rf '$dir'" EXIT
	size=$(stty size)
	LINES=${size% *} COLUMNS=${size#* }
	_prepare "$dir" shell --
	say "booting kernel $K_NAME, which takes some seconds; ctrl-D leaves the shell"
	set +e
	_qemu_piece "$dir" -chardev stdio,id=tty,signal=off -device virtconsole,chardev=tty
	set -e
	stty sane
	grep -q '^end clean' "$dir/verdict" || _show_log "$dir"
}
