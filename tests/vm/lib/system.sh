# shellcheck shell=bash
# Guests that are a whole Debian (recipes/system.sh). What a person does on a host can be done in them, and their disk
# can be kept from one boot to the next. No boot loader is involved: QEMU gets the newest kernel in the disk's /boot and
# its initramfs, which are those that a boot loader would start.

# _newest_kernel DISK DIR: copies the newest kernel and its initramfs from DISK to DIR/vmlinuz and DIR/initrd
_newest_kernel()
{
	local disk=$1 dir=$2 release
	release=$(debugfs -R 'ls -p /boot' "$disk" 2>/dev/null |
		sed -nE 's,.*/vmlinuz-([^/]*)/.*,\1,p' | sort -V | tail -n 1)
	[[ $release ]] || die "$disk has no kernel in /boot"
	debugfs -R "dump /boot/vmlinuz-$release \"$dir/vmlinuz\"" "$disk" 2>/dev/null
	debugfs -R "dump /boot/initrd.img-$release \"$dir/initrd\"" "$disk" 2>/dev/null
	[[ -s $dir/vmlinuz && -s $dir/initrd ]] || die "cannot read kernel $release or its initramfs from $disk"
}

need_system()
{
	! from_source || die "system: apt cannot install kernel $K_NAME"
	need system
}

cmd_system()
{
	local dir disk
	parse_options system k:c:m:t:a:o:i:d: "$@"
	((${#ARGS[@]})) || usage_error "system: no command"
	kernel_load "${OPT[k]:-$DEFAULT_KERNEL}"
	set_machine 2048 900
	# Extra page tables are expensive on an emulated processor, which does not have the flaws that they mitigate
	APPEND+=' root=/dev/vda mitigations=off'
	dir=$(_run_dir "${OPT[o]:-}")
	disk=${OPT[d]:-$dir/disk}
	if [[ ! -e $disk ]]; then
		need_system
		cp --sparse=always "$(piece_dir system)/root.img" "$disk"
	fi
	_terminal_hints
	_newest_kernel "$disk" "$dir"
	_prepare "$dir" system "${OPT_PATHS[@]}" -- "${ARGS[@]}"
	_run "$dir" "${OPT[o]:-}" _qemu "$dir" "$dir/vmlinuz" "$dir/initrd" "$disk"
}
