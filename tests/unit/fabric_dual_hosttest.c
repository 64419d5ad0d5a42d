/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A card with two ports, and one with one: what is a port's own, and what
 * happens by the number of a port that there is not.
 */
#include "fabric_pair.h"
#include "tools/fabric/mad.h"

#include <stdio.h>
#include <string.h>

enum {
	BAD_PARAM = 3,
	NR_PATHS = 2, /* by port 1 and port 2 of the first machine */
	FIRST_QPN = 0x48,
	SPECIAL_BASE = 64,
	PATIENCE = 6, /* 0.26 ms */
};

/* Machine 0 has two ports, each with a queue pair whose peer is machine 1's. */
struct dual {
	struct machine m[2];
	struct test_cq cq[2];
	struct test_qp near[NR_PATHS], far[NR_PATHS];
	u64 buffer[2];
};

static void start(struct dual *d, enum qp_type type)
{
	fabric_start_dual();
	for (int i = 0; i < 2; i++) {
		machine_start(&d->m[i], (unsigned int)i);
		machine_bring_up(&d->m[i]);
		machine_port_up(&d->m[i]);
		test_cq_create(&d->cq[i], &d->m[i], 0x85);
		d->buffer[i] = machine_alloc(&d->m[i], 4096 * 4);
	}
	machine_port_up_at(&d->m[0], 2);
	for (u32 i = 0; i < NR_PATHS; i++) {
		EXPECT_EQ(test_qp_create(&d->near[i], &d->m[0], &d->cq[0],
					 FIRST_QPN + i, type),
			  0);
		EXPECT_EQ(test_qp_create(&d->far[i], &d->m[1], &d->cq[1],
					 FIRST_QPN + i, type),
			  0);
		d->near[i].port = (u8)(i + 1);
	}
}

static void connect_all(struct dual *d)
{
	for (int i = 0; i < NR_PATHS; i++)
		test_qp_connect_patient(
			&d->near[i], &d->far[i],
			(struct test_patience){PATIENCE, .retries = 1});
}

static void stop(struct dual *d)
{
	machine_stop(&d->m[0]);
	machine_stop(&d->m[1]);
	fabric_stop();
}

/* A SEND by path @i, and how it ends at the sender. */
static void send(struct dual *d, int i, u8 syndrome)
{
	test_post_recv(&d->far[i], d->buffer[1], 512, KEY_ALL);
	test_post_send(&d->near[i], SEND_SEND, 0, NULL, 0, d->buffer[0], 100,
		       KEY_ALL);
	expect_cqe(&d->cq[0], true, syndrome);
	if (syndrome == WC_OK)
		expect_cqe(&d->cq[1], false, WC_OK);
}

static const struct port *card_side(unsigned int number)
{
	return &test_fabric.cards[0].ports[number - 1].ib;
}

KTEST(a_card_with_two_ports_shows_both_and_no_third)
{
	static const u8 wrong[] = {0, 3, 0xff};
	/* INIT_PORT, CLOSE_PORT, SET_PORT, MAD_IFC, QUERY_PORT, SENSE_PORT */
	static const u16 commands[] = {0x009, 0x00a, 0x00c,
				       0x024, 0x043, 0x04d};
	const u8 *node;
	struct dual d;
	u64 out;

	start(&d, QP_RC);
	out = d.m[0].mailbox + 2048;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		for (size_t j = 0; j < ARRAY_LEN(wrong); j++)
			EXPECT_EQ(machine_command(&d.m[0], commands[i], 0,
						  wrong[j], d.m[0].mailbox,
						  out),
				  BAD_PARAM);
		EXPECT_EQ(machine_command(&d.m[1], commands[i], 0, 2,
					  d.m[1].mailbox,
					  d.m[1].mailbox + 2048),
			  BAD_PARAM);
	}
	/* MOD_STAT_CFG, DIAG_RPRT */
	EXPECT_EQ(machine_command(&d.m[0], 0x034, 2, 3 << 8, 0, out),
		  BAD_PARAM);
	EXPECT_EQ(machine_command(&d.m[0], 0x030, 2, 3, 0, out), BAD_PARAM);
	EXPECT_EQ(machine_command(&d.m[0], 0x034, 2, 2 << 8, 0, out), 0);
	EXPECT_EQ(get32(machine_at(&d.m[0], out) + 0x1c),
		  (u32)card_side(2)->guids[0]);
	EXPECT_EQ(machine_command(&d.m[0], 0x003, 0, 0, 0, out), 0);
	EXPECT_EQ(machine_at(&d.m[0], out)[0x37] & 0xf, 2);
	EXPECT_EQ(machine_command(&d.m[1], 0x003, 0, 0, 0, out), 0);
	EXPECT_EQ(machine_at(&d.m[1], out)[0x37] & 0xf, 1);
	node = machine_ask(&d.m[0], 2, ATTR_NODE_INFO, 0) + SMP_DATA;
	EXPECT_EQ(node[3], 2);
	EXPECT_EQ(node[36], 2);
	EXPECT_EQ(get64(node + 20), get64(node + 12) + 2);
	node = machine_ask(&d.m[0], 1, ATTR_NODE_INFO, 0) + SMP_DATA;
	EXPECT_EQ(node[36], 1);
	EXPECT_EQ(get64(node + 20), get64(node + 12) + 1);
	/* a port answers for itself */
	EXPECT_EQ(
		get16(machine_ask(&d.m[0], 2, ATTR_PORT_INFO, 1) + MAD_STATUS),
		STATUS_BAD_FIELD);
	EXPECT_EQ(
		get16(machine_ask(&d.m[0], 2, ATTR_PORT_INFO, 2) + MAD_STATUS),
		0);
	stop(&d);
}

KTEST(each_port_of_a_card_has_its_lid_and_its_connections)
{
	struct dual d;
	u16 lids[3];

	start(&d, QP_RC);
	connect_all(&d);
	lids[0] = machine_lid_at(&d.m[0], 1);
	lids[1] = machine_lid_at(&d.m[0], 2);
	lids[2] = machine_lid(&d.m[1]);
	EXPECT_TRUE(lids[0] && lids[1] && lids[2]);
	EXPECT_TRUE(lids[0] != lids[1] && lids[1] != lids[2] &&
		    lids[0] != lids[2]);
	for (int i = 0; i < NR_PATHS; i++) {
		u64 before = card_side(1)->counters.xmit_packets;
		u64 before2 = card_side(2)->counters.xmit_packets;

		send(&d, i, WC_OK);
		EXPECT_EQ(card_side(1)->counters.xmit_packets - before, i == 0);
		EXPECT_EQ(card_side(2)->counters.xmit_packets - before2,
			  i == 1);
	}
	stop(&d);
}

KTEST(a_queue_pair_takes_nothing_by_the_other_port)
{
	struct dual d;

	start(&d, QP_RC);
	/* the far one sends to port 1's LID, where the near one is not */
	EXPECT_EQ(
		test_qp_rtr(&d.near[1], d.far[1].qpn, machine_lid(&d.m[1]), 0),
		0);
	EXPECT_EQ(test_qp_rtr(&d.far[1], d.near[1].qpn,
			      machine_lid_at(&d.m[0], 1), 0),
		  0);
	EXPECT_EQ(test_qp_rts_patient(&d.far[1], 0,
				      (struct test_patience){PATIENCE, 1}),
		  0);
	test_post_recv(&d.near[1], d.buffer[0], 512, KEY_ALL);
	test_post_send(&d.far[1], SEND_SEND, 0, NULL, 0, d.buffer[1], 100,
		       KEY_ALL);
	expect_cqe(&d.cq[1], true, WC_RETRY_EXCEEDED);
	expect_nothing(&d.cq[0]);
	stop(&d);
}

KTEST(a_card_without_a_second_port_has_no_queue_pair_on_it)
{
	struct test_qp special;
	struct dual d;

	start(&d, QP_RC);
	d.far[0].port = 2;
	EXPECT_EQ(test_qp_rtr(&d.far[0], d.near[0].qpn, 2, 0), BAD_PARAM);
	d.far[0].port = 1;
	EXPECT_EQ(test_qp_rtr(&d.far[0], d.near[0].qpn, 2, 0), 0);
	/* QP0 and QP1 of the second port */
	for (u32 i = 1; i < 4; i += 2) {
		EXPECT_EQ(test_qp_create(&special, &d.m[1], &d.cq[1],
					 SPECIAL_BASE + i, QP_MLX),
			  BAD_PARAM);
	}
	EXPECT_EQ(test_qp_create(&special, &d.m[0], &d.cq[0], SPECIAL_BASE + 3,
				 QP_MLX),
		  0);
	stop(&d);
}

/* The events about ports that have come: a bit per port, by kind. */
static u32 port_events(struct machine *m, u8 subtype)
{
	u32 ports = 0;
	u8 eqe[32];
	int type;

	while ((type = machine_next_event(m, eqe)) >= 0)
		if (type == EVENT_PORT_CHANGE && eqe[3] == subtype)
			ports |= 1u << (get32(eqe + 12) >> 28 & 3);
	return ports;
}

KTEST(a_link_that_goes_is_told_of_its_port_alone)
{
	struct dual d;

	start(&d, QP_RC);
	connect_all(&d);
	EXPECT_EQ(port_events(&d.m[0], PORT_CHANGE_ACTIVE), 1 << 1 | 1 << 2);
	EXPECT_TRUE(!strcmp(fabric_order("link 1:2 down"), "OK"));
	EXPECT_EQ(port_events(&d.m[0], PORT_CHANGE_DOWN), 1 << 2);
	EXPECT_TRUE(machine_port_is_active_at(&d.m[0], 1));
	EXPECT_TRUE(!machine_port_is_active_at(&d.m[0], 2));
	EXPECT_EQ(card_side(2)->counters.link_downed, 1);
	EXPECT_EQ(card_side(1)->counters.link_downed, 0);
	send(&d, 0, WC_OK);
	send(&d, 1, WC_RETRY_EXCEEDED);
	EXPECT_TRUE(!strcmp(fabric_order("link 1 down"), "OK")); /* both */
	EXPECT_EQ(port_events(&d.m[0], PORT_CHANGE_DOWN), 1 << 1);
	EXPECT_TRUE(!machine_port_is_active_at(&d.m[0], 1));
	EXPECT_TRUE(machine_port_is_active(&d.m[1]));
	stop(&d);
}

KTEST(orders_name_a_port_of_a_node)
{
	static const char *const said[][2] = {
		{"link 1:3 down", "ERR no port 1:3: node 1 has 2"},
		{"link 1:0 down", "ERR no port 1:0: node 1 has 2"},
		{"link 1: down", "ERR no port 1:: node 1 has 2"},
		{"link 2:2 down", "ERR no port 2:2: node 2 has 1"},
		{"link 3:1 down", "ERR no port 3: 1 to 2"},
		{"link :1 down", "ERR no port : 1 to 2"},
		{"link 1:1:1 down", "ERR no port 1:1:1: node 1 has 2"},
		{"node 1:1 pause", "ERR no port 1:1: 1 to 2"},
		{"fail-command 1:1 4 1", "ERR no port 1:1: 1 to 2"},
		{"drop 1:2 0.25", "OK"},
		{"delay 1 2ms", "OK"},
		{"corrupt 2:1 0.5", "OK"},
	};
	const struct switch_port *ports = test_fabric.sw.ports;

	fabric_start_dual();
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		const char *answer = fabric_order(said[i][0]);

		EXPECT_TRUE(!strcmp(answer, said[i][1]));
		if (strcmp(answer, said[i][1]))
			printf("    \"%s\": \"%s\"\n", said[i][0], answer);
	}
	EXPECT_EQ(test_fabric.nr_ports, 3);
	EXPECT_TRUE(ports[1].link.faults.drop_rate == 0);
	EXPECT_TRUE(ports[2].link.faults.drop_rate == 0.25);
	EXPECT_TRUE(ports[3].link.faults.corrupt_rate == 0.5);
	EXPECT_EQ(ports[1].link.faults.delay_ns, 2000000);
	EXPECT_EQ(ports[2].link.faults.delay_ns, 2000000);
	EXPECT_EQ(ports[3].link.faults.delay_ns, 0);
	fabric_stop();
}

static void fill_address(struct dual *d, u8 *head, u8 port)
{
	memset(head, 0, 48);
	head[0] = port;
	put32(head + 4, machine_lid(&d->m[1]));
	put32(head + 32, d->far[1].qpn);
	put32(head + 36, 0x11111111);
}

static void ready_datagrams(struct dual *d)
{
	for (int i = 0; i < NR_PATHS; i++) {
		EXPECT_EQ(test_qp_rtr(&d->near[i], 0, 0, 0), 0);
		EXPECT_EQ(test_qp_rts(&d->near[i], 0), 0);
		EXPECT_EQ(test_qp_rtr(&d->far[i], 0, 0, 0), 0);
		EXPECT_EQ(test_qp_rts(&d->far[i], 0), 0);
	}
}

KTEST(an_address_vector_names_the_port_of_its_queue_pair)
{
	struct dual d;
	u8 head[48];

	start(&d, QP_UD);
	ready_datagrams(&d);
	test_post_recv(&d.far[1], d.buffer[1], 512, KEY_ALL);
	fill_address(&d, head, 2);
	test_post_send(&d.near[1], SEND_SEND, 0, head, 48, d.buffer[0], 100,
		       KEY_ALL);
	expect_cqe(&d.cq[0], true, WC_OK);
	expect_cqe(&d.cq[1], false, WC_OK);
	for (u8 port = 0; port < 4; port++) {
		struct test_qp qp;

		if (port == 2)
			continue;
		EXPECT_EQ(test_qp_create(&qp, &d.m[0], &d.cq[0], 0x60u + port,
					 QP_UD),
			  0);
		qp.port = 2;
		EXPECT_EQ(test_qp_rtr(&qp, 0, 0, 0), 0);
		EXPECT_EQ(test_qp_rts(&qp, 0), 0);
		fill_address(&d, head, port);
		test_post_send(&qp, SEND_SEND, 0, head, 48, d.buffer[0], 100,
			       KEY_ALL);
		expect_cqe(&d.cq[0], true, WC_LOCAL_QP_OP);
	}
	stop(&d);
}

/* Both of machine 0's queue pairs, at the first place for @gid. */
static void join(struct dual *d, const u8 *gid)
{
	struct machine *m = &d->m[0];
	u8 *mcg = machine_at(m, m->mailbox);

	memset(mcg, 0, 4096);
	put24(mcg + 5, NR_PATHS);
	memcpy(mcg + 0x10, gid, 16);
	for (u32 i = 0; i < NR_PATHS; i++)
		put32(mcg + 0x20 + 4 * i, d->near[i].qpn);
	EXPECT_EQ(machine_command(m, 0x026, 0,
				  mcg_hash(&test_fabric.cards[0], gid),
				  m->mailbox, 0),
		  0);
}

KTEST(a_group_of_both_ports_hears_each_packet_where_it_came_in)
{
	static const u8 gid[16] = {0xff, 0x12, 1};
	struct test_cqe cqe;
	struct dual d;
	u8 head[48];

	start(&d, QP_UD);
	ready_datagrams(&d);
	join(&d, gid);
	for (int i = 0; i < NR_PATHS; i++)
		test_post_recv(&d.near[i], d.buffer[0], 512, KEY_ALL);
	fill_address(&d, head, 1);
	put32(head + 4, 1 << 23 | LID_MULTICAST);
	memcpy(head + 16, gid, 16);
	put32(head + 32, QPN_MULTICAST);
	for (int i = 0; i < NR_PATHS; i++) {
		/* the switch sends the group to one port of the two */
		test_fabric.sw.mft[0] = 1ull
					<< test_fabric.cards[0].ports[i].uplink;
		test_post_send(&d.far[0], SEND_SEND, 0, head, 48, d.buffer[1],
			       100, KEY_ALL);
		expect_cqe(&d.cq[1], true, WC_OK);
		EXPECT_TRUE(test_cq_wait(&d.cq[0], &cqe));
		EXPECT_EQ(cqe.qpn, d.near[i].qpn);
		expect_nothing(&d.cq[0]);
	}
	stop(&d);
}
