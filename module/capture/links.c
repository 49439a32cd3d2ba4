// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture/links.h"
#include "compat.h"

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/magic.h>

size_t links_mnt_ns_offset;

/* Not of CLONE_NEWTIME, which moves two, nor of CLONE_NEWUSER, which no nsproxy has. */
struct links_place links_places[32] = {
#define PLACE(kind, pointer, structure, link)                                                      \
	[const_ilog2(kind)] = { offsetof(struct nsproxy, pointer), offsetof(structure, ns), link }
	PLACE(CLONE_NEWCGROUP, cgroup_ns, struct cgroup_namespace, SETNSMON_LINK_CGROUP),
	PLACE(CLONE_NEWIPC, ipc_ns, struct ipc_namespace, SETNSMON_LINK_IPC),
	PLACE(CLONE_NEWNET, net_ns, struct net, SETNSMON_LINK_NET),
	PLACE(CLONE_NEWPID, pid_ns_for_children, struct pid_namespace,
	      SETNSMON_LINK_PID_FOR_CHILDREN),
	PLACE(CLONE_NEWUTS, uts_ns, struct uts_namespace, SETNSMON_LINK_UTS),
#undef PLACE
	/* @in_ns is learnt. */
	[const_ilog2(CLONE_NEWNS)] = { offsetof(struct nsproxy, mnt_ns), 0, SETNSMON_LINK_MNT },
};

/* What the kernel itself says of the ten links: it is opened as /proc/self/ns/NAME. */
static const struct {
	const char *path;
	u32 kind;
} link_files[SETNSMON_LINKS] = {
#define LINK_FILE(link, name, kind) [link] = { "/proc/self/ns/" name, kind }
	LINK_FILE(SETNSMON_LINK_CGROUP, "cgroup", CLONE_NEWCGROUP),
	LINK_FILE(SETNSMON_LINK_IPC, "ipc", CLONE_NEWIPC),
	LINK_FILE(SETNSMON_LINK_MNT, "mnt", CLONE_NEWNS),
	LINK_FILE(SETNSMON_LINK_NET, "net", CLONE_NEWNET),
	LINK_FILE(SETNSMON_LINK_PID, "pid", CLONE_NEWPID),
	LINK_FILE(SETNSMON_LINK_PID_FOR_CHILDREN, "pid_for_children", CLONE_NEWPID),
	LINK_FILE(SETNSMON_LINK_TIME, "time", CLONE_NEWTIME),
	LINK_FILE(SETNSMON_LINK_TIME_FOR_CHILDREN, "time_for_children", CLONE_NEWTIME),
	LINK_FILE(SETNSMON_LINK_USER, "user", CLONE_NEWUSER),
	LINK_FILE(SETNSMON_LINK_UTS, "uts", CLONE_NEWUTS),
};

/* Is this file what we take a namespace's file for? */
static int check_link_file(const struct file *file, unsigned int link)
{
	const struct inode *inode = file_inode(file);
	const struct ns_common *ns = inode->i_private;

	if (inode->i_sb->s_magic != NSFS_MAGIC) {
		pr_err("%s is not a namespace: is /proc the real one?\n", link_files[link].path);
		return -EOPNOTSUPP;
	}
	if (compat_ns_type(ns) != link_files[link].kind || ns->inum != inode->i_ino) {
		pr_err("%s is %lu of type %#x, but its struct ns_common says %u of type %#x\n",
		       link_files[link].path, (unsigned long)inode->i_ino, link_files[link].kind,
		       ns->inum, compat_ns_type(ns));
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The distance from a struct mnt_namespace to its ns_common, in a structure of a plausible size. */
static int learn_mnt_ns(const struct file *file)
{
	long offset = (char *)file_inode(file)->i_private - (char *)current->nsproxy->mnt_ns;

	if (offset < 0 || offset > 256 || offset % sizeof(long)) {
		pr_err("struct mnt_namespace is not as expected (offset %ld)\n", offset);
		return -EOPNOTSUPP;
	}
	links_mnt_ns_offset = offset;
	links_places[const_ilog2(CLONE_NEWNS)].in_ns = offset;
	return 0;
}

/* @file is what the kernel says of the link, @links what we read of all. */
static int check_link(const struct file *file, unsigned int link, const u32 *links)
{
	if (links[link] == file_inode(file)->i_ino)
		return 0;
	pr_err("%s is %lu, but the kernel's structures gave %u\n", link_files[link].path,
	       (unsigned long)file_inode(file)->i_ino, links[link]);
	return -EOPNOTSUPP;
}

/* A kernel may be without some kinds; then their files are not there, either. */
static bool is_absent(const struct file *file, unsigned int link)
{
	return file == ERR_PTR(-ENOENT) && link != SETNSMON_LINK_MNT;
}

/* One link, with @links: NULL to learn from it, else what was read. */
static int try_link(unsigned int link, const u32 *links)
{
	struct file *file = filp_open(link_files[link].path, O_RDONLY, 0);
	int err;

	if (is_absent(file, link))
		return 0;
	if (IS_ERR(file)) {
		pr_err("cannot open %s (error %ld)%s\n", link_files[link].path, PTR_ERR(file),
		       PTR_ERR(file) == -ENOENT ? ": is /proc mounted?" : "");
		return PTR_ERR(file);
	}
	err = check_link_file(file, link);
	if (!err)
		err = links ? check_link(file, link, links) : learn_mnt_ns(file);
	fput(file);
	return err;
}

static int try_links(void)
{
	u32 links[SETNSMON_LINKS];
	unsigned int link;
	int err = try_link(SETNSMON_LINK_MNT, NULL);

	if (err)
		return err;
	links_read_own(links, task_active_pid_ns(current), current_user_ns());
	for (link = 0; link < SETNSMON_LINKS; link++) {
		err = try_link(link, links);
		if (err)
			return err;
	}
	return 0;
}

int links_prove(void)
{
	int err = try_links();

	if (err == -EOPNOTSUPP)
		pr_err("not loaded, because records would be wrong: "
		       "this kernel is not as this version of setnsmon knows it\n");
	return err;
}
