/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_LINE_H
#define PROCESSOR_FS_LINE_H

/*
 * The serial line under the terminal.  Plain, it carries the terminal alone.
 * Framed (when the user's standard streams are no terminal) it carries three
 * channels each way, so that every byte arrives as it was written:
 *
 *	0xff 0x00	what follows belongs to the terminal
 *	0xff 0x01	... to stdin (to us) or stdout (from us)
 *	0xff 0x02	... to stderr (from us)
 *	0xff 0x04	end of file on stdin (to us)
 *	0xff 0xff	one byte 0xff
 *
 * We begin with 0xff 0x00: before that a byte sent to us could be lost.
 *
 * The other end is scripts/bricklib/terminal.py.
 */
#include <lib/types.h>

enum line_channel { LINE_TTY = 0, LINE_STREAM = 1, LINE_STDERR = 2 };

/* What the other end sent; called in interrupt context. */
struct line_receiver {
	void (*tty_byte)(u8 byte, bool break_seen);
	void (*stream_byte)(u8 byte);
	void (*stream_eof)(void);
	void (*writable)(void);
};

void line_init(const struct line_receiver *receiver);
/** line_set_framed - from now on with channels, or without.  Nothing is
 * received before the first call. */
void line_set_framed(bool is_framed);

/**
 * line_put - queue as much of @text as there is room for.
 *
 * Context: any.  Return: the bytes taken.
 */
u32 line_put(enum line_channel channel, const char *text, u32 len);
/**
 * line_send - queue all of @text.
 *
 * Return: 0; -EINTR with part of it queued; -EAGAIN if it cannot all go at
 * once and !@may_wait: then nothing is queued.
 */
int __must_check line_send(enum line_channel channel, const char *text, u32 len,
			   bool may_wait);
bool line_has_room(void);

#endif /* PROCESSOR_FS_LINE_H */
