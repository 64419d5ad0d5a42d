/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as management packets: for the card's agents, the switch's
 * routing and agent, the subnet manager and the subnet administrator.
 */
#include "tools/fabric/fabric.h"
#include "tools/fabric/log.h"
#include "tools/fabric/mad.h"
#include "tools/fabric/sma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fabric fabric;

static void start(void)
{
	char folder[] = "/tmp/brick-fuzz-fabric-XXXXXX", names[2][64];
	const char *paths[2] = {names[0], names[1]};

	if (!mkdtemp(folder))
		abort();
	for (int i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "%s/%d", folder, i);
	if (log_open("/dev/null") || loop_open() ||
	    fabric_open(&fabric, 2, paths))
		abort();
	unlink(names[0]);
	unlink(names[1]);
	rmdir(folder);
	for (int i = 0; i < 2; i++) {
		fabric.cards[i].is_port_enabled = true;
		switch_link_changed(&fabric.sw, &fabric.cards[i]);
		fabric.sw.sm.links[i + 1].step = SM_DONE;
		fabric.sw.sm.links[i + 1].lid = (u16)(2 + i);
		fabric.sw.lft[2 + i] = (u8)(1 + i);
		fabric.cards[i].port.info[32] |= PORT_ACTIVE;
		fabric.sw.ports[i + 1].port.info[32] |= PORT_ACTIVE;
	}
}

/* A head of 8 bytes chooses the way, then comes the MAD. */
static void one(const u8 *data, size_t size)
{
	struct packet packet = {.bytes = MAD_BYTES, .pkey = PKEY_DEFAULT};
	u8 answer[MAD_BYTES];

	memcpy(packet.data, data + 8, size - 8);
	packet.dlid = get16(data);
	packet.slid = get16(data + 2);
	packet.dqpn = data[4] & 1;
	packet.sqpn = 1;
	packet.qkey = QKEY_GSI;
	switch (data[5] & 3) {
	case 0:
		sma_process(&fabric.cards[data[6] & 1], packet.data,
			    data[7] & 1, answer);
		break;
	case 1:
		packet.dlid = SM_LID;
		packet.dqpn = QPN_GSI;
		packet.data[MAD_CLASS] = CLASS_SA;
		packet.data[MAD_CLASS_VERSION] = 2;
		/* fall through */
	default:
		switch_send(&fabric.sw, data[6] % 3, &packet);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool is_started;

	if (!is_started)
		start();
	is_started = true;
	while (size > 8) {
		size_t n = size < 8 + MAD_BYTES ? size : 8 + MAD_BYTES;

		one(data, n);
		data += n;
		size -= n;
	}
	loop_turn(0);
	return 0;
}
