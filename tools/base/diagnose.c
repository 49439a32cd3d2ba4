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
/* An EFI variable: four bytes of attributes, then 1 (on) or 0 (off). */
#define SECURE_BOOT	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SECURE_BOOT_LEN 5

/* Reads a small file into the string @text, which stays empty on failure. Returns its length. */
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

enum signing signing_policy(const char *root)
{
	char enforce[8], lockdown[64];
	char boot[SECURE_BOOT_LEN + 2]; /* one more byte, to detect a longer variable */
	bool enforced, secure_boot, locked;

	read_file(root, SIG_ENFORCE, enforce, sizeof(enforce));
	enforced = enforce[0] == 'Y';
	secure_boot = read_file(root, SECURE_BOOT, boot, sizeof(boot)) == SECURE_BOOT_LEN &&
		      boot[SECURE_BOOT_LEN - 1] == 1;
	/* The active state is in brackets. Without the file, Secure Boot implies lockdown. */
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

void signing_explain(enum signing policy)
{
	static const char *const reason[] = {
		[SIGNING_SECURE_BOOT] = "Secure Boot is on",
		[SIGNING_ENFORCED] = "module.sig_enforce is set",
		[SIGNING_LOCKDOWN] = "the kernel is locked down",
	};

	if (policy == SIGNING_OPTIONAL)
		return;
	warnx("this kernel only loads modules signed with a key that it trusts: %s",
	      reason[policy]);
	if (policy == SIGNING_SECURE_BOOT)
		warnx("enrol the key that DKMS signs with: "
		      "run 'mokutil --import /var/lib/dkms/mok.pub', reboot, and confirm it there");
	else
		warnx("without Secure Boot the kernel ignores enrolled keys: "
		      "boot it with Secure Boot, or without that restriction");
	warnx("see section SECURE BOOT of setnsmon(8)");
}
