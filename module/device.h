/* SPDX-License-Identifier: GPL-2.0-only */
/* The device /dev/setnsmon. <linux/setnsmon.h> tells readers how to use it. */
#ifndef SETNSMON_DEVICE_H
#define SETNSMON_DEVICE_H

#include <linux/types.h>

/* Creates the device. Returns an error with the reason in the kernel log. May sleep. */
int device_init(void);

/* Removes the device. An open file holds the module, so there is no reader now. May sleep. */
void device_exit(void);

/* Returns the bytes that an open file takes, with all that it allocates later. */
size_t device_file_bytes(void);

#endif /* SETNSMON_DEVICE_H */
