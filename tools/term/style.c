// SPDX-License-Identifier: GPL-2.0-only
#include "term/style.h"

static const char *const codes[] = {
	[STYLE_GOOD] = "\033[32m", [STYLE_BAD] = "\033[1;31m", [STYLE_NOTABLE] = "\033[33m",
	[STYLE_DIM] = "\033[2m",   [STYLE_STRONG] = "\033[1m",
};

void style_on(FILE *out, enum style style)
{
	if (style != STYLE_NONE)
		fputs(codes[style], out);
}

void style_off(FILE *out, enum style style)
{
	if (style != STYLE_NONE)
		fputs("\033[0m", out);
}
