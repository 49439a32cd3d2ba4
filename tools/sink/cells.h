/* SPDX-License-Identifier: GPL-2.0-only */
/* The cells of the table: what each column shows of a call. */
#ifndef SETNSMON_CELLS_H
#define SETNSMON_CELLS_H

#include "portable.h"
#include "term/style.h"
#include <linux/setnsmon.h>

#define CELL_MAX 256

/**
 * struct cell - the text of a cell, safe for a terminal
 * @text: without a NUL
 * @len: bytes of @text
 * @width: terminal columns that @text takes
 * @max_width: width to which strings and lists of names are cut
 * @utf8: whether @text may hold UTF-8
 * @style: how to show it
 */
struct cell {
	char text[CELL_MAX];
	unsigned int len;
	unsigned int width;
	unsigned int max_width;
	bool utf8;
	enum style style;
};

/**
 * struct column - a column, or one of several variants for different terminals
 * @title: the word above it
 * @width: its width; 0 for the rest of the line
 * @align_right: whether cells are aligned to the right
 * @from: width of the narrowest terminal that shows it
 * @to: width of the widest terminal that shows it
 * @fill: fills the cell of a record
 */
struct column {
	const char *title;
	unsigned int width;
	bool align_right;
	unsigned int from;
	unsigned int to;
	void (*fill)(struct cell *cell, const struct setnsmon_record *rec);
};

extern const struct column columns[];
extern const unsigned int column_count;

/* Appends printf-formatted ASCII. */
void cell_add(struct cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Appends an untrusted string, escaped. A string that would pass @max_width is
 * cut, and a plus sign stands for the rest.
 */
void cell_add_string(struct cell *cell, const void *s, size_t len);

#endif /* SETNSMON_CELLS_H */
