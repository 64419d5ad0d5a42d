/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: lines from ttyS1, split into words, looked up in the section
 * of commands.  Received bytes pass from the interrupt handler to the
 * monitor's thread through a small ring.
 */
#define pr_fmt(fmt) "monitor: " fmt
#include <kernel/monitor.h>

#include <drivers/serial.h>
#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

#define LINE_MAX  256
#define ARGS_MAX  16
#define RING_SIZE 256 /* power of two */
#define PROMPT    "brick> "

extern const struct monitor_cmd __start_monitor_cmds[], __stop_monitor_cmds[];

static u8 ring[RING_SIZE];
static u32 ring_in;  /* [written by the interrupt handler alone] */
static u32 ring_out; /* [written by the monitor thread alone] */
static DEFINE_WAITQ(ring_waitq);

static void receive(u8 byte, bool break_seen)
{
	u32 in = ring_in;

	if (break_seen || in - READ_ONCE(ring_out) == RING_SIZE)
		return;
	ring[in % RING_SIZE] = byte;
	smp_store_release(&ring_in, in + 1);
	waitq_wake_one(&ring_waitq);
}

static u8 next_byte(void)
{
	u8 byte;

	wait_event_idle(&ring_waitq, smp_load_acquire(&ring_in) != ring_out);
	byte = ring[ring_out % RING_SIZE];
	smp_store_release(&ring_out, ring_out + 1);
	return byte;
}

void mprintf(const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vscnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	console_write(buf, (size_t)n);
}

static int split(char *line, char **argv)
{
	int argc = 0;

	while (*line && argc < ARGS_MAX - 1) {
		while (*line == ' ')
			*line++ = 0;
		if (!*line)
			break;
		argv[argc++] = line;
		while (*line && *line != ' ')
			line++;
	}
	argv[argc] = NULL;
	return argc;
}

int monitor_run_line(const char *text)
{
	const struct monitor_cmd *cmd;
	char line[LINE_MAX];
	char *argv[ARGS_MAX];
	int argc;

	(void)strscpy(line, text, sizeof(line));
	argc = split(line, argv);
	if (!argc)
		return 0;
	for (cmd = __start_monitor_cmds; cmd < __stop_monitor_cmds; cmd++) {
		if (!strcmp(cmd->name, argv[0])) {
			cmd->fn(argc, argv);
			return 0;
		}
	}
	return -ENOENT;
}

static void read_line(char *line)
{
	size_t n = 0;

	for (;;) {
		char c = (char)next_byte();

		if (c == '\r' || c == '\n') {
			console_write("\n", 1);
			line[n] = 0;
			return;
		}
		if ((c == 0x7f || c == '\b') && n) {
			n--;
			console_write("\b \b", 3);
		} else if (c == 0x15) { /* ^U */
			for (; n; n--)
				console_write("\b \b", 3);
		} else if (c >= ' ' && c < 0x7f && n < LINE_MAX - 1) {
			line[n++] = c;
			console_write(&c, 1);
		}
	}
}

static void monitor_main(void *arg)
{
	static char line[LINE_MAX];

	for (;;) {
		console_write(PROMPT, sizeof(PROMPT) - 1);
		read_line(line);
		if (monitor_run_line(line) == -ENOENT)
			mprintf("no command \"%s\"; try help\n", line);
	}
}

static void cmd_help(int argc, char **argv)
{
	const struct monitor_cmd *cmd;

	for (cmd = __start_monitor_cmds; cmd < __stop_monitor_cmds; cmd++)
		mprintf("%-12s %s\n", cmd->name, cmd->help);
}
MONITOR_CMD(help, "list the commands", cmd_help);

void monitor_start(void)
{
	serial_console_set_receiver(receive);
	CHECK(thread_spawn("monitor", monitor_main, NULL));
}
