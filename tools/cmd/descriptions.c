// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/descriptions.h"
#include "portable.h"
#include <stdio.h>

/* setnsmon(4) says more about most of them. */
const struct description descriptions[] = {
	{ "v", "Version of the format" },
	{ "event", "Kind of record: a call of setns(2), or a gap of lost records" },
	{ "time", "When the call returned, in UTC; in a gap, that of the next record" },
	{ "boot_ns", "The same instant, in nanoseconds since the host was booted" },
	{ "host", "Name of the host, as the reader sees it" },
	{ "boot_id", "Which boot of the host it was: /proc/sys/kernel/random/boot_id" },
	{ "duration_ns", "Time from entry to return, in nanoseconds" },
	{ "cpu", "The CPU that recorded the call" },
	{ "seq", "Number of the record on this CPU; in a gap, of the first one that was lost" },
	{ "class", "How rare such a call is, which decides how long its record is held" },
	{ "count", "Number of lost records" },
	{ "abi", "The entry through which the call came into the kernel" },
	{ "pid", "Process id of the caller" },
	{ "tid", "Thread id of the caller" },
	{ "ppid", "Process id of the caller's parent" },
	{ "ns_pid", "Process id in the caller's own pid namespace" },
	{ "ns_tid", "Thread id in the caller's own pid namespace" },
	{ "comm", "Name of the thread, chosen by the caller; wrong bytes are U+FFFD" },
	{ "comm_bytes", "All bytes of comm in hexadecimal, only if it was not UTF-8" },
	{ "start_ns", "When the process started, in nanoseconds since boot" },
	{ "uid", "Real user id" },
	{ "euid", "Effective user id" },
	{ "suid", "Saved user id" },
	{ "fsuid", "File system user id" },
	{ "gid", "Real group id" },
	{ "egid", "Effective group id" },
	{ "sgid", "Saved group id" },
	{ "fsgid", "File system group id" },
	{ "cap_permitted", "Permitted capabilities at entry, bit n for capability n" },
	{ "cap_effective", "Effective capabilities at entry" },
	{ "cap_effective_after", "Effective capabilities at return" },
	{ "loginuid", "User who logged in, as recorded by audit" },
	{ "sessionid", "Session of that login" },
	{ "cgroup_id", "Inode number of the caller's directory in the unified cgroup hierarchy" },
	{ "fd", "First argument of the call" },
	{ "fd_kind", "Kind of the file descriptor at entry" },
	{ "nstype", "Second argument of the call" },
	{ "nstype_names", "The kinds of namespace in nstype" },
	{ "fs_magic", "If fd named neither a namespace nor a process: type of its file system" },
	{ "threads", "Threads of the calling process, where the result may depend on them" },
	{ "fs_users", "Tasks that share the caller's root and working directory, likewise" },
	{ "target", "The namespace or process that fd named; null if it named neither" },
	{ "target.type", "Kind of that namespace" },
	{ "target.inum", "Inode number of that namespace" },
	{ "target.id", "Unique id of that namespace, where the kernel has one" },
	{ "target.owner", "The user namespace that owns it; with a pidfd, the highest one" },
	{ "target.owner.inum", "Inode number of the owner" },
	{ "target.owner.id", "Unique id of the owner, where the kernel has one" },
	{ "target.owner.level", "Depth of the owner below the initial user namespace" },
	{ "target.owner.uid", "User who created the owner" },
	{ "target.relation", "Where the owner stands, or the target if it is a user namespace" },
	{ "target.pid", "With a pidfd, the process that it named" },
	{ "target.pid_id", "With a pidfd, the unique id of the process, where the kernel has one" },
	{ "target.userns", "The user namespace of the process, or the target if it is one itself" },
	{ "target.userns.inum", "Its inode number" },
	{ "target.userns.id", "Its unique id, where the kernel has one" },
	{ "target.userns.level", "Its depth below the initial user namespace" },
	{ "target.userns.uid", "User who created it" },
	{ "target.cgroup_id", "With a pidfd, the cgroup of the process, as in cgroup_id" },
	{ "target.links", "With a pidfd, the namespaces of that process at entry" },
	{ "caller_userns", "The user namespace of the caller" },
	{ "caller_userns.inum", "Its inode number" },
	{ "caller_userns.level", "Its depth below the initial user namespace" },
	{ "caller_userns.uid", "User who created it" },
	{ "before", "The caller's namespaces at entry" },
	{ "after", "The caller's namespaces at return" },
	{ "links.cgroup", "Inode number of its cgroup namespace" },
	{ "links.ipc", "Inode number of its ipc namespace" },
	{ "links.mnt", "Inode number of its mount namespace" },
	{ "links.net", "Inode number of its network namespace" },
	{ "links.pid", "Inode number of its pid namespace" },
	{ "links.pid_for_children", "Inode number of the pid namespace of its future children" },
	{ "links.time", "Inode number of its time namespace" },
	{ "links.time_for_children", "Inode number of the time namespace of its future children" },
	{ "links.user", "Inode number of its user namespace" },
	{ "links.uts", "Inode number of its uts namespace" },
	{ "joined", "The kinds of namespace that the call joined" },
	{ "ret", "Return value of the call: 0 or a negative error number" },
	{ "errno", "Name of the error, or its number if it has no name here" },
	{ "flags", "Properties that deserve attention" },
	{ NULL, NULL },
};

static const char *find(const char *path)
{
	const struct description *at;

	for (at = descriptions; at->path; at++)
		if (!strcmp(at->path, path))
			return at->text;
	return NULL;
}

const char *description_of(const char *path)
{
	const char *text = find(path), *dot = strrchr(path, '.');
	char link[64];

	if (text || !dot)
		return text;
	snprintf(link, sizeof(link), "links%s", dot);
	return find(link);
}
