// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON by RapidJSON, the one C++ library here. It writes a line as a stream of
 * events and builds no tree, which is why it needs less than the C libraries.
 * The keys are the same in every line: they are quoted once.
 */
extern "C" {
#include "fields.h"
#include "json.h"
#include "text.h"
#include "utf8.h"
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

class line_writer : public rapidjson::Writer<StringBuffer>
{
      public:
	/* A key that is quoted already, and needs no escapes. */
	void quoted_key(const std::string &key)
	{
		Prefix(rapidjson::kStringType);
		memcpy(os_->Push(key.size()), key.data(), key.size());
	}

	/* A string that is not ours: every character beyond ASCII goes out as \uXXXX. */
	void foreign_string(const char *text, size_t len)
	{
		rapidjson::Writer<StringBuffer, UTF8<>, ASCII<>> writer(escaped);

		escaped.Clear();
		writer.String(text, len);
		RawValue(escaped.GetString(), escaped.GetSize(), rapidjson::kStringType);
	}

      private:
	StringBuffer escaped;
};

/* What is known of a row of the field table before any record. */
struct row {
	const struct field *field;
	std::string key;   /* quoted */
	unsigned int next; /* of a row that opens an object: the row after it */
};

/* All rows of one type of record. */
std::vector<row> rows_of(unsigned int record_type)
{
	unsigned int count, next;
	const struct field *fields = fields_of(record_type, &count);
	std::vector<row> rows;

	for (unsigned int i = 0; i < count; i++) {
		next = fields[i].type == FIELD_OPEN ? field_close(fields, i) + 1 : i + 1;
		rows.push_back(
			{ &fields[i], '"' + std::string(field_key(&fields[i])) + '"', next });
	}
	return rows;
}

void write_name(line_writer &out, const char *name, u32 number)
{
	if (name)
		out.String(name);
	else
		out.Uint(number);
}

void write_names(line_writer &out, const struct field_name *names, u32 bits)
{
	out.StartArray();
	for (; names->name; names++)
		if (bits & names->value)
			out.String(names->name);
	out.EndArray();
}

/* Repaired where it is not UTF-8, and then all its bytes as well. */
void write_comm(line_writer &out, const u8 *comm)
{
	size_t len = strnlen((const char *)comm, SETNSMON_COMM_LEN);
	char text[UTF8_REPAIRED(SETNSMON_COMM_LEN)];
	char hex[2 * SETNSMON_COMM_LEN];
	size_t text_len = utf8_repair(text, comm, len);

	out.foreign_string(text, text_len);
	if (text_len == len && !memcmp(text, comm, len))
		return;
	for (size_t i = 0; i < len; i++)
		text_hex8(&hex[2 * i], comm[i]);
	out.Key("comm_bytes");
	out.String(hex, 2 * len);
}

void write_value(line_writer &out, const struct field *f, const struct setnsmon_record *rec)
{
	char text[TEXT_TIME_LEN];

	switch (f->type) {
	case FIELD_VERSION:
		out.Uint(SETNSMON_ABI_VERSION);
		break;
	case FIELD_TIME:
		text_time(text, field_u64(f, rec));
		out.String(text, TEXT_TIME_LEN);
		break;
	case FIELD_U64:
		out.Uint64(field_u64(f, rec));
		break;
	case FIELD_U32:
		out.Uint(field_u32(f, rec));
		break;
	case FIELD_S32:
		out.Int(field_u32(f, rec));
		break;
	case FIELD_HEX64:
		text_hex64(text, field_u64(f, rec));
		out.String(text, TEXT_HEX64_LEN);
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
	case FIELD_OPEN:
		out.StartObject();
		break;
	}
}

void write_line(line_writer &out, const std::vector<row> &rows, const struct setnsmon_record *rec)
{
	out.StartObject();
	for (size_t i = 0; i < rows.size();) {
		const struct field *f = rows[i].field;
		bool null = field_is_null(f, rec);

		if (f->type == FIELD_CLOSE) {
			out.EndObject();
		} else {
			out.quoted_key(rows[i].key);
			if (null)
				out.Null();
			else
				write_value(out, f, rec);
		}
		i = null ? rows[i].next : i + 1;
	}
	out.EndObject();
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
	json->line.Put('\n');
	*line = json->line.GetString();
	return json->line.GetSize();
}
