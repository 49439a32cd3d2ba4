// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that reports anything, and reads that return anything: these functions
 * replace open(2), ioctl(2) and read(2) for device.c. Each record that comes out is what
 * the module returned, truncated or zero-filled to the record that this program knows.
 */
#include "source/device.h"
#include "fuzz.h"
#include <errno.h>
#include <stdarg.h>
#include <sys/types.h>

static struct input in;
static struct setnsmon_info info;
static int ioctl_error;
static const u8 *last_read;	/* what the last read returned */
static ssize_t last_len;
static char message[512];

int fuzz_open(const char *path, int flags, ...);
int fuzz_close(int fd);
int fuzz_ioctl(int fd, unsigned long cmd, ...);
ssize_t fuzz_read(int fd, void *buf, size_t size);
void fuzz_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

int fuzz_open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	return 77;
}

int fuzz_close(int fd)
{
	REQUIRE(fd == 77, "fd %d", fd);
	return 0;
}

int fuzz_ioctl(int fd, unsigned long cmd, ...)
{
	va_list args;
	void *arg;

	va_start(args, cmd);
	arg = va_arg(args, void *);
	va_end(args);
	(void)fd;
	if (ioctl_error) {
		errno = ioctl_error;
		return -1;
	}
	if (cmd == SETNSMON_IOC_INFO)
		memcpy(arg, &info, sizeof(info));
	return 0;
}

ssize_t fuzz_read(int fd, void *buf, size_t size)
{
	static const int errors[] = { EAGAIN, EINTR, EIO, EINVAL };
	u8 kind = take_u8(&in);

	(void)fd;
	if (kind < 32 && in.size) {
		errno = errors[kind % 4];
		last_len = -1;
		return -1;
	}
	last_len = kind < 64 ? in.size : (size_t)kind * info.record_size / (1 + kind % 3);
	if ((size_t)last_len > in.size)
		last_len = in.size;
	if ((size_t)last_len > size)
		last_len = size;
	last_read = in.data;
	take_bytes(&in, buf, last_len);
	return last_len;
}

void fuzz_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
}

static void check_batch(const struct source *source, enum source_read result)
{
	unsigned int size = info.record_size, i;

	if (last_len < 0) {
		REQUIRE(result == (errno == EAGAIN ? SOURCE_DRAINED : SOURCE_FAILED), "%d", result);
		return;
	}
	if (!last_len || last_len % size) {
		REQUIRE(result == (last_len ? SOURCE_FAILED : SOURCE_END), "%d", result);
		return;
	}
	REQUIRE(result == SOURCE_BATCH && source->count == last_len / size, "%d, %u", result,
		source->count);
	for (i = 0; i < source->count; i++) {
		struct setnsmon_record *rec = malloc(sizeof(*rec)), want = { 0 };

		memcpy(&want, last_read + (size_t)i * size, size < sizeof(want) ? size : sizeof(want));
		source_record(source, i, rec);
		REQUIRE(!memcmp(rec, &want, sizeof(want)), "record %u differs", i);
		free(rec);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct source source;
	enum source_read result;
	bool good;

	in = (struct input){ data, size };
	ioctl_error = take_u8(&in) % 8 ? 0 : ENOTTY;
	take_bytes(&in, &info, sizeof(info));
	if (take_u8(&in) % 4)
		info.abi_version = SETNSMON_ABI_VERSION;
	if (take_u8(&in) % 4)
		info.record_size %= 1024;
	good = !ioctl_error && info.abi_version == SETNSMON_ABI_VERSION && info.record_size >= 40 &&
	       info.record_size < 65536;
	message[0] = '\0';
	REQUIRE(device_open(&source, "device") == good, "version %u, size %u", info.abi_version,
		info.record_size);
	REQUIRE(!good == !!message[0], "said: %s", message);
	if (!good)
		return 0;
	do {
		result = source_read(&source);
		check_batch(&source, result);
	} while (in.size && result != SOURCE_END);
	source_close(&source);
	return 0;
}
