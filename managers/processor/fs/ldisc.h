/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_LDISC_H
#define PROCESSOR_FS_LDISC_H

/*
 * The terminal's line discipline: what termios(3) describes, as a pure state
 * machine.  It knows neither the UART nor processes; the caller serializes
 * all calls on one ldisc.
 *
 * Input is kept as 16-bit cells: a byte, or the mark LDISC_EOF for a ^D that
 * ended a line.  In canonical mode only the first nr_ready_cells, whole
 * lines, can be read; the rest is the line being edited.
 */
#include <lib/types.h>
#include <uapi/termios.h>

#define LDISC_CELLS 4096u
#define LDISC_EOF   0x100u

struct ldisc {
	struct uapi_termios termios;
	u16 cells[LDISC_CELLS];
	u32 start; /* of the oldest cell */
	u32 nr_cells;
	u32 nr_ready_cells; /* canonical mode: up to the last line's end */
	bool is_literal;    /* ^V was typed: the next byte is data */
	bool is_stopped;    /* ^S */
	/* Where echo goes. */
	void (*echo)(struct ldisc *ld, const char *text, u32 len);
};

/** ldisc_init - a terminal as getty leaves it: canonical, echo, signals. */
void ldisc_init(struct ldisc *ld,
		void (*echo)(struct ldisc *, const char *, u32));

/**
 * ldisc_receive - a byte was typed.
 *
 * Return: the signal (SIGINT, SIGQUIT, SIGTSTP) that the foreground group
 * shall get, or 0.
 */
u32 ldisc_receive(struct ldisc *ld, u8 byte);

/** ldisc_readable - bytes (an end-of-file mark counts 1) a read could take. */
u32 ldisc_readable(const struct ldisc *ld);
/** ldisc_has_eof - is the next thing to read an end of file? */
bool ldisc_has_eof(const struct ldisc *ld);

/**
 * ldisc_read - take up to @size bytes; in canonical mode at most one line.
 *
 * Return: the bytes taken; 0: nothing there, or an end of file (it is then
 * consumed): ask ldisc_readable() first.
 */
u32 ldisc_read(struct ldisc *ld, char *buf, u32 size);

/**
 * ldisc_output - process program output for the line (ONLCR, ...).
 *
 * Return: bytes put to @out; *@taken of @in are done.
 */
u32 ldisc_output(struct ldisc *ld, const char *in, u32 len, char *out,
		 u32 out_size, u32 *taken);

/** ldisc_set_termios - as TCSETS; typed input stays readable. */
void ldisc_set_termios(struct ldisc *ld, const struct uapi_termios *termios);
/** ldisc_flush_input - forget what was typed. */
void ldisc_flush_input(struct ldisc *ld);

#endif /* PROCESSOR_FS_LDISC_H */
