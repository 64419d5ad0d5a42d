/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vfio_user.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum vfu_command {
	VFU_VERSION = 1,
	VFU_DMA_MAP = 2,
	VFU_DMA_UNMAP = 3,
	VFU_GET_INFO = 4,
	VFU_REGION_INFO = 5,
	VFU_IRQ_INFO = 7,
	VFU_SET_IRQS = 8,
	VFU_REGION_READ = 9,
	VFU_REGION_WRITE = 10,
	VFU_DEVICE_RESET = 13,
	VFU_WRITE_MULTI = 15,
};

enum {
	FLAG_TYPE = 0xf, /* 0 command, 1 reply */
	FLAG_REPLY = 1,
	FLAG_NO_REPLY = 1 << 4,
	FLAG_ERROR = 1 << 5,
	HEADER = 16,
	DMA_WRITABLE = 1 << 1,
	DMA_UNMAP_ALL = 1 << 1,
	INFO_RESET = 1 << 0, /* device flags */
	INFO_PCI = 1 << 1,
	REGION_RW = 3,
	IRQ_EVENTFD = 1 << 0,
	IRQ_MASKABLE = 1 << 1,
	IRQ_AUTOMASKED = 1 << 2,
};

/* One decoded message; the protocol is little-endian, as is every host. */
struct message {
	u16 id, command;
	u32 flags;
	const u8 *body;
	u32 size; /* of the body */
	int fds[VFU_MAX_FDS];
	unsigned int nr_fds;
};

static u16 load16(const u8 *p)
{
	u16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u32 load32(const u8 *p)
{
	u32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static u64 load64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void store32(u8 *p, u32 v)
{
	memcpy(p, &v, sizeof(v));
}

static void store64(u8 *p, u64 v)
{
	memcpy(p, &v, sizeof(v));
}

static void send_reply(struct vfu_stream *s, const struct message *m, int err,
		       const void *body, u32 size)
{
	static u8 out[VFU_MAX_MESSAGE];

	if (m->flags & FLAG_NO_REPLY)
		return;
	if (err)
		size = 0;
	memcpy(out, &m->id, 2);
	memcpy(out + 2, &m->command, 2);
	store32(out + 4, HEADER + size);
	store32(out + 8, FLAG_REPLY | (err ? FLAG_ERROR : 0));
	store32(out + 12, (u32)-err);
	if (size)
		memcpy(out + HEADER, body, size);
	s->send(s, out, HEADER + size);
}

static void do_version(struct vfu_stream *s, struct message *m)
{
	u8 out[256] = {0}; /* version 0.0, as every implementation */
	int n;

	if (m->size < 4 || load16(m->body) != 0) {
		log_err(s->name, "the client speaks another protocol version");
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	n = snprintf((char *)out + 4, sizeof(out) - 4,
		     "{\"capabilities\":{\"max_msg_fds\":%d,"
		     "\"max_data_xfer_size\":%d,\"pgsizes\":4096,"
		     "\"write_multiple\":true}}",
		     VFU_MAX_FDS, VFU_MAX_DATA);
	send_reply(s, m, 0, out, 4 + (u32)n + 1);
}

static void do_dma_map(struct vfu_stream *s, struct message *m)
{
	int fd = m->nr_fds ? m->fds[0] : -1;
	u64 iova, size;
	u32 flags;
	int err;

	if (m->size < 32 || load32(m->body) < 32) {
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	flags = load32(m->body + 4);
	iova = load64(m->body + 16);
	size = load64(m->body + 24);
	err = s->ops->dma_map(s->device, iova, size, flags & DMA_WRITABLE, fd,
			      load64(m->body + 8));
	send_reply(s, m, err, NULL, 0);
}

static void do_dma_unmap(struct vfu_stream *s, struct message *m)
{
	bool all;
	int err;

	if (m->size < 24 || load32(m->body) < 24) {
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	all = load32(m->body + 4) & DMA_UNMAP_ALL;
	err = s->ops->dma_unmap(s->device, load64(m->body + 8),
				load64(m->body + 16), all);
	send_reply(s, m, err, m->body, 24);
}

static void do_get_info(struct vfu_stream *s, struct message *m)
{
	u8 out[16];

	store32(out, sizeof(out));
	store32(out + 4, INFO_RESET | INFO_PCI);
	store32(out + 8, VFU_NR_REGIONS);
	store32(out + 12, VFU_NR_IRQS);
	send_reply(s, m, 0, out, sizeof(out));
}

/* No region can be mapped: any mappable one would turn posting off. */
static void do_region_info(struct vfu_stream *s, struct message *m)
{
	u8 out[32] = {0};
	u32 index;
	u64 size;

	if (m->size < 12 || load32(m->body + 8) >= VFU_NR_REGIONS) {
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	index = load32(m->body + 8);
	size = s->ops->region_size(s->device, index);
	store32(out, sizeof(out));
	store32(out + 4, size ? REGION_RW : 0);
	store32(out + 8, index);
	store64(out + 16, size);
	send_reply(s, m, 0, out, sizeof(out));
}

static void do_irq_info(struct vfu_stream *s, struct message *m)
{
	u32 index, count, flags = 0;
	u8 out[16];

	if (m->size < 16 || load32(m->body + 8) >= VFU_NR_IRQS) {
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	index = load32(m->body + 8);
	count = s->ops->nr_vectors(s->device, index);
	if (count)
		flags = IRQ_EVENTFD;
	if (index == VFU_IRQ_INTX)
		flags |= IRQ_MASKABLE | IRQ_AUTOMASKED;
	store32(out, sizeof(out));
	store32(out + 4, flags);
	store32(out + 8, index);
	store32(out + 12, count);
	send_reply(s, m, 0, out, sizeof(out));
}

/* Exactly one of the kinds of data: others would be looked for in vain. */
static bool is_one_kind(u32 flags)
{
	flags &= VFU_IRQ_DATA_NONE | VFU_IRQ_DATA_BOOL | VFU_IRQ_DATA_EVENTFD;
	return flags && !(flags & (flags - 1));
}

static void do_set_irqs(struct vfu_stream *s, struct message *m)
{
	struct vfu_irq_set set = {.fds = m->fds, .nr_fds = m->nr_fds};
	u32 limit;
	int err = -EINVAL;

	if (m->size < 20)
		goto out;
	set.flags = load32(m->body + 4);
	set.index = load32(m->body + 8);
	set.start = load32(m->body + 12);
	set.count = load32(m->body + 16);
	set.data = m->body + 20;
	if (set.index >= VFU_NR_IRQS || !is_one_kind(set.flags))
		goto out;
	limit = s->ops->nr_vectors(s->device, set.index);
	if (!range_inside(set.start, set.count, limit))
		goto out;
	if ((set.flags & VFU_IRQ_DATA_BOOL) && m->size - 20 < set.count)
		goto out;
	err = s->ops->set_irqs(s->device, &set);
out:
	send_reply(s, m, err, NULL, 0);
}

static void do_region_read(struct vfu_stream *s, struct message *m)
{
	static u8 out[16 + VFU_MAX_DATA];
	u32 region, count;
	u64 offset;
	int err;

	if (m->size < 16) {
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	offset = load64(m->body);
	region = load32(m->body + 8);
	count = load32(m->body + 12);
	if (count > VFU_MAX_DATA || region >= VFU_NR_REGIONS ||
	    !range_inside(offset, count,
			  s->ops->region_size(s->device, region))) {
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	memcpy(out, m->body, 16);
	memset(out + 16, 0, count);
	err = s->ops->region_read(s->device, region, offset, out + 16, count);
	send_reply(s, m, err, out, 16 + count);
}

/* One write: @p is offset, region, count, data; @room bytes of data. */
static int write_region(struct vfu_stream *s, const u8 *p, u32 room)
{
	u64 offset = load64(p);
	u32 region = load32(p + 8), count = load32(p + 12);

	if (count > room || region >= VFU_NR_REGIONS ||
	    !range_inside(offset, count,
			  s->ops->region_size(s->device, region)))
		return -EINVAL;
	return s->ops->region_write(s->device, region, offset, p + 16, count);
}

static void do_region_write(struct vfu_stream *s, struct message *m)
{
	int err = -EINVAL;

	if (m->size >= 16)
		err = write_region(s, m->body, m->size - 16);
	send_reply(s, m, err, m->body, 16);
}

/* Entries of a fixed 24 bytes: offset, region, count, 8 bytes of data. */
static void do_write_multi(struct vfu_stream *s, struct message *m)
{
	int err = 0;
	u64 count;

	if (m->size < 8 || load64(m->body) > (m->size - 8) / 24) {
		send_reply(s, m, -EINVAL, NULL, 0);
		return;
	}
	count = load64(m->body);
	for (u64 i = 0; i < count && !err; i++)
		err = write_region(s, m->body + 8 + 24 * i, 8);
	send_reply(s, m, err, m->body, 8);
}

static void handle(struct vfu_stream *s, struct message *m)
{
	s->nr_messages++;
	switch (m->command) {
	case VFU_VERSION:
		do_version(s, m);
		break;
	case VFU_DMA_MAP:
		do_dma_map(s, m);
		break;
	case VFU_DMA_UNMAP:
		do_dma_unmap(s, m);
		break;
	case VFU_GET_INFO:
		do_get_info(s, m);
		break;
	case VFU_REGION_INFO:
		do_region_info(s, m);
		break;
	case VFU_IRQ_INFO:
		do_irq_info(s, m);
		break;
	case VFU_SET_IRQS:
		do_set_irqs(s, m);
		break;
	case VFU_REGION_READ:
		do_region_read(s, m);
		break;
	case VFU_REGION_WRITE:
		do_region_write(s, m);
		break;
	case VFU_WRITE_MULTI:
		do_write_multi(s, m);
		break;
	case VFU_DEVICE_RESET:
		s->ops->reset(s->device);
		send_reply(s, m, 0, NULL, 0);
		break;
	default:
		log_debug(s->name, "vfio-user command %u refused", m->command);
		send_reply(s, m, -ENOTSUP, NULL, 0);
	}
}

/* Give @m the descriptors that arrived with its bytes, ending at @end. */
static void take_fds(struct vfu_stream *s, struct message *m, u64 end)
{
	unsigned int n = 0;

	while (n < s->nr_fds && s->fds[n].position <= end)
		m->fds[m->nr_fds++] = s->fds[n++].fd;
	s->nr_fds -= n;
	memmove(s->fds, s->fds + n, s->nr_fds * sizeof(*s->fds));
}

static int handle_buffered(struct vfu_stream *s)
{
	size_t at = 0;

	while (s->filled - at >= HEADER) {
		const u8 *p = s->buffer + at;
		u32 size = load32(p + 4);
		struct message m = {
			.id = load16(p),
			.command = load16(p + 2),
			.flags = load32(p + 8),
			.body = p + HEADER,
			.size = size - HEADER,
		};

		if (size < HEADER || size > VFU_MAX_MESSAGE ||
		    (m.flags & FLAG_TYPE) != 0) {
			log_err(s->name, "bad message: command %u, %u bytes",
				m.command, size);
			return -EPROTO;
		}
		if (s->filled - at < size)
			break;
		at += size;
		take_fds(s, &m, s->received - (s->filled - at));
		handle(s, &m);
		for (unsigned int i = 0; i < m.nr_fds; i++)
			if (m.fds[i] >= 0)
				close(m.fds[i]);
	}
	memmove(s->buffer, s->buffer + at, s->filled - at);
	s->filled -= at;
	return 0;
}

size_t vfu_stream_space(struct vfu_stream *stream, u8 **where)
{
	*where = stream->buffer + stream->filled;
	return sizeof(stream->buffer) - stream->filled;
}

int vfu_stream_received(struct vfu_stream *stream, size_t size, const int *fds,
			unsigned int nr_fds)
{
	int err = 0;

	stream->filled += size;
	stream->received += size;
	for (unsigned int i = 0; i < nr_fds; i++) {
		if (stream->nr_fds == VFU_MAX_FDS) {
			close(fds[i]);
			err = -EPROTO;
			continue;
		}
		stream->fds[stream->nr_fds].fd = fds[i];
		stream->fds[stream->nr_fds++].position = stream->received;
	}
	if (err) {
		log_err(stream->name, "too many descriptors");
		return err;
	}
	return handle_buffered(stream);
}

void vfu_stream_reset(struct vfu_stream *stream)
{
	for (unsigned int i = 0; i < stream->nr_fds; i++)
		close(stream->fds[i].fd);
	stream->nr_fds = 0;
	stream->filled = 0;
}
