/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The operation of FUTEX_WAKE_OP (futex(2)): bits 31..28 op (bit 31: the
 * argument is a shift), 27..24 comparison, 23..12 and 11..0 their arguments,
 * signed.  Pure: tested on the host.
 */
#include "futex.h"

#include <lib/errno.h>

static s32 sign_extend_12(u32 value)
{
	value &= 0xfff;
	return (s32)(value ^ 0x800) - 0x800;
}

int futex_op_apply(u32 encoded, u32 old, u32 *new_value)
{
	u32 arg = (u32)sign_extend_12(encoded >> 12);

	if (encoded >> 31)
		arg = 1u << (arg & 31);
	switch (encoded >> 28 & 7) {
	case 0:
		*new_value = arg;
		return 0;
	case 1:
		*new_value = old + arg;
		return 0;
	case 2:
		*new_value = old | arg;
		return 0;
	case 3:
		*new_value = old & ~arg;
		return 0;
	case 4:
		*new_value = old ^ arg;
		return 0;
	default:
		return -ENOSYS;
	}
}

bool futex_op_compare(u32 encoded, u32 old_value)
{
	s32 old = (s32)old_value, arg = sign_extend_12(encoded);

	switch (encoded >> 24 & 0xf) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	case 5:
		return old >= arg;
	default:
		return false;
	}
}
