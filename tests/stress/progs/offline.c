// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes calls on a CPU that goes offline at that moment. The wake-up that a call leaves to
 * its CPU must not be lost. Prints TAP.
 *
 *	offline ROUNDS
 *
 * Needs modules/linger.c, and all CPUs online. No other process may call setns(2)
 * meanwhile; see reading.h.
 */
#define _GNU_SOURCE
#include "pin.h"
#include "sleeping.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

/* Time limit for a record to reach all sleepers, after the call and the end of the CPU. */
#define PATIENCE_MS 5000

#define READERS 3
#define LINGER "/sys/module/linger/parameters/"

static int rounds;

static struct reader sleepers[READERS];
static long calls; /* the callers' own count */

/* Expected time of going offline, from the last rounds. */
static int64_t going_ns = 50000000;

/*
 * One call, from a thread that is bound to a CPU.
 * @fd: for setns(2)
 * @wait_ns: delay before the call
 * @tid: thread, once it exists
 * @go: true when the call may begin
 * @cpu: CPU to call on
 * @on, @from: CPU and time of the call
 * @done: true when the call has returned
 */
struct caller {
	pthread_t id;
	int cpu;
	int fd;
	int64_t wait_ns;
	atomic_int tid;
	atomic_bool go, done;
	int on;
	int64_t from;
};

static void spin(int64_t ns)
{
	int64_t until = now_ns() + ns;

	while (now_ns() < until)
		;
}

static void *call(void *arg)
{
	struct caller *caller = arg;

	if (pin(caller->cpu))
		FAIL("cannot run on processor %d", caller->cpu);
	caller->tid = syscall(SYS_gettid);
	while (!caller->go)
		;
	spin(caller->wait_ns);
	caller->on = sched_getcpu();
	caller->from = now_ns();
	syscall(SYS_setns, caller->fd, 0);
	caller->done = true;
	return NULL;
}

static void begin_call(struct caller *caller)
{
	caller->tid = 0;
	caller->go = caller->done = false;
	if (pthread_create(&caller->id, NULL, call, caller))
		abort();
	while (!caller->tid)
		usleep(100);
}

static void end_call(struct caller *caller)
{
	pthread_join(caller->id, NULL);
	calls++;
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		FAIL("%s to %s: errno %d", text, path, errno);
	close(fd);
}

static int number_in(const char *path)
{
	char text[16] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		FAIL("%s: errno %d", path, errno);
	close(fd);
	return atoi(text);
}

static const char *attribute(int cpu, const char *name)
{
	static _Thread_local char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/%s", cpu, name);
	return path;
}

static void online(int cpu, const char *how)
{
	write_to(attribute(cpu, "online"), how);
}

static void begin_all(int count)
{
	begin(&sleepers[0], in_read, count);
	begin(&sleepers[1], in_poll, count);
	begin(&sleepers[2], in_epoll_exclusive, count);
	calls = 0;
}

static void end_all(void)
{
	for (int i = 0; i < READERS; i++)
		end(&sleepers[i]);
}

/* Checks that each reader has got every record, with the CPU still offline and no later call. */
static bool all_woken(void)
{
	static const char *const where[READERS] = { "read", "poll", "epoll" };
	bool woke = true;

	for (int i = 0; i < READERS; i++) {
		if (sees(&sleepers[i], calls, PATIENCE_MS))
			continue;
		FAIL("call %ld: the reader asleep in %s has had %ld", calls, where[i],
		     (long)sleepers[i].seen);
		woke = false;
	}
	return woke;
}

static int any_but_the_first(void)
{
	return 1 + rand() % (get_nprocs_conf() - 1);
}

static void calls_around_its_end(void)
{
	struct caller caller = { .fd = MARK };
	long there = 0, going = 0;
	int64_t begin, end;
	bool woke = true;
	int round;

	begin_all(rounds);
	for (round = 0; round < rounds && woke; round++) {
		caller.cpu = any_but_the_first();
		/* In turns just before that, and at any time during it, mostly early */
		caller.wait_ns = round % 2 ? 0 : (rand() % going_ns) >> rand() % 8;
		begin_call(&caller);
		caller.go = true;
		while (round % 2 && !caller.done)
			;
		begin = now_ns();
		online(caller.cpu, "0");
		end = now_ns();
		end_call(&caller);
		going_ns = (3 * going_ns + end - begin) / 4;
		there += caller.on == caller.cpu;
		going += caller.on == caller.cpu && caller.from > begin;
		woke = all_woken();
		online(caller.cpu, "1");
	}
	end_all();
	printf("# %d calls: %ld on the processor that went, %ld of them when it was going, "
	       "which takes %ld ms\n", round, there, going, (long)(going_ns / 1000000));
	CHECK(there > 0);
}

static void *go_off(void *arg)
{
	online(*(int *)arg, "0");
	return NULL;
}

/*
 * Waits until a CPU gets no further, and returns its step of hotplug, 0 for offline. Does not
 * sleep, because on PREEMPT_RT the timers that would wake us may belong to that CPU.
 */
static int comes_to(int cpu)
{
	int64_t since = now_ns();
	int at = number_in(attribute(cpu, "hotplug/state")), next;

	while (now_ns() - since < 300000000) {
		sched_yield();
		next = number_in(attribute(cpu, "hotplug/state"));
		if (next != at)
			since = now_ns();
		at = next;
	}
	return at;
}

/* Returns whether migrate_disable() binds a task to its CPU. */
static bool can_be_bound(void)
{
	struct utsname name;
	int major, minor;

	uname(&name);
	return sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
	       major * 1000 + minor >= 5012;
}

/* Returns whether the CPU waited for the call. */
static bool call_while_it_waits(struct caller *caller)
{
	pthread_t off;
	char text[16];
	int step;

	begin_call(caller);
	snprintf(text, sizeof(text), "%d", caller->tid);
	write_to(LINGER "tid", text);
	caller->go = true;
	while (number_in(LINGER "tid"))
		sched_yield();
	if (pthread_create(&off, NULL, go_off, &caller->cpu))
		abort();
	step = comes_to(caller->cpu);
	write_to(LINGER "go", "1");
	end_call(caller);
	pthread_join(off, NULL);
	return step != 0;
}

/*
 * User tasks have been moved away, and the kernel threads of the CPU are parked. So this
 * call is the last thing that happens there.
 */
static void a_call_that_is_the_last(void)
{
	struct caller caller = { .fd = open("/proc/self/ns/uts", O_RDONLY) };
	int round, waited = 0, most = rounds / 10 + 3;
	bool woke = true;

	begin_all(most);
	EQ(pin(0), 0);
	for (round = 0; round < most && woke; round++) {
		caller.cpu = any_but_the_first();
		waited += call_while_it_waits(&caller);
		woke = all_woken();
		online(caller.cpu, "1");
	}
	end_all();
	close(caller.fd);
	printf("# %d calls: the processor waited for %d\n", round, waited);
	EQ(waited, can_be_bound() ? round : 0);
}

static const struct tap_case cases[] = {
	{ "a call's processor goes off line: it wakes all who sleep", calls_around_its_end },
	{ "a call that its processor waits for, to go off line, wakes all who sleep",
	  a_call_that_is_the_last },
};

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	rounds = atoi(argv[1]);
	return tap_run(cases, COUNT(cases));
}
