// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON comes from RapidJSON rather than from code of our own: unprivileged users
 * choose the strings that are escaped, the state files of container runtimes will be
 * parsed with it too, and it is headers only, so that an installed reader needs no
 * further package. Unlike the C libraries it writes without building a tree first.
 *
 * The library writes what can go wrong: numbers, and strings from outside. Keys,
 * commas and brackets are the same in every line, except for objects that are null.
 * So each key is prepared once, with the comma before it and the colon after it, and
 * the library's own tracking of them is bypassed.
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

using rapidjson::ASCII;
using rapidjson::StringBuffer;
using rapidjson::UTF8;

namespace
{

class line_writer : private rapidjson::Writer<StringBuffer>
{
      public:
	using Writer::Reset;

	void number(uint64_t value)
	{
		if (value <= UINT32_MAX)
			WriteUint(value);
		else
			WriteUint64(value);
	}

	void signed_number(int32_t value)
	{
		WriteInt(value);
	}

	/* Appends text that is JSON already. */
	void json(const char *text, size_t len)
	{
		memcpy(os_->Push(len), text, len);
	}

	/* Appends a string of our own, which needs no escapes. */
	void own_string(const char *text, size_t len)
	{
		char *to = os_->Push(len + 2);

		to[0] = '"';
		memcpy(to + 1, text, len);
		to[len + 1] = '"';
	}

	/* Appends an untrusted string, with \uXXXX for every character beyond ASCII. */
	void untrusted_string(const char *text, size_t len)
	{
		rapidjson::Writer<StringBuffer, UTF8<>, ASCII<>>(*os_).String(text, len);
	}
};

/* A row of the field table, prepared for all records. */
struct row {
	const struct field *field;
	std::string key;   /* quoted, with the punctuation around it */
	unsigned int rows; /* rows that a null replaces: all of an object, or 1 */
};

/* Returns the rows of one type of record. */
std::vector<row> rows_of(unsigned int record_type)
{
	unsigned int count, last;
	const struct field *fields = fields_of(record_type, &count);
	const char *before = "{";
	std::vector<row> rows;

	for (unsigned int i = 0; i < count; i++) {
		std::string key = field_key(&fields[i]);

		last = fields[i].type == FIELD_OPEN ? field_close(fields, i) : i;
		key = fields[i].type == FIELD_CLOSE ? "}" : before + ('"' + key + "\":");
		rows.push_back({ &fields[i], key, last - i + 1 });
		before = fields[i].type == FIELD_OPEN ? "{" : ",";
	}
	return rows;
}

void write_name(line_writer &out, const char *name, u32 number)
{
	if (name)
		out.own_string(name, strlen(name));
	else
		out.number(number);
}

void write_names(line_writer &out, const struct field_name *names, u32 bits)
{
	bool first = true;

	if (!bits) {
		out.json("[]", 2);
		return;
	}
	out.json("[", 1);
	for (; bits && names->name; names++) {
		if (!(bits & names->value))
			continue;
		bits &= ~names->value;
		if (!first)
			out.json(",", 1);
		out.own_string(names->name, strlen(names->name));
		first = false;
	}
	out.json("]", 1);
}

/* Writes a name as UTF-8 and, if that took a repair, all its bytes too. */
void write_comm(line_writer &out, const u8 *comm)
{
	size_t len = strnlen((const char *)comm, SETNSMON_COMM_LEN);
	char text[UTF8_REPAIRED(SETNSMON_COMM_LEN)];
	char hex[2 * SETNSMON_COMM_LEN];
	size_t text_len = utf8_repair(text, comm, len);

	out.untrusted_string(text, text_len);
	if (text_len == len && !memcmp(text, comm, len))
		return;
	for (size_t i = 0; i < len; i++)
		text_hex8(&hex[2 * i], comm[i]);
	out.json(",\"comm_bytes\":", 14);
	out.own_string(hex, 2 * len);
}

void write_value(line_writer &out, const struct field *f, const struct setnsmon_record *rec)
{
	char text[TEXT_TIME_LEN];

	switch (f->type) {
	case FIELD_VERSION:
		out.number(SETNSMON_ABI_VERSION);
		break;
	case FIELD_TIME:
		text_time(text, field_u64(f, rec));
		out.own_string(text, TEXT_TIME_LEN);
		break;
	case FIELD_U64:
		out.number(field_u64(f, rec));
		break;
	case FIELD_U32:
		out.number(field_u32(f, rec));
		break;
	case FIELD_S32:
		out.signed_number(field_u32(f, rec));
		break;
	case FIELD_HEX64:
		text_hex64(text, field_u64(f, rec));
		out.own_string(text, TEXT_HEX64_LEN);
		break;
	case FIELD_COMM:
		write_comm(out, field_bytes(f, rec));
		break;
	case FIELD_NAME:
		write_name(out, field_name_of(f->names, field_u32(f, rec)), field_u32(f, rec));
		break;
	case FIELD_NAMES:
		write_names(out, f->names, field_u32(f, rec));
		break;
	case FIELD_ERRNO:
		write_name(out, errno_name(-field_u32(f, rec)), -field_u32(f, rec));
		break;
	}
}

void write_line(line_writer &out, const std::vector<row> &rows, const struct setnsmon_record *rec)
{
	const struct row *row = rows.data(), *end = row + rows.size();

	while (row != end) {
		out.json(row->key.data(), row->key.size());
		if (field_is_null(row->field, rec)) {
			out.json("null", 4);
			row += row->rows;
		} else {
			write_value(out, row->field, rec);
			row++;
		}
	}
	out.json("}\n", 2);
}

} // namespace

struct json {
	std::vector<row> setns = rows_of(SETNSMON_RECORD_SETNS);
	std::vector<row> lost = rows_of(SETNSMON_RECORD_LOST);
	StringBuffer line;
	line_writer writer;
};

struct json *json_new(void)
{
	try {
		return new struct json;
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
	json->line.Clear();
	json->writer.Reset(json->line);
	write_line(json->writer, rec->type == SETNSMON_RECORD_SETNS ? json->setns : json->lost,
		   rec);
	*line = json->line.GetString();
	return json->line.GetSize();
}
