// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls setns(2) as fast as it can, and counts its calls.
 *
 *	callers SECONDS ROLES CALLS
 *
 * It ends after SECONDS, at SIGTERM, or when each caller has made CALLS calls; 0 is no
 * limit. The first letter of ROLES is a thread on CPU 0, the next one on CPU 1, and so on,
 * starting over after the last CPU; see callers.h. Two more letters are processes instead of
 * threads. They start others, each with a thread f and a thread o, which end a moment later
 * with calls in flight:
 *
 *	k	killed from outside
 *	x	by exit(2) of another thread
 *
 * For each role it prints "made ROLE DONE BEGUN": calls that returned, and calls that were
 * begun. They differ only by calls whose caller was killed in between.
 */
#define _GNU_SOURCE
#include "callers.h"
#include "newer.h"
#include "pin.h"
#include "setns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CALLERS 64
#define NOBODY	    65534
#define BREATH	    256 /* calls; see breathe() */

/* Counters of a caller, in shared memory so that they survive a killed caller. */
struct tally {
	uint64_t begun;
	uint64_t done;
} __attribute__((aligned(64)));

struct caller {
	char role;
	unsigned int cpu;
	struct tally *tally;
	pthread_t thread;
};

struct shared {
	int stop;
	struct tally callers[MAX_CALLERS];
	struct tally offspring[MAX_CALLERS][2];
	struct tally killed[2]; /* f and o: sums over children that have ended */
};

static struct shared *shared;
static uint32_t most = UINT32_MAX; /* limit of calls for each caller */
static int uts, net[2], mnt, pidfd[2];

static void die(const char *what)
{
	fprintf(stderr, "callers: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static int stopped(void)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

/* Fails while that CPU is offline; the kernel then chooses one. */
static void stay_on(unsigned int cpu)
{
	if (pin(cpu) && errno != EINVAL)
		die("sched_setaffinity");
}

/*
 * Returns to the CPU that the kernel has moved us from, and sleeps. Before the kernel frees
 * the memory of a probe, it waits until each task has slept (synchronize_rcu_tasks()).
 */
static void breathe(unsigned int cpu)
{
	usleep(1);
	stay_on(cpu);
}

static void one_call(char role, uint32_t tid, uint32_t n)
{
	long ret, want = 0;

	switch (role) {
	case 'f':
		ret = call_native(caller_fd(n), caller_nstype(tid, caller_fd(n)));
		want = -EBADF;
		break;
	case 'i':
		ret = call_int80(caller_fd(n), caller_nstype(tid, caller_fd(n)));
		want = -EBADF;
		break;
	case 'o':
		ret = call_native(uts, n % 2 ? CLONE_NEWUTS : 0);
		break;
	case 'n':
		ret = call_native(net[n % 2], n % 3 ? CLONE_NEWNET : 0);
		break;
	case 'p':
		ret = call_native(pidfd[n % 2], CLONE_NEWNET | CLONE_NEWUTS);
		break;
	case 'd':
		ret = call_native(net[1], 0);
		want = -EPERM;
		break;
	case 'w':
		ret = call_native(uts, CLONE_NEWNET);
		want = -EINVAL;
		break;
	default:
		if (unshare(CLONE_NEWNS))
			die("unshare");
		ret = call_native(mnt, CLONE_NEWNS);
	}
	if (ret != want) {
		fprintf(stderr, "callers: role %c, call %u: %ld, not %ld\n", role, n, ret, want);
		_exit(98);
	}
}

static void *caller_run(void *arg)
{
	const struct caller *caller = arg;
	uint32_t tid = syscall(SYS_gettid);
	struct tally *tally = caller->tally;
	char name[16];
	uint32_t n;

	snprintf(name, sizeof(name), CALLER_NAME "%c%x%x", caller->role, caller->cpu & 15, tid);
	prctl(PR_SET_NAME, name);
	stay_on(caller->cpu);
	/* The plain system call, which concerns this thread alone */
	if (caller->role == 'd' && syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY))
		die("setresuid");
	for (n = 0; n < most && !stopped(); n++) {
		__atomic_store_n(&tally->begun, n + 1, __ATOMIC_RELEASE);
		one_call(caller->role, tid, n);
		__atomic_store_n(&tally->done, n + 1, __ATOMIC_RELEASE);
		if (n % BREATH == BREATH - 1)
			breathe(caller->cpu);
	}
	return NULL;
}

static void caller_start(struct caller *caller)
{
	/* Small stacks, because many threads come and go */
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	if (pthread_create(&caller->thread, &attr, caller_run, caller))
		die("pthread_create");
}

static void offspring_run(struct tally *tallies, unsigned int cpu, useconds_t life)
{
	struct caller callers[2] = { { 'f', cpu, &tallies[0], 0 }, { 'o', cpu, &tallies[1], 0 } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	caller_start(&callers[0]);
	caller_start(&callers[1]);
	usleep(life);
	_exit(0);
}

static void add(struct tally *sum, struct tally *tally)
{
	__atomic_add_fetch(&sum->begun, tally->begun, __ATOMIC_RELAXED);
	__atomic_add_fetch(&sum->done, tally->done, __ATOMIC_RELAXED);
	*tally = (struct tally){ 0 };
}

/* Their lifetimes vary, but are the same in each run. */
static void beget(char role, unsigned int cpu, struct tally *tallies)
{
	unsigned int seed = cpu;

	while (!stopped()) {
		useconds_t life = 2000 + rand_r(&seed) % 20000;
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (!child)
			offspring_run(tallies, cpu, role == 'x' ? life : 1000 * 1000 * 1000);
		if (role == 'k') {
			usleep(life);
			kill(child, SIGKILL);
		}
		if (waitpid(child, NULL, 0) != child)
			die("waitpid");
		add(&shared->killed[0], &tallies[0]);
		add(&shared->killed[1], &tallies[1]);
	}
}

/* A child in other namespaces that lives as long as we do. */
static pid_t stranger(void)
{
	int ready[2];
	char c = 0;
	pid_t child;

	if (pipe(ready))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET | CLONE_NEWUTS) || write(ready[1], &c, 1) != 1)
			die("stranger");
		for (;;)
			pause();
	}
	if (read(ready[0], &c, 1) != 1)
		die("stranger");
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void open_targets(pid_t other)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", other);
	net[0] = open(path, O_RDONLY);
	net[1] = open("/proc/self/ns/net", O_RDONLY);
	uts = open("/proc/self/ns/uts", O_RDONLY);
	mnt = open("/proc/self/ns/mnt", O_RDONLY);
	pidfd[0] = syscall(SYS_pidfd_open, other, 0);
	pidfd[1] = syscall(SYS_pidfd_open, getpid(), 0);
	if (net[0] < 0 || net[1] < 0 || uts < 0 || mnt < 0 || pidfd[0] < 0 || pidfd[1] < 0)
		die("targets");
}

static void on_term(int signal)
{
	(void)signal;
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
}

static int all_made(const struct caller *callers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (__atomic_load_n(&callers[i].tally->done, __ATOMIC_ACQUIRE) < most)
			return 0;
	return 1;
}

static void rest(const struct caller *callers, unsigned int count, unsigned int seconds)
{
	unsigned int tenth;

	for (tenth = 0; tenth < 10 * seconds && !stopped() && !all_made(callers, count); tenth++)
		usleep(100 * 1000);
}

static void report(const struct caller *callers, unsigned int count)
{
	const char *role;
	unsigned int i;

	for (role = CALLER_ROLES; *role; role++) {
		struct tally sum = { 0 };

		if (*role == 'f' || *role == 'o')
			add(&sum, &shared->killed[*role == 'o']);
		for (i = 0; i < count; i++)
			if (callers[i].role == *role)
				add(&sum, callers[i].tally);
		printf("made %c %llu %llu\n", *role, (unsigned long long)sum.done,
		       (unsigned long long)sum.begun);
	}
}

int main(int argc, char **argv)
{
	static struct caller callers[MAX_CALLERS];
	unsigned int cpus = sysconf(_SC_NPROCESSORS_CONF), count, i;
	pid_t other, begetters[MAX_CALLERS] = { 0 };

	count = argc == 4 ? strlen(argv[2]) : 0;
	if (!count || count > MAX_CALLERS || strspn(argv[2], CALLER_ROLES "kx") != count) {
		fprintf(stderr, "usage: callers SECONDS ROLES CALLS\n");
		return 97;
	}
	if (atoi(argv[3]))
		most = atoi(argv[3]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		die("mmap");
	other = stranger();
	open_targets(other);
	for (i = 0; i < count; i++) {
		callers[i] = (struct caller){ argv[2][i], i % cpus, &shared->callers[i], 0 };
		if (!strchr("kx", callers[i].role))
			continue;
		begetters[i] = fork();
		if (!begetters[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			beget(callers[i].role, callers[i].cpu, shared->offspring[i]);
			_exit(0);
		}
	}
	for (i = 0; i < count; i++)
		if (!begetters[i])
			caller_start(&callers[i]);
	signal(SIGTERM, on_term);
	rest(callers, count, strtoul(argv[1], NULL, 0));
	__atomic_store_n(&shared->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < count; i++) {
		int status = 0;

		if (!begetters[i])
			pthread_join(callers[i].thread, NULL);
		else if (waitpid(begetters[i], &status, 0) != begetters[i] || status)
			die("a begetter");
	}
	report(callers, count);
	return 0;
}
