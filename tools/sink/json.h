/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One record as one line of JSON: the fields of fields.h in their order, the
 * dots of their paths turned into objects.
 *
 * Of a string from user space only printable ASCII goes out as it is, all else as
 * \uXXXX. One that is not UTF-8, or holds DEL, has U+FFFD for each wrong byte,
 * and the key after it, "comm_bytes", has all its bytes in hexadecimal. So all
 * come back byte for byte, and none can reach a terminal.
 */
#ifndef SETNSMON_JSON_H
#define SETNSMON_JSON_H

#include "portable.h"
#include <linux/setnsmon.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json;

/* NULL when memory is short. */
struct json *json_new(void);
void json_free(struct json *json);

/*
 * Makes the line of a record, with its newline and no NUL, sets *@line to it
 * and returns its length: 0 for a type of record that is not known. It stays
 * until the next call.
 */
size_t json_line(struct json *json, const struct setnsmon_record *rec, const char **line);

#ifdef __cplusplus
}
#endif

#endif /* SETNSMON_JSON_H */
