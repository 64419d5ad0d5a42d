/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_EQ_H
#define FABRIC_EQ_H

/*
 * Event queues.
 *
 * An EQ is disarmed, armed, or always armed.  An event written to an armed
 * queue raises its interrupt and disarms it; the driver arms it again by the
 * doorbell with its consumer index, which raises at once if that is behind.
 */
#include "memory.h"

enum {
	EQE_BYTES = 32,
	NR_EVENT_TYPES = 64,
};

enum event_type {
	EVENT_COMPLETION = 0x00,
	EVENT_COMM_EST = 0x02,
	EVENT_SQ_DRAINED = 0x03,
	EVENT_CQ_ERROR = 0x04,
	EVENT_WQ_CATASTROPHIC = 0x05,
	EVENT_PORT_CHANGE = 0x09,
	EVENT_COMMAND = 0x0a,
	EVENT_WQ_INVALID_REQUEST = 0x10,
	EVENT_WQ_ACCESS = 0x11,
	EVENT_SRQ_CATASTROPHIC = 0x12,
	EVENT_SRQ_LAST_WQE = 0x13,
	EVENT_SRQ_LIMIT = 0x14,
	EVENT_PORT_MANAGEMENT = 0x1d,
};

enum { PORT_CHANGE_DOWN = 1, PORT_CHANGE_ACTIVE = 4 };

struct eq {
	struct queue_buffer buffer;
	u32 producer, consumer; /* 24 bits */
	u16 vector;
	u8 log_entries;
	bool is_valid, is_armed, is_always_armed, is_overrun;
};

/* One event: @data are bytes 4 to 30 of the queue entry. */
struct event {
	u8 type, subtype;
	u8 data[27];
};

/**
 * eq_create - SW2HW_EQ: take @context (64 bytes) as number @eqn.
 *
 * Return: a command status.
 */
u8 eq_create(struct card *card, u32 eqn, const u8 *context);
void eq_destroy(struct card *card, u32 eqn);

/* A doorbell: consumer index in [23:0], bit 31 arms. */
void eq_doorbell(struct card *card, u32 eqn, u32 value);

/* Write @event to queue @eqn and raise its interrupt if armed. */
void eq_post(struct card *card, u32 eqn, const struct event *event);

/* As eq_post(), to the queue that MAP_EQ chose for this type, if any. */
void event_post(struct card *card, const struct event *event);

/* The frequent form: an event about queue pair, queue or SRQ @number. */
void event_post_number(struct card *card, enum event_type type, u32 number);

#endif /* FABRIC_EQ_H */
