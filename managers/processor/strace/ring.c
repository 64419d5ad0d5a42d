/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One producer and one consumer a ring, no lock: the producer is the thread
 * that runs on the ring's CPU (kernel code is not preempted, interrupts put
 * nothing in), the consumer is the one thread here.
 *
 * Every line has a stamp.  Lines that were put before a look at the clock are
 * in their rings when the consumer looks at them after it, or about to be: it
 * takes the oldest first, so lines of different CPUs come out in order but for
 * those that are being written in that moment.
 */
#include "ring.h"

#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/vmap.h>

#define RING_BYTES   (512u << 10) /* power of two */
#define END_BYTES    (64u << 10)  /* of it, for TRACE_END */
#define LINE_BYTES   704u
#define PERIOD_NS    (10 * NSEC_PER_MSEC)
#define CPU_SHARE_NS (2 * NSEC_PER_MSEC) /* then others may run */

struct line_head {
	u64 stamp_ns;
	u32 bytes;   /* of the text behind this */
	u32 nr_lost; /* lines of this ring so far */
};

struct ring {
	char *buf;
	u64 head;       /* bytes ever put in [this CPU's thread] */
	u64 tail;       /* bytes ever taken out [the emptying thread] */
	u32 nr_lost;    /* lines [this CPU's thread] */
	u32 nr_mourned; /* thereof reported [the emptying thread] */
};

static struct ring *rings; /* one for each CPU [set once] */
static DEFINE_WAITQ(ring_waitq);
static void (*periodic)(void); /* [set before is_periodic] */
static bool is_periodic;       /* [atomic] */
static u64 nr_flushes_wanted;  /* [atomic] */
static u64 nr_flushes_done;    /* [the emptying thread; read: acquire] */

/* ---- putting in -------------------------------------------------------- */

static void copy_in(struct ring *ring, u64 at, const void *src, size_t n)
{
	size_t offset = at % RING_BYTES, first = min(n, RING_BYTES - offset);

	memcpy(ring->buf + offset, src, first);
	memcpy(ring->buf, (const char *)src + first, n - first);
}

static void put_line(struct ring *ring, u32 room_bytes, const char *line,
		     size_t len)
{
	struct line_head head = {.stamp_ns = time_mono_ns(),
				 .bytes = (u32)len,
				 .nr_lost = ring->nr_lost};
	u64 tail = smp_load_acquire(&ring->tail);

	if (ring->head + sizeof(head) + len - tail > room_bytes) {
		WRITE_ONCE(ring->nr_lost, ring->nr_lost + 1);
		counter_inc(nr_strace_lost);
		return;
	}
	copy_in(ring, ring->head, &head, sizeof(head));
	copy_in(ring, ring->head + sizeof(head), line, len);
	smp_store_release(&ring->head, ring->head + sizeof(head) + len);
	counter_inc(nr_strace_lines);
}

/* The head of a line is that of the log (kernel/log.c). */
static size_t format_head(char *line, size_t size, u64 time_ns)
{
	u64 us = time_ns / NSEC_PER_USEC;

	return (size_t)scnprintf(line, size, "[%5lu.%06lu] call  ",
				 us / 1000000, us % 1000000);
}

void trace_ring_put(enum trace_kind kind, u64 time_ns, u32 tid,
		    const char *text, size_t len)
{
	char line[LINE_BYTES];
	size_t n;

	if (!rings)
		return;
	n = format_head(line, sizeof(line), time_ns);
	n += (size_t)scnprintf(line + n, sizeof(line) - n, "%5u %.*s", tid,
			       (int)len, text);
	n = min(n, sizeof(line) - 1);
	line[n++] = '\n';
	put_line(&rings[cpu_id()],
		 kind == TRACE_END ? RING_BYTES : RING_BYTES - END_BYTES, line,
		 n);
}

/* ---- taking out -------------------------------------------------------- */

static void copy_out(struct ring *ring, u64 at, void *dst, size_t n)
{
	size_t offset = at % RING_BYTES, first = min(n, RING_BYTES - offset);

	memcpy(dst, ring->buf + offset, first);
	memcpy((char *)dst + first, ring->buf, n - first);
}

/* The ring whose first line is the oldest, if that is no younger than
 * @until_ns; NULL: none. */
static struct ring *oldest_ring(u64 until_ns)
{
	struct ring *oldest = NULL;
	struct line_head head;

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		struct ring *ring = &rings[cpu];

		if (smp_load_acquire(&ring->head) == ring->tail)
			continue;
		copy_out(ring, ring->tail, &head, sizeof(head));
		if (head.stamp_ns <= until_ns) {
			until_ns = head.stamp_ns;
			oldest = ring;
		}
	}
	return oldest;
}

/* The ring has lost @nr_lost lines up to here. */
static void say_lost(struct ring *ring, u32 nr_lost)
{
	char line[96];
	size_t n;

	if (nr_lost == ring->nr_mourned)
		return;
	n = format_head(line, sizeof(line), time_mono_ns());
	n += (size_t)scnprintf(line + n, sizeof(line) - n,
			       "%u lines left out: too many for the port\n",
			       nr_lost - ring->nr_mourned);
	ring->nr_mourned = nr_lost;
	console_write(line, n);
}

static void print_first_line(struct ring *ring)
{
	struct line_head head;
	char line[LINE_BYTES];

	copy_out(ring, ring->tail, &head, sizeof(head));
	CHECK(head.bytes <= sizeof(line));
	copy_out(ring, ring->tail + sizeof(head), line, head.bytes);
	smp_store_release(&ring->tail, ring->tail + sizeof(head) + head.bytes);
	say_lost(ring, head.nr_lost);
	console_write(line, head.bytes);
}

static void drain(void)
{
	u64 nr_flushes = smp_load_acquire(&nr_flushes_wanted);
	u64 until_ns = time_mono_ns(), began_ns = until_ns;
	struct ring *ring;

	while ((ring = oldest_ring(until_ns))) {
		print_first_line(ring);
		if (time_mono_ns() - began_ns > CPU_SHARE_NS) {
			thread_yield();
			began_ns = time_mono_ns();
		}
	}
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		if (smp_load_acquire(&rings[cpu].head) == rings[cpu].tail)
			say_lost(&rings[cpu], READ_ONCE(rings[cpu].nr_lost));
	smp_store_release(&nr_flushes_done, nr_flushes);
	waitq_wake_all(&ring_waitq);
}

static bool is_flush_wanted(void)
{
	return READ_ONCE(nr_flushes_wanted) != READ_ONCE(nr_flushes_done);
}

static void drain_main(void *arg)
{
	for (;;) {
		wait_event_idle(&ring_waitq,
				READ_ONCE(is_periodic) || is_flush_wanted());
		drain();
		if (READ_ONCE(is_periodic))
			periodic();
		(void)wait_event_timeout(&ring_waitq, is_flush_wanted(),
					 PERIOD_NS);
	}
}

void trace_ring_flush(void)
{
	u64 mine;

	if (!rings)
		return;
	mine = __atomic_add_fetch(&nr_flushes_wanted, 1, __ATOMIC_SEQ_CST);
	waitq_wake_all(&ring_waitq);
	wait_event(&ring_waitq, smp_load_acquire(&nr_flushes_done) >= mine);
}

/* ---- start ------------------------------------------------------------- */

static void free_rings(struct ring *made)
{
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		vfree(made[cpu].buf);
	kfree(made);
}

int trace_ring_start(void)
{
	struct ring *made;

	if (rings)
		return 0;
	made = kzalloc(nr_cpus_online * sizeof(*made));
	if (!made)
		return -ENOMEM;
	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++) {
		made[cpu].buf = vmalloc(RING_BYTES);
		if (!made[cpu].buf)
			goto free;
	}
	if (!thread_spawn("strace", drain_main, NULL))
		goto free;
	smp_store_release(&rings, made);
	return 0;

free:
	free_rings(made);
	return -ENOMEM;
}

void trace_ring_set_periodic(void (*fn)(void), bool is_wanted)
{
	periodic = fn;
	smp_store_release(&is_periodic, is_wanted);
	waitq_wake_all(&ring_waitq);
}
