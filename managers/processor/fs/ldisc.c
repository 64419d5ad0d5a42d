/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/ldisc.h>

#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/signal.h>

#define CTRL(c) ((c)&0x1f)
#define B115200 0010002u
#define DEL     0x7f

void ldisc_init(struct ldisc *ld,
		void (*echo)(struct ldisc *, const char *, u32))
{
	*ld = (struct ldisc){.echo = echo};
	ld->termios = (struct uapi_termios){
		.c_iflag = ICRNL | IXON | IUTF8,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = B115200 | CS8 | CREAD | HUPCL,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL |
			   ECHOKE | IEXTEN,
		.c_cc = {[VINTR] = CTRL('C'),
			 [VQUIT] = CTRL('\\'),
			 [VERASE] = DEL,
			 [VKILL] = CTRL('U'),
			 [VEOF] = CTRL('D'),
			 [VMIN] = 1,
			 [VSTART] = CTRL('Q'),
			 [VSTOP] = CTRL('S'),
			 [VSUSP] = CTRL('Z'),
			 [VREPRINT] = CTRL('R'),
			 [VDISCARD] = CTRL('O'),
			 [VWERASE] = CTRL('W'),
			 [VLNEXT] = CTRL('V')},
	};
}

static bool is_set(const struct ldisc *ld, u32 lflag)
{
	return ld->termios.c_lflag & lflag;
}

/* Is @byte the control character @which? 0 means "none". */
static bool is_cc(const struct ldisc *ld, u32 which, u8 byte)
{
	return byte && ld->termios.c_cc[which] == byte;
}

static u16 *ldisc_cell(struct ldisc *ld, u32 i)
{
	return &ld->cells[(ld->start + i) % LDISC_CELLS];
}

static bool ldisc_push(struct ldisc *ld, u16 cell)
{
	if (ld->nr_cells == LDISC_CELLS)
		return false;
	*ldisc_cell(ld, ld->nr_cells++) = cell;
	return true;
}

/* ---- echo
 * -------------------------------------------------------------------------- */

static void echo_text(struct ldisc *ld, const char *text, u32 len)
{
	ld->echo(ld, text, len);
}

static bool is_shown_as_ctrl(const struct ldisc *ld, u8 byte)
{
	return is_set(ld, ECHOCTL) && (byte < ' ' || byte == DEL) &&
	       byte != '\t' && byte != '\n';
}

static void echo_byte(struct ldisc *ld, u8 byte)
{
	char text[2];

	if (!is_set(ld, ECHO) && !(byte == '\n' && is_set(ld, ECHONL)))
		return;
	if (is_shown_as_ctrl(ld, byte)) {
		text[0] = '^';
		text[1] = byte ^ 0x40;
		echo_text(ld, text, 2);
	} else if (byte == '\n' && ld->termios.c_oflag & OPOST &&
		   ld->termios.c_oflag & ONLCR) {
		echo_text(ld, "\r\n", 2);
	} else {
		text[0] = byte;
		echo_text(ld, text, 1);
	}
}

static void echo_erase(struct ldisc *ld, u32 columns)
{
	if (!is_set(ld, ECHO) || !is_set(ld, ECHOE))
		return;
	while (columns--)
		echo_text(ld, "\b \b", 3);
}

/* ---- editing a line
 * -------------------------------------------------------------------- */

static bool is_utf8_tail(u16 cell)
{
	return (cell & 0xc0) == 0x80;
}

/* Erase the last character of the line being edited; false: none. */
static bool ldisc_erase(struct ldisc *ld)
{
	u16 cell;

	if (ld->nr_cells == ld->nr_ready_cells)
		return false;
	do {
		cell = *ldisc_cell(ld, --ld->nr_cells);
	} while (ld->termios.c_iflag & IUTF8 && is_utf8_tail(cell) &&
		 ld->nr_cells > ld->nr_ready_cells);
	echo_erase(ld, is_shown_as_ctrl(ld, cell) ? 2 : 1);
	return true;
}

static void ldisc_kill_line(struct ldisc *ld)
{
	while (ldisc_erase(ld))
		;
}

static bool is_word_space(u16 cell)
{
	return cell == ' ' || cell == '\t';
}

static void ldisc_erase_word(struct ldisc *ld)
{
	while (ld->nr_cells > ld->nr_ready_cells &&
	       is_word_space(*ldisc_cell(ld, ld->nr_cells - 1)))
		ldisc_erase(ld);
	while (ld->nr_cells > ld->nr_ready_cells &&
	       !is_word_space(*ldisc_cell(ld, ld->nr_cells - 1)))
		ldisc_erase(ld);
}

static void ldisc_reprint(struct ldisc *ld)
{
	echo_byte(ld, CTRL('R'));
	echo_byte(ld, '\n');
	for (u32 i = ld->nr_ready_cells; i < ld->nr_cells; i++)
		echo_byte(ld, *ldisc_cell(ld, i));
}

/* ---- input
 * ----------------------------------------------------------------------------------
 */

static u32 ldisc_signal_of(struct ldisc *ld, u8 byte)
{
	if (!is_set(ld, ISIG))
		return 0;
	if (is_cc(ld, VINTR, byte))
		return SIGINT;
	if (is_cc(ld, VQUIT, byte))
		return SIGQUIT;
	if (is_cc(ld, VSUSP, byte))
		return SIGTSTP;
	return 0;
}

/* The characters that edit; true if @byte was one. */
static bool ldisc_edit(struct ldisc *ld, u8 byte)
{
	bool is_ext = is_set(ld, IEXTEN);

	if (is_cc(ld, VERASE, byte) || (byte == '\b' && is_ext))
		ldisc_erase(ld);
	else if (is_cc(ld, VKILL, byte))
		ldisc_kill_line(ld);
	else if (is_ext && is_cc(ld, VWERASE, byte))
		ldisc_erase_word(ld);
	else if (is_ext && is_cc(ld, VREPRINT, byte))
		ldisc_reprint(ld);
	else
		return false;
	return true;
}

static void ldisc_canonical(struct ldisc *ld, u8 byte)
{
	bool is_end =
		byte == '\n' || is_cc(ld, VEOL, byte) || is_cc(ld, VEOL2, byte);

	if (is_cc(ld, VEOF, byte)) {
		if (ldisc_push(ld, LDISC_EOF))
			ld->nr_ready_cells = ld->nr_cells;
		return;
	}
	/* One cell is kept for the end of the line. */
	if (!is_end && ld->nr_cells >= LDISC_CELLS - 1)
		return;
	if (!ldisc_push(ld, byte))
		return;
	echo_byte(ld, byte);
	if (is_end)
		ld->nr_ready_cells = ld->nr_cells;
}

/* c_iflag's translations; false: the byte is dropped. */
static bool ldisc_translate(struct ldisc *ld, u8 *byte)
{
	u32 iflag = ld->termios.c_iflag;

	if (iflag & ISTRIP)
		*byte &= 0x7f;
	if (*byte == '\r') {
		if (iflag & IGNCR)
			return false;
		if (iflag & ICRNL)
			*byte = '\n';
	} else if (*byte == '\n' && iflag & INLCR) {
		*byte = '\r';
	}
	return true;
}

/* ^S and ^Q; true if @byte was one. */
static bool ldisc_flow(struct ldisc *ld, u8 byte)
{
	if (!(ld->termios.c_iflag & IXON))
		return false;
	if (is_cc(ld, VSTOP, byte)) {
		ld->is_stopped = true;
		return true;
	}
	if (is_cc(ld, VSTART, byte)) {
		ld->is_stopped = false;
		return true;
	}
	return false;
}

u32 ldisc_receive(struct ldisc *ld, u8 byte)
{
	u32 sig;

	if (ld->is_literal) {
		ld->is_literal = false;
		if (ldisc_push(ld, byte))
			echo_byte(ld, byte);
		return 0;
	}
	if (!ldisc_translate(ld, &byte) || ldisc_flow(ld, byte))
		return 0;
	sig = ldisc_signal_of(ld, byte);
	if (sig) {
		if (!is_set(ld, NOFLSH))
			ldisc_flush_input(ld);
		ld->is_stopped = false;
		echo_byte(ld, byte);
		return sig;
	}
	if (!is_set(ld, ICANON)) {
		if (ldisc_push(ld, byte))
			echo_byte(ld, byte);
		return 0;
	}
	if (is_set(ld, IEXTEN) && is_cc(ld, VLNEXT, byte)) {
		ld->is_literal = true;
		return 0;
	}
	if (!ldisc_edit(ld, byte))
		ldisc_canonical(ld, byte);
	return 0;
}

/* ---- reading
 * ----------------------------------------------------------------------------------
 */

u32 ldisc_readable(const struct ldisc *ld)
{
	return is_set(ld, ICANON) ? ld->nr_ready_cells : ld->nr_cells;
}

bool ldisc_has_eof(const struct ldisc *ld)
{
	return ldisc_readable(ld) && ld->cells[ld->start] == LDISC_EOF;
}

static u16 ldisc_pop(struct ldisc *ld)
{
	u16 cell = ld->cells[ld->start];

	ld->start = (ld->start + 1) % LDISC_CELLS;
	ld->nr_cells--;
	if (ld->nr_ready_cells)
		ld->nr_ready_cells--;
	return cell;
}

u32 ldisc_read(struct ldisc *ld, char *buf, u32 size)
{
	bool is_canonical = is_set(ld, ICANON);
	u32 n = 0;

	while (n < size && ldisc_readable(ld)) {
		u16 cell = ldisc_pop(ld);

		if (cell == LDISC_EOF) {
			if (is_canonical)
				return n;
			continue;
		}
		buf[n++] = cell;
		if (is_canonical && (cell == '\n' || is_cc(ld, VEOL, cell) ||
				     is_cc(ld, VEOL2, cell)))
			return n;
	}
	/* "abc^D" read by a read(3): the mark goes with the line's end. */
	if (n && is_canonical && n == size && ldisc_has_eof(ld))
		ldisc_pop(ld);
	return n;
}

/* ---- output
 * ------------------------------------------------------------------------------------
 */

u32 ldisc_output(struct ldisc *ld, const char *in, u32 len, char *out,
		 u32 out_size, u32 *taken)
{
	u32 oflag = ld->termios.c_oflag, n = 0, i;

	for (i = 0; i < len && n + 2 <= out_size; i++) {
		char c = in[i];

		if (oflag & OPOST && c == '\n' && oflag & ONLCR)
			out[n++] = '\r';
		else if (oflag & OPOST && c == '\r' && oflag & OCRNL)
			c = '\n';
		out[n++] = c;
	}
	*taken = i;
	return n;
}

void ldisc_set_termios(struct ldisc *ld, const struct uapi_termios *termios)
{
	bool was_canonical = is_set(ld, ICANON);

	ld->termios = *termios;
	/* What was typed before can be read at once in the new mode. */
	if (was_canonical != is_set(ld, ICANON))
		ld->nr_ready_cells = is_set(ld, ICANON) ? ld->nr_cells : 0;
	if (!(termios->c_iflag & IXON))
		ld->is_stopped = false;
}

void ldisc_flush_input(struct ldisc *ld)
{
	ld->start = 0;
	ld->nr_cells = 0;
	ld->nr_ready_cells = 0;
	ld->is_literal = false;
}
