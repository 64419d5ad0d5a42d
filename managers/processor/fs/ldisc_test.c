/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/ldisc.h>

#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <managers/processor/proc/signal.h>

static struct ldisc ld;
static char echoed[8192];
static u32 nr_echoed;

static void remember_echo(struct ldisc *l, const char *text, u32 len)
{
	len = min(len, (u32)sizeof(echoed) - nr_echoed);
	memcpy(echoed + nr_echoed, text, len);
	nr_echoed += len;
}

static void start(void)
{
	ldisc_init(&ld, remember_echo);
	nr_echoed = 0;
}

static u32 type(const char *text)
{
	u32 sig = 0;

	for (; *text; text++)
		sig |= ldisc_receive(&ld, *text);
	return sig;
}

/* Does one read of up to @size bytes give exactly @want? */
static bool reads(u32 size, const char *want)
{
	char buf[256];
	u32 n = ldisc_read(&ld, buf, min(size, (u32)sizeof(buf)));

	return n == strlen(want) && !memcmp(buf, want, n);
}

static bool has_echoed(const char *want)
{
	bool is = nr_echoed == strlen(want) && !memcmp(echoed, want, nr_echoed);

	nr_echoed = 0;
	return is;
}

static void set_raw(u8 vmin)
{
	struct uapi_termios t = ld.termios;

	t.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	t.c_iflag &= ~(ICRNL | IXON);
	t.c_cc[VMIN] = vmin;
	ldisc_set_termios(&ld, &t);
}

KTEST(a_line_can_be_read_only_when_it_is_complete)
{
	start();
	type("abc");
	EXPECT_EQ(ldisc_readable(&ld), 0);
	type("\r");
	EXPECT_EQ(ldisc_readable(&ld), 4);
	EXPECT_TRUE(has_echoed("abc\r\n"));
	EXPECT_TRUE(reads(100, "abc\n"));
	EXPECT_EQ(ldisc_readable(&ld), 0);
}

KTEST(a_read_takes_one_line_and_may_take_it_in_pieces)
{
	start();
	type("one\ntwo\n");
	EXPECT_TRUE(reads(2, "on"));
	EXPECT_TRUE(reads(100, "e\n"));
	EXPECT_TRUE(reads(100, "two\n"));
}

KTEST(backspace_ctrl_w_and_ctrl_u_edit_the_line)
{
	start();
	type("ab\177c");
	EXPECT_TRUE(has_echoed("ab\b \bc"));
	type("\177\177\177\177x\n");
	EXPECT_TRUE(reads(100, "x\n"));
	type("first second  \027third\n");
	EXPECT_TRUE(reads(100, "first third\n"));
	type("gone\025kept\n");
	EXPECT_TRUE(reads(100, "kept\n"));
}

KTEST(backspace_erases_a_whole_utf8_character)
{
	start();
	type("a\303\251\177b\n");
	EXPECT_TRUE(reads(100, "ab\n"));
}

KTEST(ctrl_d_ends_the_input_or_flushes_the_line)
{
	start();
	type("\004");
	EXPECT_EQ(ldisc_readable(&ld), 1);
	EXPECT_TRUE(ldisc_has_eof(&ld));
	EXPECT_TRUE(reads(100, ""));
	EXPECT_EQ(ldisc_readable(&ld), 0);
	type("abc\004");
	EXPECT_TRUE(reads(3, "abc"));
	EXPECT_EQ(ldisc_readable(&ld), 0); /* no end of file after that */
}

KTEST(ctrl_c_backslash_and_z_send_signals_and_drop_the_line)
{
	start();
	EXPECT_EQ(type("abc\003"), SIGINT);
	EXPECT_TRUE(has_echoed("abc^C"));
	EXPECT_EQ(type("\n"), 0);
	EXPECT_TRUE(reads(100, "\n"));
	EXPECT_EQ(type("\034"), SIGQUIT);
	EXPECT_EQ(type("\032"), SIGTSTP);
	EXPECT_EQ(type("\026\003\n"), 0); /* ^V makes it data */
	EXPECT_TRUE(reads(100, "\003\n"));
}

KTEST(raw_mode_passes_every_byte)
{
	char buf[256];

	start();
	set_raw(1);
	for (u32 c = 0; c < 256; c++)
		EXPECT_EQ(ldisc_receive(&ld, c), 0);
	EXPECT_EQ(ldisc_readable(&ld), 256);
	EXPECT_EQ(ldisc_read(&ld, buf, 256), 256);
	for (u32 c = 0; c < 256; c++)
		EXPECT_EQ((u8)buf[c], c);
	EXPECT_EQ(nr_echoed, 0);
}

KTEST(output_gets_carriage_returns_and_stops_at_the_buffer)
{
	char out[8];
	u32 taken;

	start();
	EXPECT_EQ(ldisc_output(&ld, "a\nb", 3, out, sizeof(out), &taken), 4);
	EXPECT_EQ(taken, 3);
	EXPECT_TRUE(!memcmp(out, "a\r\nb", 4));
	EXPECT_TRUE(ldisc_output(&ld, "\n\n\n\n\n", 5, out, 8, &taken) <= 8);
	EXPECT_EQ(taken, 4);
}

KTEST(a_full_buffer_still_takes_the_end_of_the_line)
{
	char buf[256];
	u32 total = 0, n = 0;

	start();
	for (u32 i = 0; i < 2 * LDISC_CELLS; i++)
		ldisc_receive(&ld, 'x');
	nr_echoed = 0;
	type("\n");
	EXPECT_EQ(ldisc_readable(&ld), LDISC_CELLS);
	while (ldisc_readable(&ld)) {
		n = ldisc_read(&ld, buf, sizeof(buf));
		total += n;
	}
	EXPECT_EQ(total, LDISC_CELLS);
	EXPECT_EQ(buf[n - 1], '\n');
}

/* Random lines, random reads: what comes out is what went in. */
KTEST(lines_survive_random_typing_and_reading)
{
	static char in[65536], out[65536];
	u32 nr_in = 0, nr_out = 0, line = 0;
	struct rand r;

	start();
	rand_seed(&r, 20240607);
	while (nr_in < sizeof(in) - 1) {
		if (rand_below(&r, 3) && ld.nr_cells < LDISC_CELLS - 2) {
			char c = 'a' + rand_below(&r, 26);

			if (rand_below(&r, 10) == 0)
				c = '\n';
			in[nr_in++] = c;
			ldisc_receive(&ld, c);
			nr_echoed = 0;
			line = c == '\n' ? nr_in : line;
		} else if (ldisc_readable(&ld)) {
			nr_out += ldisc_read(&ld, out + nr_out,
					     1 + rand_below(&r, 40));
		}
	}
	while (ldisc_readable(&ld))
		nr_out += ldisc_read(&ld, out + nr_out, 64);
	EXPECT_EQ(nr_out, line);
	EXPECT_TRUE(!memcmp(in, out, line));
}
