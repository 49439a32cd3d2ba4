/* SPDX-License-Identifier: GPL-2.0-only */
/* Records as a table for people, with colours and column titles. */
#ifndef SETNSMON_TABLE_H
#define SETNSMON_TABLE_H

#include "portable.h"
#include "sink/sink.h"

/**
 * struct table - a table that is being written
 * @sink: for sink_table
 * @out: where it goes
 * @color: whether to use colours
 * @utf8: whether UTF-8 may be written
 * @terminal: whether @out is a terminal, whose size may change
 * @width: columns of a line
 * @page: lines between two lines of titles; 0 for titles at the top only
 * @lines: lines since the last titles, including them
 * @year: year of the last record, as in struct tm
 * @day: its day of the year
 * @zone: its time zone
 */
struct table {
	struct sink sink;
	FILE *out;
	bool color;
	bool utf8;
	bool terminal;
	unsigned int width;
	unsigned int page;
	unsigned int lines;
	int year;
	int day;
	char zone[16];
};

/* Starts a table with its titles, as wide as the screen behind @out. */
void table_begin(struct table *table, FILE *out, bool color);

/* Writes a line for a call or a loss, and nothing for a record of an unknown type. */
void table_record(struct table *table, const struct setnsmon_record *rec);

#endif /* SETNSMON_TABLE_H */
