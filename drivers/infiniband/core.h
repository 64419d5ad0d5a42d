/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_CORE_H
#define IB_CORE_H

/* What the parts of the verbs core start in each other. */
#include <ib/driver.h>

/** mad_start - create QP0 and QP1 of each port and serve them. */
int __must_check mad_start(struct ib_device *dev);

/** cm_start - make the connection manager serve @dev. */
int __must_check cm_start(struct ib_device *dev);

/** cm_dump - print listeners and connections on the monitor. */
void cm_dump(void);

#endif /* IB_CORE_H */
