// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "sink/cells.h"
#include "enrich/users.h"
#include "kinds.h"
#include "record/fields.h"
#include "term/escape.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void cell_add(struct cell *cell, const char *format, ...)
{
	unsigned int room = sizeof(cell->text) - cell->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(cell->text + cell->len, room, format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((unsigned int)len >= room)
		len = room - 1;
	cell->len += len;
	cell->width += len;
}

void cell_add_string(struct cell *cell, const void *string, size_t len)
{
	unsigned int cut_len = cell->len, cut_width = cell->width;
	struct escape_unit unit;
	const u8 *s = string;

	for (; len; s += unit.used, len -= unit.used) {
		unit = escape_next(s, len, cell->utf8);
		if (cell->width + unit.width > cell->max_width ||
		    cell->len + unit.len + 1 >= sizeof(cell->text)) {
			cell->len = cut_len;
			cell->width = cut_width;
			cell_add(cell, "+");
			return;
		}
		memcpy(cell->text + cell->len, unit.text, unit.len);
		cell->len += unit.len;
		cell->width += unit.width;
		if (cell->width < cell->max_width) {
			cut_len = cell->len;
			cut_width = cell->width;
		}
	}
}

static void add_user(struct cell *cell, u32 uid)
{
	const char *name = user_name(uid);

	cell_add_string(cell, name, strlen(name));
}

static void local_time(struct tm *tm, const struct setnsmon_record *rec)
{
	time_t seconds = rec->real_ns / 1000000000;

	if (!localtime_r(&seconds, tm))
		memset(tm, 0, sizeof(*tm));
}

static void fill_time(struct cell *cell, const struct setnsmon_record *rec)
{
	struct tm tm;

	local_time(&tm, rec);
	cell_add(cell, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void fill_time_ms(struct cell *cell, const struct setnsmon_record *rec)
{
	fill_time(cell, rec);
	cell_add(cell, ".%03u", (unsigned int)(rec->real_ns / 1000000 % 1000));
}

static void fill_pid(struct cell *cell, const struct setnsmon_record *rec)
{
	cell_add(cell, "%u", rec->setns.pid);
	if (rec->setns.tid != rec->setns.pid)
		cell_add(cell, "/%u", rec->setns.tid);
}

/* Room for ">root" beside a name that fills its column. */
#define EFFECTIVE_USER 5

/* Shows the real user and, if it differs, the effective one: alice>root */
static void fill_user(struct cell *cell, const struct setnsmon_record *rec)
{
	add_user(cell, rec->setns.uid);
	if (rec->setns.euid == rec->setns.uid)
		return;
	cell_add(cell, ">");
	cell->max_width += EFFECTIVE_USER;
	add_user(cell, rec->setns.euid);
}

/* Does the same as fill_user(), but cuts to the width of the column. */
static void fill_user_cut(struct cell *cell, const struct setnsmon_record *rec)
{
	char both[128];
	int len;

	len = snprintf(both, sizeof(both), "%s", user_name(rec->setns.uid));
	if (rec->setns.euid != rec->setns.uid)
		len += snprintf(both + len, sizeof(both) - len, ">%s", user_name(rec->setns.euid));
	cell_add_string(cell, both, len);
}

static void fill_command(struct cell *cell, const struct setnsmon_record *rec)
{
	const u8 *comm = rec->setns.comm;

	cell_add_string(cell, comm, strnlen((const char *)comm, SETNSMON_COMM_LEN));
}

/* Room for the number of names that are left out: +3 */
#define LEFT_OUT 2

static unsigned int width_of_names(const struct field_name *names, u32 bits)
{
	unsigned int width = 0;

	for (; names->len; names++)
		if (bits & names->value)
			width += names->len + (width > 0);
	return width;
}

/* Appends as many names as fit, and how many do not: mnt,net+3 */
static void add_names(struct cell *cell, const struct field_name *names, u32 bits)
{
	unsigned int reserved = 0, left = 0;

	if (width_of_names(names, bits) > cell->max_width)
		reserved = LEFT_OUT;
	for (; names->len; names++) {
		unsigned int width = names->len + (cell->len > 0);

		if (!(bits & names->value))
			continue;
		if (left || cell->width + width + reserved > cell->max_width)
			left++;
		else
			cell_add(cell, "%s%s", cell->len ? "," : "", names->name);
	}
	if (left)
		cell_add(cell, "+%u", left);
}

/* Returns the kinds that the call was about: that of the fd, or else those of nstype. */
static u32 kinds_of(const struct setnsmon_setns *s)
{
	return s->has & SETNSMON_HAS_TARGET_NS ? s->target_type : s->nstype;
}

static void fill_kind(struct cell *cell, const struct setnsmon_record *rec)
{
	add_names(cell, kind_names, kinds_of(&rec->setns));
	if (!cell->len)
		cell_add(cell, "-");
}

/* Returns the row of a single kind, or NULL for none or several. */
static const struct ns_kind *kind_of(u32 kinds)
{
	if (!kinds || (kinds & (kinds - 1)) || !ns_kinds[__builtin_ctz(kinds)].name)
		return NULL;
	return &ns_kinds[__builtin_ctz(kinds)];
}

/*
 * Returns the inode number of the one namespace that the call was to enter, or 0
 * if it is unknown or not a single one.
 */
static u32 target_inum(const struct setnsmon_setns *s)
{
	const struct ns_kind *kind = kind_of(s->nstype);

	if (s->has & SETNSMON_HAS_TARGET_NS)
		return s->target_inum;
	if (!(s->has & SETNSMON_HAS_TARGET_LINKS) || !kind)
		return 0;
	return s->target_links[kind->lent];
}

static void add_fd(struct cell *cell, const struct setnsmon_setns *s)
{
	if (s->has & SETNSMON_HAS_TARGET_PID)
		cell_add(cell, "pid %u", s->target_pid);
	else if (s->fd_kind == SETNSMON_FD_PIDFD)
		cell_add(cell, "pid gone");
	else if (s->fd_kind == SETNSMON_FD_NONE)
		cell_add(cell, "fd closed");
	else
		cell_add(cell, "not a ns");
}

static void fill_target(struct cell *cell, const struct setnsmon_record *rec)
{
	u32 inum = target_inum(&rec->setns);

	if (inum)
		cell_add(cell, "%u", inum);
	else
		add_fd(cell, &rec->setns);
}

/* Shows where the call led from and to, or a single number if these are the same. */
static void fill_change(struct cell *cell, const struct setnsmon_record *rec)
{
	const struct setnsmon_setns *s = &rec->setns;
	const struct ns_kind *kind = kind_of(kinds_of(s));
	u32 inum = target_inum(s);

	if (inum && kind && s->before[kind->moved] != inum)
		cell_add(cell, "%u -> ", s->before[kind->moved]);
	fill_target(cell, rec);
	if (inum && kind && s->before[kind->moved] == inum)
		cell_add(cell, " (same)");
}

static void fill_result(struct cell *cell, const struct setnsmon_record *rec)
{
	const struct setnsmon_setns *s = &rec->setns;
	const struct field_name *name;

	if (!(s->has & SETNSMON_HAS_RET)) {
		cell_add(cell, "?");
		return;
	}
	if (s->flags & SETNSMON_FLAG_DENIED)
		cell->style = STYLE_BAD;
	if (!s->ret) {
		cell->style = STYLE_GOOD;
		cell_add(cell, "ok");
		return;
	}
	name = field_name_of(errno_names, -(u32)s->ret);
	if (name)
		cell_add(cell, "%s", name->name);
	else
		cell_add(cell, "%d", s->ret);
}

/* Width of the user's name in the column OWNER. */
#define OWNER_NAME 8

static const char *relation_name(u8 relation)
{
	switch (relation) {
	case SETNSMON_RELATION_ANCESTOR:
		return " above";
	case SETNSMON_RELATION_DESCENDANT:
		return " below";
	case SETNSMON_RELATION_UNRELATED:
		return " apart";
	default:
		return "";
	}
}

/*
 * Shows the user namespace that owns the target and, unless it is the caller's own,
 * its relation to that: init, init above, alice@4026532199 below
 */
static void fill_owner(struct cell *cell, const struct setnsmon_record *rec)
{
	const struct setnsmon_setns *s = &rec->setns;

	if (!(s->has & SETNSMON_HAS_OWNER)) {
		cell_add(cell, "-");
		return;
	}
	if (s->owner_level) {
		cell->max_width = OWNER_NAME;
		add_user(cell, s->owner_uid);
		cell_add(cell, "@%u", s->owner_inum);
	} else {
		cell_add(cell, "init");
	}
	cell_add(cell, "%s", relation_name(s->relation));
}

/* Leaves out userns-cross beside upward and targets-init beside to-init, which imply them. */
static void fill_flags(struct cell *cell, const struct setnsmon_record *rec)
{
	const u32 notable = SETNSMON_FLAG_UPWARD | SETNSMON_FLAG_USERNS_CROSS |
			    SETNSMON_FLAG_CAPS_GAINED | SETNSMON_FLAG_RACED |
			    SETNSMON_FLAG_TARGETS_INIT;
	u32 flags = rec->setns.flags;

	if (flags & SETNSMON_FLAG_TO_INIT)
		flags &= ~SETNSMON_FLAG_TARGETS_INIT;
	if (flags & notable)
		cell->style = STYLE_NOTABLE;
	if (flags & SETNSMON_FLAG_UPWARD)
		flags &= ~SETNSMON_FLAG_USERNS_CROSS;
	add_names(cell, flag_names, flags);
}

/*
 * Names come before numbers: as the screen gets narrower, OWNER goes first, then FROM,
 * PID and TO. RESULT always has room, and FLAGS from 46 columns on.
 */
const struct column columns[] = {
	{ "TIME", 8, false, 40, 139, fill_time },
	{ "TIME", 12, false, 140, UINT_MAX, fill_time_ms },
	{ "PID", 7, true, 80, UINT_MAX, fill_pid },
	{ "USER", 6, false, 0, 59, fill_user_cut },
	{ "USER", 8, false, 60, 139, fill_user },
	{ "USER", 12, false, 140, UINT_MAX, fill_user },
	{ "COMMAND", 9, false, 0, 59, fill_command },
	{ "COMMAND", 13, false, 60, 99, fill_command },
	{ "COMMAND", 15, false, 100, UINT_MAX, fill_command },
	{ "KIND", 6, false, 0, 59, fill_kind },
	{ "KIND", 7, false, 60, 139, fill_kind },
	{ "KIND", 11, false, 140, UINT_MAX, fill_kind },
	{ "TO", 10, false, 72, 99, fill_target },
	{ "FROM -> TO", 24, false, 100, UINT_MAX, fill_change },
	{ "RESULT", 6, false, 0, UINT_MAX, fill_result },
	{ "OWNER", 19, false, 120, UINT_MAX, fill_owner },
	{ "FLAGS", 0, false, 46, UINT_MAX, fill_flags },
};

const unsigned int column_count = ARRAY_SIZE(columns);
