// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strings from outside are written by RapidJSON rather than by code of our own:
 * unprivileged users choose them. The state files of container runtimes will be parsed with
 * it too, and it is headers only, so that an installed reader needs no further package.
 *
 * Everything else is the same in every line, except for digits and objects that are null. So
 * each key is prepared once, with the comma before it and the colon after it, and is copied
 * as a block of constant size, whose surplus is overwritten.
 */
extern "C" {
#include "record/fields.h"
#include "sink/json.h"
#include "record/text.h"
#include "term/utf8.h"
}

#include <new>
#include <string>
#include <vector>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace
{

using rapidjson::StringBuffer;

/* Room for a key with the punctuation around it. */
constexpr size_t KEY_MAX = FIELD_PATH_MAX + 8;

/*
 * Room for any line. A line of JSON repeats no part of a path and adds a few bytes of
 * punctuation to a field. A byte of a string takes up to eight bytes instead of four.
 */
constexpr size_t JSON_MAX = 4 * SETNSMON_LINE_MAX;

/* Longer names of hosts are cut. */
constexpr size_t HOST_MAX = 64;

/* A row of the field table, prepared for all records. */
struct row {
	char key[KEY_MAX]; /* quoted, with the punctuation around it */
	u8 len;		   /* bytes of @key */
	u8 rows;	   /* rows that a null replaces: all of an object, or 1 */
	u32 needs;
	const struct field *field; /* NULL for the constant part of all lines */
};

/* A string from outside in quotes, with \uXXXX for every character beyond ASCII. */
std::string quoted(const u8 *bytes, size_t len)
{
	std::vector<char> text(UTF8_REPAIRED(len) + 1);
	StringBuffer buffer;
	rapidjson::Writer<StringBuffer, rapidjson::UTF8<>, rapidjson::ASCII<>> writer(buffer);

	writer.String(text.data(), utf8_repair(text.data(), bytes, len));
	return { buffer.GetString(), buffer.GetSize() };
}

std::string quoted_or_null(const char *text)
{
	return text ? quoted((const u8 *)text, strnlen(text, HOST_MAX)) : "null";
}

/* Whether a byte of a string stands for itself. */
bool is_plain(u8 c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

char *put(char *p, const char *text, size_t len)
{
	memcpy(p, text, len);
	return p + len;
}

char *put(char *p, const std::string &text)
{
	return put(p, text.data(), text.size());
}

/* Copies a name with the bytes behind it, which are overwritten. */
char *put_name(char *p, const struct field_name *name)
{
	*p++ = '"';
	memcpy(p, name->name, FIELD_NAME_MAX);
	p += name->len;
	*p++ = '"';
	return p;
}

char *put_name_or_number(char *p, const struct field_name *names, u32 number)
{
	const struct field_name *name = field_name_of(names, number);

	return name ? put_name(p, name) : text_u32(p, number);
}

char *put_names(char *p, const struct field_name *names, u32 bits)
{
	*p++ = '[';
	for (; bits && names->len; names++) {
		if (!(bits & names->value))
			continue;
		bits &= ~names->value;
		if (p[-1] != '[')
			*p++ = ',';
		p = put_name(p, names);
	}
	*p++ = ']';
	return p;
}

char *put_errno(char *p, const struct field_name *names, s32 ret)
{
	return ret < 0 ? put_name_or_number(p, names, -(u32)ret) : put(p, "null", 4);
}

char *put_s32(char *p, s32 value)
{
	if (value >= 0)
		return text_u32(p, value);
	*p++ = '-';
	return text_u32(p, -(u32)value);
}

char *put_id(char *p, u64 value)
{
	*p++ = '"';
	p = text_u64(p, value);
	*p++ = '"';
	return p;
}

char *put_hex64(char *p, u64 value)
{
	*p++ = '"';
	text_hex64(p, value);
	p += TEXT_HEX64_LEN;
	*p++ = '"';
	return p;
}

/*
 * Writes a name that is not plain and, if it is not valid UTF-8, all its bytes too. Not inlined,
 * because its buffer would make the compiler guard the stack for every value.
 */
__attribute__((noinline)) char *put_odd_comm(char *p, const u8 *comm, size_t len)
{
	char text[UTF8_REPAIRED(SETNSMON_COMM_LEN)];
	size_t text_len = utf8_repair(text, comm, len);

	p = put(p, quoted(comm, len));
	if (text_len == len && !memcmp(text, comm, len))
		return p;
	p = put(p, ",\"comm_bytes\":\"", 15);
	for (size_t i = 0; i < len; i++, p += 2)
		text_hex8(p, comm[i]);
	*p++ = '"';
	return p;
}

char *put_comm(char *p, const u8 *comm)
{
	char *begin = p;
	size_t len = 0;

	*p++ = '"';
	while (len < SETNSMON_COMM_LEN && is_plain(comm[len]))
		*p++ = comm[len++];
	if (len < SETNSMON_COMM_LEN && comm[len])
		return put_odd_comm(begin, comm, strnlen((const char *)comm, SETNSMON_COMM_LEN));
	*p++ = '"';
	return p;
}

} // namespace

/**
 * struct json - what is the same in all lines, and the last line
 * @setns: the rows of a call
 * @lost: the rows of a gap
 * @where: the keys that the reader adds, with the comma before them
 * @second: the second that @second_text shows
 * @second_text: a time up to the point
 * @line: the last line
 */
struct json {
	json(const char *host, const char *boot_id);
	char *put_time(char *p, u64 real_ns);
	char *put_value(char *p, const struct field *f, const struct setnsmon_record *rec);
	char *put_record(char *p, const std::vector<row> &rows, const struct setnsmon_record *rec);

	std::vector<row> setns;
	std::vector<row> lost;
	std::string where;
	u64 second;
	char second_text[TEXT_SECOND_LEN];
	char line[JSON_MAX];
};

namespace
{

/* Returns the rows of one type of record. */
std::vector<row> rows_of(unsigned int record_type)
{
	unsigned int count;
	const struct field *fields = fields_of(record_type, &count);
	const char *before = "{";
	std::vector<row> rows;

	for (const struct field *f = fields; f < fields + count; f++) {
		std::string key = std::string(before) + '"' + field_key(f) + "\":";
		struct row row = {};

		if (f->type == FIELD_CLOSE)
			key = "}";
		row.len = key.copy(row.key, KEY_MAX);
		row.rows = field_last(f) - f + 1;
		row.needs = f->needs;
		row.field = f;
		rows.push_back(row);
		before = f->type == FIELD_OPEN ? "{" : ",";
		if (!strcmp(f->path, "boot_ns"))
			rows.push_back({});
	}
	return rows;
}

} // namespace

json::json(const char *host, const char *boot_id)
    : setns(rows_of(SETNSMON_RECORD_SETNS)), lost(rows_of(SETNSMON_RECORD_LOST)),
      where(",\"host\":" + quoted_or_null(host) + ",\"boot_id\":" + quoted_or_null(boot_id)),
      second(0)
{
	text_second(second_text, second);
}

char *json::put_time(char *p, u64 real_ns)
{
	u64 of_record = real_ns / NSEC_PER_SECOND;

	if (of_record != second) {
		second = of_record;
		text_second(second_text, second);
	}
	*p++ = '"';
	p = put(p, second_text, TEXT_SECOND_LEN);
	text_fraction(p, real_ns - second * NSEC_PER_SECOND);
	p += TEXT_TIME_LEN - TEXT_SECOND_LEN;
	*p++ = '"';
	return p;
}

char *json::put_value(char *p, const struct field *f, const struct setnsmon_record *rec)
{
	switch (f->type) {
	case FIELD_VERSION:
		return text_u32(p, SETNSMON_ABI_VERSION);
	case FIELD_TIME:
		return put_time(p, field_u64(f, rec));
	case FIELD_U64:
		return text_u64(p, field_u64(f, rec));
	case FIELD_ID:
		return put_id(p, field_u64(f, rec));
	case FIELD_U32:
		return text_u32(p, field_word(f, rec));
	case FIELD_S32:
		return put_s32(p, field_word(f, rec));
	case FIELD_HEX64:
		return put_hex64(p, field_u64(f, rec));
	case FIELD_COMM:
		return put_comm(p, field_bytes(f, rec));
	case FIELD_NAME:
		return put_name_or_number(p, f->names, field_u32(f, rec));
	case FIELD_NAMES:
		return put_names(p, f->names, field_word(f, rec));
	case FIELD_ERRNO:
		return put_errno(p, f->names, field_word(f, rec));
	default:
		return p;
	}
}

char *json::put_record(char *p, const std::vector<row> &rows, const struct setnsmon_record *rec)
{
	const struct row *row = rows.data(), *end = row + rows.size();
	const u32 lacks = ~rec->setns.has;

	while (row != end) {
		memcpy(p, row->key, KEY_MAX);
		p += row->len;
		if (row->needs & lacks) {
			p = put(p, "null", 4);
			row += row->rows;
			continue;
		}
		if (!row->field)
			p = put(p, where);
		else if (row->field->type == FIELD_U32) /* most of them */
			p = text_u32(p, field_word(row->field, rec));
		else
			p = put_value(p, row->field, rec);
		row++;
	}
	return put(p, "}\n", 2);
}

struct json *json_new(const char *host, const char *boot_id)
{
	try {
		return new struct json(host, boot_id);
	} catch (const std::bad_alloc &) {
		return NULL;
	}
}

void json_free(struct json *json)
{
	delete json;
}

size_t json_line(struct json *json, const struct setnsmon_record *rec, const char **line)
{
	if (rec->type != SETNSMON_RECORD_SETNS && rec->type != SETNSMON_RECORD_LOST)
		return 0;
	*line = json->line;
	return json->put_record(json->line,
				rec->type == SETNSMON_RECORD_SETNS ? json->setns : json->lost,
				rec) -
	       json->line;
}
