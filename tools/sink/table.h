/* SPDX-License-Identifier: GPL-2.0-only */
/* Records as a table for people: columns, colours, a title now and then. */
#ifndef SETNSMON_TABLE_H
#define SETNSMON_TABLE_H

#include "portable.h"
#include <linux/setnsmon.h>
#include <stdio.h>

/* The width that shows every column, for what is not a terminal. */
#define TABLE_WIDE 120

/**
 * struct table - a table that is being written
 * @out: where to
 * @color: with colours?
 * @utf8: may UTF-8 be written?
 * @width: columns of the terminal
 * @height: lines between two title lines; 0 for one title only
 * @lines: lines since the title line
 * @year: date of the last record: when it changes, a line tells
 * @day: of the year
 */
struct table {
	FILE *out;
	bool color;
	bool utf8;
	unsigned int width;
	unsigned int height;
	unsigned int lines;
	int year;
	int day;
};

/* For a terminal behind @out, width and height are asked from it. */
void table_begin(struct table *table, FILE *out, bool color);

/* A line for a call or a loss; nothing for a type that is not known. */
void table_record(struct table *table, const struct setnsmon_record *rec);

#endif /* SETNSMON_TABLE_H */
