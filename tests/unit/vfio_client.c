/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "vfio_client.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	CMD_VERSION = 1,
	CMD_DMA_MAP = 2,
	CMD_SET_IRQS = 8,
	CMD_REGION_READ = 9,
	CMD_REGION_WRITE = 10,
	FLAG_REPLY = 1,
	FLAG_NO_REPLY = 1 << 4,
	FLAG_ERROR = 1 << 5,
	IRQ_MSIX = 2,
	IRQ_EVENTFD_TRIGGER = 4 | 32,
	FDS_PER_MESSAGE = 8,
	CONNECT_TRIES = 100,
};

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

static int sock = -1;
static uint16_t next_id;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(3);
}

static void send_message(struct header *h, const void *body, size_t n,
			 const int *fds, uint32_t nr_fds)
{
	struct iovec iov[2] = {{h, sizeof(*h)}, {(void *)body, n}};
	char control[CMSG_SPACE(sizeof(int) * FDS_PER_MESSAGE)] = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	h->id = ++next_id;
	h->size = (uint32_t)(sizeof(*h) + n);
	if (nr_fds) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nr_fds);
	}
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) != (ssize_t)h->size)
		die("vfio-user send");
}

static void receive(void *to, size_t n)
{
	while (n) {
		ssize_t got = recv(sock, to, n, MSG_WAITALL);

		if (got <= 0)
			die("vfio-user receive");
		to = (char *)to + got;
		n -= (size_t)got;
	}
}

/* Send and wait for the answer, of which @reply_bytes are kept. */
static void call(uint16_t command, const void *body, size_t n, const int *fds,
		 uint32_t nr_fds, void *reply, size_t reply_bytes)
{
	struct header h = {.command = command};
	char rest[4096];
	size_t size;

	pthread_mutex_lock(&lock);
	send_message(&h, body, n, fds, nr_fds);
	receive(&h, sizeof(h));
	size = h.size - sizeof(h);
	if (h.size < sizeof(h) || size > sizeof(rest)) {
		fprintf(stderr, "vfio-user: an answer of %u bytes\n", h.size);
		exit(3);
	}
	receive(rest, size);
	pthread_mutex_unlock(&lock);
	if (h.flags & FLAG_ERROR) {
		fprintf(stderr, "vfio-user: command %u: error %u\n", command,
			h.error);
		exit(3);
	}
	if (reply)
		memcpy(reply, rest, reply_bytes < size ? reply_bytes : size);
}

void vfio_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct {
		uint16_t major, minor;
		char capabilities[64];
	} version = {0, 1, "{\"capabilities\":{\"max_msg_fds\":8}}"};
	struct timespec pause = {.tv_nsec = 50000000};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; connect(sock, (void *)&addr, sizeof(addr)); i++) {
		if (i == CONNECT_TRIES)
			die(path);
		nanosleep(&pause, NULL);
	}
	call(CMD_VERSION, &version, 4 + strlen(version.capabilities) + 1, NULL,
	     0, NULL, 0);
}

void vfio_map(int fd, uint64_t iova, uint64_t bytes)
{
	struct {
		uint32_t argsz, flags;
		uint64_t offset, address, size;
	} map = {sizeof(map), 3, 0, iova, bytes};

	call(CMD_DMA_MAP, &map, sizeof(map), &fd, 1, NULL, 0);
}

void vfio_set_vectors(const int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += FDS_PER_MESSAGE) {
		uint32_t k = n - i < FDS_PER_MESSAGE ? n - i : FDS_PER_MESSAGE;
		uint32_t set[5] = {sizeof(set), IRQ_EVENTFD_TRIGGER, IRQ_MSIX,
				   i, k};

		call(CMD_SET_IRQS, set, sizeof(set), fds + i, k, NULL, 0);
	}
}

struct access {
	uint64_t offset;
	uint32_t region, count;
	uint64_t data;
} __attribute__((packed));

uint64_t vfio_read(uint32_t region, uint64_t offset, uint32_t bytes)
{
	struct access a = {offset, region, bytes, 0};
	struct access reply = {0};

	call(CMD_REGION_READ, &a, 16, NULL, 0, &reply, 16 + bytes);
	return reply.data;
}

void vfio_write(uint32_t region, uint64_t offset, uint64_t v, uint32_t bytes,
		int posted)
{
	struct access a = {offset, region, bytes, v};
	struct header h = {.command = CMD_REGION_WRITE, .flags = FLAG_NO_REPLY};

	if (!posted) {
		call(CMD_REGION_WRITE, &a, 16 + bytes, NULL, 0, NULL, 0);
		return;
	}
	pthread_mutex_lock(&lock);
	send_message(&h, &a, 16 + bytes, NULL, 0);
	pthread_mutex_unlock(&lock);
}
