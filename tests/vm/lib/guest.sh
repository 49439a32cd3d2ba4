# shellcheck shell=bash
# Running a guest. What goes in and out:
#
#   payload   a tar archive on a disk: the referee (PID 1), the job, and /guest
#   output    a virtio port: what the script prints, unmodified
#   verdict   a second port: only what the referee writes there counts
#   console   the serial line: the kernel's log, so that a panic is seen as well
#   out       a disk that the referee writes a tar archive to: the files of $OUT, the kernel's log buffer

# What a kernel says when something is wrong with it. One list for both: the referee looks through the log buffer, the
# host through the serial log, since one of them may not live to tell.
readonly COMPLAINTS='WARNING:|BUG:|Oops|Call Trace:|general protection|KASAN|KCSAN|UBSAN|KFENCE|kmemleak:|'\
'blocked for more than|possible (recursive|circular|irq)|inconsistent lock state|suspicious RCU|'\
'(rcu|RCU).*(stall|detected)|lockup|unregister_netdevice: waiting|[Uu]nable to handle|'\
'while atomic|sleeping function|refcount_t:|list_(add|del) corruption|Bad page|Kernel panic|DEBUG_LOCKS|'\
'scheduling while|stack-protector|stack guard|unexpected return|invalid opcode:|double fault|'\
'ODEBUG:|BUG [^ ]+ \(|[Ss]lab corruption|usercopy:|detected buffer overflow|non-static key|turning off the locking'

# complaints_in: those lines of the log on stdin; the referee gets it by way of the job.
#
# A KCSAN kernel finds races in the kernel itself, in every boot. They are left out, report by report: a report is ours
# if one of its two stacks holds a function of a module, and such a kernel has no modules but those that a test brought.
# Below the entry of an interrupt or of a fault stands only who was interrupted, which does not count. (The list of
# functions that KCSAN itself can be given would be too narrow: it knows nothing of a module's calls into the kernel,
# and would have to be written again after each load.) Whatever else the kernel says in the midst of a report is
# kept, and so is a report without an end. That kmemleak has no memory to look at a part of a module, and looks at all
# of it, is what it says while a test makes allocations fail.
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

# _payload DIR FILE KIND PATH...: DIR holds harness/. What was built for the guests that are nothing but a test does not
# go into a whole system, which gets what it is to have from its own packages, or by its own compiler.
_payload()
{
	local dir=$1 file=$2 kind=$3 path results
	shift 3
	results=$(results)
	tar --owner=0 --group=0 -C "$dir" -cf "$file" harness
	if [[ $kind != system && -d $results ]]; then
		tar --owner=0 --group=0 --transform='s,^\.,guest,S' -C "$results" -rf "$file" .
	fi
	for path in "$@"; do
		[[ -e $path ]] || die "run: no such file or directory: $path"
		path=$(realpath -s "$path")
		tar --owner=0 --group=0 --transform='s,^,guest/,S' -C "${path%/*}/" -rf "$file" "${path##*/}"
	done
}

# _job KIND COMMAND...: what the referee is to do, as bash source
_job()
{
	local kind=$1 name
	shift
	printf 'kind=%q\nbegin_mark=%q\ncomplaints=%q\n' "$kind" "$BEGIN_MARK" "$COMPLAINTS"
	# The job itself may want to look, between its parts
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

# What the terminal is like, for a script that prints to a port instead of to it
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

# _qemu DIR KERNEL INITRD ROOT OPTION...: the machine, with everything but the port of the output; ROOT is the disk, and
# how it is used. Always emulated, never KVM: the same everywhere. The
# processor is the newest that QEMU can emulate, so that SMEP and SMAP are on, as on machines of today. Its time stamp
# counter is one for all processors, which the kernel cannot know (tsc=reliable); else it would use the slow HPET.
#
# The guest's processors take turns on one thread of the host. With a thread for each, QEMU 7.2 runs kernel code that is
# being patched wrongly: while one processor makes a call, arm and disarm a probe on it, and the guest jumps to address
# 0, mostly at the first try. The kernel's own kprobe events do it as well, without setnsmon. On two host processors
# taking turns is the faster way, too. `run -p` gives each processor its thread, for tests that leave probes alone.
_qemu()
{
	local dir=$1 kernel=$2 initrd=$3 root=$4 words
	shift 4
	# An oops ends the guest at once; patience with stalls, for the host may be busy
	words="console=ttyS0 loglevel=4 panic=-1 oops=panic tsc=reliable watchdog_thresh=30"
	words+=" rcupdate.rcu_cpu_stall_timeout=60 $APPEND"
	# Whatever ends this script must end the machine
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

# _qemu_piece DIR OPTION...: the machine of a kernel of the table; what it writes to its root is thrown away
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
		tar -C "$dir" --no-same-owner --warning=no-timestamp -xf "$dir/out.tar" || say "could not read the files that the guest sent"
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

# _judge DIR QEMU_STATUS SECONDS: sets STATUS, and says on stderr what is wrong
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
		say "FAILED: time-out, no end after $TIME_LIMIT s (-t sets the limit)"
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
			say "FAILED: the kernel complained (the script's own status: $status)"
			printf '    | %s\n' "${complaint[@]}" >&2
			say "the whole kernel log: $dir/dmesg.log"
			STATUS=$EX_COMPLAINT
		else
			STATUS=$status
		fi
	fi
}

# _run DIR KEEP QEMU...: starts the machine that was prepared, shows what its script prints, and judges
_run()
{
	local dir=$1 keep=$2 begin=$SECONDS qemu
	shift 2
	BEGUN='' STATUS=
	# A pipe of its own: qemu makes it non-blocking, which must not reach whoever shares our output
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

# _run_dir DIR: where a run keeps its files: there, or in a directory of its own
_run_dir()
{
	if [[ $1 ]]; then
		mkdir -p "$1" || die "cannot make the directory $1"
		realpath "$1"
	else
		mktemp -d "${TMPDIR:-/tmp}/setnsmon-vm.XXXXXX"
	fi
}

cmd_run()
{
	local kernel=$DEFAULT_KERNEL opt paths=() extra=() dir keep=''
	CPUS=2 MEMORY=1024 TIME_LIMIT=300 APPEND='' REAL_BOOT='' THREADS=single BENCH='' LAYER=''
	while getopts :k:c:m:t:a:q:o:i:blpz opt; do
		case $opt in
		k) kernel=$OPTARG ;;
		c) CPUS=$OPTARG ;;
		m) MEMORY=$OPTARG ;;
		t) TIME_LIMIT=$OPTARG ;;
		a) APPEND=$OPTARG ;;
		q) read -ra extra <<<"$OPTARG" ;;
		o) keep=$OPTARG ;;
		i) paths+=("$OPTARG") ;;
		b) BENCH=1 ;;
		l) LAYER=1 ;;
		p)
			THREADS=multi
			# shellcheck disable=SC2034  # _job passes it on
			SETNSMON_VM_PARALLEL=1
			;;
		z) REAL_BOOT=1 ;;
		*) usage_error "run: -$OPTARG: unknown, or its value is missing" ;;
		esac
	done
	shift $((OPTIND - 1))
	(($#)) || usage_error "run: no script"
	kernel_load "$kernel"
	need kernel
	[[ ! $BENCH ]] || need bench
	[[ ! $LAYER ]] || need shell
	dir=$(_run_dir "$keep")
	_terminal_hints
	_prepare "$dir" run "${paths[@]}" -- "$@"
	_run "$dir" "$keep" _qemu_piece "$dir" "${extra[@]}"
}

cmd_shell()
{
	local kernel=$DEFAULT_KERNEL opt dir size
	CPUS=2 MEMORY=1024 TIME_LIMIT=0 APPEND='' REAL_BOOT='' THREADS=single
	while getopts :k:c:m:a: opt; do
		case $opt in
		k) kernel=$OPTARG ;;
		c) CPUS=$OPTARG ;;
		m) MEMORY=$OPTARG ;;
		a) APPEND=$OPTARG ;;
		*) usage_error "shell: -$OPTARG: unknown, or its value is missing" ;;
		esac
	done
	[[ -t 0 && -t 1 ]] || die "shell: needs a terminal" "for a script: $VM_NAME run -- COMMAND"
	kernel_load "$kernel"
	need kernel
	dir=$(mktemp -d "${TMPDIR:-/tmp}/setnsmon-vm.XXXXXX")
	# shellcheck disable=SC2064  # the value of now
	trap "rm -rf '$dir'" EXIT
	size=$(stty size)
	LINES=${size% *} COLUMNS=${size#* }
	_prepare "$dir" shell --
	say "booting $K_NAME, some seconds; leave the shell with ctrl-D"
	set +e
	_qemu_piece "$dir" -chardev stdio,id=tty,signal=off -device virtconsole,chardev=tty
	set -e
	stty sane
	grep -q '^end clean' "$dir/verdict" || _show_log "$dir"
}
