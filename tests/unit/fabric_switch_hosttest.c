/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a subnet manager sets, in the switch and in a card's port. */
#include "fabric_pair.h"
#include "fabric_station.h"
#include "tools/fabric/mad.h"
#include "tools/fabric/switch_sma.h"

#include <string.h>

enum {
	NO_ANSWER = 0xffff,
	LID_A = 2,
	LID_B = 3,
	INFO_STATE = 32,
	INFO_PHYSICAL = 33,
	INFO_PROTECTION = 34,
	INFO_ENFORCEMENT = 43,
	MAD_IFC_CHECK_MKEY = 2, /* ignore the B_Key alone */
};

static u64 mkey; /* of the requests */

static void smp_begin(u8 *mad, u8 method, u16 attribute, u32 modifier,
		      const u8 *data)
{
	memset(mad, 0, MAD_BYTES);
	mad[MAD_BASE_VERSION] = 1;
	mad[MAD_CLASS] = CLASS_SMP;
	mad[MAD_CLASS_VERSION] = 1;
	mad[MAD_METHOD] = method;
	put16(mad + MAD_ATTRIBUTE, attribute);
	put32(mad + MAD_MODIFIER, modifier);
	put64(mad + SMP_MKEY, mkey);
	memcpy(mad + SMP_DATA, data, SMP_DATA_BYTES);
}

/* Ask the switch; @data goes and comes.  Return: the status. */
static u16 ask(u8 method, u16 attribute, u32 modifier, u8 *data)
{
	u8 request[MAD_BYTES], response[MAD_BYTES];

	smp_begin(request, method, attribute, modifier, data);
	if (!switch_sma_process(&test_fabric.sw, 1, request, response))
		return NO_ANSWER;
	EXPECT_EQ(response[MAD_METHOD], METHOD_GET | METHOD_RESPONSE);
	memcpy(data, response + SMP_DATA, SMP_DATA_BYTES);
	return get16(response + MAD_STATUS);
}

static void must_ask(u8 method, u16 attribute, u32 modifier, u8 *data)
{
	EXPECT_EQ(ask(method, attribute, modifier, data), 0);
}

/* Ask a card's firmware.  Return: the command's status. */
static u8 ask_card(struct machine *m, u8 op_mod, u8 method, u16 attribute,
		   u32 modifier, u8 *data)
{
	u8 *in = machine_at(m, m->mailbox), status;

	smp_begin(in, method, attribute, modifier, data);
	status = machine_command(m, 0x024, op_mod, 1, m->mailbox,
				 m->mailbox + 512);
	if (!status) {
		EXPECT_EQ(get16(in + 512 + MAD_STATUS), 0);
		memcpy(data, in + 512 + SMP_DATA, SMP_DATA_BYTES);
	}
	return status;
}

static void set_route(u16 lid, u8 port)
{
	u8 data[64] = {0};

	must_ask(METHOD_GET, ATTR_LINEAR_FORWARDING, lid / 64, data);
	data[lid % 64] = port;
	must_ask(METHOD_SET, ATTR_LINEAR_FORWARDING, lid / 64, data);
}

static struct port_counters *counters_of(unsigned int number)
{
	return &test_fabric.sw.ports[number].port.counters;
}

static void write_once(struct pair *p, u8 syndrome)
{
	test_post_rdma(&p->qp[0], SEND_RDMA_WRITE, p->buffer[0], 8,
		       p->buffer[1], KEY_ALL);
	expect_cqe(&p->cq[0], true, syndrome);
}

KTEST(switch_tables_are_set_and_read_back)
{
	u8 data[64] = {0}, zero[64] = {0};

	fabric_start();
	memset(data, 1, sizeof(data));
	must_ask(METHOD_SET, ATTR_LINEAR_FORWARDING, 767, data);
	must_ask(METHOD_GET, ATTR_LINEAR_FORWARDING, 767, zero);
	EXPECT_EQ(memcmp(data, zero, 64), 0);
	EXPECT_EQ(ask(METHOD_SET, ATTR_LINEAR_FORWARDING, 768, data),
		  STATUS_BAD_FIELD);
	/* ports 0 to 15 and 32 to 47 of the groups from 0xc3e0 */
	memset(data, 0x12, sizeof(data));
	must_ask(METHOD_SET, ATTR_MULTICAST_FORWARDING, 31, data);
	memset(data, 0x34, sizeof(data));
	must_ask(METHOD_SET, ATTR_MULTICAST_FORWARDING, 2u << 28 | 31, data);
	EXPECT_EQ(test_fabric.sw.mft[0x3ff], 0x343400001212ull);
	must_ask(METHOD_GET, ATTR_MULTICAST_FORWARDING, 31, data);
	EXPECT_EQ(get16(data + 62), 0x1212);
	EXPECT_EQ(ask(METHOD_SET, ATTR_MULTICAST_FORWARDING, 32, data),
		  STATUS_BAD_FIELD);
	memset(data, 0x80, sizeof(data));
	must_ask(METHOD_SET, ATTR_PKEY_TABLE, 2 << 16 | 3, data);
	EXPECT_EQ(test_fabric.sw.ports[2].port.pkeys[127], 0x8080);
	EXPECT_EQ(ask(METHOD_SET, ATTR_PKEY_TABLE, 3 << 16, data),
		  STATUS_BAD_FIELD);
	must_ask(METHOD_SET, ATTR_VL_ARBITRATION, 4 << 16 | 2, data);
	memset(data, 0, sizeof(data));
	must_ask(METHOD_GET, ATTR_VL_ARBITRATION, 4 << 16 | 2, data);
	EXPECT_EQ(data[63], 0x80);
	must_ask(METHOD_SET, ATTR_SL_TO_VL, 0xff02, data);
	EXPECT_EQ(test_fabric.sw.sl2vl[1][2][7], 0x80);
	EXPECT_EQ(test_fabric.sw.sl2vl[2][1][7], 0x67);
	EXPECT_EQ(ask(METHOD_SET, ATTR_NODE_INFO, 0, data), STATUS_UNSUPPORTED);
	fabric_stop();
}

KTEST(switch_info_shows_a_change_of_state_until_it_is_cleared)
{
	u8 data[64] = {0};

	fabric_start();
	must_ask(METHOD_GET, ATTR_SWITCH_INFO, 0, data);
	EXPECT_EQ(data[11] & 4, 0);
	switch_sma_state_changed(&test_fabric.sw);
	must_ask(METHOD_GET, ATTR_SWITCH_INFO, 0, data);
	EXPECT_EQ(data[11] & 4, 4);
	data[11] &= 0xf8;
	put16(data + 6, 0x123);
	must_ask(METHOD_SET, ATTR_SWITCH_INFO, 0, data);
	EXPECT_EQ(data[11] & 4, 4); /* writing 0 leaves it */
	EXPECT_EQ(get16(data + 6), 0x123);
	EXPECT_EQ(get16(data), 0xc000); /* what the switch is stays */
	must_ask(METHOD_SET, ATTR_SWITCH_INFO, 0, data);
	EXPECT_EQ(data[11] & 4, 0);
	put16(data + 6, 0xc000);
	EXPECT_EQ(ask(METHOD_SET, ATTR_SWITCH_INFO, 0, data), STATUS_BAD_FIELD);
	fabric_stop();
}

KTEST(data_needs_an_entry_of_the_forwarding_table)
{
	u8 data[64] = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	write_once(&p, WC_OK);
	set_route(LID_B, LFT_DROP);
	write_once(&p, WC_RETRY_EXCEEDED);
	EXPECT_EQ(counters_of(1)->relay_errors, 4); /* three retries */
	pair_stop(&p);

	pair_start(&p, QP_RC);
	must_ask(METHOD_GET, ATTR_SWITCH_INFO, 0, data);
	EXPECT_EQ(get16(data + 6), LID_B);
	put16(data + 6, LID_A);
	must_ask(METHOD_SET, ATTR_SWITCH_INFO, 0, data);
	write_once(&p, WC_RETRY_EXCEEDED);
	EXPECT_EQ(counters_of(1)->relay_errors, 4);
	pair_stop(&p);
}

KTEST(a_port_of_the_switch_enforces_its_partitions)
{
	static const struct {
		u8 enforcement, port;
	} cases[] = {{PORT_ENFORCES_INBOUND, 1}, {PORT_ENFORCES_OUTBOUND, 2}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		u8 port = cases[i].port, info[64] = {0}, pkeys[64] = {0};
		struct port_counters *counters;
		struct pair p;

		pair_start(&p, QP_RC);
		counters = counters_of(port);
		put16(pkeys, 0x8001);
		must_ask(METHOD_SET, ATTR_PKEY_TABLE, (u32)port << 16, pkeys);
		write_once(&p, WC_OK); /* a table that nobody asks */
		must_ask(METHOD_GET, ATTR_PORT_INFO, port, info);
		info[INFO_STATE] &= 0xf0;
		info[INFO_ENFORCEMENT] |= cases[i].enforcement;
		must_ask(METHOD_SET, ATTR_PORT_INFO, port, info);
		write_once(&p, WC_RETRY_EXCEEDED);
		EXPECT_EQ(counters->rcv_constraint, i == 0 ? 4 : 0);
		EXPECT_EQ(counters->xmit_constraint, i == 1 ? 4 : 0);
		pair_stop(&p);
	}
}

KTEST(data_needs_a_virtual_lane)
{
	u8 lanes[64] = {0xf1}; /* service level 0 has none */
	struct pair p;

	pair_start(&p, QP_RC);
	must_ask(METHOD_SET, ATTR_SL_TO_VL, 1 << 8 | 2, lanes);
	write_once(&p, WC_RETRY_EXCEEDED);
	EXPECT_EQ(counters_of(1)->relay_errors, 4);
	pair_stop(&p);
}

KTEST(a_card_takes_nothing_of_a_partition_that_its_port_lost)
{
	u8 pkeys[64] = {0x80, 0x01}, eqe[32];
	struct port *port;
	struct pair p;

	pair_start(&p, QP_RC);
	port = &test_fabric.cards[1].ports[0].ib;
	while (machine_next_event(&p.m[1], eqe) >= 0)
		;
	EXPECT_EQ(ask_card(&p.m[1], 3, METHOD_SET, ATTR_PKEY_TABLE, 0, pkeys),
		  0);
	/* a port management event: P_Key table, block 0, entry 0 */
	EXPECT_EQ(machine_next_event(&p.m[1], eqe), 0x1d);
	EXPECT_EQ(eqe[3], 0x16);
	EXPECT_EQ(eqe[7], 1);
	EXPECT_EQ(get32(eqe + 8), 0);
	EXPECT_EQ(get32(eqe + 12), 1);
	EXPECT_EQ(ask_card(&p.m[1], 3, METHOD_SET, ATTR_PKEY_TABLE, 0, pkeys),
		  0);
	EXPECT_EQ(machine_next_event(&p.m[1], eqe), -1); /* as it was */
	write_once(&p, WC_RETRY_EXCEEDED);
	EXPECT_EQ(test_fabric.cards[1].stats.pkey_violations, 4);
	EXPECT_EQ(get16(port->info + 46), 4);
	pair_stop(&p);
}

KTEST(a_port_goes_through_its_states_in_order)
{
	u8 info[64] = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	sm_turn_off(&test_fabric.sw.sm);
	switch_sma_set_linear_top(&test_fabric.sw, LID_B);
	must_ask(METHOD_GET, ATTR_PORT_INFO, 2, info);
	EXPECT_EQ(info[INFO_STATE] & 15, PORT_ACTIVE);
	info[INFO_STATE] = PORT_ARMED;
	info[INFO_PHYSICAL] = 0;
	EXPECT_EQ(ask(METHOD_SET, ATTR_PORT_INFO, 2, info), STATUS_BAD_FIELD);
	info[INFO_STATE] = PORT_DOWN; /* and trains again, at both ends */
	info[INFO_PHYSICAL] = 0;
	must_ask(METHOD_SET, ATTR_PORT_INFO, 2, info);
	EXPECT_EQ(info[INFO_STATE] & 15, PORT_INIT);
	EXPECT_EQ(port_state(&test_fabric.cards[1].ports[0].ib), PORT_INIT);
	EXPECT_EQ(counters_of(2)->link_downed, 1);
	write_once(&p, WC_RETRY_EXCEEDED);
	EXPECT_EQ(counters_of(2)->xmit_discards, 4);
	info[INFO_STATE] = PORT_ACTIVE; /* from INIT: no */
	info[INFO_PHYSICAL] = 0;
	EXPECT_EQ(ask(METHOD_SET, ATTR_PORT_INFO, 2, info), STATUS_BAD_FIELD);
	for (u8 state = PORT_ARMED; state <= PORT_ACTIVE; state++) {
		info[INFO_STATE] = state;
		info[INFO_PHYSICAL] = 0;
		must_ask(METHOD_SET, ATTR_PORT_INFO, 2, info);
		EXPECT_EQ(info[INFO_STATE] & 15, state);
	}
	EXPECT_EQ(ask(METHOD_GET, ATTR_PORT_INFO, 3, info), STATUS_BAD_FIELD);
	pair_stop(&p);
}

KTEST(a_disabled_port_stays_down_until_it_is_told_to_poll)
{
	struct port *port;
	u8 info[64] = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	port = &test_fabric.sw.ports[2].port;
	must_ask(METHOD_GET, ATTR_PORT_INFO, 2, info);
	info[INFO_STATE] = 0;
	info[INFO_PHYSICAL] = 3 << 4;
	must_ask(METHOD_SET, ATTR_PORT_INFO, 2, info);
	EXPECT_EQ(info[INFO_STATE] & 15, PORT_DOWN);
	EXPECT_EQ(info[INFO_PHYSICAL] >> 4, 3);
	EXPECT_EQ(machine_command(&p.m[1], 0x00a, 0, 1, 0, 0), 0);
	EXPECT_EQ(machine_command(&p.m[1], 0x009, 0, 1, 0, 0), 0);
	EXPECT_EQ(port_state(port), PORT_DOWN);
	info[INFO_STATE] = 0;
	info[INFO_PHYSICAL] = 2 << 4;
	must_ask(METHOD_SET, ATTR_PORT_INFO, 2, info);
	EXPECT_EQ(port_state(port), PORT_INIT);
	pair_stop(&p);
}

static void set_mkey(u8 protection)
{
	u8 info[64] = {0};

	must_ask(METHOD_GET, ATTR_PORT_INFO, 0, info);
	put64(info, 0x1234);
	put16(info + 26, 1); /* lease: a second */
	info[INFO_PROTECTION] = (u8)(protection << 6);
	must_ask(METHOD_SET, ATTR_PORT_INFO, 0, info);
}

KTEST(without_the_key_nothing_is_set)
{
	struct port *own;
	u8 info[64] = {0};

	fabric_start();
	own = &test_fabric.sw.ports[0].port;
	set_mkey(1);
	must_ask(METHOD_GET, ATTR_PORT_INFO, 0, info);
	EXPECT_EQ(get64(info), 0); /* hidden */
	EXPECT_EQ(ask(METHOD_SET, ATTR_PORT_INFO, 0, info), NO_ANSWER);
	EXPECT_EQ(get16(own->info + 44), 1);
	mkey = 0x1234;
	must_ask(METHOD_GET, ATTR_PORT_INFO, 0, info);
	EXPECT_EQ(get64(info), 0x1234);
	EXPECT_EQ(own->mkey_lease_end_ns, 0); /* its owner lives */
	set_mkey(2);
	mkey = 0x4321;
	EXPECT_EQ(ask(METHOD_GET, ATTR_NODE_INFO, 0, info), NO_ANSWER);
	/* nobody who has the key comes within the lease */
	EXPECT_TRUE(own->mkey_lease_end_ns != 0);
	own->mkey_lease_end_ns = 1;
	must_ask(METHOD_GET, ATTR_PORT_INFO, 0, info);
	EXPECT_EQ(get64(info), 0x1234);
	EXPECT_EQ(ask(METHOD_SET, ATTR_PORT_INFO, 0, info), NO_ANSWER);
	mkey = 0;
	fabric_stop();
}

KTEST(a_card_discards_packets_without_its_key_but_not_its_hosts)
{
	u8 info[64] = {0};
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	put64(test_fabric.cards[0].ports[0].ib.info, 0x1234);
	test_fabric.cards[0].ports[0].ib.info[INFO_PROTECTION] = 3 << 6;
	EXPECT_EQ(ask_card(&m, 3, METHOD_GET, ATTR_NODE_INFO, 0, info), 0);
	EXPECT_EQ(ask_card(&m, MAD_IFC_CHECK_MKEY, METHOD_GET, ATTR_NODE_INFO,
			   0, info),
		  0x30);
	mkey = 0x1234;
	EXPECT_EQ(ask_card(&m, MAD_IFC_CHECK_MKEY, METHOD_GET, ATTR_NODE_INFO,
			   0, info),
		  0);
	mkey = 0;
	machine_stop(&m);
	fabric_stop();
}

KTEST(the_host_hears_what_a_subnet_manager_sets_in_its_port)
{
	u8 info[64] = {0}, eqe[32];
	struct station a;

	fabric_start();
	station_start(&a, 0);
	while (machine_next_event(&a.m, eqe) >= 0)
		;
	EXPECT_EQ(ask_card(&a.m, 3, METHOD_GET, ATTR_PORT_INFO, 1, info), 0);
	put16(info + 16, 0x55);
	put16(info + 18, 0x66);
	info[INFO_STATE] = 0;
	info[INFO_PHYSICAL] = 0;
	info[51] |= 0x80; /* client reregister */
	EXPECT_EQ(ask_card(&a.m, 3, METHOD_SET, ATTR_PORT_INFO, 1, info), 0);
	EXPECT_EQ(info[51] & 0x80, 0);
	EXPECT_EQ(machine_lid(&a.m), 0x55);
	EXPECT_EQ(machine_next_event(&a.m, eqe), 0x1d);
	EXPECT_EQ(eqe[3], 0x15);
	EXPECT_EQ(get16(eqe + 8), 0x66);
	EXPECT_EQ(get16(eqe + 10), 0x55);
	EXPECT_EQ(get32(eqe + 12), 1 << 0 | 1 << 2 | 1 << 3);
	put16(info + 16, 0xc000); /* a multicast LID */
	EXPECT_TRUE(!port_set_info(&test_fabric.cards[0].ports[0].ib, info,
				   &(u32){0}));
	machine_stop(&a.m);
	fabric_stop();
}

KTEST(clients_are_asked_to_register_when_the_port_is_active)
{
	bool is_active = false, was_asked = false;
	struct station a;
	u8 eqe[32];
	int type;

	fabric_start();
	station_start(&a, 0);
	while ((type = machine_next_event(&a.m, eqe)) >= 0) {
		if (type == EVENT_PORT_CHANGE && eqe[3] == PORT_CHANGE_ACTIVE)
			is_active = true;
		if (type == EVENT_PORT_MANAGEMENT &&
		    get32(eqe + 12) & PORT_CHANGED_REREGISTER) {
			EXPECT_TRUE(is_active);
			was_asked = true;
		}
	}
	EXPECT_TRUE(was_asked);
	machine_stop(&a.m);
	fabric_stop();
}

/* The counters of switch port @number, by a MAD from @s. */
static u8 *ask_counters(struct station *s, u8 method, u16 attribute, u8 number,
			u16 selected)
{
	u8 *mad = mad_at(s);

	mad[MAD_BASE_VERSION] = 1;
	mad[MAD_CLASS] = CLASS_PERFORMANCE;
	mad[MAD_CLASS_VERSION] = 1;
	mad[MAD_METHOD] = method;
	put16(mad + MAD_ATTRIBUTE, attribute);
	mad[64 + 1] = number;
	put16(mad + 64 + 2, selected);
	mad_send(s, SM_LID, PKEY_DEFAULT);
	mad = mad_wait(s);
	EXPECT_TRUE(mad && mad[MAD_METHOD] == 0x81);
	return mad + 64;
}

KTEST(the_switch_shows_its_ports_counters_and_resets_those_selected)
{
	struct station a;
	u64 packets;
	u8 *data;

	fabric_start();
	station_start(&a, 0);
	data = ask_counters(&a, METHOD_GET, 0x1d, 1, 0);
	packets = get64(data + 32); /* received */
	EXPECT_TRUE(packets > 0);
	data = ask_counters(&a, METHOD_GET, 0x1d, 1, 0);
	EXPECT_EQ(get64(data + 32), packets + 1);
	EXPECT_EQ(get64(data + 48), packets + 1); /* unicast */
	EXPECT_EQ(get64(data + 64), 0);           /* multicast */
	counters_of(1)->link_downed = 300;
	counters_of(1)->relay_errors = 0x12345;
	counters_of(1)->rcv_words = 1ull << 40;
	data = ask_counters(&a, METHOD_GET, 0x12, 1, 0);
	EXPECT_EQ(data[7], 0xff); /* as much as fits */
	EXPECT_EQ(get16(data + 12), 0xffff);
	EXPECT_EQ(get32(data + 28), 0xffffffff);
	data = ask_counters(&a, METHOD_SET, 0x12, 1, 1 << 5 | 1 << 13);
	EXPECT_EQ(data[7], 0xff);
	EXPECT_EQ(get16(data + 12), 0);
	EXPECT_EQ(get32(data + 28), 0);
	EXPECT_EQ(counters_of(1)->link_downed, 300);
	data = ask_counters(&a, METHOD_GET, 0x12, 9, 0);
	EXPECT_EQ(get16(data - 64 + MAD_STATUS), STATUS_BAD_FIELD);
	machine_stop(&a.m);
	fabric_stop();
}

KTEST(a_card_shows_the_counters_of_its_only_port)
{
	static const u16 statuses[] = {0, 0, STATUS_BAD_FIELD};
	struct machine m;
	u8 *in;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	test_fabric.cards[0].ports[0].ib.counters.xmit_packets = 77;
	in = machine_at(&m, m.mailbox);
	for (u8 number = 0; number < ARRAY_LEN(statuses); number++) {
		memset(in, 0, MAD_BYTES);
		in[MAD_CLASS] = CLASS_PERFORMANCE;
		in[MAD_METHOD] = METHOD_GET;
		put16(in + MAD_ATTRIBUTE, 0x12);
		in[64 + 1] = number;
		EXPECT_EQ(machine_command(&m, 0x024, 3, 1, m.mailbox,
					  m.mailbox + 512),
			  0);
		EXPECT_EQ(get16(in + 512 + MAD_STATUS), statuses[number]);
		if (!statuses[number])
			EXPECT_EQ(get32(in + 512 + 64 + 32), 77);
	}
	machine_stop(&m);
	fabric_stop();
}

KTEST(ports_count_the_packets_of_a_message)
{
	struct port_counters before, *now;
	struct pair p;

	pair_start(&p, QP_RC);
	now = &test_fabric.cards[1].ports[0].ib.counters;
	before = *now;
	/* a request comes in; two responses with 5000 bytes go out */
	test_post_rdma(&p.qp[0], SEND_RDMA_READ, p.buffer[0], 5000, p.buffer[1],
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_OK);
	EXPECT_EQ(now->rcv_packets - before.rcv_packets, 1);
	EXPECT_EQ(now->rcv_words - before.rcv_words, (24 + 16) / 4);
	EXPECT_EQ(now->xmit_packets - before.xmit_packets, 2);
	EXPECT_EQ(now->xmit_words - before.xmit_words,
		  (2 * 24 + 2 * 4 + 5000) / 4);
	before = *counters_of(2);
	write_once(&p, WC_OK); /* one packet there, its ACK back */
	EXPECT_EQ(counters_of(2)->xmit_words - before.xmit_words,
		  (24 + 16 + 8) / 4);
	EXPECT_EQ(counters_of(2)->rcv_packets - before.rcv_packets, 1);
	EXPECT_EQ(counters_of(2)->rcv_words - before.rcv_words, (24 + 4) / 4);
	pair_stop(&p);
}

KTEST(a_group_without_a_table_entry_goes_by_the_default_ports)
{
	struct packet packet = {.dlid = 0xc500,
				.dqpn = QPN_MULTICAST,
				.pkey = PKEY_DEFAULT,
				.bytes = 4};
	u8 data[64] = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	for (unsigned int in = 1; in <= 2; in++) {
		u64 before = counters_of(in)->relay_errors;

		switch_send(&test_fabric.sw, in, &packet);
		EXPECT_EQ(counters_of(in)->relay_errors, before + 1);
	}
	must_ask(METHOD_GET, ATTR_SWITCH_INFO, 0, data);
	data[9] = 2;
	data[10] = 1;
	must_ask(METHOD_SET, ATTR_SWITCH_INFO, 0, data);
	switch_send(&test_fabric.sw, 1, &packet);
	EXPECT_EQ(counters_of(2)->multicast_xmit, 1);
	EXPECT_EQ(counters_of(1)->multicast_xmit, 0);
	switch_send(&test_fabric.sw, 2, &packet);
	EXPECT_EQ(counters_of(1)->multicast_xmit, 1);
	EXPECT_EQ(counters_of(2)->multicast_xmit, 1);
	pair_stop(&p);
}

KTEST(a_link_that_goes_is_trapped_until_the_manager_has_heard)
{
	struct packet repress = {
		.dlid = 9, .slid = LID_A, .dqpn = QPN_SMI, .bytes = MAD_BYTES};
	u8 info[64] = {0};
	struct trap *trap;
	struct pair p;
	u64 before;

	pair_start(&p, QP_RC);
	trap = &test_fabric.sw.trap;
	sm_turn_off(&test_fabric.sw.sm);
	/* a manager at card 1 has given the switch LID 9 */
	must_ask(METHOD_GET, ATTR_SWITCH_INFO, 0, info);
	put16(info + 6, 9);
	must_ask(METHOD_SET, ATTR_SWITCH_INFO, 0, info);
	set_route(9, 0);
	must_ask(METHOD_GET, ATTR_PORT_INFO, 0, info);
	put16(info + 16, 9);
	put16(info + 18, LID_A);
	must_ask(METHOD_SET, ATTR_PORT_INFO, 0, info);
	before = counters_of(1)->xmit_packets;
	fabric_order("link 2 down");
	EXPECT_EQ(counters_of(1)->xmit_packets, before + 1);
	EXPECT_TRUE(trap->timer.is_armed);
	smp_begin(repress.data, METHOD_TRAP_REPRESS, ATTR_NOTICE, 0, info);
	put64(repress.data + MAD_TID, trap->tid + 1);
	switch_send(&test_fabric.sw, 1, &repress);
	EXPECT_TRUE(trap->timer.is_armed); /* another's */
	trap->timer.fire(&trap->timer);
	EXPECT_EQ(counters_of(1)->xmit_packets, before + 2);
	put64(repress.data + MAD_TID, trap->tid);
	switch_send(&test_fabric.sw, 1, &repress);
	EXPECT_TRUE(!trap->timer.is_armed);
	pair_stop(&p);
}

KTEST(the_built_in_manager_is_the_master_unless_it_is_turned_off)
{
	u8 data[64] = {0};
	struct machine m;

	fabric_start();
	must_ask(METHOD_GET, ATTR_SM_INFO, 0, data);
	EXPECT_EQ(get64(data + 8), 1);
	EXPECT_EQ(data[20], SM_PRIORITY << 4 | SM_MASTER);
	must_ask(METHOD_GET, ATTR_PORT_INFO, 0, data);
	EXPECT_EQ(get16(data + 16), SM_LID);
	EXPECT_TRUE(get32(data + 20) & CAPABILITY_SM);
	sm_turn_off(&test_fabric.sw.sm);
	EXPECT_EQ(ask(METHOD_GET, ATTR_SM_INFO, 0, data), STATUS_UNSUPPORTED);
	must_ask(METHOD_GET, ATTR_PORT_INFO, 0, data);
	EXPECT_EQ(get16(data + 16), 0);
	EXPECT_EQ(get32(data + 20) & CAPABILITY_SM, 0);
	machine_start(&m, 0);
	machine_bring_up(&m);
	EXPECT_EQ(machine_command(&m, 0x009, 0, 1, 0, 0), 0);
	for (int i = 0; i < 10; i++)
		loop_turn(10); /* longer than a link trains */
	EXPECT_EQ(port_state(&test_fabric.cards[0].ports[0].ib), PORT_INIT);
	EXPECT_EQ(machine_lid(&m), 0);
	machine_stop(&m);
	fabric_stop();
}
