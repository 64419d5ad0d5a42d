/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vfio-user server and the registers, driven by a small client. */
#include "fabric_client.h"

#include <errno.h>
#include <fcntl.h>
#include <lib/ktest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned int nr_open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

KTEST(a_client_negotiates_and_reads_the_identity)
{
	struct machine m;
	u8 body[24] = {0};
	u32 got, count = 4, region = VFU_REGION_CONFIG;

	fabric_start();
	machine_start(&m, 0);
	memcpy(body + 8, &region, 4);
	memcpy(body + 12, &count, 4);
	machine_send(&m, 9, 0, body, 16, NULL, 0);
	EXPECT_EQ(machine_receive(&m, body, sizeof(body), &got), 0);
	EXPECT_EQ(got, 20);
	EXPECT_EQ(memcmp(body + 16, "\xb3\x15\x03\x10", 4), 0);
	machine_stop(&m);
	fabric_stop();
}

KTEST(bar_sizes_come_from_region_info)
{
	struct machine m;
	u32 query[8] = {32, 0, 0};
	u64 size;
	u32 got;

	fabric_start();
	machine_start(&m, 0);
	for (u32 i = 0; i < 2; i++) {
		query[2] = 2 * i;
		machine_send(&m, 5, 0, query, 32, NULL, 0);
		EXPECT_EQ(machine_receive(&m, (u8 *)query, 32, &got), 0);
		memcpy(&size, query + 4, 8);
		EXPECT_EQ(size, i ? 8 << 20 : 1 << 20);
		EXPECT_EQ(query[1], 3); /* not mappable */
	}
	machine_stop(&m);
	fabric_stop();
}

KTEST(the_owner_word_is_taken_once_until_reset)
{
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	EXPECT_EQ(machine_read32(&m, 0, 0x8069c), 0);
	EXPECT_TRUE(machine_read32(&m, 0, 0x8069c) != 0);
	machine_write32(&m, 0, 0xf0010, 1);
	EXPECT_EQ(machine_read32(&m, 0, 0x8069c), 0);
	machine_stop(&m);
	fabric_stop();
}

KTEST(the_toggle_bit_follows_each_command)
{
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	EXPECT_EQ(machine_read32(&m, 0, 0x80698) >> 21 & 5, 0);
	for (u32 t = 0; t < 4; t++) {
		machine_write32(&m, 0, 0x8068c, (u32)(m.mailbox >> 32));
		machine_write32(&m, 0, 0x80690, (u32)m.mailbox);
		machine_write32(&m, 0, 0x80698,
				1u << 23 | (t & 1) << 21 | 0x004);
		EXPECT_EQ(machine_read32(&m, 0, 0x80698) >> 21 & 5, t & 1);
	}
	EXPECT_EQ(get16(machine_at(&m, m.mailbox) + 0x0a), 3);
	machine_stop(&m);
	fabric_stop();
}

KTEST(commands_fail_with_the_cards_status)
{
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	EXPECT_EQ(machine_command(&m, 0x001, 0, 0, 0, 0), 0x02);
	EXPECT_EQ(machine_command(&m, 0xff6, 0, 0, 0, 0), 0x04);
	EXPECT_EQ(machine_command(&m, 0x003, 0, 0, 0, m.mailbox), 0x04);
	/* an output mailbox that is not memory */
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, 0xdead000), 0x03);
	machine_bring_up(&m);
	EXPECT_EQ(machine_command(&m, 0x016, 0, 0x1000, m.mailbox, 0), 0x0a);
	EXPECT_EQ(machine_command(&m, 0x01a, 0, 0x77, m.mailbox, 0), 0x10);
	EXPECT_EQ(machine_command(&m, 0x009, 0, 2, 0, 0), 0x03);
	machine_stop(&m);
	fabric_stop();
}

KTEST(nothing_is_accessed_without_bus_mastering)
{
	struct machine m;
	u8 body[18] = {0x04};
	u32 region = VFU_REGION_CONFIG, count = 2;

	fabric_start();
	machine_start(&m, 0);
	memcpy(body + 8, &region, 4);
	memcpy(body + 12, &count, 4);
	body[16] = 2; /* memory only */
	EXPECT_EQ(machine_call(&m, 10, body, sizeof(body), -1), 0);
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 0x03);
	machine_stop(&m);
	fabric_stop();
}

KTEST(icm_can_be_unmapped_in_the_middle)
{
	struct machine m;
	u8 *in;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	/* the page of the MPT table with index 256 */
	EXPECT_EQ(machine_command(&m, 0xff9, 0, 1, 0x64000, 0), 0);
	in = machine_at(&m, m.mailbox);
	memset(in, 0, 64);
	EXPECT_EQ(machine_command(&m, 0x00d, 0, 256, m.mailbox, 0), 0x0a);
	EXPECT_EQ(machine_command(&m, 0x00d, 0, 0x180, m.mailbox, 0), 0);
	EXPECT_EQ(machine_command(&m, 0x00d, 0, 255, m.mailbox, 0), 0);
	machine_stop(&m);
	fabric_stop();
}

KTEST(a_command_completes_by_an_event_and_an_interrupt)
{
	struct machine m;
	u64 fired = 0;
	u8 eqe[32];

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	machine_write32(&m, 0, 0x80694, 0x1234 << 16);
	machine_write32(&m, 0, 0x80698, 1u << 23 | 1 << 22 | 0x031);
	EXPECT_EQ(machine_next_event(&m, eqe), 0x0a);
	EXPECT_EQ(get16(eqe + 6), 0x1234);
	EXPECT_EQ(eqe[0x0f], 0);
	EXPECT_EQ(read(m.event_fds[0], &fired, 8), 8);
	EXPECT_EQ(fired, 1);
	machine_stop(&m);
	fabric_stop();
}

KTEST(an_event_queue_wraps_and_arms_with_events_pending)
{
	struct machine m;
	u8 eqe[32];

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	for (u32 i = 0; i < 200; i++) {
		machine_write32(&m, 0, 0x80694, i << 16);
		machine_write32(&m, 0, 0x80698, 1u << 23 | 1 << 22 | 0x031);
		if (i % 3 != 2)
			continue;
		for (u32 j = i - 2; j <= i; j++) {
			EXPECT_EQ(machine_next_event(&m, eqe), 0x0a);
			EXPECT_EQ(get16(eqe + 6), j);
		}
	}
	machine_stop(&m);
	fabric_stop();
}

KTEST(arming_behind_the_last_event_interrupts_at_once)
{
	struct machine m;
	u64 fired = 0;
	u8 eqe[32];

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	for (u32 i = 0; i < 3; i++)
		machine_write32(&m, 0, 0x80698, 1u << 23 | 1 << 22 | 0x031);
	fabric_settle();
	EXPECT_EQ(read(m.event_fds[0], &fired, 8), 8);
	EXPECT_EQ(fired, 1); /* it was armed for the first only */
	EXPECT_EQ(machine_next_event(&m, eqe), 0x0a);
	EXPECT_EQ(read(m.event_fds[0], &fired, 8), 8);
	EXPECT_EQ(machine_next_event(&m, eqe), 0x0a);
	EXPECT_EQ(read(m.event_fds[0], &fired, 8), 8);
	EXPECT_EQ(machine_next_event(&m, eqe), 0x0a);
	EXPECT_TRUE(read(m.event_fds[0], &fired, 8) < 0); /* none is left */
	machine_stop(&m);
	fabric_stop();
}

KTEST(a_raised_vector_without_an_eventfd_is_remembered)
{
	struct machine m;
	u32 unset[5] = {20, 1 << 5 | 1 << 2, VFU_IRQ_MSIX, 0, 1};
	u64 fired = 0;
	u32 got;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	EXPECT_EQ(machine_call(&m, 8, unset, sizeof(unset), -1), 0);
	machine_write32(&m, 0, 0x80698, 1u << 23 | 1 << 22 | 0x031);
	/* the pending-bit array is PCI's: little-endian */
	EXPECT_EQ(machine_read32(&m, 0, 0x7d000), 1u << 24);
	EXPECT_TRUE(read(m.event_fds[0], &fired, 8) < 0);
	machine_send(&m, 8, 0, unset, sizeof(unset), m.event_fds, 1);
	EXPECT_EQ(machine_receive(&m, NULL, 0, &got), 0);
	EXPECT_EQ(read(m.event_fds[0], &fired, 8), 8);
	EXPECT_EQ(machine_read32(&m, 0, 0x7d000), 0);
	machine_stop(&m);
	fabric_stop();
}

KTEST(an_interrupt_order_says_what_its_data_are)
{
	/* none of the three kinds of data: there are no 128 bytes to look at */
	u32 bare[5] = {20, VFU_IRQ_TRIGGER, VFU_IRQ_MSIX, 0, NR_VECTORS};
	u32 both[5] = {
		20, VFU_IRQ_TRIGGER | VFU_IRQ_DATA_NONE | VFU_IRQ_DATA_EVENTFD,
		VFU_IRQ_MSIX, 0, 1};
	struct machine m;

	fabric_start();
	machine_start(&m, 0);
	EXPECT_EQ(machine_call(&m, 8, bare, sizeof(bare), -1), EINVAL);
	EXPECT_EQ(machine_call(&m, 8, both, sizeof(both), -1), EINVAL);
	machine_stop(&m);
	fabric_stop();
}

KTEST(memory_that_the_file_does_not_have_is_refused)
{
	struct machine m;
	struct {
		u32 argsz, flags;
		u64 offset, iova, size;
	} map = {32, 3, 0, 0x40000000, MEMORY_BYTES + 4096};

	fabric_start();
	machine_start(&m, 0);
	EXPECT_TRUE(machine_call(&m, 2, &map, 32, m.memory_fd) != 0);
	map.size = 4096;
	map.offset = ~0ull - 4095;
	EXPECT_TRUE(machine_call(&m, 2, &map, 32, m.memory_fd) != 0);
	map.offset = 0;
	map.iova = ~0ull - 100;
	EXPECT_TRUE(machine_call(&m, 2, &map, 32, m.memory_fd) != 0);
	map.iova = MEMORY_BASE; /* overlaps */
	EXPECT_TRUE(machine_call(&m, 2, &map, 32, m.memory_fd) != 0);
	map.iova = 0x40000000; /* a ROM: no descriptor */
	EXPECT_EQ(machine_call(&m, 2, &map, 32, -1), 0);
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, 0x40000000), 0x03);
	machine_stop(&m);
	fabric_stop();
}

KTEST(wrong_lengths_are_refused_and_harm_nothing)
{
	struct machine m;
	u8 body[64];

	fabric_start();
	machine_start(&m, 0);
	for (u16 command = 1; command < 32; command++) {
		for (u32 size = 0; size < 40; size += 3) {
			memset(body, 0xff, sizeof(body));
			machine_call(&m, command, body, size, -1);
			memset(body, 0, sizeof(body));
			if (command != 3) /* unmaps, as asked */
				machine_call(&m, command, body, size, -1);
		}
	}
	EXPECT_EQ(machine_read32(&m, 0, 0xf0400), 0);
	machine_stop(&m);
	fabric_stop();
}

KTEST(a_client_that_speaks_nonsense_is_dropped_and_the_next_served)
{
	struct machine m;
	static const u8 bad[][16] = {
		{1, 0, 1, 0, 15, 0, 0, 0},             /* too short */
		{1, 0, 1, 0, 0xff, 0xff, 0xff, 0xff},  /* too long */
		{1, 0, 1, 0, 16, 0, 0, 0, 1, 0, 0, 0}, /* a reply */
	};

	fabric_start();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		u32 got;

		machine_connect(&m, 0);
		EXPECT_EQ(send(m.socket, bad[i], 16, 0), 16);
		EXPECT_EQ(machine_receive(&m, NULL, 0, &got), -1);
		machine_disconnect(&m);
	}
	machine_start(&m, 0);
	EXPECT_EQ(machine_command(&m, 0x004, 0, 0, 0, m.mailbox), 0);
	machine_stop(&m);
	fabric_stop();
}

KTEST(messages_may_come_in_pieces)
{
	struct machine m;
	u8 message[16 + 32] = {7, 0, 9, 0, 32, 0, 0, 0};
	u32 got;

	fabric_start();
	machine_start(&m, 0);
	message[16] = 0;
	message[24] = VFU_REGION_CONFIG;
	message[28] = 4;
	for (int i = 0; i < 32; i++) {
		EXPECT_EQ(send(m.socket, message + i, 1, 0), 1);
		fabric_settle();
	}
	EXPECT_EQ(machine_receive(&m, NULL, 0, &got), 0);
	EXPECT_EQ(got, 20);
	machine_stop(&m);
	fabric_stop();
}

KTEST(descriptors_are_closed_with_messages_that_do_not_want_them)
{
	struct machine m;
	unsigned int before;
	u32 size[5] = {16};
	int fds[VFU_MAX_FDS];
	u32 got;

	fabric_start();
	machine_start(&m, 0);
	before = nr_open_fds();
	for (int i = 0; i < VFU_MAX_FDS; i++)
		fds[i] = m.event_fds[0];
	for (int i = 0; i < 10; i++) {
		machine_send(&m, 4, 0, size, 16, fds, VFU_MAX_FDS);
		EXPECT_EQ(machine_receive(&m, NULL, 0, &got), 0);
	}
	EXPECT_EQ(nr_open_fds(), before);
	machine_stop(&m);
	fabric_stop();
}

KTEST(machines_come_and_go_without_a_leak)
{
	struct machine m;
	unsigned int before;

	fabric_start();
	before = nr_open_fds();
	for (int i = 0; i < 20; i++) {
		machine_start(&m, 0);
		machine_bring_up(&m);
		machine_stop(&m);
	}
	EXPECT_EQ(nr_open_fds(), before);
	EXPECT_EQ(test_fabric.cards[0].dma.nr_regions, 0);
	EXPECT_EQ(test_fabric.cards[0].icm.nr_blocks, 0);
	EXPECT_EQ(test_fabric.cards[0].state, HCA_RESET);
	fabric_stop();
}

KTEST(garbage_in_the_command_register_is_survived)
{
	struct machine m;
	u32 seed = 12345;

	fabric_start();
	machine_start(&m, 0);
	machine_bring_up(&m);
	for (int i = 0; i < 4000; i++) {
		u32 opcode;

		for (u32 j = 0; j < 64; j++)
			m.memory[m.mailbox - MEMORY_BASE + j * 8] =
				(u8)(seed >> (j % 24));
		seed = seed * 1664525 + 1013904223;
		opcode = i % 3 ? seed >> 26 : seed >> 20;
		if (opcode == 0xffe || opcode == 0x008)
			continue; /* ends what we want to reach */
		machine_command(&m, (u16)(opcode & 0xfff), (u8)(seed >> 8 & 3),
				seed >> 12 & 0x1ff, m.mailbox, m.mailbox);
	}
	machine_stop(&m);
	machine_start(&m, 0);
	machine_bring_up(&m);
	machine_stop(&m);
	fabric_stop();
}
