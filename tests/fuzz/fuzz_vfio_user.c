/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes from a vfio-user client, with a whole card behind the parser.  The
 * first byte says how: raw as they are; cut into well-framed messages; or as
 * firmware commands and doorbells to a card that is up, with its tables in
 * the memory that the rest of the input fills.
 */
#define _GNU_SOURCE
#include "tools/fabric/be.h"
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
	const char *paths[] = {path};
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	if (log_open("/dev/null") || loop_open() ||
	    fabric_open(&fabric, 1, paths))
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

static void write32(struct card *card, u32 region, u64 offset, u32 value)
{
	u8 bytes[4];

	put32(bytes, value);
	card->server.stream.ops->region_write(card, region, offset, bytes, 4);
}

static void command(struct card *card, const u8 *hcr)
{
	for (u32 i = 0; i < 7; i++)
		write32(card, 0, 0x80680 + 4 * i, get32(hcr + 4 * i));
}

/* A small profile; ICM is the guest's memory, all of it. */
static void bring_up(struct card *card)
{
	u8 hcr[28] = {0}, image[INIT_HCA_BYTES] = {2};
	u64 got;

	card->state = HCA_RUNNING;
	for (u64 region = 0; region < 4; region++) /* cMPTs included */
		icm_map(&card->icm, region << 30, GUEST_BASE, GUEST_BYTES);
	image[0x37] = 8;
	put64(image + 0x50, 0x20000 | 6);
	put64(image + 0x80, 0x30000 | 6);
	image[0xd3] = 6;
	image[0xd7] = 5;
	image[0xdb] = 6;
	put64(image + 0xf0, 0x40000);
	image[0xfb] = 8;
	put64(image + 0x100, 0x50000);
	memcpy(dma_map_run(&card->dma, GUEST_BASE, sizeof(image), true, &got),
	       image, sizeof(image));
	put32(hcr + 4, GUEST_BASE);
	put32(hcr + 24, 1u << 23 | 0x007);
	command(card, hcr);
}

/* Mailboxes lie in the first pages, next to what the input filled in. */
static void feed_commands(struct card *card, const u8 *data, size_t size)
{
	u64 got;
	u8 *memory =
		dma_map_run(&card->dma, GUEST_BASE, GUEST_BYTES, true, &got);

	bring_up(card);
	for (size_t at = 0; at < GUEST_BYTES && size; at += 0x10000)
		memcpy(memory + at, data, size < 4096 ? size : 4096);
	while (size >= 8) {
		u8 hcr[28] = {0};

		if (data[0] & 0x80) {
			write32(card, 2, get16(data) << 2 & 0x1ffffc,
				get32(data + 4));
		} else {
			put32(hcr + 4, GUEST_BASE + 0x10000 * (data[1] & 7));
			put32(hcr + 8, get32(data + 4) & 0x8000ffff);
			put32(hcr + 16, GUEST_BASE + 0x10000 * (data[1] >> 5));
			put32(hcr + 24, 1u << 23 | (u32)(data[2] & 0xf) << 12 |
						(data[3] & 0x7f) |
						(data[0] & 1 ? 0xf80 : 0));
			command(card, hcr);
		}
		loop_turn(0);
		data += 8;
		size -= 8;
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
	switch (size ? data[0] & 3 : 0) {
	case 0:
		if (size)
			feed(stream, data + 1, size - 1, false);
		break;
	case 1:
		feed_framed(stream, data + 1, size - 1);
		break;
	default:
		feed_commands(card, data + 1, size - 1);
	}
	for (int i = 0; i < 8; i++)
		loop_turn(0);
	vfu_stream_reset(stream);
	stream->ops->detached(card);
	return 0;
}
