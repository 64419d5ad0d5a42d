/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start of a processor node's own parts.  No peer is needed yet: who needs
 * one waits for it when the first program starts. */
#include <kernel/init.h>
#include <managers/processor/proc/process.h>

int processor_start(void)
{
	return process_start();
}
