/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams, and the management behind QP1. */
#include "fabric_station.h"
#include "tools/fabric/mad.h"

#include <lib/ktest.h>
#include <string.h>

enum { SERVICE_SET = 8 };

static u8 *sa_begin(struct station *s, u8 method, u16 attribute, u64 mask)
{
	u8 *mad = mad_at(s);

	mad[MAD_BASE_VERSION] = 1;
	mad[MAD_CLASS] = CLASS_SA;
	mad[MAD_CLASS_VERSION] = 2;
	mad[MAD_METHOD] = method;
	put64(mad + MAD_TID, 0x1234);
	put16(mad + MAD_ATTRIBUTE, attribute);
	put64(mad + SA_COMPONENT_MASK, mask);
	return mad + SA_DATA;
}

static u8 *sa_ask(struct station *s, u16 *status)
{
	u8 *mad;

	mad_send(s, SM_LID, PKEY_DEFAULT);
	mad = mad_wait(s);
	*status = mad ? get16(mad + MAD_STATUS) : 0xffff;
	return mad;
}

static u16 set_service(struct station *s, u64 id, const char *name)
{
	u8 *data = sa_begin(s, METHOD_SET, 0x31, 0x47);
	u16 status;

	put64(data, id);
	put16(data + 24, PKEY_DEFAULT);
	put32(data + 28, ~0u);
	strcpy((char *)data + 48, name);
	sa_ask(s, &status);
	return status;
}

KTEST(the_subnet_manager_gives_each_port_its_lid)
{
	struct station a, b;

	fabric_start();
	station_start(&a, 0);
	station_start(&b, 1);
	EXPECT_EQ(machine_lid(&a.m), 2);
	EXPECT_EQ(machine_lid(&b.m), 3);
	machine_stop(&a.m);
	machine_stop(&b.m);
	fabric_stop();
}

KTEST(a_path_is_found_by_gid_and_only_in_a_common_partition)
{
	struct station a, b;
	u8 *data, *mad;
	u16 status;

	fabric_start();
	station_start(&a, 0);
	station_start(&b, 1);
	for (int round = 0; round < 2; round++) {
		data = sa_begin(&a, METHOD_GET, 0x35, 1 << 2 | 1 << 3);
		put64(data + 8, 0xfe80000000000000ull);
		put64(data + 16, test_fabric.cards[1].ports[0].ib.guids[0]);
		put64(data + 24, 0xfe80000000000000ull);
		put64(data + 32, test_fabric.cards[0].ports[0].ib.guids[0]);
		mad = sa_ask(&a, &status);
		EXPECT_EQ(status, round ? SA_ERR_NO_RECORDS : 0);
		if (!round && mad) {
			EXPECT_EQ(mad[MAD_METHOD], 0x81);
			EXPECT_EQ(get16(mad + SA_DATA + 40), 3);
			EXPECT_EQ(get16(mad + SA_DATA + 42), 2);
		}
		test_fabric.cards[1].ports[0].ib.pkeys[0] = 0x8001;
	}
	machine_stop(&a.m);
	machine_stop(&b.m);
	fabric_stop();
}

KTEST(services_are_set_found_by_name_and_deleted)
{
	struct station a;
	u8 *data, *mad;
	u16 status;

	fabric_start();
	station_start(&a, 0);
	EXPECT_EQ(set_service(&a, 1, "first"), 0);
	EXPECT_EQ(set_service(&a, 2, "second"), 0);
	data = sa_begin(&a, METHOD_GET, 0x31, 1 << 6);
	strcpy((char *)data + 48, "second");
	mad = sa_ask(&a, &status);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(mad ? get64(mad + SA_DATA) : 0, 2);
	data = sa_begin(&a, METHOD_DELETE, 0x31, 7);
	put64(data, 2);
	put16(data + 24, PKEY_DEFAULT);
	sa_ask(&a, &status);
	EXPECT_EQ(status, 0);
	data = sa_begin(&a, METHOD_GET, 0x31, 1 << 6);
	strcpy((char *)data + 48, "second");
	sa_ask(&a, &status);
	EXPECT_EQ(status, SA_ERR_NO_RECORDS);
	machine_stop(&a.m);
	fabric_stop();
}

static void ask_for_table(struct station *a)
{
	fabric_start();
	station_start(a, 0);
	for (u64 i = 0; i < SERVICE_SET; i++)
		EXPECT_EQ(set_service(a, 100 + i, "brick"), 0);
	strcpy((char *)sa_begin(a, METHOD_GET_TABLE, 0x31, 1 << 6) + 48,
	       "brick");
}

/* A receiver of segments that opens its window by two at a time. */
static u32 collect(struct station *s, u8 *to, u32 max)
{
	u32 bytes = 0, last = 0;

	while (!last) {
		u8 segment[MAD_BYTES], *mad = mad_wait(s), *ack;
		u32 number;

		if (!mad)
			return 0;
		memcpy(segment, mad, MAD_BYTES);
		number = get32(segment + 28);
		EXPECT_EQ(number, bytes / 200 + 1);
		last = segment[26] & 4;
		for (u32 i = 0; i < 200 && bytes < max; i++)
			to[bytes++] = segment[SA_DATA + i];
		if (number % 2 == 0 && !last)
			continue; /* within the window */
		ack = mad_at(s);
		memcpy(ack, segment, SA_DATA);
		ack[25] = 2;
		ack[26] = 1;
		put32(ack + 28, number);
		put32(ack + 32, number + 2);
		mad_send(s, SM_LID, PKEY_DEFAULT);
	}
	return bytes;
}

KTEST(a_table_of_services_comes_in_acknowledged_segments)
{
	static u8 table[4096];
	struct station a;
	u32 seen = 0;

	ask_for_table(&a);
	mad_send(&a, SM_LID, PKEY_DEFAULT);
	EXPECT_EQ(collect(&a, table, sizeof(table)), 1600);
	for (u32 i = 0; i < SERVICE_SET; i++)
		seen |= 1u << (get64(table + i * SERVICE_BYTES) - 100);
	EXPECT_EQ(seen, 0xff);
	fabric_settle();
	EXPECT_TRUE(!test_fabric.sw.sa.rmpp.transfers[0].is_used);
	machine_stop(&a.m);
	fabric_stop();
}

KTEST(an_acknowledgement_opens_no_window_behind_the_last_segment)
{
	struct station a;
	u8 *mad, *ack;

	ask_for_table(&a);
	mad_send(&a, SM_LID, PKEY_DEFAULT);
	for (u32 number = 1; number <= 2; number++) {
		mad = mad_wait(&a);
		EXPECT_TRUE(mad && get32(mad + 28) == number);
		ack = mad_at(&a);
		if (mad)
			memcpy(ack, mad, SA_DATA);
		ack[25] = 2;
		ack[26] = 1;
		put32(ack + 32, ~0u);
		mad_send(&a, SM_LID, PKEY_DEFAULT);
	}
	fabric_settle();
	EXPECT_EQ(test_fabric.sw.sa.rmpp.transfers[0].window_end, 8);
	machine_stop(&a.m);
	fabric_stop();
}

KTEST(a_host_that_takes_the_administrators_lid_gets_no_answers)
{
	struct station a;
	u64 dropped;

	ask_for_table(&a);
	put16(test_fabric.cards[0].ports[0].ib.info + 16,
	      SM_LID); /* Set(PortInfo) */
	dropped = test_fabric.sw.nr_dropped;
	mad_send(&a, SM_LID, PKEY_DEFAULT);
	fabric_settle();
	EXPECT_TRUE(test_fabric.sw.nr_dropped > dropped);
	machine_stop(&a.m);
	fabric_stop();
}

KTEST(a_mad_between_two_hosts_needs_a_common_partition)
{
	struct station a, b;
	u8 *mad;

	fabric_start();
	station_start(&a, 0);
	station_start(&b, 1);
	memset(mad_at(&a), 0x5a, MAD_BYTES);
	mad_send(&a, 3, PKEY_DEFAULT);
	mad = mad_wait(&b);
	EXPECT_TRUE(mad && mad[0] == 0x5a && mad[255] == 0x5a);
	memset(mad_at(&a), 0x5a, MAD_BYTES);
	mad_send(&a, 3, 0x8001);
	fabric_settle();
	EXPECT_EQ(test_fabric.cards[1].stats.pkey_violations, 1);
	machine_stop(&a.m);
	machine_stop(&b.m);
	fabric_stop();
}

KTEST(lids_begin_anew_before_those_of_groups)
{
	struct station a, b;

	fabric_start();
	test_fabric.sw.sm.next_lid = LID_MULTICAST - 1;
	station_start(&a, 0);
	station_start(&b, 1);
	EXPECT_EQ(machine_lid(&a.m), LID_MULTICAST - 1);
	EXPECT_EQ(machine_lid(&b.m), SM_LID + 1);
	machine_stop(&a.m);
	machine_stop(&b.m);
	fabric_stop();
}

/* SubnAdmSet(MCMemberRecord): this port into group @number. */
static u16 join_group(struct station *s, u8 number, u8 state)
{
	u8 *data = sa_begin(s, METHOD_SET, 0x38, 0x10003);
	u16 status;

	data[0] = 0xff;
	data[1] = 0x12;
	data[15] = number;
	put64(data + 16, 0xfe80000000000000ull);
	put64(data + 24, test_fabric.cards[0].ports[0].ib.guids[0]);
	data[48] = state;
	sa_ask(s, &status);
	return status;
}

KTEST(groups_end_with_the_link_of_their_last_member)
{
	struct station a;

	fabric_start();
	station_start(&a, 0);
	for (u32 i = 0; i < SA_MAX_GROUPS; i++)
		EXPECT_EQ(join_group(&a, (u8)i, 1), 0);
	EXPECT_EQ(join_group(&a, SA_MAX_GROUPS, 1), SA_ERR_NO_RESOURCES);
	machine_stop(&a.m);
	station_start(&a, 0);
	EXPECT_EQ(join_group(&a, SA_MAX_GROUPS, 1), 0);
	machine_stop(&a.m);
	fabric_stop();
}

KTEST(who_joins_a_group_says_as_what)
{
	struct station a;

	fabric_start();
	station_start(&a, 0);
	EXPECT_EQ(join_group(&a, 1, 0), SA_ERR_INVALID);
	EXPECT_EQ(test_fabric.sw.mft[0], 0);
	machine_stop(&a.m);
	fabric_stop();
}
