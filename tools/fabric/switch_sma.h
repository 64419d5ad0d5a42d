/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SWITCH_SMA_H
#define FABRIC_SWITCH_SMA_H

/*
 * The switch's subnet management agent: Get and Set of everything that a
 * subnet manager configures a switch by.  What is set is what the switch goes
 * by (switch.c); only these have no effect: widths and speeds of links,
 * weights of virtual lanes, packet lifetimes, and the random forwarding
 * table's default port, since the table is linear.
 *
 * Packets whose M_Key is wrong are dropped, as port 0's PortInfo demands.
 */
#include "types.h"

struct ib_switch;

/* SwitchInfo after a reset. */
void switch_sma_init(struct ib_switch *sw);

/**
 * switch_sma_process - answer @request.
 * @in_port: where it came in.
 * @response: out: 256 bytes.
 *
 * Return: false if there is no answer.
 */
bool switch_sma_process(struct ib_switch *sw, unsigned int in_port,
			const u8 *request, u8 *response);

/* SwitchInfo will say that some port changed its state. */
void switch_sma_state_changed(struct ib_switch *sw);

/* The largest LID that the linear forwarding table is used for. */
u16 switch_sma_linear_top(const struct ib_switch *sw);
void switch_sma_set_linear_top(struct ib_switch *sw, u16 lid);

/* Where a multicast packet goes that the table has no entry for. */
u8 switch_sma_default_multicast(const struct ib_switch *sw,
				unsigned int in_port);

#endif /* FABRIC_SWITCH_SMA_H */
