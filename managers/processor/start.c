/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start of a processor node's own parts.  No peer is needed yet: who needs
 * one waits for it when the first program starts. */
#include <kernel/init.h>
#include <managers/processor/mm/aspace.h>
#include <managers/processor/proc/process.h>

int processor_start(void)
{
	int err = aspace_start();

	return err ? err : process_start();
}
