/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One record as one line of text: logfmt, the fields in the order of fields.h.
 *
 *   key=value     numbers and names as they are
 *   key=          null, or an empty list
 *   key=a,b       a list of names
 *   key="..."     a string that holds anything but letters, digits and -_./:@+
 *                 or is empty. Inside: \" and \\ for those two, \xHH for every
 *                 byte outside printable ASCII. So no string can end a field or
 *                 a line or control a terminal, and every byte can be recovered.
 *
 * An object is null as a whole ("target="), or written member by member
 * ("target.type=net target.inum=4026532208 ...").
 *
 * Pure: no state, no locks, any context.
 */
#ifndef SETNSMON_TEXT_H
#define SETNSMON_TEXT_H

#include "portable.h"
#include <linux/setnsmon.h>

/* Bytes of an RFC 3339 time with nanoseconds, without a closing NUL. */
#define TEXT_TIME_LEN 30

/* Those of them up to the point that begins the fraction of the second. */
#define TEXT_SECOND_LEN 19

#define NSEC_PER_SECOND 1000000000U

/* Hexadecimal digits of a u64. */
#define TEXT_HEX64_LEN 16

/*
 * Writes the line and its newline, without a NUL. Returns its length. A @buf of
 * SETNSMON_LINE_MAX bytes holds any line. Up to FIELD_PATH_MAX bytes after the line may be
 * overwritten.
 */
size_t text_line(char *buf, const struct setnsmon_record *rec);

/* These write a number, of up to 10 and 20 digits, and return its end. */
char *text_u32(char *buf, u32 value);
char *text_u64(char *buf, u64 value);

/* Writes TEXT_TIME_LEN bytes: 2026-11-21T21:04:13.120394123Z */
void text_time(char *buf, u64 real_ns);

/* The two parts of it: TEXT_SECOND_LEN bytes up to the point, and the rest. */
void text_second(char *buf, u64 second);
void text_fraction(char *buf, u32 nanosecond);

/* These write 2 and 16 hexadecimal digits. */
void text_hex8(char *buf, u8 value);
void text_hex64(char *buf, u64 value);

#endif /* SETNSMON_TEXT_H */
