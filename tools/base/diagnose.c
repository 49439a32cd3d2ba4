// SPDX-License-Identifier: GPL-2.0-only
#include "base/diagnose.h"
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIG_ENFORCE "/sys/module/module/parameters/sig_enforce"
#define LOCKDOWN    "/sys/kernel/security/lockdown"
/* Four bytes of attributes, then 1 or 0 */
#define SECURE_BOOT	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SECURE_BOOT_LEN 5

/* Reads a small file as a string, which is empty if that cannot be done. Returns its length. */
static size_t read_file(const char *root, const char *path, char *text, size_t size)
{
	char full[PATH_MAX];
	ssize_t len = -1;
	int fd;

	snprintf(full, sizeof(full), "%s%s", root, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, text, size - 1);
		close(fd);
	}
	if (len < 0)
		len = 0;
	text[len] = '\0';
	return len;
}

enum signing signing_demanded(const char *root)
{
	char enforce[8], lockdown[64];
	char boot[SECURE_BOOT_LEN + 2]; /* so that a longer one is not taken for it */
	bool enforced, secure_boot, locked;

	read_file(root, SIG_ENFORCE, enforce, sizeof(enforce));
	enforced = enforce[0] == 'Y';
	secure_boot = read_file(root, SECURE_BOOT, boot, sizeof(boot)) == SECURE_BOOT_LEN &&
		      boot[SECURE_BOOT_LEN - 1] == 1;
	/* The state that it is in stands in brackets. Secure Boot brings it, where it can be. */
	if (read_file(root, LOCKDOWN, lockdown, sizeof(lockdown)))
		locked = !strstr(lockdown, "[none]");
	else
		locked = secure_boot;

	if (!enforced && !locked)
		return SIGNING_OPTIONAL;
	if (secure_boot)
		return SIGNING_SECURE_BOOT;
	return enforced ? SIGNING_ENFORCED : SIGNING_LOCKDOWN;
}

void signing_explain(enum signing demanded)
{
	static const char *const why[] = {
		[SIGNING_SECURE_BOOT] = "Secure Boot is on",
		[SIGNING_ENFORCED] = "module.sig_enforce is set",
		[SIGNING_LOCKDOWN] = "it is locked down",
	};

	if (demanded == SIGNING_OPTIONAL)
		return;
	warnx("but this kernel takes a module only if it is signed with a key that it trusts: %s",
	      why[demanded]);
	if (demanded == SIGNING_SECURE_BOOT)
		warnx("make it trust the key that DKMS signs with: "
		      "'mokutil --import /var/lib/dkms/mok.pub', reboot, and confirm there");
	else
		warnx("since Secure Boot is off, keys of your own do not count: "
		      "boot it with Secure Boot, or without that demand");
	warnx("the section SECURE BOOT of setnsmon(8) tells more");
}
