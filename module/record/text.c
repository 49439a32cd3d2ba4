// SPDX-License-Identifier: GPL-2.0-only
#include "record/text.h"
#include "record/fields.h"

#define NSEC_PER_SECOND 1000000000ULL
#define SECONDS_PER_DAY 86400U

static const char hex_digits[] = "0123456789abcdef";

static char *put_str(char *p, const char *s)
{
	size_t len = strlen(s);

	memcpy(p, s, len);
	return p + len;
}

static char *put_pair(char *p, u32 value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";

	memcpy(p, &pairs[2 * value], 2);
	return p + 2;
}

/* Four and eight digits, with leading zeros. */
static char *put_four(char *p, u32 value)
{
	return put_pair(put_pair(p, value / 100), value % 100);
}

static char *put_eight(char *p, u32 value)
{
	return put_four(put_four(p, value / 10000), value % 10000);
}

/* Less than 10000. */
static char *put_small(char *p, u32 value)
{
	if (value >= 1000)
		return put_four(p, value);
	if (value >= 100) {
		*p++ = '0' + value / 100;
		return put_pair(p, value % 100);
	}
	if (value >= 10)
		return put_pair(p, value);
	*p++ = '0' + value;
	return p;
}

static char *put_u64(char *p, u64 value)
{
	u32 low;

	if (value < 10000)
		return put_small(p, value);
	if (value < 100000000) {
		low = value;
		return put_four(put_small(p, low / 10000), low % 10000);
	}
	/* At most twice, because a u64 has at most twenty digits. */
	p = put_u64(p, value / 100000000);
	return put_eight(p, value % 100000000);
}

void text_hex8(char *buf, u8 value)
{
	buf[0] = hex_digits[value >> 4];
	buf[1] = hex_digits[value & 0xf];
}

void text_hex64(char *buf, u64 value)
{
	int i;

	for (i = 15; i >= 0; i--) {
		buf[i] = hex_digits[value & 0xf];
		value >>= 4;
	}
}

/*
 * Converts a day counted from 1970-01-01 to a Gregorian date. Years start in March here, so
 * that the leap day is the last day of a year. They are counted in eras of 400 years, which
 * are 146,097 days.
 */
static char *put_date(char *p, u32 days)
{
	u32 since = days + 719468; /* from 0000-03-01 */
	u32 era = since / 146097;
	u32 day_of_era = since % 146097;
	u32 year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	u32 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	u32 month = (5 * day_of_year + 2) / 153; /* 0 is March */
	u32 year = year_of_era + era * 400 + (month >= 10);

	p = put_four(p, year);
	*p++ = '-';
	p = put_pair(p, month < 10 ? month + 3 : month - 9);
	*p++ = '-';
	return put_pair(p, day_of_year - (153 * month + 2) / 5 + 1);
}

void text_time(char *buf, u64 real_ns)
{
	u64 seconds = real_ns / NSEC_PER_SECOND;
	u32 second = seconds % SECONDS_PER_DAY;
	u32 nanosecond = real_ns % NSEC_PER_SECOND;
	char *p = put_date(buf, seconds / SECONDS_PER_DAY);

	*p++ = 'T';
	p = put_pair(p, second / 3600);
	*p++ = ':';
	p = put_pair(p, second / 60 % 60);
	*p++ = ':';
	p = put_pair(p, second % 60);
	*p++ = '.';
	*p++ = '0' + nanosecond / 100000000;
	p = put_eight(p, nanosecond % 100000000);
	*p = 'Z';
}

static bool is_bare(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-_./:@+", c));
}

static char *put_escaped(char *p, u8 c)
{
	if (c == '"' || c == '\\') {
		*p++ = '\\';
		*p++ = c;
	} else if (c >= 0x20 && c < 0x7f) {
		*p++ = c;
	} else {
		*p++ = '\\';
		*p++ = 'x';
		text_hex8(p, c);
		p += 2;
	}
	return p;
}

static char *put_comm(char *p, const u8 *s)
{
	size_t len = strnlen((const char *)s, SETNSMON_COMM_LEN);
	bool bare = len > 0;
	size_t i;

	for (i = 0; i < len; i++)
		bare = bare && is_bare(s[i]);
	if (bare) {
		memcpy(p, s, len);
		return p + len;
	}
	*p++ = '"';
	for (i = 0; i < len; i++)
		p = put_escaped(p, s[i]);
	*p++ = '"';
	return p;
}

static char *put_names(char *p, const struct field_name *names, u32 bits)
{
	bool first = true;

	for (; names->name; names++) {
		if (!(bits & names->value))
			continue;
		if (!first)
			*p++ = ',';
		p = put_str(p, names->name);
		first = false;
	}
	return p;
}

/* Writes the name of a value, or the number if it has no name. */
static char *put_name_or_number(char *p, const char *name, u32 number)
{
	return name ? put_str(p, name) : put_u64(p, number);
}

static char *put_s32(char *p, s32 value)
{
	if (value >= 0)
		return put_u64(p, value);
	*p++ = '-';
	return put_u64(p, -(s64)value);
}

static char *put_value(char *p, const struct field *f, const struct setnsmon_record *rec)
{
	switch ((enum field_type)f->type) {
	case FIELD_VERSION:
		return put_u64(p, SETNSMON_ABI_VERSION);
	case FIELD_TIME:
		text_time(p, field_u64(f, rec));
		return p + TEXT_TIME_LEN;
	case FIELD_U64:
		return put_u64(p, field_u64(f, rec));
	case FIELD_U32:
		return put_u64(p, field_u32(f, rec));
	case FIELD_S32:
		return put_s32(p, (s32)field_u32(f, rec));
	case FIELD_HEX64:
		text_hex64(p, field_u64(f, rec));
		return p + 16;
	case FIELD_COMM:
		return put_comm(p, field_bytes(f, rec));
	case FIELD_NAME:
		return put_name_or_number(p, field_name_of(f->names, field_u32(f, rec)),
					  field_u32(f, rec));
	case FIELD_NAMES:
		return put_names(p, f->names, field_u32(f, rec));
	case FIELD_ERRNO:
		return put_name_or_number(p, errno_name(-field_u32(f, rec)), -field_u32(f, rec));
	case FIELD_OPEN:
	case FIELD_CLOSE:
		break;
	}
	return p;
}

size_t text_line(char *buf, const struct setnsmon_record *rec)
{
	unsigned int count, i;
	const struct field *fields = fields_of(rec->type, &count);
	char *p = buf;

	for (i = 0; i < count; i++) {
		const struct field *f = &fields[i];
		bool null = field_is_null(f, rec);

		if (f->type == FIELD_CLOSE || (f->type == FIELD_OPEN && !null))
			continue;
		/*
		 * A copy of constant size needs no loop, and the surplus is overwritten. There
		 * is room for it, because the longest line takes less than half of the buffer.
		 */
		memcpy(p, f->path, FIELD_PATH_MAX);
		p += f->len;
		*p++ = '=';
		if (!null)
			p = put_value(p, f, rec);
		else if (f->type == FIELD_OPEN)
			i = field_close(fields, i);
		*p++ = ' ';
	}
	if (p > buf)
		p[-1] = '\n';
	return p - buf;
}
