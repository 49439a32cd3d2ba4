/* SPDX-License-Identifier: GPL-2.0-only */
/* Colours of the terminal. */
#ifndef SETNSMON_STYLE_H
#define SETNSMON_STYLE_H

#include <stdio.h>

enum style {
	STYLE_NONE,
	STYLE_GOOD,
	STYLE_BAD,
	STYLE_NOTABLE,
	STYLE_DIM,
	STYLE_STRONG,
};

/* Text between these two is shown in @style. */
void style_on(FILE *out, enum style style);
void style_off(FILE *out, enum style style);

#endif /* SETNSMON_STYLE_H */
