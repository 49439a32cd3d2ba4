// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of the reader: columns, widths, colours, titles, and cells of any bytes.
 */
#define _GNU_SOURCE
#include "sink/cells.h"
#include "sink/table.h"
#include "term/escape.h"
#include "term/utf8.h"
#include "reading.h"

#include <limits.h>
#include <linux/sched.h>
#include <linux/setnsmon.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>

/* ---- the table ---- */

static char table_text[1 << 16];

/* Returns what a table of this width shows of the records, without its titles. */
static const char *rows(const struct setnsmon_record *recs, unsigned int count, unsigned int width,
			bool color)
{
	FILE *out = fmemopen(table_text, sizeof(table_text), "w");
	struct table table;
	unsigned int i;
	long start;

	table_begin(&table, out, color);
	start = ftell(out);
	table.width = width;
	table.year = 126;
	table.day = 324;
	for (i = 0; i < count; i++)
		table_record(&table, &recs[i]);
	fclose(out);
	return table_text + start;
}

/* Checks a text without its newlines and, if @color, without its colour sequences. */
static bool only_printable(const char *s, bool color)
{
	char rest[sizeof(table_text)], *p = rest;
	size_t n;

	for (; *s; s++) {
		if (*s == '\n')
			continue;
		if (color && !strncmp(s, "\033[", 2)) {
			n = strspn(s + 2, "0123456789;");
			if (s[2 + n] != 'm')
				return false;
			s += 2 + n;
			continue;
		}
		*p++ = *s;
	}
	return !has_control(rest, p - rest);
}

static void table_of_a_call(void)
{
	struct setnsmon_record rec = full();
	const char *s;

	rec.setns.owner_level = 0;
	rec.setns.uid = rec.setns.euid = 4000000001;
	s = rows(&rec, 1, 140, false);
	is_text(s, "21:04:13.120 812/813 4000000001   nsenter         net         "
		   "103 -> 4026532208        ok     init above          to-init,upward\n");
	is_text(rows(&rec, 1, 120, false),
		"21:04:13 812/813 4000000+ nsenter         net     103 -> 4026532208        ok     "
		"init above          to-init,upward\n");
	is_text(rows(&rec, 1, 100, false),
		"21:04:13 812/813 4000000+ nsenter         net     103 -> 4026532208        ok     "
		"to-init,upward\n");
	is_text(rows(&rec, 1, 80, false),
		"21:04:13 812/813 4000000+ nsenter       net     4026532208 ok     to-init,upward\n");
	is_text(rows(&rec, 1, 72, false),
		"21:04:13 4000000+ nsenter       net     4026532208 ok     to-init,upward\n");
	is_text(rows(&rec, 1, 60, false),
		"21:04:13 4000000+ nsenter       net     ok     to-init+1\n");
	is_text(rows(&rec, 1, 50, false), "21:04:13 40000+ nsenter   net    ok     to-init+1\n");
	is_text(rows(&rec, 1, 40, false), "21:04:13 40000+ nsenter   net    ok\n");
	is_text(rows(&rec, 1, 30, false), "40000+ nsenter   net    ok\n");
	is_text(rows(&rec, 1, 10, false), "40000+ +\n");
}

static void table_of_targets(void)
{
	struct setnsmon_record rec = full();

	rec.setns.before[SETNSMON_LINK_NET] = rec.setns.target_inum;
	CHECK(has(rows(&rec, 1, 140, false), " 4026532208 (same) "));
	rec.setns.owner_uid = 4000000001;
	CHECK(has(rows(&rec, 1, 140, false), " 4000000+@4026531837 above "));
	rec.setns.target_type = CLONE_NEWPID;
	CHECK(has(rows(&rec, 1, 140, false), " pid         105 -> 4026532208 "));

	rec.setns.fd_kind = SETNSMON_FD_PIDFD;
	rec.setns.has &= ~SETNSMON_HAS_TARGET_NS;
	rec.setns.nstype = CLONE_NEWNET;
	rec.setns.before[SETNSMON_LINK_NET] = 103;
	CHECK(has(rows(&rec, 1, 140, false), " net         103 -> 303 "));
	rec.setns.nstype = CLONE_NEWPID;
	CHECK(has(rows(&rec, 1, 140, false), " pid         105 -> 304 "));
	rec.setns.nstype = CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWNS;
	CHECK(has(rows(&rec, 1, 140, false), " mnt,net,uts pid 900 "));
	rec.setns.nstype |= CLONE_NEWIPC | CLONE_NEWUSER;
	CHECK(has(rows(&rec, 1, 140, false), " ipc,mnt+3   pid 900 "));
	CHECK(has(rows(&rec, 1, 80, false), " ipc+4   pid 900 "));
	rec.setns.has &= ~SETNSMON_HAS_TARGET_PID;
	CHECK(has(rows(&rec, 1, 140, false), " pid gone "));

	rec.setns.has = SETNSMON_HAS_RET;
	rec.setns.fd_kind = SETNSMON_FD_NONE;
	rec.setns.nstype = 0;
	CHECK(has(rows(&rec, 1, 140, false), " -           fd closed "));
	rec.setns.fd_kind = SETNSMON_FD_OTHER;
	CHECK(has(rows(&rec, 1, 140, false), " not a ns "));
}

static void table_of_results(void)
{
	struct setnsmon_record rec = full();

	rec.setns.ret = -1;
	rec.setns.flags = SETNSMON_FLAG_DENIED;
	CHECK(has(rows(&rec, 1, 120, false), " EPERM "));
	CHECK(has(rows(&rec, 1, 120, true), "\033[1;31mEPERM\033[0m"));
	rec.setns.ret = -4000;
	CHECK(has(rows(&rec, 1, 120, false), " -4000 "));
	rec.setns.has &= ~SETNSMON_HAS_RET;
	CHECK(has(rows(&rec, 1, 120, false), " ? "));
}

static void table_makes_exits_bold(void)
{
	struct setnsmon_record rec = full();

	rec.setns.call_class = SETNSMON_CLASS_EXIT;
	CHECK(has(rows(&rec, 1, 120, true), "\033[1mnsenter\033[0m"));
	CHECK(has(rows(&rec, 1, 120, true), "\033[32mok\033[0m"));
	CHECK(!strchr(rows(&rec, 1, 120, false), '\033'));
	rec.setns.call_class = SETNSMON_CLASS_ENTRY;
	CHECK(!strstr(rows(&rec, 1, 120, true), "\033[1m"));
}

static void table_of_losses(void)
{
	struct setnsmon_record recs[2] = { lost(37), lost(1) };
	const char *s;

	recs[0].real_ns = recs[1].real_ns = full().real_ns;
	s = rows(recs, 2, 120, false);
	CHECK(!strcmp(s, "--- 37 records lost on CPU 3 ---\n--- 1 record lost on CPU 3 ---\n"));
}

static void table_shows_a_new_date(void)
{
	struct setnsmon_record recs[2] = { full(), full() };
	const char *s;

	recs[1].real_ns += 86400ULL * 1000000000;
	s = rows(recs, 2, 120, false);
	EQ(lines_in(s), 3);
	CHECK(has(s, "\n--- 2026-11-22 UTC ---\n"));
}

/* Returns the titles of a table of the default width. */
static const char *titles(void)
{
	FILE *out = fmemopen(table_text, sizeof(table_text), "w");
	struct table table;

	table_begin(&table, out, false);
	fclose(out);
	return table_text;
}

static void table_shows_its_time_zone(void)
{
	/* Summer time ends, in this rule, within the day of full(). */
	struct setnsmon_record recs[2] = { full(), full() };

	recs[0].real_ns -= 12 * 3600 * 1000000000ULL;
	is_text(titles(), "TIME UTC     PID USER     COMMAND       KIND    TO         RESULT FLAGS\n");
	set_zone("<+0530>-5:30");
	is_text(titles(), "TIME +0530   PID USER     COMMAND       KIND    TO         RESULT FLAGS\n");
	set_zone("AAA0BBB,J1/0,J325/20");
	CHECK(has(rows(recs, 2, 80, false), "\n--- 2026-11-21 AAA ---\n"));
	CHECK(has(rows(recs, 1, 80, false), "--- 2026-11-21 BBB ---\n"));
	set_zone("UTC0");
}

static void table_takes_its_width_from_columns(void)
{
	static const char *const wrong[] = { "", "0", "-100", "100x", "x", "99999999999999999999" };
	unsigned int i;

	setenv("COLUMNS", "100", 1);
	CHECK(has(titles(), " FROM -> TO "));
	CHECK(!strstr(titles(), "OWNER"));
	setenv("COLUMNS", "40", 1);
	is_text(titles(), "TIME UTC USER   COMMAND   KIND   RESULT\n");
	setenv("COLUMNS", "160", 1);
	CHECK(has(titles(), " OWNER "));
	/* Without COLUMNS the terminal behind stderr counts, if there is one. */
	for (i = 0; i < ARRAY_SIZE(wrong) && !isatty(STDERR_FILENO); i++) {
		setenv("COLUMNS", wrong[i], 1);
		CHECK(has(titles(), " TO         RESULT FLAGS\n"));
	}
	unsetenv("COLUMNS");
	CHECK(isatty(STDERR_FILENO) || has(titles(), " TO         RESULT FLAGS\n"));
	setenv("COLUMNS", "80", 1);
}

/* Returns the terminal columns of the widest line. */
static unsigned int widest(const char *s)
{
	unsigned int width = 0, most = 0, n;
	u32 code = 0;

	while ((n = utf8_decode((const u8 *)s, strlen(s), &code))) {
		width = code == '\n' ? 0 : width + wcwidth(code);
		most = width > most ? width : most;
		s += n;
	}
	CHECK(!*s);
	return most;
}

/* Returns a record whose cells are as wide as they get on a real system. */
static struct setnsmon_record wide(void)
{
	struct setnsmon_record rec = full();

	rec.setns.pid = 4194303;
	rec.setns.tid = 4194304;
	rec.setns.uid = 4000000001;
	rec.setns.euid = 4000000002;
	memcpy(rec.setns.comm, "containerd-shim", 15);
	rec.setns.before[SETNSMON_LINK_NET] = 4026531840;
	rec.setns.owner_uid = 4000000003;
	rec.setns.owner_inum = 4026532199;
	rec.setns.ret = -22;
	rec.setns.flags = (1U << 10) - 1;
	return rec;
}

static void table_does_not_wrap(void)
{
	struct setnsmon_record recs[4] = { wide(), lost(ULLONG_MAX), ones() };
	unsigned int width, i;

	recs[1].cpu = UINT_MAX;
	for (width = 1; width <= 250; width++) {
		for (i = 0; i < 20; i++) {
			recs[3] = random_record();
			if (widest(rows(recs, ARRAY_SIZE(recs), width, false)) > width)
				FAIL("at %u columns: %s", width, table_text);
		}
	}
}

/* Checks that numbers and the result are whole at every width that shows them. */
static void table_keeps_numbers_whole(void)
{
	struct setnsmon_record rec = wide();
	unsigned int width;
	const char *s;

	for (width = 30; width <= 250; width++) {
		s = rows(&rec, 1, width, false);
		CHECK(has(s, " EINVAL"));
		CHECK(width < 72 || has(s, " 4026532208 "));
		CHECK(width < 80 || has(s, " 4194303/4194304 "));
		CHECK(width < 100 || has(s, " 4026531840 -> 4026532208 "));
		CHECK(width < 120 || has(s, "@4026532199 above"));
	}
}

static void table_repeats_its_titles(void)
{
	struct setnsmon_record rec = full();
	FILE *out = fmemopen(table_text, sizeof(table_text), "w");
	struct table table;
	unsigned int i, titles = 0;
	const char *p;

	table_begin(&table, out, false);
	table.year = 126;
	table.day = 324;
	table.page = 10;
	for (i = 0; i < 27; i++)
		table_record(&table, &rec);
	fclose(out);
	for (p = table_text; (p = strstr(p, "COMMAND")); p++)
		titles++;
	EQ(titles, 3);
	EQ(lines_in(table_text), 30);
}

static void table_ignores_unknown_types(void)
{
	struct setnsmon_record rec = full();

	rec.type = 77;
	CHECK(!*rows(&rec, 1, 120, false));
}

static void table_is_safe(void)
{
	static const unsigned int widths[] = { 1, 80, 119, 120, 500 };
	unsigned int i, w, color;

	for (w = 0; w < ARRAY_SIZE(widths); w++) {
		for (color = 0; color < 2; color++) {
			for (i = 0; i < ARRAY_SIZE(hostile); i++) {
				struct setnsmon_record rec =
					with_comm(hostile[i].bytes, hostile[i].len);
				const char *s = rows(&rec, 1, widths[w], color);

				EQ(lines_in(s), 1);
				if (!only_printable(s, color))
					FAIL("control character: %s", s);
			}
		}
	}
}

static void table_of_random_records(void)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		struct setnsmon_record rec = i ? random_record() : ones();
		bool color = i & 1;
		const char *s = rows(&rec, 1, i & 2 ? 80 : 120, color);

		CHECK(lines_in(s) == 1 || lines_in(s) == 2);
		CHECK(only_printable(s, color));
	}
}

/* ---- cells and UTF-8 ---- */

static void is_cell(const char *string, size_t len, unsigned int limit, bool utf8, const char *want,
		    unsigned int width)
{
	struct cell cell = { .max_width = limit, .utf8 = utf8 };

	cell_add_string(&cell, string, len);
	if (cell.len != strlen(want) || memcmp(cell.text, want, cell.len))
		FAIL("'%.*s', expected '%s'", (int)cell.len, cell.text, want);
	EQ(cell.width, width);
}

static void cells_are_cut_between_characters(void)
{
	is_cell("abc", 3, 3, false, "abc", 3);
	is_cell("abcd", 4, 3, false, "ab+", 3);
	is_cell("a\nb", 3, 8, false, "a\\x0ab", 6);
	is_cell("a\nb", 3, 5, false, "a+", 2);
	is_cell("gr\xc3\xbcn", 5, 4, true, "gr\xc3\xbcn", 4);
	is_cell("gr\xc3\xbcn", 5, 20, false, "gr\\xc3\\xbcn", 11);
	is_cell("\xe6\xbc\xa2\xe5\xad\x97", 6, 4, true, "\xe6\xbc\xa2\xe5\xad\x97", 4);
	is_cell("\xe6\xbc\xa2\xe5\xad\x97", 6, 3, true, "\xe6\xbc\xa2+", 3);
	is_cell("e\xcc\x81", 3, 20, true, "e\\xcc\\x81", 9);
	is_cell("\xe2\x80\xae", 3, 20, true, "\\xe2\\x80\\xae", 12);
	is_cell("a\\b", 3, 20, true, "a\\\\b", 4);
	is_cell("", 0, 3, true, "", 0);
}

static void cells_do_not_overflow(void)
{
	struct cell cell = { .max_width = UINT_MAX };
	unsigned int i;

	for (i = 0; i < 2 * CELL_MAX; i++) {
		cell_add_string(&cell, "\n", 1);
		cell_add(&cell, "%u", i);
		CHECK(cell.len < CELL_MAX);
	}
}

static bool needs_repair(const u8 *s, size_t len)
{
	char text[UTF8_REPAIRED(8)];

	return utf8_repair(text, s, len) != len || memcmp(text, s, len);
}

static void utf8_is_strict(void)
{
	static const struct {
		const char *bytes;
		unsigned int len, used;
		u32 code;
	} cases[] = {
		{ "", 0, 0, 0 },
		{ "\x7f", 1, 1, 0x7f },
		{ "\x80", 1, 0, 0 },
		{ "\xc1\xbf", 2, 0, 0 },
		{ "\xc2\x80", 2, 2, 0x80 },
		{ "\xdf\xbf", 2, 2, 0x7ff },
		{ "\xe0\x9f\xbf", 3, 0, 0 },
		{ "\xe0\xa0\x80", 3, 3, 0x800 },
		{ "\xed\x9f\xbf", 3, 3, 0xd7ff },
		{ "\xed\xa0\x80", 3, 0, 0 },
		{ "\xed\xbf\xbf", 3, 0, 0 },
		{ "\xee\x80\x80", 3, 3, 0xe000 },
		{ "\xef\xbf\xbf", 3, 3, 0xffff },
		{ "\xf0\x8f\xbf\xbf", 4, 0, 0 },
		{ "\xf0\x90\x80\x80", 4, 4, 0x10000 },
		{ "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
		{ "\xf4\x90\x80\x80", 4, 0, 0 },
		{ "\xf8\x88\x80\x80", 4, 0, 0 },
		{ "\xe2\x82\xac", 2, 0, 0 },
		{ "\xe2\x28\xa1", 3, 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u32 code = 0;

		EQ(utf8_decode((const u8 *)cases[i].bytes, cases[i].len, &code), cases[i].used);
		EQ(code, cases[i].code);
		EQ(!needs_repair((const u8 *)cases[i].bytes, cases[i].len),
		   (!cases[i].len || cases[i].used) && code != 0x7f);
	}
}

static const struct tap_case cases[] = {
	CASE(table_of_a_call),
	CASE(table_of_targets),
	CASE(table_of_results),
	CASE(table_makes_exits_bold),
	CASE(table_of_losses),
	CASE(table_shows_a_new_date),
	CASE(table_shows_its_time_zone),
	CASE(table_takes_its_width_from_columns),
	CASE(table_does_not_wrap),
	CASE(table_keeps_numbers_whole),
	CASE(table_repeats_its_titles),
	CASE(table_ignores_unknown_types),
	CASE(table_is_safe),
	CASE(table_of_random_records),
	CASE(cells_are_cut_between_characters),
	CASE(cells_do_not_overflow),
	CASE(utf8_is_strict),
};

int main(void)
{
	return run_cases(cases, ARRAY_SIZE(cases));
}
