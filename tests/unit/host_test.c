// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests how the reader finds the facts of its host: names of users, time zone, signing policy.
 */
#define _GNU_SOURCE
#include "base/diagnose.h"
#include "base/timezone.h"
#include "enrich/users.h"
#include "reading.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- users ---- */

static void users_have_names_or_numbers(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		CHECK(!strcmp(user_name(0), "root"));
		CHECK(!strcmp(user_name(4000000000), "4000000000"));
		CHECK(!strcmp(user_name(4000000256), "4000000256"));
		CHECK(!strcmp(user_name(UINT_MAX), "4294967295"));
	}
}

/* ---- the time zone ---- */

/* Returns what timezone_prepare() writes to stderr with this TZ. */
static const char *zone_message(const char *tz)
{
	static char message[256];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t len;

	CHECK(!pipe(fds));
	dup2(fds[1], STDERR_FILENO);
	setenv("TZ", tz, 1);
	timezone_prepare();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[1]);
	len = read(fds[0], message, sizeof(message) - 1);
	message[len > 0 ? len : 0] = '\0';
	close(fds[0]);
	return message;
}

static void unknown_time_zones_are_reported(void)
{
	static const char *const good[] = { "", "UTC", ":UTC", "UTC0", "CET-1CEST", "<+0530>-5:30",
					    "EST5EDT,M3.2.0,M11.1.0", "/dev/null" };
	static const char *const bad[] = { "Nowhere/Town", "Europe/Berlim", "XY1", "<+03", "CET",
					   "/nowhere", ":Nowhere" };
	unsigned int i;

	setenv("TZDIR", "/nowhere", 1);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		is_text(zone_message(good[i]), "");
		CHECK(!strcmp(getenv("TZ"), good[i]));
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(has(zone_message(bad[i]), "unknown time zone '"));
		CHECK(!strcmp(getenv("TZ"), "UTC0"));
	}
	unsetenv("TZDIR");
	set_zone("UTC0");
}

/* ---- the signing policy of the kernel ---- */

static size_t secure_boot_len = 5;

/* Returns the policy read from files with this content; NULL for a missing file. */
static enum signing demanded(const char *enforce, const char *lockdown, const char *secure_boot)
{
	static const char efi[] = "firmware/efi/efivars/"
				  "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	const struct {
		const char *path, *text;
		size_t len;
	} files[] = {
		{ "module/module/parameters/sig_enforce", enforce, 2 },
		{ "kernel/security/lockdown", lockdown, lockdown ? strlen(lockdown) : 0 },
		{ efi, secure_boot, secure_boot_len },
	};
	char root[] = "/tmp/setnsmon-signing.XXXXXX", command[512];
	enum signing result;
	unsigned int i;
	FILE *file;

	if (!mkdtemp(root)) {
		FAIL("no directory %s", root);
		return SIGNING_OPTIONAL;
	}
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (!files[i].text)
			continue;
		snprintf(command, sizeof(command),
			 "file=%s/sys/%s; mkdir -p ${file%%/*} && cat >$file", root, files[i].path);
		file = popen(command, "w");
		if (!file || fwrite(files[i].text, files[i].len, 1, file) != 1 || pclose(file))
			FAIL("cannot write %s", files[i].path);
	}
	result = signing_policy(root);
	snprintf(command, sizeof(command), "rm -r %s", root);
	CHECK(!system(command));
	return result;
}

#define EFI_ON "\6\0\0\0\1"
#define EFI_OFF "\6\0\0\0\0"

static void unsigned_modules_are_accepted(void)
{
	EQ(demanded("N\n", "[none] integrity confidentiality\n", NULL), SIGNING_OPTIONAL);
	EQ(demanded("N\n", "[none] integrity confidentiality\n", EFI_OFF), SIGNING_OPTIONAL);
	EQ(demanded("N\n", NULL, EFI_OFF), SIGNING_OPTIONAL);
	EQ(demanded("N\n", NULL, NULL), SIGNING_OPTIONAL);
	/* a kernel without module signatures, or without /sys */
	EQ(demanded(NULL, NULL, NULL), SIGNING_OPTIONAL);
	/* booted with Secure Boot, but not locked down */
	EQ(demanded("N\n", "[none] integrity confidentiality\n", EFI_ON), SIGNING_OPTIONAL);
}

static void signed_modules_are_required(void)
{
	EQ(demanded("N\n", "none [integrity] confidentiality\n", EFI_ON), SIGNING_SECURE_BOOT);
	EQ(demanded("Y\n", "none integrity [confidentiality]\n", EFI_ON), SIGNING_SECURE_BOOT);
	EQ(demanded("N\n", NULL, EFI_ON), SIGNING_SECURE_BOOT);
	EQ(demanded("Y\n", "[none] integrity confidentiality\n", EFI_OFF), SIGNING_ENFORCED);
	EQ(demanded("Y\n", NULL, NULL), SIGNING_ENFORCED);
	EQ(demanded("N\n", "none [integrity] confidentiality\n", NULL), SIGNING_LOCKDOWN);
	EQ(demanded("N\n", "none integrity [confidentiality]\n", EFI_OFF), SIGNING_LOCKDOWN);
}

/* An EFI variable of another length is not the one we know. */
static void secure_boot_of_another_length_is_ignored(void)
{
	secure_boot_len = 6;
	EQ(demanded("N\n", NULL, "\6\0\0\0\1\0"), SIGNING_OPTIONAL);
	EQ(demanded("Y\n", NULL, "\6\0\0\0\1\0"), SIGNING_ENFORCED);
	secure_boot_len = 4;
	EQ(demanded("N\n", NULL, "\1\1\1\1"), SIGNING_OPTIONAL);
	secure_boot_len = 5;
}

static const struct tap_case cases[] = {
	CASE(users_have_names_or_numbers),
	CASE(unknown_time_zones_are_reported),
	CASE(unsigned_modules_are_accepted),
	CASE(signed_modules_are_required),
	CASE(secure_boot_of_another_length_is_ignored),
};

int main(void)
{
	return run_cases(cases, ARRAY_SIZE(cases));
}
