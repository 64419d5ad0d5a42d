/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_PMA_H
#define FABRIC_PMA_H

/*
 * The performance management agent (InfiniBand specification, volume 1,
 * 16.1): ClassPortInfo, PortCounters and PortCountersExtended.  Both show the
 * same counters, in fields of different widths, so that resetting one resets
 * the other.
 */
#include "port.h"

/* Port @number as the agent's node numbers them, or NULL. */
typedef struct port *(*pma_find_port)(void *node, u8 number);

/**
 * pma_process - answer @request, a Get or Set of the performance class.
 * @response: in: a copy of @request; out: the answer.
 */
void pma_process(pma_find_port find, void *node, const u8 *request,
		 u8 *response);

#endif /* FABRIC_PMA_H */
