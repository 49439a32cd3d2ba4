// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "base/stop.h"
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int event_fd = -1;

static void on_signal(int signal __attribute__((unused)))
{
	const uint64_t one = 1;
	int saved = errno;
	ssize_t n = write(event_fd, &one, sizeof(one));

	/* Fails only when the counter of the eventfd would overflow. */
	(void)n;
	errno = saved;
}

static int catch (int signal)
{
	/* SA_RESETHAND: a second signal kills us. SA_RESTART: interrupted writes resume. */
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESETHAND | SA_RESTART };

	sigemptyset(&action.sa_mask);
	return sigaction(signal, &action, NULL);
}

static int catch_unless_ignored(int signal)
{
	struct sigaction old;

	if (sigaction(signal, NULL, &old))
		return -1;
	return old.sa_handler == SIG_IGN ? 0 : catch (signal);
}

int stop_fd(void)
{
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0 || catch (SIGINT) || catch (SIGTERM) || catch_unless_ignored(SIGHUP)) {
		warn("cannot set up signal handlers");
		return -1;
	}
	return event_fd;
}
