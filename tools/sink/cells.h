/* SPDX-License-Identifier: GPL-2.0-only */
/* The cells of the table: what a column shows of a call. */
#ifndef SETNSMON_CELLS_H
#define SETNSMON_CELLS_H

#include "portable.h"
#include <linux/setnsmon.h>

/* How a cell is coloured. */
enum ink {
	INK_NONE,
	INK_GOOD,
	INK_BAD,
	INK_NOTABLE,
	INK_DIM,
};

#define CELL_MAX 256

/**
 * struct cell - the text of a cell, which is safe for a terminal
 * @text: without a NUL
 * @len: bytes of @text
 * @width: columns of the terminal that it takes
 * @limit: the width of its column: strings of others are cut to it
 * @utf8: may it hold UTF-8?
 * @ink: its colour
 */
struct cell {
	char text[CELL_MAX];
	unsigned int len;
	unsigned int width;
	unsigned int limit;
	bool utf8;
	enum ink ink;
};

/* A column, or two of the same title of which one is for narrow terminals. */
struct column {
	const char *title;
	unsigned int width;
	bool to_the_right;
	unsigned int from; /* the narrowest terminal that shows it */
	unsigned int to;   /* and the widest */
	void (*fill)(struct cell *cell, const struct setnsmon_record *rec);
};

extern const struct column columns[];
extern const unsigned int column_count;

/* Adds ASCII text, as of printf(3). */
void cell_add(struct cell *cell, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Adds a string of others, escaped. One that would pass the @limit of the cell
 * is cut, and a plus sign stands for the rest.
 */
void cell_add_string(struct cell *cell, const void *s, size_t len);

#endif /* SETNSMON_CELLS_H */
