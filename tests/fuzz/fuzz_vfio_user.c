/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from a vfio-user client, with a whole card behind the parser.  The
 * first byte says how: raw as they are, or cut into well-framed messages.
 */
#define _GNU_SOURCE
#include "tools/fabric/fabric.h"
#include "tools/fabric/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUEST_BASE = 0x10000, GUEST_BYTES = 1 << 20 };

static struct fabric fabric;
static int guest_fd;

static void ignore(struct vfu_stream *stream, const void *message, size_t size)
{
	(void)stream;
	(void)message;
	(void)size;
}

static void start(void)
{
	static char path[] = "/tmp/brick-fuzz-vfio-user-XXXXXX";
	static const struct topology topology = {.nr_cards = 1};
	const char *paths[] = {path};
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	if (log_open("/dev/null") || loop_open() ||
	    fabric_open(&fabric, &topology, paths))
		abort();
	unlink(path);
	fabric.cards[0].server.stream.send = ignore;
	guest_fd = memfd_create("guest", MFD_CLOEXEC);
	if (guest_fd < 0 || ftruncate(guest_fd, GUEST_BYTES))
		abort();
}

/* False: the stream ended the connection. */
static bool feed(struct vfu_stream *stream, const u8 *data, size_t size,
		 bool with_fd)
{
	while (size) {
		u8 *where;
		size_t n = vfu_stream_space(stream, &where);
		int fd = with_fd ? dup(guest_fd) : -1;

		n = n < size ? n : size;
		memcpy(where, data, n);
		if (vfu_stream_received(stream, n, &fd, fd >= 0))
			return false;
		data += n;
		size -= n;
	}
	return true;
}

/* Command, length, body; the length's top bit sends a descriptor along. */
static void feed_framed(struct vfu_stream *stream, const u8 *data, size_t size)
{
	while (size >= 2) {
		u8 message[16 + 127] = {0};
		size_t n = data[1] & 0x7f;
		u32 total;

		n = n < size - 2 ? n : size - 2;
		total = (u32)(16 + n);
		message[2] = data[0] & 0x1f;
		message[8] = data[0] & 0x80 ? 1 << 4 : 0;
		memcpy(message + 4, &total, 4);
		memcpy(message + 16, data + 2, n);
		if (!feed(stream, message, total, data[1] & 0x80))
			return;
		data += 2 + n;
		size -= 2 + n;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool is_started;
	struct card *card;
	struct vfu_stream *stream;

	if (!is_started)
		start();
	is_started = true;
	card = &fabric.cards[0];
	stream = &card->server.stream;
	stream->ops->attached(card);
	stream->ops->dma_map(card, GUEST_BASE, GUEST_BYTES, true, guest_fd, 0);
	card->config.bytes[4] = 6;
	if (size && (data[0] & 1))
		feed_framed(stream, data + 1, size - 1);
	else if (size)
		feed(stream, data + 1, size - 1, false);
	for (int i = 0; i < 8; i++)
		loop_turn(0);
	vfu_stream_reset(stream);
	stream->ops->detached(card);
	return 0;
}
