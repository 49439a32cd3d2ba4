/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals that ask the program to end. */
#ifndef SETNSMON_STOP_H
#define SETNSMON_STOP_H

/*
 * Returns a file descriptor that becomes readable at the first SIGINT, SIGTERM
 * or SIGHUP (unless SIGHUP is ignored, as under nohup). That signal does nothing
 * else, so work in progress is finished. A second signal kills the program.
 * Returns -1 after a message if the handlers cannot be set up.
 */
int stop_fd(void);

#endif /* SETNSMON_STOP_H */
