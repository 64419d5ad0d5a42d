/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rmpp.h"
#include <lib/minmax.h>
#include <lib/string.h>

void rmpp_rx_init(struct rmpp_rx *rx, void *out, u32 max)
{
	*rx = (struct rmpp_rx){
		.out = out, .max = max, .next = 1, .window_end = 1};
}

static void make_ack(struct rmpp_rx *rx, const struct mad *mad, struct mad *ack)
{
	memset(ack, 0, sizeof(*ack));
	memcpy(ack, mad, RMPP_SA_DATA);
	HW_SET(ack, HW_GET(mad, MAD_METHOD) & ~(u32)MAD_RESPONSE, MAD_METHOD);
	HW_SET(ack, 0, MAD_STATUS);
	HW_SET(ack, RMPP_TYPE_ACK, RMPP_TYPE);
	HW_SET(ack, 0, RMPP_FIRST);
	HW_SET(ack, 0, RMPP_LAST);
	HW_SET(ack, 1, RMPP_ACTIVE);
	HW_SET(ack, 0, RMPP_STATUS);
	rx->window_end = rx->next - 1 + RMPP_WINDOW;
	HW_SET(ack, rx->next - 1, RMPP_SEGMENT);
	HW_SET(ack, rx->window_end, RMPP_LENGTH);
}

static void take_data(struct rmpp_rx *rx, const struct mad *mad, u32 bytes)
{
	u32 n = min(bytes, rx->max - rx->bytes);

	if (n)
		memcpy(rx->out + rx->bytes, mad->raw + RMPP_SA_DATA, n);
	rx->bytes += n;
	if (n < bytes)
		rx->overflow = true;
}

enum rmpp_result rmpp_rx_segment(struct rmpp_rx *rx, const struct mad *mad,
				 struct mad *ack, bool *has_ack)
{
	u32 segment = HW_GET(mad, RMPP_SEGMENT), bytes = RMPP_SA_BYTES;
	bool last = HW_GET(mad, RMPP_LAST);

	*has_ack = false;
	if (HW_GET(mad, RMPP_TYPE) != RMPP_TYPE_DATA || !segment)
		return RMPP_BROKEN; /* the sender stops or aborts */
	if (segment != rx->next) {
		/* Repeated, or one was lost: say again what we have. */
		make_ack(rx, mad, ack);
		*has_ack = rx->next > 1;
		return RMPP_MORE;
	}
	if (segment == 1 && !HW_GET(mad, RMPP_FIRST))
		return RMPP_BROKEN;
	if (last) {
		u32 length = HW_GET(mad, RMPP_LENGTH);

		if (length < RMPP_SA_HEADER ||
		    length > RMPP_SA_HEADER + RMPP_SA_BYTES)
			return RMPP_BROKEN;
		bytes = length - RMPP_SA_HEADER;
	}
	take_data(rx, mad, bytes);
	rx->next++;
	if (last || segment >= rx->window_end) {
		make_ack(rx, mad, ack);
		*has_ack = true;
	}
	return last ? RMPP_DONE : RMPP_MORE;
}
