/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that come and go leave nothing behind. */
#define _GNU_SOURCE
#include "fabric_client.h"

#include <dirent.h>
#include <lib/ktest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The sanitizers' allocator; gcc ships no header for it. */
size_t __sanitizer_get_current_allocated_bytes(void);

struct usage {
	size_t bytes;
	unsigned int nr_fds, nr_maps;
};

static unsigned int nr_entries(const char *path)
{
	unsigned int nr = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return 0;
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* Mappings of guests' memory. */
static unsigned int nr_guest_maps(void)
{
	unsigned int nr = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof(line), maps))
		nr += strstr(line, "memfd:guest") != NULL;
	if (maps)
		fclose(maps);
	return nr;
}

static struct usage usage_now(void)
{
	fabric_settle();
	return (struct usage){
		.bytes = __sanitizer_get_current_allocated_bytes(),
		.nr_fds = nr_entries("/proc/self/fd"),
		.nr_maps = nr_guest_maps(),
	};
}

/*
 * One life of a machine.  Some end before they have said anything, some with
 * half a message, some with queues in use, packets on their way and a card
 * that stands still.
 */
static void live(unsigned int number)
{
	struct test_cq cq;
	struct test_qp qp;
	struct machine m;

	if (number % 8 == 7) {
		machine_connect(&m, 0);
		if (send(m.socket, "\1\0\2\0", 4, MSG_NOSIGNAL) != 4)
			abort();
		machine_disconnect(&m);
		return;
	}
	machine_start(&m, 0);
	if (number % 2) {
		machine_bring_up(&m);
		test_cq_create(&cq, &m, 0x85);
		EXPECT_EQ(test_qp_create(&qp, &m, &cq, 0x48, QP_RC), 0);
		test_post_recv(&qp, machine_alloc(&m, 4096), 64, KEY_ALL);
	}
	if (number % 64 == 1) {
		fabric_order("delay 1 1s");
		EXPECT_EQ(machine_command(&m, 0x009, 0, 1, 0, 0), 0);
		for (u64 end = loop_now_ns() + 25000000; loop_now_ns() < end;)
			loop_turn(1); /* until the subnet manager asks */
		fabric_order("delay 1 0");
	}
	if (number % 16 == 3)
		fabric_order("node 1 pause");
	if (number % 16 == 5)
		fabric_order("node 1 kill");
	machine_stop(&m);
}

KTEST(thousands_of_machines_leave_nothing_behind)
{
	enum { NR_LIVES = 4096, NR_WARM_UP = 128 };
	struct usage before, after;

	fabric_start();
	for (unsigned int i = 0; i < NR_WARM_UP; i++)
		live(i);
	before = usage_now();
	for (unsigned int i = 0; i < NR_LIVES; i++)
		live(i);
	after = usage_now();
	EXPECT_EQ(after.bytes, before.bytes);
	EXPECT_EQ(after.nr_fds, before.nr_fds);
	EXPECT_EQ(after.nr_maps, before.nr_maps);
	fabric_stop();
}
