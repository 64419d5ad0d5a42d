/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_PING_H
#define IB_PING_H

/*
 * The ping of OpenIB's tools (`ibping`): a Get of a class in the vendors'
 * second range, which carry an OUI (InfiniBand volume 1, 16.5); the answer's
 * data is the name of who answers.  Pure.
 */
#include <ib/mad.h>

#define VENDOR_OUI  HW_FIELD(struct mad, 36, 23, 0)
#define VENDOR_DATA 40
#define OPENIB_OUI  0x001405

/**
 * ping_answer - answer @in as the node @name (NUL-terminated).
 *
 * Return: false if @in is no ping: drop it.
 */
bool __must_check ping_answer(const struct mad *in,
			      const char name[IB_DESCRIPTION_BYTES],
			      struct mad *out);

#endif /* IB_PING_H */
