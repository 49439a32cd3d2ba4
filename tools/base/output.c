// SPDX-License-Identifier: GPL-2.0-only
#include "base/output.h"
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_SIZE (64 * 1024)

/* Kept so that an error is reported once, even if many writes fail. */
static enum output_state state = OUTPUT_WRITTEN;

static void note_failure(void)
{
	if (state != OUTPUT_WRITTEN)
		return;
	state = errno == EPIPE ? OUTPUT_CLOSED : OUTPUT_FAILED;
	if (state == OUTPUT_FAILED)
		warn("cannot write to standard output");
}

enum output_state output_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		note_failure();
	return state;
}

/* Runs at exit, because --help can meet a full disk too. */
static void finish(void)
{
	if (output_flush() == OUTPUT_WRITTEN && fclose(stdout))
		note_failure();
	if (state == OUTPUT_FAILED)
		_exit(EXIT_FAILURE);
}

void output_prepare(void)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOFBF, BUFFER_SIZE);
	atexit(finish);
}
