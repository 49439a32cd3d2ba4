// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever the kernel's files contain, a signature is required exactly if one of them
 * says so. These functions replace open(2) and read(2) for diagnose.c.
 */
#include "base/diagnose.h"
#include "fuzz.h"
#include <errno.h>
#include <sys/types.h>

static struct {
	const char *name;
	bool there;
	struct input text;
} files[] = { { "sig_enforce", false, { NULL, 0 } },
	      { "lockdown", false, { NULL, 0 } },
	      { "SecureBoot", false, { NULL, 0 } } };

int fuzz_open(const char *path, int flags, ...);
int fuzz_close(int fd);
ssize_t fuzz_read(int fd, void *buf, size_t size);

int fuzz_open(const char *path, int flags, ...)
{
	unsigned int i;

	(void)flags;
	REQUIRE(!strncmp(path, "/tree/sys/", 10), "%s", path);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (files[i].there && strstr(path, files[i].name))
			return i;
	errno = ENOENT;
	return -1;
}

int fuzz_close(int fd)
{
	(void)fd;
	return 0;
}

/* Reads nothing from a file that exists but cannot be read. */
ssize_t fuzz_read(int fd, void *buf, size_t size)
{
	struct input text = files[fd].text;
	size_t len = text.size < size ? text.size : size;

	if (!text.size) {
		errno = EIO;
		return -1;
	}
	take_bytes(&text, buf, len);
	return len;
}

/* Returns the first bytes of a file up to a NUL, or "" if it does not exist. */
static void text_of(unsigned int file, char *text, size_t size)
{
	struct input left = files[file].text;

	memset(text, 0, size);
	if (files[file].there)
		take_bytes(&left, text, size - 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u8 there = take_u8(&in);
	char enforce[8], lockdown[64];
	const struct input *boot = &files[2].text;
	bool secure, enforced, locked;
	enum signing want;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		size_t len = take_u8(&in) % 80;

		if (len > in.size)
			len = in.size;
		files[i].there = there >> i & 1;
		files[i].text = (struct input){ in.data, len };
		in.data += len;
		in.size -= len;
	}
	text_of(0, enforce, sizeof(enforce));
	text_of(1, lockdown, sizeof(lockdown));
	enforced = enforce[0] == 'Y';
	secure = files[2].there && boot->size == 5 && boot->data[4] == 1;
	/* The file is read as a string. Only if it is empty, the firmware decides. */
	locked = files[1].there && files[1].text.size ? !strstr(lockdown, "[none]") : secure;
	if (!enforced && !locked)
		want = SIGNING_OPTIONAL;
	else if (secure)
		want = SIGNING_SECURE_BOOT;
	else
		want = enforced ? SIGNING_ENFORCED : SIGNING_LOCKDOWN;
	i = signing_policy("/tree");
	REQUIRE(i == want, "%u, not %u", i, want);
	return 0;
}
