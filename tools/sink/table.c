// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "sink/table.h"
#include "base/timezone.h"
#include "sink/cells.h"
#include "term/screen.h"
#include "term/style.h"
#include <err.h>
#include <langinfo.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A page of fewer lines would be mostly titles. */
#define PAGE_MIN 4

static void begin_style(const struct table *table, enum style style)
{
	if (table->color)
		style_on(table->out, style);
}

static void end_style(const struct table *table, enum style style)
{
	if (table->color)
		style_off(table->out, style);
}

static bool is_shown(const struct table *table, const struct column *column)
{
	return table->width >= column->from && table->width <= column->to;
}

/**
 * struct line - the progress of a line
 * @at: columns written
 * @start: where the next column starts, unless earlier cells were too wide
 */
struct line {
	unsigned int at;
	unsigned int start;
};

/*
 * Returns the spaces before the next cell. A cell that is too wide pushes the next
 * ones to the right, until free space in a column makes up for it.
 */
static unsigned int gap_before(const struct line *line, unsigned int start)
{
	return start > line->at ? start - line->at : line->at > 0;
}

/* Returns the space from the next column to the end of the line. */
static unsigned int rest_of(const struct table *table, const struct line *line)
{
	unsigned int used = line->at + gap_before(line, line->start);

	return table->width > used ? table->width - used : 0;
}

/* Replaces a cell that would pass the end of the line, so that the line does not wrap. */
static void fit(struct cell *cell, unsigned int room)
{
	if (cell->width <= room)
		return;
	cell->len = cell->width = 0;
	if (room)
		cell_add(cell, "+");
}

static void put_cell(const struct table *table, struct line *line, const struct column *column,
		     struct cell *cell)
{
	unsigned int start = line->start;
	unsigned int gap;

	fit(cell, rest_of(table, line));
	if (column->align_right && cell->width < column->width)
		start += column->width - cell->width;
	line->start += column->width + 1;
	if (!cell->len)
		return;
	gap = gap_before(line, start);
	fprintf(table->out, "%*s", (int)gap, "");
	begin_style(table, cell->style);
	fwrite(cell->text, 1, cell->len, table->out);
	end_style(table, cell->style);
	line->at += gap + cell->width;
}

/* Fills a title. That of TIME includes the zone, because its cells have no room for it. */
static void fill_title(const struct table *table, const struct column *column, struct cell *cell)
{
	cell_add(cell, "%s", column->title);
	if (strcmp(column->title, "TIME"))
		return;
	cell_add(cell, " ");
	cell->max_width = CELL_MAX;
	cell_add_string(cell, table->zone, strlen(table->zone));
}

/* Returns the style of cells that have none of their own. An exit stands out. */
static enum style style_of(const struct setnsmon_record *rec)
{
	return rec && rec->setns.call_class == SETNSMON_CLASS_EXIT ? STYLE_STRONG : STYLE_NONE;
}

/* Writes the cells of a record, or the titles if @rec is NULL. */
static void put_line(const struct table *table, const struct setnsmon_record *rec)
{
	struct line line = { 0 };
	unsigned int i;

	for (i = 0; i < column_count; i++) {
		const struct column *column = &columns[i];
		struct cell cell = { .utf8 = table->utf8, .style = style_of(rec) };

		if (!is_shown(table, column))
			continue;
		cell.max_width = column->width ? column->width : rest_of(table, &line);
		if (rec)
			column->fill(&cell, rec);
		else
			fill_title(table, column, &cell);
		put_cell(table, &line, column, &cell);
	}
}

/* Returns whether the width has changed since the last call. */
static bool measure(struct table *table)
{
	struct screen screen = screen_size(table->out);
	bool changed = table->width != screen.width;

	table->width = screen.width;
	table->page = screen.height > PAGE_MIN ? screen.height - 1 : 0;
	return changed;
}

static void put_titles(struct table *table)
{
	begin_style(table, STYLE_DIM);
	put_line(table, NULL);
	end_style(table, STYLE_DIM);
	putc('\n', table->out);
	table->lines = 1;
}

/*
 * Starts each line except the titles. The titles come once a page, and again when the
 * width of the terminal has changed, because that may show other columns.
 */
static void begin_line(struct table *table)
{
	bool resized = table->terminal && measure(table);

	if (resized || (table->page && table->lines >= table->page))
		put_titles(table);
	table->lines++;
}

/* Writes a line between the calls, cut to the width. */
static void put_note(const struct table *table, enum style style, const struct cell *note)
{
	begin_style(table, style);
	fwrite(note->text, 1, note->len < table->width ? note->len : table->width, table->out);
	end_style(table, style);
}

static void set_date(struct table *table, const struct tm *tm)
{
	table->year = tm->tm_year;
	table->day = tm->tm_yday;
	snprintf(table->zone, sizeof(table->zone), "%s", tm->tm_zone ? tm->tm_zone : "UTC");
}

static bool has_date(const struct table *table, const struct tm *tm)
{
	return tm->tm_year == table->year && tm->tm_yday == table->day &&
	       !strncmp(tm->tm_zone ? tm->tm_zone : "UTC", table->zone, sizeof(table->zone) - 1);
}

/* Writes the date and the zone of a record if the record before it had others. */
static void put_date(struct table *table, const struct setnsmon_record *rec)
{
	time_t seconds = rec->real_ns / 1000000000;
	struct cell note = { .max_width = CELL_MAX };
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || has_date(table, &tm))
		return;
	set_date(table, &tm);
	begin_line(table);
	cell_add(&note, "--- %d-%02d-%02d ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	cell_add_string(&note, table->zone, strlen(table->zone));
	cell_add(&note, " ---");
	put_note(table, STYLE_DIM, &note);
	putc('\n', table->out);
}

static void put_lost(const struct table *table, const struct setnsmon_record *rec)
{
	unsigned long long count = rec->lost.count;
	struct cell note = { 0 };

	cell_add(&note, "--- %llu %s lost on CPU %u ---", count, count == 1 ? "record" : "records",
		 rec->cpu);
	put_note(table, STYLE_BAD, &note);
}

void table_begin(struct table *table, FILE *out, bool color)
{
	time_t now = time(NULL);
	struct tm tm = { 0 };

	timezone_prepare();
	localtime_r(&now, &tm);
	*table = (struct table){
		.sink.type = &sink_table,
		.out = out,
		.color = color,
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.terminal = isatty(fileno(out)),
	};
	set_date(table, &tm);
	measure(table);
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

static struct sink *open_table(const struct sink_options *options)
{
	struct table *table = malloc(sizeof(*table));

	if (!table) {
		warnx("out of memory");
		return NULL;
	}
	table_begin(table, options->out, options->color);
	return &table->sink;
}

static void record_table(struct sink *sink, const struct setnsmon_record *rec)
{
	table_record((struct table *)sink, rec);
}

static void close_table(struct sink *sink)
{
	free(sink);
}

const struct sink_type sink_table = { "table", open_table, record_table, close_table };
