/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lists say -Dclock_gettime=direct_clock -Depoll_pwait2=direct_wait. */
#define _GNU_SOURCE
#include "fabric_direct.h"
#include "tools/fabric/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TURNS = 64 };

struct fabric test_fabric;
struct machine direct_machines[NR_MACHINES];
static u64 now_ns;

int direct_clock(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)(now_ns / 1000000000u);
	ts->tv_nsec = (long)(now_ns % 1000000000u);
	return 0;
}

int direct_wait(int fd, struct epoll_event *events, int max,
		const struct timespec *timeout, const sigset_t *mask)
{
	int n = epoll_pwait(fd, events, max, 0, mask);

	if (!n && timeout)
		now_ns += (u64)timeout->tv_sec * 1000000000u +
			  (u64)timeout->tv_nsec;
	return n;
}

static struct card *card_of(const struct machine *m)
{
	return &test_fabric.cards[m - direct_machines];
}

static void map_memory(struct machine *m)
{
	const struct vfu_ops *ops = card_of(m)->server.stream.ops;

	m->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (m->memory_fd < 0 || ftruncate(m->memory_fd, DIRECT_BYTES))
		abort();
	m->memory = mmap(NULL, DIRECT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 m->memory_fd, 0);
	if (m->memory == MAP_FAILED ||
	    ops->dma_map(card_of(m), MEMORY_BASE, DIRECT_BYTES, true,
			 m->memory_fd, 0))
		abort();
}

void fabric_start(void)
{
	char folder[] = "/tmp/brick-fuzz-fabric-XXXXXX";
	char names[NR_MACHINES][64];
	const char *paths[NR_MACHINES];
	static struct topology topology = {.nr_cards = NR_MACHINES};

	for (int i = 0; i < NR_MACHINES; i++)
		topology.cards[i].ports[1].is_given = true;
	if (!mkdtemp(folder))
		abort();
	for (int i = 0; i < NR_MACHINES; i++) {
		snprintf(names[i], sizeof(names[i]), "%s/%d", folder, i);
		paths[i] = names[i];
	}
	if (getenv("FABRIC_LOG"))
		log_threshold = LOG_LEVEL_DEBUG;
	else if (log_open("/dev/null"))
		abort();
	if (loop_open() || fabric_open(&test_fabric, &topology, paths))
		abort();
	for (int i = 0; i < NR_MACHINES; i++) {
		unlink(names[i]);
		map_memory(&direct_machines[i]);
	}
	rmdir(folder);
}

static void reset_machine(struct machine *m)
{
	struct card *card = card_of(m);
	const u8 command[2] = {6, 0}; /* memory, bus master */

	card->server.stream.ops->reset(card);
	card->server.stream.ops->attached(card);
	card->server.stream.ops->region_write(card, VFU_REGION_CONFIG, 4,
					      command, sizeof(command));
	memset(m->memory, 0, DIRECT_BYTES);
	*m = (struct machine){
		.memory_fd = m->memory_fd,
		.memory = m->memory,
		.next_free = MEMORY_BASE + ICM_BYTES,
	};
	m->mailbox = machine_alloc(m, 4096);
}

void direct_reset(void)
{
	if (!test_fabric.nr_cards)
		fabric_start();
	for (int i = 0; i < NR_MACHINES; i++)
		reset_machine(&direct_machines[i]);
	switch_close(&test_fabric.sw);
	switch_init(&test_fabric.sw, &test_fabric, test_fabric.nr_ports);
	fabric_settle();
}

void fabric_settle(void)
{
	for (int i = 0; i < MAX_TURNS && loop_turn(0) > 0; i++)
		;
}

void direct_pass(u64 ns)
{
	u64 end = now_ns + ns;

	for (int i = 0; i < MAX_TURNS && now_ns < end; i++)
		loop_turn(ns < 1000000 ? 1 : (int)(ns / 1000000));
	fabric_settle();
}

u32 machine_read32(struct machine *m, u32 region, u64 offset)
{
	struct card *card = card_of(m);
	u8 data[4] = {0};

	card->server.stream.ops->region_read(card, region, offset, data, 4);
	return get32(data);
}

void machine_write32(struct machine *m, u32 region, u64 offset, u32 value)
{
	struct card *card = card_of(m);
	u8 data[4];

	put32(data, value);
	card->server.stream.ops->region_write(card, region, offset, data, 4);
}

u32 input_take(struct input *in, unsigned int bytes)
{
	u32 value = 0;

	for (; bytes; bytes--) {
		value <<= 8;
		if (in->size) {
			value |= *in->data++;
			in->size--;
		}
	}
	return value;
}

void input_fill(struct input *in, u8 *to, size_t max)
{
	size_t n = input_take(in, 1);

	n = n < max ? n : max;
	n = n < in->size ? n : in->size;
	memcpy(to, in->data, n);
	in->data += n;
	in->size -= n;
}
