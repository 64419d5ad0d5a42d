/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The protocol's client and the machine's memory: see fabric_client.h. */
#define _GNU_SOURCE
#include "fabric_client.h"
#include "tools/fabric/log.h"
#include "tools/fabric/orders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct fabric test_fabric;
static char folder[64], paths[2][96];

static void start(const struct topology *topology)
{
	const char *names[2] = {paths[0], paths[1]};

	strcpy(folder, "/tmp/brick-fabric-test-XXXXXX");
	if (!mkdtemp(folder))
		abort();
	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/card%d", folder, i);
	if (getenv("FABRIC_LOG"))
		log_threshold = LOG_LEVEL_DEBUG;
	else if (log_open("/dev/null"))
		abort();
	if (loop_open() || fabric_open(&test_fabric, topology, names))
		abort();
}

void fabric_start(void)
{
	static const struct topology topology = {.nr_cards = 2};

	start(&topology);
}

void fabric_start_dual(void)
{
	static const struct topology topology = {
		.cards[0].ports[1].is_given = true,
		.nr_cards = 2,
	};

	start(&topology);
}

void fabric_stop(void)
{
	fabric_close(&test_fabric);
	loop_close();
	rmdir(folder);
}

const char *fabric_order(const char *order)
{
	static char answer[256];
	char *text = NULL, *last;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		abort();
	orders_execute(&test_fabric, order, out);
	fclose(out);
	text[bytes - 1] = '\0'; /* the last newline */
	last = strrchr(text, '\n');
	snprintf(answer, sizeof(answer), "%s", last ? last + 1 : text);
	free(text);
	return answer;
}

u64 fabric_counter(unsigned int port, const char *name)
{
	struct port_stat stats[NR_PORT_STATS];

	unsigned int nr = stats_of_port(&test_fabric,
					fabric_port(&test_fabric, port), stats);

	for (unsigned int i = 0; i < nr; i++)
		if (!strcmp(stats[i].name, name))
			return stats[i].value;
	abort();
}

void fabric_settle(void)
{
	while (loop_turn(0) > 0)
		;
}

void machine_connect(struct machine *m, unsigned int card)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	memset(m, 0, sizeof(*m));
	m->memory_fd = -1;
	m->event_fds[0] = m->event_fds[1] = -1;
	strcpy(sun.sun_path, paths[card]);
	m->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (m->socket < 0 ||
	    connect(m->socket, (struct sockaddr *)&sun, sizeof(sun)))
		abort();
	fabric_settle();
}

void machine_disconnect(struct machine *m)
{
	close(m->socket);
	fabric_settle();
}

void machine_send(struct machine *m, u16 command, u32 flags, const void *body,
		  u32 size, const int *fds, unsigned int nr_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control;
	u32 header[4] = {++m->next_id | (u32)command << 16, 16 + size, flags};
	struct iovec iov[2] = {{header, 16}, {(void *)body, size}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (nr_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, nr_fds * sizeof(int));
	}
	if (sendmsg(m->socket, &msg, MSG_NOSIGNAL) < 0)
		return; /* the other side hung up: the receiver sees it */
}

static bool receive_exactly(struct machine *m, void *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n;

		loop_turn(0);
		n = recv(m->socket, (u8 *)to + done, size - done, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n > 0)
			done += (size_t)n;
	}
	return true;
}

int machine_receive(struct machine *m, u8 *body, u32 max, u32 *size)
{
	static u8 all[VFU_MAX_MESSAGE];
	u32 header[4];

	if (!receive_exactly(m, header, 16) || header[1] < 16 ||
	    header[1] > sizeof(all) || !receive_exactly(m, all, header[1] - 16))
		return -1;
	*size = header[1] - 16;
	if (body)
		memcpy(body, all, *size < max ? *size : max);
	return (int)header[3];
}

int machine_call(struct machine *m, u16 command, const void *body, u32 size,
		 int fd)
{
	u32 got;

	machine_send(m, command, 0, body, size, &fd, fd >= 0);
	return machine_receive(m, NULL, 0, &got);
}

static void map_memory(struct machine *m)
{
	struct {
		u32 argsz, flags;
		u64 offset, iova, size;
	} map = {32, 3, 0, MEMORY_BASE, MEMORY_BYTES};

	m->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (ftruncate(m->memory_fd, MEMORY_BYTES))
		abort();
	m->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 m->memory_fd, 0);
	m->next_free = MEMORY_BASE + ICM_BYTES;
	if (machine_call(m, 2, &map, sizeof(map), m->memory_fd))
		abort();
}

static void map_interrupts(struct machine *m)
{
	u32 set[5] = {20, 1 << 5 | 1 << 2, VFU_IRQ_MSIX, 0, 2};
	u32 got;

	for (int i = 0; i < 2; i++)
		m->event_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	machine_send(m, 8, 0, set, sizeof(set), m->event_fds, 2);
	if (machine_receive(m, NULL, 0, &got))
		abort();
}

static void write_config16(struct machine *m, u64 offset, u16 value)
{
	u8 body[18];
	u32 region = VFU_REGION_CONFIG, count = 2;

	memcpy(body, &offset, 8);
	memcpy(body + 8, &region, 4);
	memcpy(body + 12, &count, 4);
	memcpy(body + 16, &value, 2);
	machine_call(m, 10, body, sizeof(body), -1);
}

static void set_irqs(struct machine *m, u32 flags, u32 index, u32 count, int fd)
{
	const u32 set[5] = {sizeof(set), flags, index, 0, count};

	if (machine_call(m, 8, set, sizeof(set), fd))
		abort();
}

void machine_use_pin(struct machine *m)
{
	write_config16(m, 0x9e, 0);
	set_irqs(m, VFU_IRQ_TRIGGER | VFU_IRQ_DATA_NONE, VFU_IRQ_MSIX, 0, -1);
	set_irqs(m, VFU_IRQ_TRIGGER | VFU_IRQ_DATA_EVENTFD, VFU_IRQ_INTX, 1,
		 m->event_fds[0]);
}

void machine_unmask_pin(struct machine *m)
{
	set_irqs(m, VFU_IRQ_UNMASK | VFU_IRQ_DATA_NONE, VFU_IRQ_INTX, 1, -1);
}

void machine_start(struct machine *m, unsigned int card)
{
	static const char version[] = "\0\0\0\0{}";

	machine_connect(m, card);
	if (machine_call(m, 1, version, sizeof(version), -1))
		abort();
	map_memory(m);
	map_interrupts(m);
	write_config16(m, 0x04, 0x0006); /* memory, bus master */
	write_config16(m, 0x9e, 0x8000); /* MSI-X on */
	m->mailbox = machine_alloc(m, 4096);
}

void machine_stop(struct machine *m)
{
	machine_disconnect(m);
	munmap(m->memory, MEMORY_BYTES);
	close(m->memory_fd);
	close(m->event_fds[0]);
	close(m->event_fds[1]);
}

u32 machine_read32(struct machine *m, u32 region, u64 offset)
{
	u8 body[20];
	u32 count = 4, got;

	memcpy(body, &offset, 8);
	memcpy(body + 8, &region, 4);
	memcpy(body + 12, &count, 4);
	machine_send(m, 9, 0, body, 16, NULL, 0);
	if (machine_receive(m, body, sizeof(body), &got) || got != 20)
		return 0xffffffff;
	return get32(body + 16);
}

/* Posted, as a guest's is. */
void machine_write32(struct machine *m, u32 region, u64 offset, u32 value)
{
	u8 body[20];
	u32 count = 4;

	memcpy(body, &offset, 8);
	memcpy(body + 8, &region, 4);
	memcpy(body + 12, &count, 4);
	put32(body + 16, value);
	machine_send(m, 10, 1 << 4, body, sizeof(body), NULL, 0);
}
