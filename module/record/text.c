// SPDX-License-Identifier: GPL-2.0-only
#include "record/text.h"
#include "record/fields.h"

#define SECONDS_PER_DAY 86400U

static __always_inline char *put_pair(char *p, u32 value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";

	memcpy(p, &pairs[2 * value], 2);
	return p + 2;
}

/* Four and eight digits, with leading zeros. */
static __always_inline char *put_four(char *p, u32 value)
{
	return put_pair(put_pair(p, value / 100), value % 100);
}

static __always_inline char *put_eight(char *p, u32 value)
{
	return put_four(put_four(p, value / 10000), value % 10000);
}

/* Less than 10000. */
static __always_inline char *put_small(char *p, u32 value)
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

char *text_u32(char *buf, u32 value)
{
	if (value < 10000)
		return put_small(buf, value);
	if (value < 100000000)
		return put_four(put_small(buf, value / 10000), value % 10000);
	return put_eight(put_small(buf, value / 100000000), value % 100000000);
}

char *text_u64(char *buf, u64 value)
{
	if (value <= U32_MAX)
		return text_u32(buf, value);
	/* At most twice, because a u64 has at most twenty digits. */
	return put_eight(text_u64(buf, value / 100000000), value % 100000000);
}

static const char hex_digits[] = "0123456789abcdef";

static __always_inline void put_hex8(char *buf, u8 value)
{
	buf[0] = hex_digits[value >> 4];
	buf[1] = hex_digits[value & 0xf];
}

static __always_inline void put_hex32(char *buf, u32 value)
{
	put_hex8(buf, value >> 24);
	put_hex8(buf + 2, value >> 16);
	put_hex8(buf + 4, value >> 8);
	put_hex8(buf + 6, value);
}

void text_hex8(char *buf, u8 value)
{
	put_hex8(buf, value);
}

void text_hex64(char *buf, u64 value)
{
	put_hex32(buf, value >> 32);
	put_hex32(buf + 8, value);
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

void text_second(char *buf, u64 second)
{
	u32 days = second / SECONDS_PER_DAY;
	u32 of_day = second - (u64)days * SECONDS_PER_DAY;
	u32 of_hour = of_day % 3600;
	char *p = put_date(buf, days);

	*p++ = 'T';
	p = put_pair(p, of_day / 3600);
	*p++ = ':';
	p = put_pair(p, of_hour / 60);
	*p++ = ':';
	put_pair(p, of_hour % 60);
}

void text_fraction(char *buf, u32 nanosecond)
{
	buf[0] = '.';
	buf[1] = '0' + nanosecond / 100000000;
	put_eight(buf + 2, nanosecond % 100000000);
	buf[10] = 'Z';
}

void text_time(char *buf, u64 real_ns)
{
	u64 second = real_ns / NSEC_PER_SECOND;

	text_second(buf, second);
	text_fraction(buf + TEXT_SECOND_LEN, real_ns - second * NSEC_PER_SECOND);
}

/* The bytes of a string that need no quotes. */
static const bool bare[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true,
	['_'] = true,	      ['.'] = true,	    ['/'] = true,	  [':'] = true,
	['@'] = true,	      ['+'] = true,
};

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
		put_hex8(p, c);
		p += 2;
	}
	return p;
}

static char *put_quoted(char *p, const u8 *s, size_t len)
{
	size_t i;

	*p++ = '"';
	for (i = 0; i < len; i++)
		p = put_escaped(p, s[i]);
	*p++ = '"';
	return p;
}

static char *put_comm(char *p, const u8 *s)
{
	size_t len = 0;

	while (len < SETNSMON_COMM_LEN && bare[s[len]]) {
		p[len] = s[len];
		len++;
	}
	if (len && (len == SETNSMON_COMM_LEN || !s[len]))
		return p + len;
	return put_quoted(p, s, strnlen((const char *)s, SETNSMON_COMM_LEN));
}

static __always_inline char *put_str(char *p, const struct field_name *name)
{
	memcpy(p, name->name, FIELD_NAME_MAX);
	return p + name->len;
}

static char *put_names(char *p, const struct field_name *names, u32 bits)
{
	bool first = true;

	for (; bits && names->len; names++) {
		if (!(bits & names->value))
			continue;
		bits &= ~names->value;
		if (!first)
			*p++ = ',';
		p = put_str(p, names);
		first = false;
	}
	return p;
}

/* Writes the name of a value, or the number if it has no name. */
static char *put_name_or_number(char *p, const struct field_name *names, u32 number)
{
	const struct field_name *name = field_name_of(names, number);

	return name ? put_str(p, name) : text_u32(p, number);
}

static char *put_s32(char *p, s32 value)
{
	if (value >= 0)
		return text_u32(p, value);
	*p++ = '-';
	return text_u32(p, -(u32)value);
}

static char *put_errno(char *p, const struct field_name *names, s32 ret)
{
	return ret < 0 ? put_name_or_number(p, names, -(u32)ret) : p;
}

static __always_inline char *put_value(char *p, const struct field *f,
				       const struct setnsmon_record *rec)
{
	switch ((enum field_type)f->type) {
	case FIELD_VERSION:
		return text_u32(p, SETNSMON_ABI_VERSION);
	case FIELD_TIME:
		text_time(p, field_u64(f, rec));
		return p + TEXT_TIME_LEN;
	case FIELD_U64:
	case FIELD_ID:
		return text_u64(p, field_u64(f, rec));
	case FIELD_U32:
		return text_u32(p, field_word(f, rec));
	case FIELD_S32:
		return put_s32(p, field_word(f, rec));
	case FIELD_HEX64:
		text_hex64(p, field_u64(f, rec));
		return p + TEXT_HEX64_LEN;
	case FIELD_COMM:
		return put_comm(p, field_bytes(f, rec));
	case FIELD_NAME:
		return put_name_or_number(p, f->names, field_u32(f, rec));
	case FIELD_NAMES:
		return put_names(p, f->names, field_word(f, rec));
	case FIELD_ERRNO:
		return put_errno(p, f->names, field_word(f, rec));
	case FIELD_OPEN:
	case FIELD_CLOSE:
		break;
	}
	return p;
}

size_t text_line(char *buf, const struct setnsmon_record *rec)
{
	unsigned int count;
	const struct field *f = fields_of(rec->type, &count);
	const struct field *end;
	const u32 lacks = ~rec->setns.has; /* a gap has no field that needs anything */
	char *p = buf;

	if (!count)
		return 0;
	for (end = f + count; f < end; f++) {
		bool null = f->needs & lacks;

		if (f->type <= FIELD_CLOSE && !null)
			continue;
		/*
		 * A copy of constant size needs no loop, and the surplus is overwritten. There
		 * is room for it, because the longest line takes less than half of the buffer.
		 */
		memcpy(p, f->path, FIELD_PATH_MAX);
		p += f->len;
		*p++ = '=';
		if (null)
			f = field_last(f);
		else if (f->type == FIELD_U32) /* most of them; the kernel has no jump tables */
			p = text_u32(p, field_word(f, rec));
		else
			p = put_value(p, f, rec);
		*p++ = ' ';
	}
	p[-1] = '\n';
	return p - buf;
}
