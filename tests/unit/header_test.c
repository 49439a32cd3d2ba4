// SPDX-License-Identifier: GPL-2.0-only
/*
 * The numbers of the binary interface, written out. Programs that were compiled long ago rely
 * on them, so a change breaks those programs. Compiles as C and as C++, for 64 and for 32 bit;
 * all must agree.
 */
#include <linux/setnsmon.h>

#include <stddef.h>
#include <stdint.h>

#include "tap.h"

#define SIZE(type, bytes)	EQ(sizeof(struct type), bytes)
#define AT(type, member, offset, bytes)					\
	do {								\
		EQ(offsetof(struct type, member), offset);		\
		EQ(sizeof(((struct type *)0)->member), bytes);		\
	} while (0)

static void record_layout(void)
{
	SIZE(setnsmon_record, 408);
	AT(setnsmon_record, type, 0, 2);
	AT(setnsmon_record, size, 2, 2);
	AT(setnsmon_record, cpu, 4, 4);
	AT(setnsmon_record, seq, 8, 8);
	AT(setnsmon_record, boot_ns, 16, 8);
	AT(setnsmon_record, real_ns, 24, 8);
	AT(setnsmon_record, setns, 32, 376);
	AT(setnsmon_record, lost, 32, 8);
}

static void setns_layout(void)
{
	SIZE(setnsmon_setns, 376);
	AT(setnsmon_setns, target_id, 0, 8);
	AT(setnsmon_setns, owner_id, 8, 8);
	AT(setnsmon_setns, cap_permitted, 16, 8);
	AT(setnsmon_setns, cap_effective, 24, 8);
	AT(setnsmon_setns, has, 32, 4);
	AT(setnsmon_setns, flags, 36, 4);
	AT(setnsmon_setns, fd, 40, 4);
	AT(setnsmon_setns, nstype, 44, 4);
	AT(setnsmon_setns, target_type, 48, 4);
	AT(setnsmon_setns, target_pid, 52, 4);
	AT(setnsmon_setns, target_inum, 56, 4);
	AT(setnsmon_setns, owner_level, 60, 4);
	AT(setnsmon_setns, owner_uid, 64, 4);
	AT(setnsmon_setns, owner_inum, 68, 4);
	AT(setnsmon_setns, caller_userns_level, 72, 4);
	AT(setnsmon_setns, caller_userns_uid, 76, 4);
	AT(setnsmon_setns, caller_userns_inum, 80, 4);
	AT(setnsmon_setns, fd_kind, 84, 1);
	AT(setnsmon_setns, relation, 85, 1);
	AT(setnsmon_setns, abi, 86, 1);
	AT(setnsmon_setns, call_class, 87, 1);
	AT(setnsmon_setns, before, 88, 40);
	AT(setnsmon_setns, target_links, 128, 40);
	AT(setnsmon_setns, duration_ns, 168, 8);
	AT(setnsmon_setns, start_ns, 176, 8);
	AT(setnsmon_setns, cgroup_id, 184, 8);
	AT(setnsmon_setns, cap_effective_after, 192, 8);
	AT(setnsmon_setns, ret, 200, 4);
	AT(setnsmon_setns, joined, 204, 4);
	AT(setnsmon_setns, after, 208, 40);
	AT(setnsmon_setns, tid, 248, 4);
	AT(setnsmon_setns, pid, 252, 4);
	AT(setnsmon_setns, ppid, 256, 4);
	AT(setnsmon_setns, ns_pid, 260, 4);
	AT(setnsmon_setns, ns_tid, 264, 4);
	AT(setnsmon_setns, uid, 268, 4);
	AT(setnsmon_setns, gid, 272, 4);
	AT(setnsmon_setns, suid, 276, 4);
	AT(setnsmon_setns, sgid, 280, 4);
	AT(setnsmon_setns, euid, 284, 4);
	AT(setnsmon_setns, egid, 288, 4);
	AT(setnsmon_setns, fsuid, 292, 4);
	AT(setnsmon_setns, fsgid, 296, 4);
	AT(setnsmon_setns, loginuid, 300, 4);
	AT(setnsmon_setns, sessionid, 304, 4);
	AT(setnsmon_setns, fs_magic, 308, 4);
	AT(setnsmon_setns, comm, 312, 16);
	AT(setnsmon_setns, target_userns_id, 328, 8);
	AT(setnsmon_setns, target_cgroup_id, 336, 8);
	AT(setnsmon_setns, target_pid_id, 344, 8);
	AT(setnsmon_setns, target_userns_level, 352, 4);
	AT(setnsmon_setns, target_userns_uid, 356, 4);
	AT(setnsmon_setns, target_userns_inum, 360, 4);
	AT(setnsmon_setns, threads, 364, 4);
	AT(setnsmon_setns, fs_users, 368, 4);
	AT(setnsmon_setns, pad2, 372, 4);
}

static void small_layouts(void)
{
	SIZE(setnsmon_lost, 8);
	AT(setnsmon_lost, count, 0, 8);
	SIZE(setnsmon_info, 16);
	AT(setnsmon_info, abi_version, 0, 4);
	AT(setnsmon_info, record_size, 4, 4);
	AT(setnsmon_info, cpus, 8, 4);
	AT(setnsmon_info, ring_records, 12, 4);
	SIZE(setnsmon_counters, 80);
	AT(setnsmon_counters, entered, 0, 8);
	AT(setnsmon_counters, recorded, 8, 8);
	AT(setnsmon_counters, missed, 16, 8);
	AT(setnsmon_counters, ret_unknown, 24, 8);
	AT(setnsmon_counters, readers, 32, 8);
	AT(setnsmon_counters, lost, 40, 8);
	AT(setnsmon_counters, other_probes, 48, 8);
	AT(setnsmon_counters, unarmed, 56, 8);
	AT(setnsmon_counters, boot_ns, 64, 8);
	AT(setnsmon_counters, skipped, 72, 8);
}

static void filter_layout(void)
{
	SIZE(setnsmon_filter, 128);
	AT(setnsmon_filter, cgroup_id, 0, 8);
	AT(setnsmon_filter, events, 8, 4);
	AT(setnsmon_filter, classes, 12, 4);
	AT(setnsmon_filter, kinds, 16, 4);
	AT(setnsmon_filter, results, 20, 4);
	AT(setnsmon_filter, error, 24, 4);
	AT(setnsmon_filter, flags_any, 28, 4);
	AT(setnsmon_filter, flags_all, 32, 4);
	AT(setnsmon_filter, flags_none, 36, 4);
	AT(setnsmon_filter, uid_first, 40, 4);
	AT(setnsmon_filter, uid_count, 44, 4);
	AT(setnsmon_filter, loginuid_first, 48, 4);
	AT(setnsmon_filter, loginuid_count, 52, 4);
	AT(setnsmon_filter, pid, 56, 4);
	AT(setnsmon_filter, ns_inum, 60, 4);
	AT(setnsmon_filter, ns_places, 64, 4);
	AT(setnsmon_filter, reserved, 68, 60);
}

static void ioctl_numbers(void)
{
	EQ(SETNSMON_IOC_INFO, 0x8010df00);
	EQ(SETNSMON_IOC_FORMAT, 0x4004df01);
	EQ(SETNSMON_IOC_COUNTERS, 0x8050df02);
	EQ(SETNSMON_IOC_FILTER, 0x4080df03);
	EQ(SETNSMON_IOC_SEEK, 0x4008df04);
}

static void constants(void)
{
	EQ(SETNSMON_ABI_VERSION, 1);
	EQ(SETNSMON_LINE_MAX, 4096);
	EQ(SETNSMON_COMM_LEN, 16);
	CHECK(!strcmp(SETNSMON_DEVICE, "/dev/setnsmon"));
	EQ(SETNSMON_RECORD_SETNS, 1);
	EQ(SETNSMON_RECORD_LOST, 2);
	EQ(SETNSMON_FORMAT_TEXT, 0);
	EQ(SETNSMON_FORMAT_BINARY, 1);
	EQ(SETNSMON_ABI_X86_64, 1);
	EQ(SETNSMON_ABI_I386, 2);
	EQ(SETNSMON_ABI_X32, 3);
	EQ(SETNSMON_FD_NONE, 1);
	EQ(SETNSMON_FD_OTHER, 2);
	EQ(SETNSMON_FD_NSFS, 3);
	EQ(SETNSMON_FD_PIDFD, 4);
	EQ(SETNSMON_RELATION_NONE, 0);
	EQ(SETNSMON_RELATION_SAME, 1);
	EQ(SETNSMON_RELATION_ANCESTOR, 2);
	EQ(SETNSMON_RELATION_DESCENDANT, 3);
	EQ(SETNSMON_RELATION_UNRELATED, 4);
}

static void links(void)
{
	EQ(SETNSMON_LINK_CGROUP, 0);
	EQ(SETNSMON_LINK_IPC, 1);
	EQ(SETNSMON_LINK_MNT, 2);
	EQ(SETNSMON_LINK_NET, 3);
	EQ(SETNSMON_LINK_PID, 4);
	EQ(SETNSMON_LINK_PID_FOR_CHILDREN, 5);
	EQ(SETNSMON_LINK_TIME, 6);
	EQ(SETNSMON_LINK_TIME_FOR_CHILDREN, 7);
	EQ(SETNSMON_LINK_USER, 8);
	EQ(SETNSMON_LINK_UTS, 9);
	EQ(SETNSMON_LINKS, 10);
}

static void masks(void)
{
	EQ(SETNSMON_HAS_RET, 0x1);
	EQ(SETNSMON_HAS_TARGET, 0x2);
	EQ(SETNSMON_HAS_TARGET_NS, 0x4);
	EQ(SETNSMON_HAS_OWNER, 0x8);
	EQ(SETNSMON_HAS_TARGET_PID, 0x10);
	EQ(SETNSMON_HAS_TARGET_LINKS, 0x20);
	EQ(SETNSMON_HAS_NS_IDS, 0x40);
	EQ(SETNSMON_HAS_LOGINUID, 0x80);
	EQ(SETNSMON_HAS_SESSIONID, 0x100);
	EQ(SETNSMON_HAS_CGROUP, 0x200);
	EQ(SETNSMON_HAS_RELATION, 0x400);
	EQ(SETNSMON_HAS_TARGET_ID, 0x800);
	EQ(SETNSMON_HAS_TARGET_USERNS, 0x1000);
	EQ(SETNSMON_HAS_TARGET_CGROUP, 0x2000);
	EQ(SETNSMON_HAS_SHARING, 0x4000);
	EQ(SETNSMON_HAS_FS_MAGIC, 0x8000);
	EQ(SETNSMON_HAS_PID_IDS, 0x10000);
	EQ(SETNSMON_FLAG_DENIED, 0x1);
	EQ(SETNSMON_FLAG_TO_INIT, 0x2);
	EQ(SETNSMON_FLAG_UPWARD, 0x4);
	EQ(SETNSMON_FLAG_USERNS_CROSS, 0x8);
	EQ(SETNSMON_FLAG_CAPS_GAINED, 0x10);
	EQ(SETNSMON_FLAG_RACED, 0x20);
	EQ(SETNSMON_FLAG_RET_UNKNOWN, 0x40);
	EQ(SETNSMON_FLAG_KERNEL_COMPAT, 0x80);
	EQ(SETNSMON_RESULT_OK, 0x1);
	EQ(SETNSMON_RESULT_FAILED, 0x2);
	EQ(SETNSMON_RESULT_UNKNOWN, 0x4);
	EQ(SETNSMON_PLACE_TARGET, 0x1);
	EQ(SETNSMON_PLACE_BEFORE, 0x2);
	EQ(SETNSMON_PLACE_AFTER, 0x4);
}

static const struct tap_case cases[] = {
	{ "a record is 408 bytes, laid out as ever", record_layout },
	{ "a call is 376 bytes, laid out as ever", setns_layout },
	{ "losses, info and counters are laid out as ever", small_layouts },
	{ "a filter is 128 bytes, laid out as ever", filter_layout },
	{ "ioctl numbers are what they were", ioctl_numbers },
	{ "constants are what they were", constants },
	{ "links are in the order of ls", links },
	{ "bits are what they were", masks },
};

TAP_MAIN(cases)
