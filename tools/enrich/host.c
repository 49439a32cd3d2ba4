// SPDX-License-Identifier: GPL-2.0-only
#include "enrich/host.h"
#include <stdio.h>
#include <string.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

void host_read(struct host *host)
{
	FILE *file = fopen(BOOT_ID, "re");

	memset(host, 0, sizeof(*host));
	uname(&host->uts);
	if (!file)
		return;
	if (!fgets(host->boot_id, sizeof(host->boot_id), file))
		host->boot_id[0] = 0;
	fclose(file);
}
