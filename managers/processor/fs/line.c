/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/line.h>

#include <drivers/serial.h>
#include <kernel/spinlock.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/minmax.h>

#define LINE_ESC        0xffu
#define LINE_STREAM_EOF 4u
#define LINE_CHUNK      256u
/* The most that @n bytes become: all doubled, and a channel switch. */
#define LINE_FRAMED_MAX(n) (2u * (n) + 2u)

static struct line {
	struct spinlock lock;
	bool is_framed;                /* [lock] */
	u8 out_channel;                /* the other end's idea of it [lock] */
	u8 in_channel;                 /* [receive interrupt] */
	bool is_in_escape;             /* [receive interrupt] */
	struct line_receiver receiver; /* [set once] */
} line;

static void line_deliver(u8 byte)
{
	if (line.in_channel == LINE_TTY)
		line.receiver.tty_byte(byte, false);
	else if (line.in_channel == LINE_STREAM)
		line.receiver.stream_byte(byte);
	/* A channel we do not know: dropped. */
}

static void line_receive(u8 byte, bool break_seen)
{
	if (break_seen || !line.is_framed) {
		line.receiver.tty_byte(byte, break_seen);
		return;
	}
	if (!line.is_in_escape) {
		if (byte == LINE_ESC)
			line.is_in_escape = true;
		else
			line_deliver(byte);
		return;
	}
	line.is_in_escape = false;
	if (byte == LINE_ESC)
		line_deliver(byte);
	else if (byte == LINE_STREAM_EOF)
		line.receiver.stream_eof();
	else
		line.in_channel = byte;
}

void line_init(const struct line_receiver *receiver)
{
	spin_lock_init(&line.lock, "serial line", LOCK_MISC);
	line.receiver = *receiver;
	/* Nothing is taken before line_set_framed() says how to read it. */
	serial_tty_set_throttled(true);
	serial_tty_set_receiver(line_receive);
	serial_tty_set_writable(receiver->writable);
}

void line_set_framed(bool is_framed)
{
	static const char ready[] = {(char)LINE_ESC, LINE_TTY};
	u64 flags = spin_lock_irqsave(&line.lock);

	line.out_channel = LINE_TTY;
	line.in_channel = LINE_TTY;
	line.is_in_escape = false;
	smp_store_release(&line.is_framed, is_framed);
	/* The other end sends nothing until it has seen a frame. */
	if (is_framed)
		serial_tty_write(ready, sizeof(ready));
	spin_unlock_irqrestore(&line.lock, flags);
	serial_tty_set_throttled(false);
}

/* Frame @text into @out; its length.  Lock held. */
static u32 line_frame(enum line_channel channel, const char *text, u32 len,
		      char *out)
{
	u32 n = 0;

	if (line.out_channel != channel) {
		out[n++] = (char)LINE_ESC;
		out[n++] = channel;
		line.out_channel = channel;
	}
	for (u32 i = 0; i < len; i++) {
		if ((u8)text[i] == LINE_ESC)
			out[n++] = (char)LINE_ESC;
		out[n++] = text[i];
	}
	return n;
}

/* One piece that fits for sure; bytes of @text taken.  Lock held. */
static u32 line_put_framed(enum line_channel channel, const char *text, u32 len)
{
	char out[LINE_FRAMED_MAX(LINE_CHUNK)];
	u32 room = serial_tty_room(), n;

	if (room < LINE_FRAMED_MAX(1))
		return 0;
	len = min(len, min((room - 2) / 2, LINE_CHUNK));
	n = line_frame(channel, text, len, out);
	serial_tty_write(out, n);
	return len;
}

u32 line_put(enum line_channel channel, const char *text, u32 len)
{
	u64 flags = spin_lock_irqsave(&line.lock);
	u32 done = 0, n = 1;

	if (!line.is_framed)
		done = serial_tty_write(text, len);
	while (line.is_framed && done < len && n) {
		n = line_put_framed(channel, text + done, len - done);
		done += n;
	}
	spin_unlock_irqrestore(&line.lock, flags);
	return done;
}

int line_send(enum line_channel channel, const char *text, u32 len,
	      bool may_wait)
{
	if (!may_wait && serial_tty_room() < LINE_FRAMED_MAX(len))
		return -EAGAIN;
	while (len) {
		u32 n = line_put(channel, text, len);
		int err = 0;

		text += n;
		len -= n;
		if (len)
			err = serial_tty_wait_room();
		if (err)
			return err;
	}
	return 0;
}

bool line_has_room(void)
{
	return serial_tty_room() >= LINE_FRAMED_MAX(1);
}
