/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The built-in subnet manager among others.  The other one is at the end of
 * link 2; the test speaks for it, in packets that come by that link.
 */
#include "fabric_pair.h"
#include "tools/fabric/mad.h"

#include <string.h>

enum {
	HIGHER = SM_PRIORITY + 1,
	LOWER = SM_PRIORITY - 1,
	MANY_POLLS = 5,
};

static struct sm *sm(void)
{
	return &test_fabric.sw.sm;
}

static struct sm_link *other(void)
{
	return &sm()->links[2];
}

static void fire(struct timer *timer)
{
	EXPECT_TRUE(timer->is_armed);
	timer_cancel(timer);
	timer->fire(timer);
}

/* SMInfo of the other manager. */
static void fill_info(u8 *data, u8 priority, enum sm_state state)
{
	put64(data, test_fabric.cards[1].ports[0].ib.guids[0]);
	data[20] = (u8)(priority << 4 | state);
}

/* An answer as the agent behind a link gives it, without data. */
static struct packet smp_answer(u64 tid, u16 attribute)
{
	struct packet p = {.dlid = LID_PERMISSIVE,
			   .slid = LID_PERMISSIVE,
			   .dqpn = QPN_SMI,
			   .bytes = MAD_BYTES};

	p.data[MAD_BASE_VERSION] = 1;
	p.data[MAD_CLASS] = CLASS_SMP_DIRECTED;
	p.data[MAD_METHOD] = METHOD_GET | METHOD_RESPONSE;
	put16(p.data + MAD_STATUS, STATUS_RETURNING);
	p.data[MAD_HOP_POINTER] = 1;
	p.data[MAD_HOP_COUNT] = 1;
	put64(p.data + MAD_TID, tid);
	put16(p.data + MAD_ATTRIBUTE, attribute);
	return p;
}

/* An answer to what it was asked or told last, by the link of @port. */
static void answer_by(unsigned int port, u8 priority, enum sm_state state)
{
	struct packet p = smp_answer(other()->peer.tid, ATTR_SM_INFO);

	fill_info(p.data + SMP_DATA, priority, state);
	EXPECT_TRUE(other()->peer.is_waiting);
	switch_send(&test_fabric.sw, port, &p);
}

static void answer(u8 priority, enum sm_state state)
{
	answer_by(2, priority, state);
}

/* What it says to the built-in one.  Return: the answer's status. */
static u16 tell(enum sm_order order, enum sm_state state)
{
	u8 data[SMP_DATA_BYTES] = {0};

	fill_info(data, HIGHER, state);
	return sm_peer_info(sm(), true, 2, order, data);
}

/* A program of machine @m opens or closes the manager's device. */
static void set_manager(struct machine *m, unsigned int card, bool is_one)
{
	u32 mask = port_capabilities(&test_fabric.cards[card].ports[0].ib);
	u8 *in = machine_at(m, m->mailbox);

	memset(in, 0, 256);
	put32(in + 4, is_one ? mask | CAPABILITY_SM : mask & ~CAPABILITY_SM);
	EXPECT_EQ(machine_command(m, 0x00c, 0, 1, m->mailbox, 0), 0);
}

static void start(struct pair *p)
{
	pair_start(p, QP_RC);
	EXPECT_TRUE(!other()->peer.timer.is_armed);
	set_manager(&p->m[1], 1, true);
	EXPECT_EQ(other()->peer.order, SM_ASKS);
}

static void hand_over(struct pair *p)
{
	start(p);
	answer(HIGHER, SM_STANDBY);
	EXPECT_EQ(other()->peer.order, SM_HANDOVER);
	EXPECT_TRUE(sm_is_master(sm())); /* until that has arrived */
	answer(HIGHER, SM_STANDBY);
	EXPECT_EQ(sm()->state, SM_STANDBY);
	EXPECT_EQ(other()->peer.order, SM_ASKS); /* does it live? */
	answer(HIGHER, SM_MASTER);
	EXPECT_EQ(sm()->state, SM_STANDBY);
}

static void write_once(struct pair *p, u8 syndrome)
{
	test_post_rdma(&p->qp[0], SEND_RDMA_WRITE, p->buffer[0], 8,
		       p->buffer[1], KEY_ALL);
	expect_cqe(&p->cq[0], true, syndrome);
}

/* Both links are led again, to the end. */
static void expect_sweep(struct pair *p)
{
	EXPECT_TRUE(sm_is_master(sm()));
	for (int i = 0; i < 200 && (sm()->links[1].step != SM_DONE ||
				    sm()->links[2].step != SM_DONE);
	     i++) {
		loop_turn(10);
		machine_answer_smps(&p->m[0]);
		machine_answer_smps(&p->m[1]);
	}
	EXPECT_EQ(sm()->links[1].step, SM_DONE);
	EXPECT_EQ(sm()->links[2].step, SM_DONE);
	EXPECT_TRUE(machine_port_is_active(&p->m[0]));
	EXPECT_TRUE(machine_port_is_active(&p->m[1]));
}

KTEST(a_higher_manager_is_handed_the_subnet)
{
	u8 data[SMP_DATA_BYTES] = {0};
	struct pair p;

	hand_over(&p);
	EXPECT_EQ(sm_peer_info(sm(), false, 1, 0, data), 0);
	EXPECT_EQ(data[20], SM_PRIORITY << 4 | SM_STANDBY);
	write_once(&p, WC_OK); /* the tables stay */
	fabric_order("link 1 down");
	fabric_order("link 1 up");
	for (int i = 0; i < 10; i++)
		loop_turn(10);                   /* longer than a link trains */
	EXPECT_EQ(sm()->links[1].step, SM_IDLE); /* the master's affair */
	EXPECT_EQ(port_state(&test_fabric.cards[0].ports[0].ib), PORT_INIT);
	pair_stop(&p);
}

KTEST(nobody_answers_for_another_port)
{
	struct sm_link *link = &sm()->links[1];
	struct packet forged;
	struct pair p;

	start(&p);
	answer_by(1, HIGHER, SM_STANDBY);
	EXPECT_EQ(other()->peer.order, SM_ASKS); /* still */
	EXPECT_TRUE(!other()->peer.is_known);
	answer(LOWER, SM_STANDBY);
	EXPECT_TRUE(other()->peer.is_known);

	/* And not for one that is being led. */
	fabric_order("link 1 down");
	fabric_order("link 1 up");
	for (int i = 0; i < 200 && link->step != SM_NODE_INFO; i++)
		loop_turn(10);
	EXPECT_EQ(link->step, SM_NODE_INFO);
	forged = smp_answer(link->tid, ATTR_NODE_INFO);
	forged.data[SMP_INITIAL_PATH + 1] = 1;
	switch_send(&test_fabric.sw, 2, &forged);
	EXPECT_EQ(link->step, SM_NODE_INFO);
	switch_send(&test_fabric.sw, 1, &forged);
	EXPECT_TRUE(link->step != SM_NODE_INFO);
	pair_stop(&p);
}

KTEST(a_lower_manager_is_not)
{
	u64 *guid;
	struct pair p;

	start(&p);
	answer(LOWER, SM_STANDBY);
	EXPECT_TRUE(!other()->peer.is_waiting);
	fire(&other()->peer.timer); /* it is asked again */
	answer(LOWER, SM_MASTER);
	fire(&other()->peer.timer);
	answer(SM_PRIORITY, SM_STANDBY); /* its GUID is higher */
	fire(&other()->peer.timer);
	answer(HIGHER, SM_DISCOVERING); /* not yet */
	fire(&other()->peer.timer);
	answer(HIGHER, SM_NOT_ACTIVE);
	EXPECT_EQ(other()->peer.order, SM_ASKS);
	fire(&other()->peer.timer);
	guid = &test_fabric.cards[1].ports[0].ib.guids[0];
	*guid = test_fabric.sw.guid - 1;
	answer(SM_PRIORITY, SM_STANDBY);
	EXPECT_EQ(other()->peer.order, SM_HANDOVER);
	pair_stop(&p);
}

KTEST(a_manager_that_leaves_is_succeeded)
{
	struct pair p;

	hand_over(&p);
	set_manager(&p.m[1], 1, false);
	EXPECT_EQ(sm()->state, SM_DISCOVERING);
	fire(&sm()->discovery);
	expect_sweep(&p);
	write_once(&p, WC_OK);
	pair_stop(&p);
}

KTEST(a_manager_whose_link_goes_is_succeeded)
{
	struct pair p;

	hand_over(&p);
	fabric_order("link 2 down");
	EXPECT_EQ(sm()->state, SM_DISCOVERING);
	fire(&sm()->discovery);
	EXPECT_TRUE(sm_is_master(sm()));
	fabric_order("link 2 up");
	expect_sweep(&p);
	write_once(&p, WC_OK);
	/* it is asked again as soon as its port is active */
	EXPECT_TRUE(other()->peer.timer.is_armed);
	pair_stop(&p);
}

KTEST(a_manager_that_does_not_answer_is_succeeded)
{
	struct pair p;

	hand_over(&p);
	fire(&other()->peer.timer);
	for (int i = 0; i < MANY_POLLS - 1; i++)
		fire(&other()->peer.timer);
	EXPECT_EQ(sm()->state, SM_STANDBY);
	answer(HIGHER, SM_MASTER); /* late, but there: it counts anew */
	fire(&other()->peer.timer);
	for (int i = 0; i < MANY_POLLS; i++) {
		EXPECT_EQ(sm()->state, SM_STANDBY);
		fire(&other()->peer.timer);
	}
	EXPECT_EQ(sm()->state, SM_DISCOVERING);
	EXPECT_TRUE(other()->peer.is_waiting);
	fire(&sm()->discovery);
	expect_sweep(&p);
	pair_stop(&p);
}

KTEST(another_master_is_found_after_the_first)
{
	struct pair p;

	hand_over(&p);
	EXPECT_EQ(tell(SM_DISCOVER, SM_MASTER), 0);
	EXPECT_EQ(sm()->state, SM_DISCOVERING);
	answer(LOWER, SM_MASTER);
	fire(&sm()->discovery);
	EXPECT_EQ(sm()->state, SM_STANDBY);
	EXPECT_TRUE(sm()->master == other());
	/* it steps down for the built-in one */
	EXPECT_EQ(tell(SM_HANDOVER, SM_MASTER), 0);
	expect_sweep(&p);
	pair_stop(&p);
}

KTEST(a_master_that_steps_down_unheard_is_succeeded)
{
	struct pair p;

	hand_over(&p);
	fire(&other()->peer.timer);
	answer(HIGHER, SM_STANDBY); /* it is about to be the master */
	EXPECT_EQ(sm()->state, SM_STANDBY);
	fire(&other()->peer.timer);
	answer(LOWER, SM_STANDBY);
	EXPECT_EQ(sm()->state, SM_DISCOVERING);
	answer(LOWER, SM_STANDBY);
	fire(&sm()->discovery);
	expect_sweep(&p);
	pair_stop(&p);
}

KTEST(orders_are_obeyed_in_the_states_that_they_are_for)
{
	/* in which states of the built-in one, and of who gives it */
	static const struct {
		enum sm_order order;
		enum sm_state sender;
		u8 states;
	} legal[] = {
		{SM_HANDOVER, SM_MASTER,
		 1 << SM_DISCOVERING | 1 << SM_STANDBY | 1 << SM_MASTER},
		{SM_ACKNOWLEDGE, SM_STANDBY, 1 << SM_STANDBY},
		{SM_DISABLE, SM_MASTER, 1 << SM_STANDBY},
		{SM_TO_STANDBY, SM_MASTER, 1 << SM_NOT_ACTIVE},
		{SM_DISCOVER, SM_MASTER, 1 << SM_STANDBY},
	};
	struct pair p;

	start(&p);
	for (u32 order = 0; order < 8; order++)
		for (u32 state = 0; state < 16; state++) {
			enum sm_state sender = state % 4, own = state / 4;
			bool is_legal = false;

			for (size_t i = 0; i < ARRAY_LEN(legal); i++)
				is_legal |= legal[i].order == order &&
					    legal[i].sender == sender &&
					    (legal[i].states >> own & 1);
			sm()->state = own;
			EXPECT_EQ(tell(order, sender),
				  is_legal ? 0 : STATUS_BAD_FIELD);
			if (!is_legal)
				EXPECT_EQ(sm()->state, own);
		}
	sm()->state = SM_STANDBY;
	EXPECT_EQ(tell(SM_DISABLE, SM_MASTER), 0);
	EXPECT_EQ(sm()->state, SM_NOT_ACTIVE);
	EXPECT_TRUE(!other()->peer.timer.is_armed);
	EXPECT_EQ(tell(SM_TO_STANDBY, SM_MASTER), 0);
	EXPECT_EQ(sm()->state, SM_STANDBY);
	EXPECT_TRUE(other()->peer.is_waiting);
	pair_stop(&p);
}

KTEST(ports_keep_the_lids_that_another_manager_gave_them)
{
	static const u16 lids[] = {50, 2}; /* the second is the first's, too */
	struct pair p;

	hand_over(&p);
	for (unsigned int i = 0; i < 2; i++)
		put16(test_fabric.cards[i].ports[0].ib.info + 16, lids[i]);
	set_manager(&p.m[1], 1, false);
	fire(&sm()->discovery);
	expect_sweep(&p);
	EXPECT_EQ(machine_lid(&p.m[0]), 50);
	EXPECT_TRUE(machine_lid(&p.m[1]) != 50);
	EXPECT_EQ(test_fabric.sw.lft[50], 1);
	EXPECT_EQ(test_fabric.sw.lft[machine_lid(&p.m[1])], 2);
	pair_stop(&p);
}

KTEST(a_manager_that_is_off_hears_of_no_others)
{
	u8 data[SMP_DATA_BYTES] = {0};
	struct pair p;

	pair_start(&p, QP_RC);
	sm_turn_off(sm());
	set_manager(&p.m[1], 1, true);
	EXPECT_TRUE(!other()->peer.timer.is_armed);
	EXPECT_EQ(sm_peer_info(sm(), false, 2, 0, data), STATUS_UNSUPPORTED);
	EXPECT_EQ(tell(SM_HANDOVER, SM_MASTER), STATUS_UNSUPPORTED);
	pair_stop(&p);
}

KTEST(a_trap_is_repressed_by_the_master_alone)
{
	struct packet p = {
		.dlid = SM_LID, .slid = 2, .dqpn = QPN_SMI, .bytes = MAD_BYTES};
	struct port_counters *counters;
	struct pair pair;
	u64 before;

	pair_start(&pair, QP_RC);
	counters = &test_fabric.sw.ports[1].port.counters;
	before = counters->xmit_packets;
	p.data[MAD_BASE_VERSION] = 1;
	p.data[MAD_CLASS] = CLASS_SMP;
	p.data[MAD_METHOD] = METHOD_TRAP;
	put16(p.data + MAD_ATTRIBUTE, ATTR_NOTICE);
	switch_send(&test_fabric.sw, 1, &p);
	EXPECT_EQ(counters->xmit_packets, before + 1);
	p.slid = 0; /* from nobody */
	switch_send(&test_fabric.sw, 1, &p);
	p.slid = 2;
	sm()->state = SM_STANDBY;
	switch_send(&test_fabric.sw, 1, &p);
	EXPECT_EQ(counters->xmit_packets, before + 1);
	pair_stop(&pair);
}
