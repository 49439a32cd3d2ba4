/* SPDX-License-Identifier: GPL-2.0-only */
/* What each field of a record means, in a sentence or two, for `setnsmon schema`. */
#ifndef SETNSMON_DESCRIPTIONS_H
#define SETNSMON_DESCRIPTIONS_H

/*
 * A field, by its path in JSON, and its description. The members of the objects of ten links
 * are described once, as "links.cgroup" and so on. The list ends with a NULL path.
 */
struct description {
	const char *path;
	const char *text;
};

extern const struct description descriptions[];

/* Returns the description of a path, or NULL. */
const char *description_of(const char *path);

#endif /* SETNSMON_DESCRIPTIONS_H */
