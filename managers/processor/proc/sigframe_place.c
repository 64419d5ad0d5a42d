/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a signal frame goes; see sigframe.h.  Pure: tested on the host. */
#include "sigframe.h"

#include <lib/minmax.h>

bool sigframe_place(u64 sp, u32 fpu_bytes, struct sigframe_place *place)
{
	u64 need = fpu_bytes + 64 + sizeof(struct rt_sigframe) + 32;

	if (sp < need)
		return false;
	place->fpu_vaddr = ALIGN_DOWN(sp - fpu_bytes, 64);
	place->frame_vaddr =
		ALIGN_DOWN(place->fpu_vaddr - sizeof(struct rt_sigframe), 16) -
		8;
	return true;
}
