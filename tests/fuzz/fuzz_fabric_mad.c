/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as management packets: for the card's agents, the switch's
 * routing and agent, the subnet manager and the subnet administrator.
 */
#include "fabric_direct.h"
#include "tools/fabric/mad.h"
#include "tools/fabric/sma.h"

#include <string.h>

/*
 * All links up as the subnet manager leaves them, the first with another
 * manager; nothing else is known.
 */
static void reset(void)
{
	struct ib_switch *sw = &test_fabric.sw;
	struct card_port *end;

	if (!test_fabric.nr_cards)
		fabric_start();
	switch_close(sw);
	switch_init(sw, &test_fabric, test_fabric.nr_ports);
	for (unsigned int i = 1; i <= test_fabric.nr_ports; i++) {
		end = fabric_port(&test_fabric, i);
		sma_init_port(end);
		end->is_enabled = true;
		switch_link_changed(sw, end);
		sw->sm.links[i].step = SM_DONE;
		sw->sm.links[i].lid = (u16)(1 + i);
		sw->lft[1 + i] = (u8)i;
		end->ib.info[32] = 0x70 | PORT_ACTIVE;
		sw->ports[i].port.info[32] = 0x70 | PORT_ACTIVE;
	}
	end = fabric_port(&test_fabric, 1);
	port_set_capabilities(&end->ib,
			      port_capabilities(&end->ib) | CAPABILITY_SM);
	sm_peer_changed(&sw->sm.links[1]);
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
		sma_process(fabric_port(&test_fabric, 1 + data[6] % 4u),
			    packet.data, data[7] & 1, answer);
		break;
	case 1:
		packet.dlid = SM_LID;
		packet.dqpn = QPN_GSI;
		packet.data[MAD_CLASS] = CLASS_SA;
		packet.data[MAD_CLASS_VERSION] = 2;
		switch_send(&test_fabric.sw, 1 + data[6] % 4, &packet);
		break;
	default:
		switch_send(&test_fabric.sw, data[6] % 5, &packet);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	reset();
	while (size > 8) {
		size_t n = size < 8 + MAD_BYTES ? size : 8 + MAD_BYTES;

		one(data, n);
		data += n;
		size -= n;
	}
	direct_pass(3000000000); /* retries */
	return 0;
}
