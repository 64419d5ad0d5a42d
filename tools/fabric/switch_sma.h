/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_SWITCH_SMA_H
#define FABRIC_SWITCH_SMA_H

#include "types.h"

struct ib_switch;

/**
 * switch_sma_process - the switch's subnet management agent.
 * @in_port: where @request came in.
 * @response: out: 256 bytes.
 *
 * Return: false if there is no answer.
 */
bool switch_sma_process(struct ib_switch *sw, unsigned int in_port,
			const u8 *request, u8 *response);

/* SwitchInfo, 64 bytes. */
void switch_info(const struct ib_switch *sw, u8 *data);

#endif /* FABRIC_SWITCH_SMA_H */
