// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "capture/links.h"
#include "compat.h"
#include "kinds.h"

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init_task.h>
#include <linux/log2.h>
#include <linux/magic.h>

u32 links_initial[SETNSMON_LINKS];

const struct file_operations *links_file_ops;

size_t links_mnt_ns_offset;

#define IN_PROXY(member, structure)                                                                \
	offsetof(struct nsproxy, member), offsetof(structure, ns),                                 \
		(int)offsetof(structure, user_ns) - (int)offsetof(structure, ns)
#define NOT_ONE_SLOT			   0, 0, 0
#define SLOT(bit, name, moved, lent, slot) [const_ilog2(bit)] = { slot, SETNSMON_LINK_##moved },

const struct link_slot link_slots[32] = { NS_KINDS(SLOT) };

/* The files in which the kernel itself shows the ten links. */
static const struct link_file {
	const char *path;
	u32 kind;
} link_files[SETNSMON_LINKS] = {
#define LINK_FILE(link, name, kind) [SETNSMON_LINK_##link] = { "/proc/self/ns/" name, kind }
	LINK_FILE(CGROUP, "cgroup", CLONE_NEWCGROUP),
	LINK_FILE(IPC, "ipc", CLONE_NEWIPC),
	LINK_FILE(MNT, "mnt", CLONE_NEWNS),
	LINK_FILE(NET, "net", CLONE_NEWNET),
	LINK_FILE(PID, "pid", CLONE_NEWPID),
	LINK_FILE(PID_FOR_CHILDREN, "pid_for_children", CLONE_NEWPID),
	LINK_FILE(TIME, "time", CLONE_NEWTIME),
	LINK_FILE(TIME_FOR_CHILDREN, "time_for_children", CLONE_NEWTIME),
	LINK_FILE(USER, "user", CLONE_NEWUSER),
	LINK_FILE(UTS, "uts", CLONE_NEWUTS),
};

/* Verifies that this file has the layout of a namespace file. */
static int check_layout(const struct file *file, const struct link_file *expected)
{
	const struct inode *inode = file_inode(file);
	struct ns_common *ns = inode->i_private;

	if (inode->i_sb->s_magic != NSFS_MAGIC ||
	    (links_file_ops && file->f_op != links_file_ops)) {
		pr_err("%s is not a namespace: is /proc the real one?\n", expected->path);
		return -EOPNOTSUPP;
	}
	if (compat_ns_type(ns) != expected->kind || ns->inum != inode->i_ino) {
		pr_err("%s is %lu of type %#x, but its struct ns_common says %u of type %#x\n",
		       expected->path, (unsigned long)inode->i_ino, expected->kind, ns->inum,
		       compat_ns_type(ns));
		return -EOPNOTSUPP;
	}
	if (links_owner(ns, expected->kind) != ns->ops->owner(ns)) {
		pr_err("the owner of %s is not where its structure has it\n", expected->path);
		return -EOPNOTSUPP;
	}
	return 0;
}

/*
 * Learns the operations of namespace files, and the offset of the ns_common in struct
 * mnt_namespace, which must be plausible.
 */
static int learn_mnt_ns(const struct file *file)
{
	long offset = (char *)file_inode(file)->i_private - (char *)current->nsproxy->mnt_ns;

	if (offset < 0 || offset > 256 || offset % sizeof(long)) {
		pr_err("struct mnt_namespace has an unsupported layout (offset %ld)\n", offset);
		return -EOPNOTSUPP;
	}
	links_file_ops = file->f_op;
	links_mnt_ns_offset = offset;
	return 0;
}

/* Verifies that the link @inum, from the kernel's structures, is the one of the file. */
static int check_inum(const struct file *file, const struct link_file *expected, u32 inum)
{
	if (inum == file_inode(file)->i_ino)
		return 0;
	pr_err("%s is %lu, but the kernel's structures gave %u\n", expected->path,
	       (unsigned long)file_inode(file)->i_ino, inum);
	return -EOPNOTSUPP;
}

/* A kernel may lack some kinds. Then their files do not exist either. */
static bool is_absent(const struct file *file, unsigned int link)
{
	return file == ERR_PTR(-ENOENT) && link != SETNSMON_LINK_MNT;
}

/*
 * Opens a namespace file with the rights of the kernel. A security module may refuse it to the
 * task that loads the module.
 */
static struct file *open_link(const char *path)
{
	struct cred *kernel = prepare_kernel_cred(&init_task);
	const struct cred *own;
	struct file *file;

	if (!kernel)
		return ERR_PTR(-ENOMEM);
	own = override_creds(kernel);
	file = filp_open(path, O_RDONLY, 0);
	revert_creds(own);
	put_cred(kernel);
	return file;
}

/*
 * Logs why a link cannot be opened, and returns the error of the load. insmod takes ENOENT for
 * an unknown symbol.
 */
static int cannot_open(const char *path, int err)
{
	const bool absent = err == -ENOENT || err == -ENOTDIR;

	pr_err("cannot open %s (error %d)%s\n", path, err,
	       absent ? ": is /proc mounted? Load the module where it is" : "");
	return absent ? -ENXIO : err;
}

/* Checks one link against @links, or learns from it if @links is NULL. */
static int verify_link(unsigned int link, const u32 *links)
{
	const struct link_file *expected = &link_files[link];
	struct file *file = open_link(expected->path);
	int err;

	if (is_absent(file, link))
		return 0;
	if (IS_ERR(file))
		return cannot_open(expected->path, PTR_ERR(file));
	err = check_layout(file, expected);
	if (!err)
		err = links ? check_inum(file, expected, links[link]) : learn_mnt_ns(file);
	fput(file);
	return err;
}

static int verify_links(void)
{
	u32 links[SETNSMON_LINKS];
	unsigned int link;
	int err = verify_link(SETNSMON_LINK_MNT, NULL);

	if (err)
		return err;
	links_fill_own(links, task_active_pid_ns(current), current_user_ns());
	for (link = 0; link < SETNSMON_LINKS; link++) {
		err = verify_link(link, links);
		if (err)
			return err;
	}
	return 0;
}

/* The idle task of the boot CPU never leaves the initial namespaces. */
static void learn_initial(void)
{
	links_fill_proxy(links_initial, init_task.nsproxy);
	links_initial[SETNSMON_LINK_PID] = init_pid_ns.ns.inum;
	links_initial[SETNSMON_LINK_USER] = init_user_ns.ns.inum;
}

int links_verify(void)
{
	int err = verify_links();

	if (!err)
		learn_initial();
	else if (err == -EOPNOTSUPP)
		pr_err("not loaded, because records would be wrong: unsupported kernel layout\n");
	return err;
}

static u32 move_link(u32 *after, unsigned int link, u32 inum)
{
	u32 moved = after[link] != inum ? BIT(link) : 0;

	after[link] = inum;
	return moved;
}

/* Joining a time namespace moves the link for children, too. */
static u32 join_kind(u32 *after, const struct ns_kind *kind, u32 inum)
{
	u32 moved = 0;
	u32 left;

	for (left = kind->moves; left; left &= left - 1)
		moved |= move_link(after, __ffs(left), inum);
	return moved;
}

u32 links_after_join(u32 *after, const u32 *before, u32 kinds, u32 type, u32 inum, const u32 *links)
{
	u32 moved = 0;

	memcpy(after, before, SETNSMON_LINKS * sizeof(*after));
	if (type)
		return !kinds || kinds == type ? join_kind(after, &ns_kinds[__ffs(type)], inum) : 0;
	if (!links || kinds & ~NS_KIND_BITS)
		return 0;
	for (; kinds; kinds &= kinds - 1) {
		const struct ns_kind *kind = &ns_kinds[__ffs(kinds)];

		moved |= join_kind(after, kind, links[kind->lent]);
	}
	return moved;
}
