/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_VFIO_USER_H
#define FABRIC_VFIO_USER_H

/*
 * The device's side of the vfio-user protocol (QEMU, docs/interop/
 * vfio-user.rst), independent of what the device is.
 *
 * struct vfu_stream turns bytes and descriptors into calls of struct vfu_ops
 * and replies; it knows no socket, so that tests and the fuzzer feed it
 * directly.  struct vfu_server puts it on a unix socket: one client at a
 * time; when that goes away everything it left is cleaned up and the next
 * one is accepted.
 *
 * Posted writes are not answered.  Everything else is answered in order, and
 * before any packet is worked on: a guest's CPU waits for the answer.
 *
 * Descriptors belong to the message that holds the last byte of what one
 * receive returned.
 */
#include "loop.h"

#include <sys/types.h>

enum {
	VFU_MAX_FDS = 16,        /* in one message: what we announce */
	VFU_MAX_DATA = 64 << 10, /* likewise, bytes of a region access */
	VFU_MAX_MESSAGE = VFU_MAX_DATA + 64,
	VFU_NR_REGIONS = 9,
	VFU_REGION_CONFIG = 7,
	VFU_IRQ_INTX = 0,
	VFU_IRQ_MSIX = 2,
	VFU_NR_IRQS = 5,
};

/* SET_IRQS flags, as in <linux/vfio.h> */
enum {
	VFU_IRQ_DATA_NONE = 1 << 0,
	VFU_IRQ_DATA_BOOL = 1 << 1,
	VFU_IRQ_DATA_EVENTFD = 1 << 2,
	VFU_IRQ_MASK = 1 << 3,
	VFU_IRQ_UNMASK = 1 << 4,
	VFU_IRQ_TRIGGER = 1 << 5,
};

struct vfu_irq_set {
	u32 index, start, count, flags;
	const u8 *data; /* DATA_BOOL: @count bytes */
	int *fds;       /* DATA_EVENTFD: taken ones are set to -1 */
	unsigned int nr_fds;
};

/* All return 0 or -errno, which the client gets. */
struct vfu_ops {
	int (*dma_map)(void *device, u64 iova, u64 size, bool is_writable,
		       int fd, u64 fd_offset);
	int (*dma_unmap)(void *device, u64 iova, u64 size, bool all);
	int (*region_read)(void *device, u32 region, u64 offset, u8 *data,
			   u32 count);
	int (*region_write)(void *device, u32 region, u64 offset,
			    const u8 *data, u32 count);
	int (*set_irqs)(void *device, struct vfu_irq_set *set);
	void (*reset)(void *device);
	void (*attached)(void *device);
	void (*detached)(void *device);
	u64 (*region_size)(void *device, u32 region); /* 0: none */
	u32 (*nr_vectors)(void *device, u32 irq_index);
};

struct vfu_stream {
	const struct vfu_ops *ops;
	void *device;
	const char *name; /* in the log */
	/* Send @size bytes; takes all or ends the connection. */
	void (*send)(struct vfu_stream *stream, const void *message,
		     size_t size);

	u8 buffer[VFU_MAX_MESSAGE];
	size_t filled;
	u64 received; /* bytes ever: a position in the stream */
	struct {
		int fd;
		u64 position; /* received when it came */
	} fds[VFU_MAX_FDS];
	unsigned int nr_fds;
	u64 nr_messages;
};

/**
 * vfu_stream_space - where the next bytes are to be stored.
 *
 * Return: how many fit, at least 1.
 */
size_t vfu_stream_space(struct vfu_stream *stream, u8 **where);

/**
 * vfu_stream_received - handle @size bytes that were stored there.
 * @fds: descriptors that came with them; become the stream's.
 *
 * Return: 0, or -EPROTO if the peer does not speak the protocol (the caller
 *         ends the connection).
 */
int vfu_stream_received(struct vfu_stream *stream, size_t size, const int *fds,
			unsigned int nr_fds);

/* Forget a half-received message and close its descriptors. */
void vfu_stream_reset(struct vfu_stream *stream);

struct vfu_server {
	struct vfu_stream stream;
	struct source listener, connection; /* connection.fd: -1 if none */
	char path[108];
	u8 *backlog; /* replies that the socket did not take yet */
	size_t backlog_bytes;
	bool is_failed; /* end the connection when back in the loop */
	bool is_paused; /* read nothing */
	pid_t client;   /* 0: none, or not known */
};

/**
 * vfu_server_open - listen on unix socket @path for a client of @device.
 *
 * Return: 0, or -errno.
 */
int vfu_server_open(struct vfu_server *server, const char *path,
		    const struct vfu_ops *ops, void *device, const char *name);

/* End the connection, if any; the next client is accepted. */
void vfu_server_disconnect(struct vfu_server *server);

/* Leave the client's messages unread, or go on. */
void vfu_server_pause(struct vfu_server *server, bool is_paused);

void vfu_server_close(struct vfu_server *server);

#endif /* FABRIC_VFIO_USER_H */
