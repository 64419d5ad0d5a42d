/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Management packets: SMPs, multi-packet answers, SA records, CM messages. */
#include "cm_codec.h"
#include "ping.h"
#include "rmpp.h"
#include "sa_codec.h"
#include <ib/smp.h>
#include <lib/byteorder.h>
#include <lib/ktest.h>
#include <lib/string.h>

static const char name[IB_DESCRIPTION_BYTES] = "brick m1 (unit)";

/* ---- SMPs ----------------------------------------------------- */

/* As a card answers before a subnet manager came. */
static const u8 port_info[64] = {
	[8] = 0xfe,  [9] = 0x80,  [20] = 0x02, [21] = 0x51, [22] = 0x08,
	[23] = 0x68, [28] = 1,    [29] = 3,    [30] = 3,    [31] = 2,
	[32] = 0x72, [33] = 0x52, [35] = 0x47, [36] = 0x50, [37] = 0x40,
	[41] = 5,    [43] = 0x40, [50] = 0x80, [51] = 0x12,
};

KTEST(port_info_is_decoded)
{
	struct ib_port_attr attr = {0};
	struct mad m;

	smp_get(&m, SMP_ATTR_PORT_INFO, 1);
	memcpy(m.raw + SMP_DATA, port_info, sizeof(port_info));
	m.raw[SMP_DATA + 17] = 9;
	m.raw[SMP_DATA + 19] = 1;
	smp_port_info(&m, &attr);
	EXPECT_EQ(attr.state, IB_PORT_INIT);
	EXPECT_EQ(attr.phys_state, 5);
	EXPECT_EQ(attr.lid, 9);
	EXPECT_EQ(attr.sm_lid, 1);
	EXPECT_EQ(attr.active_mtu, IB_MTU_4096);
	EXPECT_EQ(attr.rate, 7); /* 4x QDR */
	EXPECT_EQ(ib_gid_prefix(&attr.gid), 0xfe80000000000000);
	EXPECT_EQ(smp_port_capability(&m), 0x02510868);
}

static void directed(struct mad *m, u8 hop_ptr, u8 hop_cnt)
{
	smp_get(m, SMP_ATTR_NODE_INFO, 0);
	HW_SET(m, MAD_CLASS_SMP_DIRECTED, MAD_CLASS);
	HW_SET(m, hop_ptr, SMP_HOP_PTR);
	HW_SET(m, hop_cnt, SMP_HOP_CNT);
	HW_SET(m, IB_PERMISSIVE_LID, SMP_DR_DLID);
}

KTEST(a_directed_route_packet_at_its_end_gets_its_return_path)
{
	struct mad m;

	directed(&m, 2, 2);
	EXPECT_TRUE(smp_arrived(&m, 1));
	EXPECT_EQ(m.raw[SMP_RETURN_PATH + 2], 1);
	smp_returning(&m);
	EXPECT_EQ(HW_GET(&m, MAD_STATUS), 0x8000);
	EXPECT_EQ(HW_GET(&m, SMP_HOP_PTR), 2);
}

KTEST(directed_route_packets_for_others_are_dropped)
{
	struct mad m;

	directed(&m, 1, 2); /* an end node forwards nothing */
	EXPECT_TRUE(!smp_arrived(&m, 1));
	directed(&m, 64, 64); /* more hops than the path has room for */
	EXPECT_TRUE(!smp_arrived(&m, 1));
	directed(&m, 0, 0);
	EXPECT_TRUE(!smp_arrived(&m, 1));
	directed(&m, 2, 2);
	smp_returning(&m); /* an answer */
	EXPECT_TRUE(!smp_arrived(&m, 1));
}

KTEST(reregister_is_asked_by_a_set_of_port_info_only)
{
	struct mad m;

	smp_get(&m, SMP_ATTR_PORT_INFO, 1);
	m.raw[SMP_DATA + 51] = 0x80;
	EXPECT_TRUE(!smp_wants_reregister(&m));
	HW_SET(&m, MAD_SET, MAD_METHOD);
	EXPECT_TRUE(smp_wants_reregister(&m));
}

KTEST(an_answer_about_the_node_says_what_the_node_is_called)
{
	struct mad m;

	smp_get(&m, SMP_ATTR_NODE_DESC, 0);
	smp_describe(&m, name); /* a question */
	EXPECT_EQ(m.raw[SMP_DATA], 0);
	HW_SET(&m, MAD_GET | MAD_RESPONSE, MAD_METHOD);
	smp_describe(&m, name);
	EXPECT_EQ(memcmp(m.raw + SMP_DATA, name, sizeof(name)), 0);
	HW_SET(&m, MAD_CLASS_PMA, MAD_CLASS);
	memset(m.raw + SMP_DATA, 0, sizeof(name));
	smp_describe(&m, name);
	EXPECT_EQ(m.raw[SMP_DATA], 0);
}

/* ---- ping ----------------------------------------------------- */

static void ping(struct mad *m)
{
	memset(m, 0x5a, sizeof(*m));
	HW_SET(m, 1, MAD_BASE_VERSION);
	HW_SET(m, MAD_CLASS_OPENIB_PING, MAD_CLASS);
	HW_SET(m, 1, MAD_CLASS_VERSION);
	HW_SET(m, MAD_GET, MAD_METHOD);
	HW_SET(m, 0, RMPP_ACTIVE);
	HW_SET(m, OPENIB_OUI, VENDOR_OUI);
}

KTEST(a_ping_is_answered_with_the_name_and_nothing_else)
{
	struct mad in, out;

	ping(&in);
	EXPECT_TRUE(ping_answer(&in, name, &out));
	EXPECT_EQ(HW_GET(&out, MAD_METHOD), MAD_GET | MAD_RESPONSE);
	EXPECT_EQ(HW_GET(&out, MAD_STATUS), 0);
	EXPECT_EQ(HW_GET(&out, MAD_TID_LOW), HW_GET(&in, MAD_TID_LOW));
	EXPECT_EQ(HW_GET(&out, VENDOR_OUI), OPENIB_OUI);
	EXPECT_EQ(memcmp(out.raw + VENDOR_DATA, name, sizeof(name)), 0);
	for (u32 i = VENDOR_DATA + sizeof(name); i < MAD_BYTES; i++)
		EXPECT_EQ(out.raw[i], 0);
}

KTEST(what_is_no_ping_is_not_answered)
{
	struct mad m, out;

	ping(&m);
	HW_SET(&m, MAD_GET | MAD_RESPONSE,
	       MAD_METHOD); /* would go on for ever */
	EXPECT_TRUE(!ping_answer(&m, name, &out));
	ping(&m);
	HW_SET(&m, 0x0002c9, VENDOR_OUI);
	EXPECT_TRUE(!ping_answer(&m, name, &out));
	ping(&m);
	HW_SET(&m, 1, RMPP_ACTIVE);
	EXPECT_TRUE(!ping_answer(&m, name, &out));
	ping(&m);
	HW_SET(&m, 2, MAD_CLASS_VERSION);
	EXPECT_TRUE(!ping_answer(&m, name, &out));
}

/* ---- RMPP ----------------------------------------------------- */

static void segment(struct mad *m, u32 number, bool last, u32 length)
{
	sa_request(m, MAD_GET_TABLE | MAD_RESPONSE, SA_ATTR_SERVICE, 0);
	HW_SET(m, RMPP_TYPE_DATA, RMPP_TYPE);
	HW_SET(m, 1, RMPP_ACTIVE);
	HW_SET(m, number == 1, RMPP_FIRST);
	HW_SET(m, last, RMPP_LAST);
	HW_SET(m, number, RMPP_SEGMENT);
	HW_SET(m, length, RMPP_LENGTH);
	memset(m->raw + RMPP_SA_DATA, (int)number, RMPP_SA_BYTES);
}

KTEST(a_table_of_three_segments_is_put_together)
{
	u8 out[600] = {0};
	struct rmpp_rx rx;
	struct mad m, ack;
	bool has_ack;

	rmpp_rx_init(&rx, out, sizeof(out));
	segment(&m, 1, false, 0);
	EXPECT_EQ(rmpp_rx_segment(&rx, &m, &ack, &has_ack), RMPP_MORE);
	EXPECT_TRUE(has_ack); /* opens the window */
	EXPECT_EQ(HW_GET(&ack, RMPP_TYPE), RMPP_TYPE_ACK);
	EXPECT_EQ(HW_GET(&ack, RMPP_SEGMENT), 1);
	EXPECT_EQ(HW_GET(&ack, RMPP_LENGTH), 1 + RMPP_WINDOW);
	EXPECT_EQ(HW_GET(&ack, MAD_METHOD), MAD_GET_TABLE);
	segment(&m, 2, false, 0);
	EXPECT_EQ(rmpp_rx_segment(&rx, &m, &ack, &has_ack), RMPP_MORE);
	EXPECT_TRUE(!has_ack);
	/* Repeated: acknowledged again, not taken twice. */
	EXPECT_EQ(rmpp_rx_segment(&rx, &m, &ack, &has_ack), RMPP_MORE);
	EXPECT_TRUE(has_ack);
	EXPECT_EQ(HW_GET(&ack, RMPP_SEGMENT), 2);
	segment(&m, 3, true, RMPP_SA_HEADER + 76);
	EXPECT_EQ(rmpp_rx_segment(&rx, &m, &ack, &has_ack), RMPP_DONE);
	EXPECT_TRUE(has_ack);
	EXPECT_EQ(rx.bytes, 476);
	EXPECT_EQ(out[199], 1);
	EXPECT_EQ(out[200], 2);
	EXPECT_EQ(out[475], 3);
	EXPECT_EQ(out[476], 0);
}

KTEST(a_table_larger_than_the_buffer_is_cut_and_said_so)
{
	u8 out[250];
	struct rmpp_rx rx;
	struct mad m, ack;
	bool has_ack;

	rmpp_rx_init(&rx, out, sizeof(out));
	segment(&m, 1, false, 0);
	rmpp_rx_segment(&rx, &m, &ack, &has_ack);
	segment(&m, 2, true, RMPP_SA_HEADER + RMPP_SA_BYTES);
	EXPECT_EQ(rmpp_rx_segment(&rx, &m, &ack, &has_ack), RMPP_DONE);
	EXPECT_EQ(rx.bytes, 250);
	EXPECT_TRUE(rx.overflow);
}

KTEST(segments_with_impossible_lengths_break_the_answer)
{
	static const u32 lengths[] = {0, RMPP_SA_HEADER - 1,
				      RMPP_SA_HEADER + RMPP_SA_BYTES + 1,
				      0xffffffff};
	u8 out[400];
	struct mad m, ack;
	bool has_ack;

	for (u32 i = 0; i < 4; i++) {
		struct rmpp_rx rx;

		rmpp_rx_init(&rx, out, sizeof(out));
		segment(&m, 1, true, lengths[i]);
		EXPECT_EQ(rmpp_rx_segment(&rx, &m, &ack, &has_ack),
			  RMPP_BROKEN);
	}
}

/* ---- SA records ----------------------------------------------- */

KTEST(a_path_record_survives_encoding)
{
	struct sa_path in = {.dgid = ib_gid_make(1, 2),
			     .sgid = ib_gid_make(3, 4),
			     .dlid = 5,
			     .slid = 6,
			     .pkey = 0x8001,
			     .sl = 7,
			     .mtu = IB_MTU_2048,
			     .rate = 7,
			     .packet_lifetime = 18,
			     .hop_limit = 1,
			     .traffic_class = 2,
			     .flow_label = 0xabcde};
	struct sa_path out;
	u8 data[SA_PATH_BYTES];

	sa_put_path(data, &in);
	EXPECT_EQ(get_be16(data + 40), 5);
	EXPECT_EQ(data[49], 0x81);
	EXPECT_TRUE(sa_get_path(data, &out));
	EXPECT_EQ(out.dlid, 5);
	EXPECT_EQ(out.slid, 6);
	EXPECT_EQ(out.flow_label, 0xabcde);
	EXPECT_EQ(out.pkey, 0x8001);
	EXPECT_EQ(out.mtu, IB_MTU_2048);
	EXPECT_TRUE(ib_gid_equal(&in.dgid, &out.dgid));
}

KTEST(a_path_to_no_unicast_address_is_refused)
{
	struct sa_path in = {.dlid = 0xc001, .slid = 1, .mtu = IB_MTU_2048};
	struct sa_path out;
	u8 data[SA_PATH_BYTES];

	sa_put_path(data, &in);
	EXPECT_TRUE(!sa_get_path(data, &out));
	in.dlid = 1;
	in.mtu = 7;
	sa_put_path(data, &in);
	EXPECT_TRUE(!sa_get_path(data, &out));
}

KTEST(a_service_name_without_end_is_cut)
{
	struct sa_service out;
	u8 data[SA_SERVICE_BYTES];

	memset(data, 'x', sizeof(data));
	sa_get_service(data, &out);
	EXPECT_EQ(strlen(out.name), SA_SERVICE_NAME_BYTES - 1);
}

/* ---- CM ------------------------------------------------------- */

static const struct cm_req a_req = {
	.local_id = 0x11223344,
	.service_id = 0x0102030405060708,
	.ca_guid = 0x0002c90300000010,
	.qpn = 0x123456,
	.psn = 0xabcdef,
	.responder_resources = 16,
	.initiator_depth = 4,
	.retries = 7,
	.rnr_retries = 6,
	.cm_timeout = 18,
	.cm_retries = 15,
	.pkey = 0xffff,
	.path = {.dlid = 2,
		 .slid = 1,
		 .mtu = IB_MTU_4096,
		 .rate = 7,
		 .sl = 5,
		 .flow_label = 0x12345,
		 .hop_limit = 1},
	.ack_timeout = 18,
	.private_data = {1, 2, 3, [91] = 92},
};

KTEST(a_connection_request_lies_as_the_specification_says)
{
	struct mad m;
	const u8 *d = m.raw + 24;

	cm_put_req(&m, 7, &a_req);
	EXPECT_EQ(get_be32(d), 0x11223344);
	EXPECT_EQ(get_be64(d + 8), 0x0102030405060708);
	EXPECT_EQ(get_be32(d + 32) >> 8, 0x123456);
	EXPECT_EQ(d[35], 16);
	EXPECT_EQ(d[39], 4);
	EXPECT_EQ(d[43], 18 << 3 | 1);
	EXPECT_EQ(get_be32(d + 44) >> 8, 0xabcdef);
	EXPECT_EQ(d[47], 18 << 3 | 7);
	EXPECT_EQ(d[50], 5 << 4 | 6);
	EXPECT_EQ(d[51], 15 << 4);
	EXPECT_EQ(get_be16(d + 52), 1);
	EXPECT_EQ(get_be16(d + 54), 2);
	EXPECT_EQ(get_be32(d + 88), 0x12345u << 12 | 7);
	EXPECT_EQ(d[94], 5 << 4 | 8);
	EXPECT_EQ(d[95], 18 << 3);
	EXPECT_EQ(d[140], 1);
	EXPECT_EQ(d[231], 92);
	EXPECT_EQ(HW_GET(&m, MAD_ATTR_ID), CM_REQ);
}

KTEST(a_connection_request_survives_encoding)
{
	struct cm_req out;
	struct mad m;

	cm_put_req(&m, 7, &a_req);
	EXPECT_EQ(cm_get_req(&m, &out), 0);
	EXPECT_EQ(out.qpn, a_req.qpn);
	EXPECT_EQ(out.psn, a_req.psn);
	EXPECT_EQ(out.rnr_retries, 6);
	EXPECT_EQ(out.path.sl, 5);
	EXPECT_EQ(memcmp(out.private_data, a_req.private_data,
			 CM_REQ_PRIVATE_BYTES),
		  0);
}

KTEST(requests_that_cannot_work_are_refused)
{
	struct cm_req out;
	struct mad m;

	cm_put_req(&m, 7, &a_req);
	HW_SET(&m, 1, REQ_TRANSPORT); /* unreliable */
	EXPECT_TRUE(cm_get_req(&m, &out) != 0);
	cm_put_req(&m, 7, &a_req);
	HW_SET(&m, 9, REQ_MTU);
	EXPECT_TRUE(cm_get_req(&m, &out) != 0);
	cm_put_req(&m, 7, &a_req);
	HW_SET(&m, 0xffff, REQ_LOCAL_LID);
	EXPECT_TRUE(cm_get_req(&m, &out) != 0);
}

KTEST(a_connection_reply_survives_encoding)
{
	struct cm_rep in = {.local_id = 1,
			    .remote_id = 2,
			    .ca_guid = 3,
			    .qpn = 0x456789,
			    .psn = 0x987654,
			    .responder_resources = 5,
			    .initiator_depth = 6,
			    .rnr_retries = 7,
			    .private_data = {9, [195] = 8}};
	struct cm_rep out;
	struct mad m;

	cm_put_rep(&m, 1, &in);
	EXPECT_EQ(m.raw[24 + 24], 5);
	EXPECT_EQ(m.raw[24 + 25], 6);
	EXPECT_EQ(m.raw[24 + 27], 7 << 5);
	EXPECT_EQ(m.raw[24 + 231], 8);
	cm_get_rep(&m, &out);
	EXPECT_EQ(out.local_id, in.local_id);
	EXPECT_EQ(out.remote_id, in.remote_id);
	EXPECT_EQ(out.ca_guid, in.ca_guid);
	EXPECT_EQ(out.qpn, in.qpn);
	EXPECT_EQ(out.psn, in.psn);
	EXPECT_EQ(out.responder_resources, in.responder_resources);
	EXPECT_EQ(out.initiator_depth, in.initiator_depth);
	EXPECT_EQ(out.rnr_retries, in.rnr_retries);
	EXPECT_TRUE(!memcmp(out.private_data, in.private_data,
			    sizeof(in.private_data)));
}
