/* SPDX-License-Identifier: GPL-2.0-only */
/* Which boot of which host this is. */
#ifndef SETNSMON_HOST_H
#define SETNSMON_HOST_H

#include <sys/utsname.h>

/**
 * struct host - the host as this process sees it
 * @uts: the name is in @uts.nodename
 * @boot_id: empty if it cannot be read
 */
struct host {
	struct utsname uts;
	char boot_id[37];
};

void host_read(struct host *host);

#endif /* SETNSMON_HOST_H */
