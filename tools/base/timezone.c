// SPDX-License-Identifier: GPL-2.0-only
#include "base/timezone.h"
#include "portable.h"
#include <ctype.h>
#include <err.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ZONE_DIR "/usr/share/zoneinfo"

/* Returns whether @tz contains its own offset, like "CET-1CEST" or "<+03>-3": see tzset(3). */
static bool is_posix_rule(const char *tz)
{
	const char *s = tz;

	if (*s == '<') {
		s = strchr(s, '>');
		if (!s)
			return false;
		s++;
	} else {
		while (isalpha((unsigned char)*s))
			s++;
		if (s - tz < 3)
			return false;
	}
	if (*s == '+' || *s == '-')
		s++;
	return isdigit((unsigned char)*s);
}

static bool is_zone_file(const char *tz)
{
	const char *dir = getenv("TZDIR");
	char path[PATH_MAX];

	if (*tz == '/')
		return !access(tz, R_OK);
	snprintf(path, sizeof(path), "%s/%s", dir && *dir ? dir : ZONE_DIR, tz);
	return !access(path, R_OK);
}

/* UTC needs no file: the C library's fallback is the same. */
static bool is_utc(const char *tz)
{
	return !*tz || !strcmp(tz, "UTC") || !strcmp(tz, "Etc/UTC");
}

void timezone_prepare(void)
{
	const char *tz = getenv("TZ");

	if (tz && *tz == ':')
		tz++;
	if (tz && !is_utc(tz) && !is_posix_rule(tz) && !is_zone_file(tz)) {
		warnx("unknown time zone '%s' in TZ: times are shown in UTC (names are those of "
		      "the package tzdata, for example Europe/Berlin)",
		      tz);
		setenv("TZ", "UTC0", 1);
	}
	tzset();
}
