// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "sink/table.h"
#include "sink/cells.h"
#include <langinfo.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const char *const ink_codes[] = {
	[INK_NONE] = "",	  [INK_GOOD] = "\033[32m",
	[INK_BAD] = "\033[1;31m", [INK_NOTABLE] = "\033[33m",
	[INK_DIM] = "\033[2m",
};

static void ink_on(const struct table *table, enum ink ink)
{
	if (table->color)
		fputs(ink_codes[ink], table->out);
}

static void ink_off(const struct table *table, enum ink ink)
{
	if (table->color && ink != INK_NONE)
		fputs("\033[0m", table->out);
}

static bool is_shown(const struct table *table, const struct column *column)
{
	return table->width >= column->from && table->width <= column->to;
}

static void put_spaces(const struct table *table, unsigned int count)
{
	fprintf(table->out, "%*s", (int)count, "");
}

/**
 * struct line - how far a line has come
 * @at: columns written
 * @start: where the next column begins, if the cells before it are not too wide
 */
struct line {
	unsigned int at;
	unsigned int start;
};

static void put_cell(const struct table *table, struct line *line, const struct column *column,
		     const struct cell *cell)
{
	unsigned int start = line->start;
	unsigned int gap;

	if (column->to_the_right && cell->width < column->width)
		start += column->width - cell->width;
	line->start += column->width + 1;
	if (!cell->len)
		return;
	/* A wide cell pushes the next, until an empty place makes up for it. */
	gap = start > line->at ? start - line->at : line->at > 0;
	put_spaces(table, gap);
	ink_on(table, cell->ink);
	fwrite(cell->text, 1, cell->len, table->out);
	ink_off(table, cell->ink);
	line->at += gap + cell->width;
}

/* The titles, or with a record its cells. */
static void put_line(struct table *table, const struct setnsmon_record *rec)
{
	struct line line = { 0 };
	unsigned int i;

	for (i = 0; i < column_count; i++) {
		const struct column *column = &columns[i];
		struct cell cell = { .limit = column->width, .utf8 = table->utf8 };

		if (!is_shown(table, column))
			continue;
		if (rec)
			column->fill(&cell, rec);
		else
			cell_add(&cell, "%s", column->title);
		put_cell(table, &line, column, &cell);
	}
}

/* Its size may have changed since the last time. */
static void measure_terminal(struct table *table)
{
	int fd = fileno(table->out);
	struct winsize size;

	if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		return;
	table->width = size.ws_col;
	table->height = size.ws_row > 4 ? size.ws_row - 1 : 0;
}

static void put_titles(struct table *table)
{
	measure_terminal(table);
	ink_on(table, INK_DIM);
	put_line(table, NULL);
	ink_off(table, INK_DIM);
	putc('\n', table->out);
	table->lines = 1;
}

/* Each line begins with this, so that titles come once a screen. */
static void begin_line(struct table *table)
{
	if (table->height && table->lines >= table->height)
		put_titles(table);
	table->lines++;
}

static void put_date(struct table *table, const struct setnsmon_record *rec)
{
	time_t seconds = rec->real_ns / 1000000000;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || (tm.tm_year == table->year && tm.tm_yday == table->day))
		return;
	table->year = tm.tm_year;
	table->day = tm.tm_yday;
	begin_line(table);
	ink_on(table, INK_DIM);
	fprintf(table->out, "--- %d-%02d-%02d ---", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	ink_off(table, INK_DIM);
	putc('\n', table->out);
}

static void put_lost(struct table *table, const struct setnsmon_record *rec)
{
	unsigned long long count = rec->lost.count;

	ink_on(table, INK_BAD);
	fprintf(table->out, "--- %llu %s lost on CPU %u ---", count,
		count == 1 ? "record" : "records", rec->cpu);
	ink_off(table, INK_BAD);
}

void table_begin(struct table *table, FILE *out, bool color)
{
	time_t now = time(NULL);
	struct tm tm = { 0 };

	localtime_r(&now, &tm);
	*table = (struct table){
		.out = out,
		.color = color,
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.width = TABLE_WIDE,
		.year = tm.tm_year,
		.day = tm.tm_yday,
	};
	put_titles(table);
}

void table_record(struct table *table, const struct setnsmon_record *rec)
{
	if (rec->type != SETNSMON_RECORD_SETNS && rec->type != SETNSMON_RECORD_LOST)
		return;
	put_date(table, rec);
	begin_line(table);
	if (rec->type == SETNSMON_RECORD_SETNS)
		put_line(table, rec);
	else
		put_lost(table, rec);
	putc('\n', table->out);
}
