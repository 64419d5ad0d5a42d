/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FAKE_LIES_H
#define FAKE_LIES_H
/* Wrong replies of the fake memory node; fake_m_lie() switches them on. */
#include <net/rpc.h>

extern u32 fake_lies_nth; /* one in so many; 0: never */

/** fake_lies_reply - the reply to @op, which is @rc, now and then made a wrong
 * one; @frames: in the pool. */
int fake_lies_reply(enum rpc_op op, struct rpc_args *args, int rc, u32 frames);

#endif
