/* SPDX-License-Identifier: GPL-2.0-only */
/* Standard output: buffered, and its errors reported once. */
#ifndef SETNSMON_OUTPUT_H
#define SETNSMON_OUTPUT_H

/* Sets up buffering and the check at exit. Call it before any output. */
void output_prepare(void);

enum output_state {
	OUTPUT_WRITTEN,
	OUTPUT_CLOSED, /* the reader of the pipe has gone */
	OUTPUT_FAILED, /* after a message */
};

/* Writes what is buffered. */
enum output_state output_flush(void);

#endif /* SETNSMON_OUTPUT_H */
