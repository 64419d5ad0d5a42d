/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The capture's bytes: what a wire would show of a few messages. */
#include "fabric_pair.h"
#include "tools/fabric/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_HEADER = 24, RECORD_HEADER = 32, BTH = 8, MAX_FRAMES = 64 };

struct frames {
	u8 *bytes;
	const u8 *frame[MAX_FRAMES]; /* of data packets alone */
	u32 length[MAX_FRAMES];
	unsigned int nr;
};

static u32 little32(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static void read_frames(const char *path, struct frames *frames)
{
	FILE *f = fopen(path, "rb");
	long size;

	memset(frames, 0, sizeof(*frames));
	EXPECT_TRUE(f != NULL);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	frames->bytes = malloc((size_t)size);
	EXPECT_EQ(fread(frames->bytes, 1, (size_t)size, f), (size_t)size);
	fclose(f);
	EXPECT_EQ(little32(frames->bytes), 0xa1b2c3d4);
	EXPECT_EQ(little32(frames->bytes + 20), 197);
	for (long at = FILE_HEADER; at < size && frames->nr < MAX_FRAMES;) {
		/* without ERF's header */
		u32 length = little32(frames->bytes + at + 8) - 16;
		const u8 *frame = frames->bytes + at + RECORD_HEADER;

		/* all words of the packet but the two bytes of VCRC */
		EXPECT_EQ(get16(frame + 4) * 4u + 2, length);
		if (frame[BTH] < 0x40) {
			frames->frame[frames->nr] = frame;
			frames->length[frames->nr++] = length;
		}
		at += RECORD_HEADER + length;
	}
}

static void capture_to(char *path)
{
	int fd = mkstemp(path);

	EXPECT_TRUE(fd >= 0);
	close(fd);
	EXPECT_EQ(capture_open(path), 0);
}

static void expect_opcodes(const struct frames *frames, const u8 *opcodes,
			   unsigned int nr)
{
	EXPECT_EQ(frames->nr, nr);
	for (unsigned int i = 0; i < nr && i < frames->nr; i++)
		EXPECT_EQ(frames->frame[i][BTH], opcodes[i]);
}

KTEST(capture_shows_the_packets_of_send_write_and_read)
{
	/* send: first, middle, last, ACK; write: only, ACK; read: request,
	 * first, last */
	static const u8 opcodes[] = {0x00, 0x01, 0x02, 0x11, 0x0a,
				     0x11, 0x0c, 0x0d, 0x0f};
	char path[] = "/tmp/fabric-capture-XXXXXX";
	struct frames frames;
	struct pair p;

	capture_to(path);
	pair_start(&p, QP_RC);
	test_fill(pair_at(&p, 0), 9000, 3);
	test_post_recv(&p.qp[1], p.buffer[1], 9000, KEY_ALL);
	test_post_send(&p.qp[0], SEND_SEND, 0, NULL, 0, p.buffer[0], 9000,
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_OK);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 6, p.buffer[1],
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_OK);
	test_post_rdma(&p.qp[0], SEND_RDMA_READ, p.buffer[0], 5000, p.buffer[1],
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_OK);
	pair_stop(&p);
	capture_close();
	read_frames(path, &frames);
	expect_opcodes(&frames, opcodes, sizeof(opcodes));
	EXPECT_EQ(get24(frames.frame[0] + BTH + 5), QPN_B);
	EXPECT_EQ(get24(frames.frame[3] + BTH + 5), QPN_A);
	/* sequence numbers go up by packet, and the ACK has the last one's */
	EXPECT_EQ(get24(frames.frame[2] + BTH + 9),
		  (get24(frames.frame[0] + BTH + 9) + 2) & PSN_MASK);
	EXPECT_EQ(get24(frames.frame[3] + BTH + 9),
		  get24(frames.frame[2] + BTH + 9));
	/* RETH of the write: address, key, length; two bytes of padding */
	EXPECT_EQ(get64(frames.frame[4] + BTH + 12), p.buffer[1]);
	EXPECT_EQ(get32(frames.frame[4] + BTH + 20), KEY_ALL);
	EXPECT_EQ(get32(frames.frame[4] + BTH + 24), 6);
	EXPECT_EQ(frames.frame[4][BTH + 1] >> 4 & 3, 2);
	free(frames.bytes);
	unlink(path);
}

KTEST(capture_shows_a_refused_write_and_its_nak)
{
	static const u8 opcodes[] = {0x0a, 0x11};
	char path[] = "/tmp/fabric-capture-XXXXXX";
	struct frames frames;
	struct pair p;

	capture_to(path);
	pair_start(&p, QP_RC);
	test_post_rdma(&p.qp[0], SEND_RDMA_WRITE, p.buffer[0], 64, p.buffer[1],
		       KEY_ALL ^ 0x55);
	expect_cqe(&p.cq[0], true, WC_REMOTE_ACCESS);
	pair_stop(&p);
	capture_close();
	read_frames(path, &frames);
	expect_opcodes(&frames, opcodes, sizeof(opcodes));
	EXPECT_EQ(frames.frame[1][BTH + 12], AETH_NAK_ACCESS);
	free(frames.bytes);
	unlink(path);
}

KTEST(capture_of_an_unreliable_message_has_no_answer)
{
	static const u8 opcodes[] = {0x24};
	char path[] = "/tmp/fabric-capture-XXXXXX";
	struct frames frames;
	struct pair p;

	capture_to(path);
	pair_start(&p, QP_UC);
	test_post_recv(&p.qp[1], p.buffer[1], 64, KEY_ALL);
	test_post_send(&p.qp[0], SEND_SEND, 0, NULL, 0, p.buffer[0], 64,
		       KEY_ALL);
	expect_cqe(&p.cq[0], true, WC_OK);
	pair_stop(&p);
	capture_close();
	read_frames(path, &frames);
	expect_opcodes(&frames, opcodes, sizeof(opcodes));
	free(frames.bytes);
	unlink(path);
}
