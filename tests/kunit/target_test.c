// SPDX-License-Identifier: GPL-2.0-only
/* Files, real ones and made-up ones, and the target that each of them is. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt /* target.c is not the first to include printk.h */

#include "family.h"
#include "../../module/capture/target.c"

#include <linux/fdtable.h>
#include <linux/kthread.h>

/* ---- relations ---- */

/* Only called for two different user namespaces. */
static u8 relation_by_hand(int owner, int caller)
{
	if (lies_below[owner][caller])
		return SETNSMON_RELATION_ANCESTOR;
	if (lies_below[caller][owner])
		return SETNSMON_RELATION_DESCENDANT;
	return SETNSMON_RELATION_UNRELATED;
}

static void relations(struct kunit *test)
{
	const struct user_namespace *family = family_new(test);
	int owner, caller;

	for (owner = 0; owner < FAMILY; owner++)
		for (caller = 0; caller < FAMILY; caller++) {
			u8 got = target_relation_elsewhere(&family[owner], &family[caller]);

			if (owner != caller && got != relation_by_hand(owner, caller))
				KUNIT_FAIL(test, "%s, seen from %s: %u, expected %u",
					   family_names[owner], family_names[caller], got,
					   relation_by_hand(owner, caller));
			KUNIT_EXPECT_EQ(test, userns_is_within(&family[caller], &family[owner]),
					lies_below[owner][caller]);
		}
}

/* The caller is in the initial user namespace. */
static void owners(struct kunit *test)
{
	struct user_namespace *family = family_new(test);
	struct event_target target = {};

	target_fill_owner(&target, &init_user_ns);
	KUNIT_EXPECT_EQ(test, (int)relation_of(&init_user_ns), SETNSMON_RELATION_SAME);
	KUNIT_EXPECT_EQ(test, target.owner_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, target.owner_level, 0U);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has, 0U);

	family[TENANT].parent = &init_user_ns;
	family[POD].owner = KUIDT_INIT(1000);
	target_fill_owner(&target, &family[POD]);
	KUNIT_EXPECT_EQ(test, (int)relation_of(&family[POD]), SETNSMON_RELATION_DESCENDANT);
	KUNIT_EXPECT_EQ(test, target.owner_inum, 1000U + POD);
	KUNIT_EXPECT_EQ(test, target.owner_level, 2U);
	KUNIT_EXPECT_EQ(test, target.owner_uid, 1000U);
	KUNIT_EXPECT_EQ(test, (int)relation_of(&family[HOST]), SETNSMON_RELATION_UNRELATED);
}

/* The highest owner counts, and of two equally high ones the one that crosses more. */
static void steps(struct kunit *test)
{
	const struct user_namespace *family = family_new(test);
	const struct step to_initial = { NULL, SETNSMON_RELATION_ANCESTOR };
	const struct step to_host = { &family[HOST], SETNSMON_RELATION_SAME };
	const struct step to_tenant = { &family[TENANT], SETNSMON_RELATION_DESCENDANT };
	const struct step to_foreign = { &family[TENANT], SETNSMON_RELATION_UNRELATED };

	KUNIT_EXPECT_TRUE(test, step_is_higher(to_initial, to_host));
	KUNIT_EXPECT_TRUE(test, step_is_higher(to_host, to_tenant));
	KUNIT_EXPECT_FALSE(test, step_is_higher(to_tenant, to_host));
	KUNIT_EXPECT_TRUE(test, step_is_higher(to_foreign, to_tenant));
	KUNIT_EXPECT_FALSE(test, step_is_higher(to_tenant, to_foreign));
	KUNIT_EXPECT_FALSE(test, step_is_higher(to_tenant, to_tenant));
}

/* ---- files ---- */

/* The links of a caller that is nowhere where others are. */
static const u32 elsewhere[SETNSMON_LINKS];

static void soil(struct event_target *target)
{
	memset(target, 0xa5, sizeof(*target));
}

static void fill_path(struct kunit *test, struct event_target *target, const char *path)
{
	struct file *file = filp_open(path, O_RDONLY, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	soil(target);
	preempt_disable();
	target_fill_file(target, file, CLONE_NEWUTS, elsewhere);
	preempt_enable();
	fput(file);
}

static void files(struct kunit *test)
{
	struct event_target target;

	soil(&target);
	target_fill_file(&target, NULL, 0, elsewhere);
	KUNIT_EXPECT_EQ(test, (int)target.form.fd_kind, SETNSMON_FD_NONE);
	KUNIT_EXPECT_EQ(test, (int)target.form.relation, SETNSMON_RELATION_NONE);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has, 0U);

	fill_path(test, &target, "/proc/version");
	KUNIT_EXPECT_EQ(test, (int)target.form.fd_kind, SETNSMON_FD_OTHER);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has, SETNSMON_HAS_FS_MAGIC | SETNSMON_HAS_SHARING);
	KUNIT_EXPECT_EQ(test, target.more.fs_magic, (u32)PROC_SUPER_MAGIC);
	KUNIT_EXPECT_EQ(test, target.more.threads, 1U);

	fill_path(test, &target, "/proc/self/ns/uts");
	KUNIT_EXPECT_EQ(test, (int)target.form.fd_kind, SETNSMON_FD_NSFS);
	KUNIT_EXPECT_EQ(test, target.type, (u32)CLONE_NEWUTS);
	KUNIT_EXPECT_EQ(test, target.inum, (u32)PROC_UTS_INIT_INO);
	KUNIT_EXPECT_EQ(test, target.owner_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, (int)target.form.relation, SETNSMON_RELATION_SAME);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has,
			SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_OWNER |
				SETNSMON_HAS_RELATION);

	/* Nothing owns the initial user namespace. */
	fill_path(test, &target, "/proc/self/ns/user");
	KUNIT_EXPECT_EQ(test, target.inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has,
			SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_NS | SETNSMON_HAS_RELATION |
				SETNSMON_HAS_TARGET_USERNS | SETNSMON_HAS_SHARING);
	KUNIT_EXPECT_EQ(test, target.more.userns_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, (int)target.form.relation, SETNSMON_RELATION_SAME);
}

static const struct file_operations ops, other_ops;

/* A file with only the members that target.c looks at, because a module cannot make a pidfd. */
struct fake_file {
	struct file file;
	struct inode inode;
	struct dentry dentry;
	struct super_block sb;
};

static struct fake_file *fake_new(struct kunit *test, unsigned long magic)
{
	struct fake_file *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->sb.s_magic = magic;
	fake->inode.i_sb = &fake->sb;
	fake->dentry.d_name.name = "[pidfd]";
	fake->file.f_inode = &fake->inode;
	fake->file.f_path.dentry = &fake->dentry;
	fake->file.f_op = &ops;
	return fake;
}

static void fill_fake(struct fake_file *fake, struct event_target *target, void *pid)
{
	fake->inode.i_private = pid;
	fake->file.private_data = pid;
	soil(target);
	preempt_disable();
	target_fill_file(target, &fake->file, CLONE_NEWUTS, elsewhere);
	preempt_enable();
}

/* The order matters: once a pidfd has passed, the others are believed. */
static void pidfds(struct kunit *test)
{
	struct fake_file *fake = fake_new(test, COMPAT_PIDFS_MAGIC);
	struct fake_file *anonymous = fake_new(test, ANON_INODE_FS_MAGIC);
	struct pid *copy = kunit_kzalloc(test, sizeof(*copy) + sizeof(struct upid), GFP_KERNEL);
	const struct file_operations *found = pidfd_ops;
	struct event_target target;
	u32 own[SETNSMON_LINKS];

	KUNIT_ASSERT_NOT_NULL(test, copy);
	pidfd_ops = NULL;
	fill_fake(fake, &target, (void *)8);
	KUNIT_EXPECT_EQ(test, (int)target.form.fd_kind, SETNSMON_FD_PIDFD);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has, SETNSMON_HAS_SHARING);

	copy->numbers[0].nr = task_pid_nr(current);
	fill_fake(fake, &target, copy);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has, SETNSMON_HAS_SHARING);
	KUNIT_EXPECT_PTR_EQ(test, pidfd_ops, (const struct file_operations *)NULL);

	fill_fake(fake, &target, task_pid(current));
	KUNIT_EXPECT_EQ(test, (int)target.form.fd_kind, SETNSMON_FD_PIDFD);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has,
			SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_PID | SETNSMON_HAS_OWNER |
				SETNSMON_HAS_RELATION | SETNSMON_HAS_TARGET_USERNS |
				SETNSMON_HAS_TARGET_CGROUP | SETNSMON_HAS_TARGET_LINKS |
				SETNSMON_HAS_SHARING);
	KUNIT_EXPECT_EQ(test, target.more.pid, (u32)task_pid_nr(current));
	KUNIT_EXPECT_EQ(test, target.more.userns_inum, (u32)PROC_USER_INIT_INO);
	KUNIT_EXPECT_EQ(test, target.more.crossed, (u32)BIT(SETNSMON_RELATION_SAME));
	KUNIT_EXPECT_EQ(test, target.owner_inum, (u32)PROC_USER_INIT_INO);
	links_fill_own(own, task_active_pid_ns(current), current_user_ns());
	KUNIT_EXPECT_EQ(test, memcmp(target.more.links, own, sizeof(own)), 0);
	KUNIT_EXPECT_PTR_EQ(test, pidfd_ops, &ops);

	/* Nobody has this struct pid. */
	fill_fake(fake, &target, copy);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has,
			SETNSMON_HAS_TARGET | SETNSMON_HAS_TARGET_PID | SETNSMON_HAS_SHARING);

	/* One form proves nothing about the other. */
	fill_fake(anonymous, &target, (void *)8);
	KUNIT_EXPECT_EQ(test, (int)target.form.fd_kind, SETNSMON_FD_PIDFD);
	KUNIT_EXPECT_EQ(test, (u32)target.form.has, SETNSMON_HAS_SHARING);
	pidfd_ops = found;
}

/* The kernel compares operations only, and so does the module. */
static void impostors(struct kunit *test)
{
	const unsigned long magics[] = { NSFS_MAGIC, COMPAT_PIDFS_MAGIC, ANON_INODE_FS_MAGIC };
	const struct file_operations *found = pidfd_ops;
	struct event_target target;
	unsigned int i;

	pidfd_ops = &other_ops;
	for (i = 0; i < ARRAY_SIZE(magics); i++) {
		fill_fake(fake_new(test, magics[i]), &target, (void *)8);
		KUNIT_EXPECT_EQ(test, (int)target.form.fd_kind, SETNSMON_FD_OTHER);
		KUNIT_EXPECT_EQ(test, (u32)target.form.has,
				SETNSMON_HAS_FS_MAGIC | SETNSMON_HAS_SHARING);
	}
	pidfd_ops = found;
}

static int wait_for_stop(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Returns whether the links of a process could be read. */
static bool links_are_read(struct task_struct *task)
{
	struct event_target target = {};

	rcu_read_lock();
	fill_task(&target, task, CLONE_NEWUTS, elsewhere);
	rcu_read_unlock();
	return target.form.has & SETNSMON_HAS_TARGET_LINKS &&
	       target.more.links[SETNSMON_LINK_UTS] == PROC_UTS_INIT_INO;
}

/* Nobody waits for the lock of a process. An exiting process has no nsproxy. */
static void other_processes(struct kunit *test)
{
	struct task_struct *task = kthread_run(wait_for_stop, NULL, "setnsmon/other");
	struct nsproxy *proxy;

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	KUNIT_EXPECT_TRUE(test, links_are_read(task));
	spin_lock(&task->alloc_lock);
	KUNIT_EXPECT_FALSE(test, links_are_read(task));
	proxy = task->nsproxy;
	task->nsproxy = NULL;
	spin_unlock(&task->alloc_lock);
	KUNIT_EXPECT_FALSE(test, links_are_read(task));
	spin_lock(&task->alloc_lock);
	task->nsproxy = proxy;
	spin_unlock(&task->alloc_lock);
	kthread_stop(task);
}

static void descriptors(struct kunit *test)
{
	static struct file open, path_only = { .f_mode = FMODE_PATH };
	struct file __rcu *table[3] = { (struct file __rcu *)&open, NULL,
					(struct file __rcu *)&path_only };
	struct fdtable fdt = { .max_fds = ARRAY_SIZE(table), .fd = table };
	struct files_struct files = { .fdt = (struct fdtable __rcu *)&fdt };

	KUNIT_EXPECT_PTR_EQ(test, target_own_file(&files, 0), (const struct file *)&open);
	KUNIT_EXPECT_PTR_EQ(test, target_own_file(&files, 1), (const struct file *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, target_own_file(&files, 2), (const struct file *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, target_own_file(&files, 3), (const struct file *)NULL);
	KUNIT_EXPECT_PTR_EQ(test, target_own_file(&files, ~0U), (const struct file *)NULL);
}

static struct kunit_case target_cases[] = {
	CASE("above, below or beside, for each pair in a family of user namespaces", relations),
	CASE("an owner is described and related to the caller", owners),
	CASE("the highest owner counts, then what crosses most", steps),
	CASE("no file, a namespace, a user namespace without an owner, any other file", files),
	CASE("a pidfd is believed after the kernel itself has confirmed one", pidfds),
	CASE("a file that only looks like a namespace or a pidfd is an ordinary file", impostors),
	CASE("the links of a process that is locked or exiting are left out", other_processes),
	CASE("a descriptor beyond the table, a hole and O_PATH are not open", descriptors),
	{}
};

static int verify(struct kunit_suite *suite)
{
	return links_verify() ?: target_init();
}

static struct kunit_suite target_suite = {
	.name = "setnsmon_target",
	.suite_init = verify,
	.test_cases = target_cases,
};
kunit_test_suite(target_suite);
