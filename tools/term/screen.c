// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "term/screen.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A larger value of COLUMNS is taken for a mistake. */
#define WIDTH_MAX 10000

static bool ask_terminal(int fd, struct screen *screen)
{
	struct winsize size;

	if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col)
		return false;
	*screen = (struct screen){ .width = size.ws_col, .height = size.ws_row };
	return true;
}

static unsigned int width_of_environment(void)
{
	const char *columns = getenv("COLUMNS");
	char *end;
	unsigned long width;

	if (!columns || *columns < '0' || *columns > '9')
		return 0;
	width = strtoul(columns, &end, 10);
	return *end || width > WIDTH_MAX ? 0 : width;
}

struct screen screen_size(FILE *out)
{
	struct screen screen = { 0 };

	if (ask_terminal(fileno(out), &screen))
		return screen;
	screen.width = width_of_environment();
	if (!screen.width)
		ask_terminal(STDERR_FILENO, &screen);
	if (!screen.width)
		screen.width = SCREEN_WIDTH;
	screen.height = 0;
	return screen;
}
