/* SPDX-License-Identifier: GPL-2.0-only */
/* How a person or a service manager asks the program to end. */
#ifndef SETNSMON_STOP_H
#define SETNSMON_STOP_H

/*
 * From now on the first SIGINT, SIGTERM or SIGHUP (unless that is ignored, as
 * by nohup) makes the file descriptor that is returned readable, and does no
 * more; so what is under way is finished. The second ends the program at once.
 * Returns -1 after a message if that cannot be arranged.
 */
int stop_fd(void);

#endif /* SETNSMON_STOP_H */
