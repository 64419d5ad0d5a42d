/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log.  A line is formatted on the caller's stack, put into the ring under
 * the ring's lock, and copied to ttyS1 by whoever gets the console lock: a CPU
 * that finds it taken leaves its line to the holder, who looks again before
 * leaving.  So no CPU waits for the port while another one writes.
 */
#include <kernel/log.h>

#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <drivers/serial.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/spinlock.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#include "log_internal.h"

#define RING_BYTES (256u << 10) /* power of two */
#define LINE_MAX   320

/* How long text waits for a port that is busy, and between two tries. */
#define STUCK_TRIES  20000
#define PAUSE_CYCLES 300000u

enum log_level log_max_level = LOG_INFO;

static char ring[RING_BYTES];
static u64 ring_head;   /* bytes ever written [ring_lock; read: acquire] */
static u64 console_pos; /* [console_lock] */
static DEFINE_SPINLOCK(ring_lock, LOCK_LOG);
static DEFINE_SPINLOCK(console_lock, LOCK_CONSOLE);
static bool console_is_stuck; /* [console_lock] */
static bool in_panic;

static void ring_append(const char *text, size_t n)
{
	u64 flags = in_panic ? 0 : spin_lock_irqsave(&ring_lock);
	size_t at = ring_head % RING_BYTES;
	size_t first = min(n, RING_BYTES - at);

	memcpy(ring + at, text, first);
	memcpy(ring, text + first, n - first);
	smp_store_release(&ring_head, ring_head + n);
	if (!in_panic)
		spin_unlock_irqrestore(&ring_lock, flags);
}

size_t log_read(u64 *pos, char *buf, size_t size)
{
	u64 head = smp_load_acquire(&ring_head);
	size_t n;

	if (head - *pos > RING_BYTES) /* overwritten: the oldest there is */
		*pos = head - RING_BYTES;
	n = min(size, (size_t)(head - *pos));
	for (size_t i = 0; i < n; i++)
		buf[i] = ring[(*pos + i) % RING_BYTES];
	*pos += n;
	return n;
}

size_t log_size(void)
{
	return RING_BYTES;
}

static void console_pause(void)
{
	u64 start = rdtsc();

	while (rdtsc() - start < PAUSE_CYCLES)
		cpu_relax();
}

/*
 * Text is lost only while the port takes nothing for seconds; from the first
 * loss on nobody waits, until it takes something again.
 * Context: console_lock held, or in a panic.
 */
static void console_send(const char *text, size_t n)
{
	u32 nr_tries = 0;

	for (;;) {
		size_t sent = serial_console_write(text, n);

		text += sent;
		n -= sent;
		if (sent) {
			nr_tries = 0;
			console_is_stuck = false;
		}
		if (!n || console_is_stuck)
			return;
		console_is_stuck = ++nr_tries == STUCK_TRIES;
		console_pause();
	}
}

static void console_drain(void)
{
	char buf[128];
	size_t n;

	while ((n = log_read(&console_pos, buf, sizeof(buf))))
		console_send(buf, n);
}

static void console_flush(void)
{
	u64 flags;

	if (in_panic) {
		console_drain();
		return;
	}
	do {
		flags = irq_save();
		if (!spin_trylock(&console_lock)) {
			irq_restore(flags);
			return;
		}
		console_drain();
		spin_unlock(&console_lock);
		irq_restore(flags);
		/* A line that came after the last look. */
	} while (READ_ONCE(console_pos) != smp_load_acquire(&ring_head));
}

void console_write(const char *text, size_t n)
{
	u64 flags;

	console_flush();
	flags = spin_lock_irqsave(&console_lock);
	console_send(text, n);
	spin_unlock_irqrestore(&console_lock, flags);
	console_flush();
}

void log_vprintf(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const names[] = {"err  ", "warn ", "info ", "debug"};
	u64 us = time_mono_ns() / NSEC_PER_USEC;
	char line[LINE_MAX];
	size_t n;

	if (level > log_max_level)
		return;
	n = (size_t)scnprintf(line, sizeof(line), "[%5lu.%06lu] %s ",
			      us / 1000000, us % 1000000, names[level]);
	n += (size_t)vscnprintf(line + n, sizeof(line) - 1 - n, fmt, ap);
	line[n++] = '\n';
	ring_append(line, n);
	console_flush();
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(level, fmt, ap);
	va_end(ap);
}

/* Sloppy under races on purpose: the worst is a line more or less. */
bool log_ratelimit_ok(struct log_ratelimit *rl, const char *where)
{
	const u32 burst = 5;
	u64 now = time_mono_ns();

	if (!rl->window_start_ns ||
	    now - rl->window_start_ns > 5 * NSEC_PER_SEC) {
		u32 suppressed = rl->nr_suppressed;

		rl->window_start_ns = now | 1;
		rl->nr_printed = 0;
		rl->nr_suppressed = 0;
		if (suppressed)
			log_printf(LOG_WARN, "%s: %u lines left out", where,
				   suppressed);
	}
	if (rl->nr_printed >= burst) {
		rl->nr_suppressed++;
		counter_inc(nr_log_suppressed);
		return false;
	}
	rl->nr_printed++;
	return true;
}

void log_enter_panic(void)
{
	in_panic = true;
}

static int set_debug(const char *value)
{
	log_max_level = LOG_DEBUG;
	return 0;
}
BOOT_OPTION(debug, "log debug messages too", set_debug);
