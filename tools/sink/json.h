/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One record as one line of JSON: the fields of record/fields.h in their order,
 * with the dots of their paths turned into objects. After "boot_ns" come two keys that
 * say which boot of which host that was: "host", the name of the host, and "boot_id".
 * Numbers that identify (FIELD_ID) are strings of digits.
 *
 * A string from outside keeps its printable ASCII; every other character becomes
 * \uXXXX. If it is not UTF-8, or holds DEL, each wrong byte becomes U+FFFD. With a command
 * name the next key, "comm_bytes", then holds all bytes in hexadecimal. So a program can
 * recover every byte, and no byte can control a terminal.
 */
#ifndef SETNSMON_JSON_H
#define SETNSMON_JSON_H

#include "portable.h"
#include <linux/setnsmon.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json;

/* Returns NULL if memory is short. Without a @host or a @boot_id, that key is null. */
struct json *json_new(const char *host, const char *boot_id);
void json_free(struct json *json);

/*
 * Writes the line of a record, with its newline and without a NUL, into a buffer of
 * @json and points *@line to it. The line is valid until the next call. Returns its
 * length, or 0 for an unknown type of record.
 */
size_t json_line(struct json *json, const struct setnsmon_record *rec, const char **line);

#ifdef __cplusplus
}
#endif

#endif /* SETNSMON_JSON_H */
