/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's view of the kernel itself. */
#include <kernel/init.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>

#define ROWS_MAX 512

struct row {
	char name[THREAD_NAME_MAX];
	u32 id, cpu, state;
	u64 ms;
};

struct rows {
	u32 n;
	struct row row[ROWS_MAX];
};

/* Printing is slow and may sleep; so copy first, with the list locked. */
static void add_row(void *arg, struct thread *t)
{
	struct rows *rows = arg;
	struct row *r = &rows->row[rows->n];

	if (rows->n == ROWS_MAX)
		return;
	rows->n++;
	memcpy(r->name, t->name, sizeof(r->name));
	r->id = t->id;
	r->cpu = t->cpu;
	r->state = t->state;
	r->ms = thread_cpu_ns(t) / NSEC_PER_MSEC;
}

static void cmd_threads(int argc, char **argv)
{
	static const char states[] = "NRSD";
	struct rows *rows = kzalloc(sizeof(*rows));

	if (!rows) {
		mprintf("no memory\n");
		return;
	}
	threads_for_each(add_row, rows);
	mprintf("  ID CPU S    CPU-MS NAME\n");
	for (u32 i = 0; i < rows->n; i++) {
		const struct row *r = &rows->row[i];

		mprintf("%4u %3u %c %9lu %s\n", r->id, r->cpu, states[r->state],
			r->ms, r->name);
	}
	kfree(rows);
}
MONITOR_CMD(threads, "kernel and user threads", cmd_threads);

static void cmd_log(int argc, char **argv)
{
	u64 pos = 0;
	char buf[256];
	size_t n;

	while ((n = log_read(&pos, buf, sizeof(buf))))
		console_write(buf, n);
}
MONITOR_CMD(log, "the kernel log again", cmd_log);

static void print_cache(void *arg, const char *name, size_t size, u64 in_use,
			u64 nr_pages)
{
	if (nr_pages || in_use)
		mprintf("%-16s %6zu bytes %8lu in use %6lu pages\n", name, size,
			in_use, nr_pages);
}

static void cmd_mem(int argc, char **argv)
{
	struct page_stats s;

	page_stats(&s);
	mprintf("total %lu MiB, free %lu MiB, pools %lu MiB\nfree blocks:",
		s.total_bytes >> 20, s.free_bytes >> 20, s.pool_bytes >> 20);
	for (int i = 0; i <= PAGE_ORDER_MAX; i++)
		mprintf(" %lu", s.nr_free_blocks[i]);
	mprintf(" (orders 0 to %d)\n", PAGE_ORDER_MAX);
	slab_for_each(print_cache, NULL);
}
MONITOR_CMD(mem, "memory of this node", cmd_mem);

static void print_irq(void *arg, u32 cpu, int vector, const char *name,
		      u64 count)
{
	mprintf("cpu %u vector %d %-24s %lu\n", cpu, vector, name, count);
}

static void cmd_irqs(int argc, char **argv)
{
	irq_for_each(print_irq, NULL);
}
MONITOR_CMD(irqs, "device interrupts", cmd_irqs);

static void cmd_cpus(int argc, char **argv)
{
	u64 up = time_mono_ns();

	for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
		mprintf("cpu %u: idle %lu of %lu ms\n", cpu,
			sched_idle_ns(cpu) / NSEC_PER_MSEC, up / NSEC_PER_MSEC);
}
MONITOR_CMD(cpus, "processors and how idle they were", cmd_cpus);

static void cmd_reboot(int argc, char **argv)
{
	machine_reboot();
}
MONITOR_CMD(reboot, "restart this node at once", cmd_reboot);

static void cmd_poweroff(int argc, char **argv)
{
	machine_poweroff();
}
MONITOR_CMD(poweroff, "switch this node off at once", cmd_poweroff);

/* Use up the stack; the volatile keeps it from becoming a loop. */
static u64 overflow_stack(volatile u64 depth)
{
	return depth ? overflow_stack(depth + 1) + depth : 0;
}

static void cmd_panic(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!strcmp(how, "null"))
		WRITE_ONCE(*(int *)strlen(argv[0] + 5), 1); /* 0 */
	else if (!strcmp(how, "stack"))
		mprintf("%lu\n", overflow_stack(1));
	else if (!strcmp(how, "code"))
		*(volatile u8 *)cmd_panic = 0;
	panic("asked for");
}
MONITOR_CMD(panic, "[null|stack|code]: stop this node as a bug would",
	    cmd_panic);
