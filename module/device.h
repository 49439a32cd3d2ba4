/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/setnsmon and its attributes in sysfs: the outside of the recorder. What a
 * reader may expect is written in <linux/setnsmon.h>.
 */
#ifndef SETNSMON_DEVICE_H
#define SETNSMON_DEVICE_H

/* Makes the device; an error, with the reason in the log, if it cannot. May sleep. */
int device_init(void);

/* An open file holds the module, so nobody reads when this is called. May sleep. */
void device_exit(void);

#endif /* SETNSMON_DEVICE_H */
