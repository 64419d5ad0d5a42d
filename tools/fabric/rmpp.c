/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rmpp.h"
#include "fabric.h"
#include "log.h"
#include "mad.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	VERSION = 24,
	TYPE = 25,
	FLAGS = 26,
	STATUS = 27,
	SEGMENT = 28,
	PAYLOAD = 32, /* or the end of the new window */
	TYPE_DATA = 1,
	TYPE_ACK = 2,
	FLAG_ACTIVE = 1,
	FLAG_FIRST = 2,
	FLAG_LAST = 4,
	CLASS_HEADER_BYTES = 20, /* SA's, counted in the payload length */
	RETRY_NS = 1000000000,
	MAX_TRIES = 8,
};

static void end(struct rmpp_transfer *t)
{
	timer_cancel(&t->timer);
	free(t->head);
	free(t->data);
	t->head = NULL;
	t->data = NULL;
	t->is_used = false;
}

static void send_segment(struct rmpp_transfer *t, u32 number)
{
	struct packet *p = t->head;
	u8 *mad = p->data;
	u32 from = (number - 1) * RMPP_SEGMENT_BYTES;
	u32 n = (u32)min_u64(t->bytes - from, RMPP_SEGMENT_BYTES);
	u32 payload = 0;

	mad[VERSION] = 1;
	mad[TYPE] = TYPE_DATA;
	mad[FLAGS] = FLAG_ACTIVE;
	mad[STATUS] = 0;
	if (number == 1) {
		mad[FLAGS] |= FLAG_FIRST;
		payload = t->bytes + t->nr_segments * CLASS_HEADER_BYTES;
	}
	if (number == t->nr_segments) {
		mad[FLAGS] |= FLAG_LAST;
		payload = n + CLASS_HEADER_BYTES;
	}
	put32(mad + SEGMENT, number);
	put32(mad + PAYLOAD, payload);
	memset(mad + RMPP_DATA, 0, RMPP_SEGMENT_BYTES);
	memcpy(mad + RMPP_DATA, t->data + from, n);
	switch_send(t->rmpp->sw, 0, p);
}

static void send_window(struct rmpp_transfer *t, u32 from)
{
	timer_arm(&t->timer, RETRY_NS);
	for (u32 i = from; i <= t->window_end && i <= t->nr_segments; i++)
		send_segment(t, i);
}

static void timer_fired(struct timer *timer)
{
	struct rmpp_transfer *t = owner_of(timer, struct rmpp_transfer, timer);

	if (++t->nr_tries > MAX_TRIES) {
		log_debug("sa", "LID %u acknowledges no segments",
			  t->head->dlid);
		end(t);
		return;
	}
	send_window(t, t->acked + 1);
}

void rmpp_init(struct rmpp *rmpp, struct ib_switch *sw)
{
	rmpp->sw = sw;
	for (int i = 0; i < RMPP_MAX_TRANSFERS; i++) {
		rmpp->transfers[i].rmpp = rmpp;
		rmpp->transfers[i].timer.fire = timer_fired;
	}
}

void rmpp_close(struct rmpp *rmpp)
{
	for (int i = 0; i < RMPP_MAX_TRANSFERS; i++)
		if (rmpp->transfers[i].is_used)
			end(&rmpp->transfers[i]);
}

static struct rmpp_transfer *find(struct rmpp *rmpp, u16 dlid, u64 tid)
{
	for (int i = 0; i < RMPP_MAX_TRANSFERS; i++) {
		struct rmpp_transfer *t = &rmpp->transfers[i];

		if (t->is_used && t->head->dlid == dlid &&
		    get64(t->head->data + MAD_TID) == tid)
			return t;
	}
	return NULL;
}

static struct rmpp_transfer *find_free(struct rmpp *rmpp)
{
	for (int i = 0; i < RMPP_MAX_TRANSFERS; i++)
		if (!rmpp->transfers[i].is_used)
			return &rmpp->transfers[i];
	return NULL;
}

int rmpp_send(struct rmpp *rmpp, const struct packet *head, const u8 *data,
	      u32 bytes)
{
	struct rmpp_transfer *t;

	if (bytes > RMPP_MAX_BYTES)
		return -EMSGSIZE;
	/* the same question again: its client gave the first up */
	t = find(rmpp, head->dlid, get64(head->data + MAD_TID));
	if (t)
		end(t);
	t = find_free(rmpp);
	if (!t)
		return -ENOBUFS;
	t->head = malloc(sizeof(*t->head));
	t->data = malloc(bytes ? bytes : 1);
	if (!t->head || !t->data) {
		end(t);
		return -ENOBUFS;
	}
	*t->head = *head;
	memcpy(t->data, data, bytes);
	t->is_used = true;
	t->bytes = bytes;
	t->nr_segments =
		bytes ? (bytes + RMPP_SEGMENT_BYTES - 1) / RMPP_SEGMENT_BYTES
		      : 1;
	t->acked = 0;
	t->window_end = 1;
	t->nr_tries = 0;
	send_window(t, 1);
	return 0;
}

void rmpp_receive(struct rmpp *rmpp, const struct packet *packet)
{
	const u8 *mad = packet->data;
	struct rmpp_transfer *t =
		find(rmpp, packet->slid, get64(mad + MAD_TID));
	u32 acked = get32(mad + SEGMENT), last_sent;

	if (!t)
		return;
	if (mad[TYPE] != TYPE_ACK || acked >= t->nr_segments) {
		end(t); /* finished, or the receiver gave up */
		return;
	}
	if (acked < t->acked || acked > t->window_end)
		return;
	last_sent = t->window_end;
	t->acked = acked;
	t->nr_tries = 0;
	if (get32(mad + PAYLOAD) > t->window_end)
		t->window_end =
			(u32)min_u64(get32(mad + PAYLOAD), t->nr_segments);
	send_window(t, last_sent + 1);
}
