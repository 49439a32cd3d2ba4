/* SPDX-License-Identifier: GPL-2.0-only */
/* The size of the terminal, or of whatever else text is written to. */
#ifndef SETNSMON_SCREEN_H
#define SETNSMON_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

/* The default width, which nearly every terminal has. */
#define SCREEN_WIDTH 80

/**
 * struct screen - a size in characters
 * @width: columns
 * @height: rows; 0 if @out is not a terminal, or its size is unknown
 */
struct screen {
	unsigned int width;
	unsigned int height;
};

/*
 * Returns the size of the terminal behind @out. For anything else the width is that
 * of the environment variable COLUMNS, of the terminal behind stderr, or
 * SCREEN_WIDTH: whichever is known first.
 */
struct screen screen_size(FILE *out);

#endif /* SETNSMON_SCREEN_H */
