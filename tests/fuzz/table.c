// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever the records and the users' names contain, a table only writes printable text,
 * newlines, and colours if they are wanted, in lines no wider than the screen.
 */
#define _GNU_SOURCE
#include "sink/table.h"
#include "term/screen.h"
#include "passwd.h"
#include "unicode.h"

/* Removes colours, which must be SGR sequences that are reset within their line. */
static size_t without_colours(char *line, size_t len)
{
	size_t at, kept = 0, n;
	bool on = false;

	for (at = 0; at < len; at++) {
		if (line[at] != '\033') {
			line[kept++] = line[at];
			continue;
		}
		n = strspn(&line[at + 1], "[0123456789;");
		REQUIRE(line[at + 1] == '[' && line[at + 1 + n] == 'm', "not a colour");
		on = n != 2 || line[at + 2] != '0';
		at += 1 + n;
	}
	REQUIRE(!on, "a colour is left on");
	return kept;
}

/* Returns the number of lines. */
static unsigned int check_text(char *text, const struct table *table)
{
	unsigned int lines = 0;
	char *line, *end;
	size_t len;

	for (line = text; *line; line = end + 1, lines++) {
		end = strchr(line, '\n');
		REQUIRE(end, "a line without an end");
		*end = '\0';
		len = end - line;
		if (table->color)
			len = without_colours(line, len);
		/* The first line, of titles, was written before the width was set. */
		REQUIRE(shown_width(line, len, table->utf8) <= table->width || !lines,
			"a line is wider than %u: %s", table->width, line);
	}
	return lines;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	u8 options = take_u8(&in);
	unsigned int records = 0, known = 0, lines;
	struct table table;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	table_begin(&table, out, options & 1);
	table.utf8 = options & 2;
	table.width = options & 4 ? 80 : options & 8 ? take_u8(&in) : SCREEN_WIDTH;
	table.page = options & 16 ? 10 : 0;
	passwd_names.size = in.size < 128 ? in.size : 128;
	passwd_names.data = in.data;
	in.data += passwd_names.size;
	in.size -= passwd_names.size;
	do {
		struct setnsmon_record one = take_record(&in), *rec = copy_of(&one, sizeof(one));

		table_record(&table, rec);
		records++;
		known += is_known(rec);
		free(rec);
	} while (in.size);
	fclose(out);
	REQUIRE(strlen(text) == len, "a NUL");
	lines = check_text(text, &table);
	/* A line for each record, dates between them, and titles once a page */
	REQUIRE(lines >= known + 1 && lines <= 1 + 2 * known + (2 * known) / 9 + 1, "%u lines of %u",
		lines, known);
	free(text);
	return 0;
}
