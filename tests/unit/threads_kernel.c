/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel below a driver under test, on the host, with real threads: wait
 * queues and locks over one pthread mutex, memory from a memfd that a device
 * model can map, one PCI device at the other end of a vfio-user socket.
 *
 * Memory is the direct map: physical address = offset in the memfd.
 */
#define _GNU_SOURCE
#include "threads_kernel.h"
#include "vfio_client.h"
#include <arch/x86/io.h>
#include <drivers/pci.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/init.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/mutex.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <mm/dma.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define RAM_BYTES (256u << 20)
#define RAM_UNIT  16u
#define NR_IRQS   8
#define BAR_BASE  0x0000600000000000ul /* nothing is mapped there */
#define BAR_SHIFT 32

u32 nr_cpus_online = 2;
DEFINE_PERCPU(u32, cpu_number); /* 0, as if all ran there in turns */
enum node_role host_role;
enum log_level log_max_level = LOG_INFO;

struct counter_block counter_values;
atomic64_t gauge_values[NR_GAUGES];

u64 counter_read(enum counter_id id)
{
	return counter_values.v[id];
}

/* ---- assertions, log ------------------------------------------ */

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
	abort();
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > LOG_WARN && !getenv("UNIT_LOG"))
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

bool log_ratelimit_ok(struct log_ratelimit *rl, const char *where)
{
	return rl->nr_printed++ < 5;
}

char host_monitor_text[4096];

void mprintf(const char *fmt, ...)
{
	size_t n = strlen(host_monitor_text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(host_monitor_text + n, sizeof(host_monitor_text) - n, fmt,
		  ap);
	va_end(ap);
}

enum node_role node_role(void)
{
	return host_role;
}
const char *node_name(void)
{
	return "host";
}
const char *node_cluster(void)
{
	return "unit";
}
/* A test may bring its own. */
__attribute__((weak)) u64 cmdline_get_u64(const char *name, u64 dflt)
{
	return dflt;
}

/* ---- time, chance --------------------------------------------- */

void might_sleep(void) {}

u64 time_tsc_khz(void)
{
	return 2000000; /* about: only how long to poll hangs on it */
}

u64 time_mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * NSEC_PER_SEC + (u64)t.tv_nsec;
}

u64 time_real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (u64)t.tv_sec * NSEC_PER_SEC + (u64)t.tv_nsec;
}

void sleep_ns(u64 ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
			     .tv_nsec = (long)(ns % NSEC_PER_SEC)};

	nanosleep(&t, NULL);
}

/* No test runs long enough for the timers of the units that it links. */
void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	t->fn = fn;
}
void timer_start(struct timer *t, u64 deadline_ns) {}

u64 random_u64(void)
{
	u64 v;

	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		abort();
	return v;
}

/* ---- threads -------------------------------------------------- */

static pthread_mutex_t wake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken;
static __thread struct thread *self;
static __thread struct waiter *waiting;

struct thread **host_current(void)
{
	if (!self)
		self = calloc(1, sizeof(*self));
	return &self;
}

static void *thread_main(void *arg)
{
	self = arg;
	self->fn(self->arg);
	if (!atomic_read(&self->nr_refs))
		free(self);
	return NULL;
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = calloc(1, sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	return t;
}

void thread_start(struct thread *t)
{
	pthread_t id;

	if (pthread_create(&id, NULL, thread_main, t))
		abort();
	pthread_detach(id);
}

bool thread_should_yield(void)
{
	return false; /* the host preempts */
}

struct thread *thread_spawn(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t = thread_create(name, fn, arg);

	thread_start(t);
	return t;
}

void thread_get(struct thread *t)
{
	atomic_inc(&t->nr_refs);
}

/* ---- waiting -------------------------------------------------- */

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

static void wake(struct waitq *q, bool all)
{
	pthread_mutex_lock(&wake_lock);
	while (!list_empty(&q->waiters)) {
		list_del_init(q->waiters.next);
		if (!all)
			break;
	}
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&wake_lock);
}

void waitq_wake_one(struct waitq *q)
{
	wake(q, false);
}
void waitq_wake_all(struct waitq *q)
{
	wake(q, true);
}

void wait_begin(struct waiter *w)
{
	list_init(&w->link);
	w->thread = *host_current();
}

void wait_prepare(struct waitq *q, struct waiter *w)
{
	pthread_mutex_lock(&wake_lock);
	if (list_empty(&w->link))
		list_add_tail(&w->link, &q->waiters);
	waiting = w;
	pthread_mutex_unlock(&wake_lock);
}

u64 wait_deadline(u64 timeout_ns)
{
	return time_mono_ns() + timeout_ns;
}

int wait_block(u64 deadline_ns, bool intr)
{
	struct timespec t = {.tv_sec = (time_t)(deadline_ns / NSEC_PER_SEC),
			     .tv_nsec = (long)(deadline_ns % NSEC_PER_SEC)};
	int rc = 0;

	pthread_mutex_lock(&wake_lock);
	while (!list_empty(&waiting->link) && rc != ETIMEDOUT) {
		if (deadline_ns == WAIT_FOREVER)
			pthread_cond_wait(&woken, &wake_lock);
		else
			rc = pthread_cond_timedwait(&woken, &wake_lock, &t);
	}
	pthread_mutex_unlock(&wake_lock);
	return rc == ETIMEDOUT ? -ETIMEDOUT : 0;
}

void wait_finish(struct waitq *q, struct waiter *w, int rc)
{
	pthread_mutex_lock(&wake_lock);
	list_del_init(&w->link);
	pthread_mutex_unlock(&wake_lock);
}

void completion_init(struct completion *c)
{
	c->done = 0;
	waitq_init(&c->waitq);
}

void complete(struct completion *c)
{
	pthread_mutex_lock(&wake_lock);
	c->done++;
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&wake_lock);
}

bool completion_is_done(struct completion *c)
{
	bool done;

	pthread_mutex_lock(&wake_lock);
	done = c->done;
	pthread_mutex_unlock(&wake_lock);
	return done;
}

void wait_for_completion(struct completion *c)
{
	pthread_mutex_lock(&wake_lock);
	while (!c->done)
		pthread_cond_wait(&woken, &wake_lock);
	c->done--;
	pthread_mutex_unlock(&wake_lock);
}

void wait_for_completion_of(struct completion *c, const char *who)
{
	wait_for_completion(c);
}

void wait_for_completion_idle(struct completion *c)
{
	wait_for_completion(c);
}

bool wait_for_completion_timeout(struct completion *c, u64 timeout_ns)
{
	u64 end = time_mono_ns() + timeout_ns;
	struct timespec t = {.tv_sec = (time_t)(end / NSEC_PER_SEC),
			     .tv_nsec = (long)(end % NSEC_PER_SEC)};
	bool done;
	int rc = 0;

	pthread_mutex_lock(&wake_lock);
	while (!c->done && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&woken, &wake_lock, &t);
	done = c->done;
	if (done)
		c->done--;
	pthread_mutex_unlock(&wake_lock);
	return done;
}

/* ---- locks ---------------------------------------------------- */

void spin_lock(struct spinlock *l)
{
	while (xchg(&l->held, 1u))
		sched_yield();
}

void spin_unlock(struct spinlock *l)
{
	CHECK(l->held);
	smp_store_release(&l->held, 0u);
}

u64 spin_lock_irqsave(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}

void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
}

bool spin_is_locked(const struct spinlock *l)
{
	return l->held;
}

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank)
{
	memset(m, 0, sizeof(*m));
	m->name = name;
}

void mutex_lock(struct mutex *m)
{
	pthread_mutex_lock(&wake_lock);
	CHECK(m->owner != *host_current());
	while (m->owner)
		pthread_cond_wait(&woken, &wake_lock);
	m->owner = *host_current();
	pthread_mutex_unlock(&wake_lock);
}

void mutex_unlock(struct mutex *m)
{
	pthread_mutex_lock(&wake_lock);
	CHECK(m->owner == *host_current());
	m->owner = NULL;
	pthread_cond_broadcast(&woken);
	pthread_mutex_unlock(&wake_lock);
}

bool mutex_is_mine(const struct mutex *m)
{
	return m->owner == *host_current();
}

/* ---- memory --------------------------------------------------- */

static pthread_mutex_t ram_lock = PTHREAD_MUTEX_INITIALIZER;
static u8 order_of[RAM_BYTES / RAM_UNIT]; /* of the block that begins there */
static u64 ram_next = 1 << 20;
static void *ram_free[32];

static void *ram_alloc(size_t bytes)
{
	u32 order = max(ilog2_up(bytes), ilog2(RAM_UNIT));
	u8 *p;

	pthread_mutex_lock(&ram_lock);
	p = ram_free[order];
	if (p) {
		memcpy(&ram_free[order], p, sizeof(void *));
	} else {
		ram_next = ALIGN_UP(ram_next, 1ul << order);
		p = kaddr_of(ram_next);
		ram_next += 1ul << order;
		if (ram_next > RAM_BYTES)
			abort();
	}
	order_of[paddr_of(p) / RAM_UNIT] = (u8)order;
	pthread_mutex_unlock(&ram_lock);
	memset(p, 0xa5, 1ul << order);
	return p;
}

static void ram_release(void *p)
{
	u32 order;

	if (!p)
		return;
	pthread_mutex_lock(&ram_lock);
	order = order_of[paddr_of(p) / RAM_UNIT];
	CHECK(order); /* else freed twice, or not ours */
	order_of[paddr_of(p) / RAM_UNIT] = 0;
	memset(p, 0x5a, 1ul << order);
	memcpy(p, &ram_free[order], sizeof(void *));
	ram_free[order] = p;
	pthread_mutex_unlock(&ram_lock);
}

static void *zeroed(void *p, size_t bytes)
{
	return memset(p, 0, bytes);
}

void *kmalloc(size_t size)
{
	return ram_alloc(size);
}
void *kzalloc(size_t size)
{
	return zeroed(ram_alloc(size), size);
}
void *kcalloc(size_t n, size_t size)
{
	return kzalloc(n * size);
}
void kfree(void *p)
{
	ram_release(p);
}

void *page_alloc_zero(unsigned int order)
{
	return kzalloc(4096ul << order);
}
void page_free(void *kaddr, unsigned int order)
{
	ram_release(kaddr);
}

void *dma_alloc(size_t size, dma_addr_t *dma)
{
	size_t bytes = max(roundup_pow2(size), 4096ul);
	void *p = kzalloc(bytes);

	*dma = paddr_of(p);
	return p;
}

void dma_free(void *kaddr, size_t size)
{
	ram_release(kaddr);
}

/* ---- the device ----------------------------------------------- */

static struct {
	irq_handler_t fn;
	void *arg;
} irqs[NR_IRQS];
static int nr_irqs = 1; /* 0 is no vector */
static int vector_of[NR_IRQS];
static int event_fds[NR_IRQS];

int irq_alloc(irq_handler_t fn, void *arg, u32 cpu, const char *name)
{
	CHECK(nr_irqs < NR_IRQS);
	irqs[nr_irqs].fn = fn;
	irqs[nr_irqs].arg = arg;
	return nr_irqs++;
}

void irq_free(int vector, u32 cpu) {}

void pci_msix_set(struct pci_device *dev, u32 idx, int vector, u32 cpu)
{
	WRITE_ONCE(vector_of[idx], vector);
}

void pci_msix_mask(struct pci_device *dev, u32 idx) {}

int pci_msix_enable(struct pci_device *dev, u32 n)
{
	return n <= dev->nr_msix ? 0 : -ENOSPC;
}

static void *irq_thread(void *arg)
{
	struct pollfd fds[NR_IRQS];

	for (int i = 0; i < NR_IRQS; i++)
		fds[i] = (struct pollfd){.fd = event_fds[i], .events = POLLIN};
	while (poll(fds, NR_IRQS, -1) > 0) {
		for (int i = 0; i < NR_IRQS; i++) {
			int vector = READ_ONCE(vector_of[i]);
			u64 count;

			if (!(fds[i].revents & POLLIN))
				continue;
			if (read(fds[i].fd, &count, 8) == 8 && vector)
				irqs[vector].fn(irqs[vector].arg);
		}
	}
	return NULL;
}

static u32 region_of(const volatile void *reg, u64 *offset)
{
	u64 at = (u64)reg - BAR_BASE;

	*offset = at & ((1ul << BAR_SHIFT) - 1);
	return (u32)(at >> BAR_SHIFT);
}

u64 host_mmio_read(const volatile void *reg, u32 bytes)
{
	u64 offset;
	u32 region = region_of(reg, &offset);

	return vfio_read(region, offset, bytes);
}

void host_mmio_write(volatile void *reg, u64 v, u32 bytes)
{
	u64 offset;
	u32 region = region_of(reg, &offset);

	vfio_write(region, offset, v, bytes, 1);
}

void *pci_bar_map(struct pci_device *dev, int bar)
{
	return (void *)(BAR_BASE + ((u64)bar << BAR_SHIFT));
}

u16 pci_config_read16(struct pci_device *dev, u16 offset)
{
	return (u16)vfio_read(VFIO_REGION_CONFIG, offset, 2);
}

u32 pci_config_read32(struct pci_device *dev, u16 offset)
{
	return (u32)vfio_read(VFIO_REGION_CONFIG, offset, 4);
}

void pci_config_write16(struct pci_device *dev, u16 offset, u16 v)
{
	vfio_write(VFIO_REGION_CONFIG, offset, v, 2, 0);
}

void pci_config_write32(struct pci_device *dev, u16 offset, u32 v)
{
	vfio_write(VFIO_REGION_CONFIG, offset, v, 4, 0);
}

u16 pci_find_cap(struct pci_device *dev, u8 id, u16 pos)
{
	return 0;
}

void pci_enable(struct pci_device *dev)
{
	pci_config_write16(dev, 4, 0x0406);
}

void pci_disable(struct pci_device *dev)
{
	pci_config_write16(dev, 4, 0);
}

extern const struct monitor_cmd __start_monitor_cmds[] __attribute__((weak));
extern const struct monitor_cmd __stop_monitor_cmds[] __attribute__((weak));

int monitor_run_line(const char *line)
{
	const struct monitor_cmd *c = __start_monitor_cmds;

	for (; c < __stop_monitor_cmds; c++) {
		size_t n = strlen(c->name);
		char *argv[8], *copy;
		int argc = 0;

		if (strncmp(line, c->name, n) || (line[n] && line[n] != ' '))
			continue;
		copy = strdup(line);
		for (char *w = strtok(copy, " "); w && argc < 8;
		     w = strtok(NULL, " "))
			argv[argc++] = w;
		c->fn(argc, argv);
		free(copy);
		return 0;
	}
	return -ENOENT;
}

extern const struct pci_driver __start_pci_drivers[] __attribute__((weak));
extern const struct pci_driver __stop_pci_drivers[] __attribute__((weak));

static int memory_fd = -1;

int host_memory(void)
{
	pthread_condattr_t attr;
	void *ram;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&woken, &attr);
	memory_fd = memfd_create("ram", MFD_CLOEXEC);
	if (memory_fd < 0 || ftruncate(memory_fd, RAM_BYTES))
		return -ENOMEM;
	ram = mmap(kaddr_of(0), RAM_BYTES, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED_NOREPLACE, memory_fd, 0);
	return ram == kaddr_of(0) ? 0 : -ENOMEM;
}

int host_probe(const char *socket_path)
{
	static struct pci_device dev = {
		.vendor = 0x15b3,
		.device = 0x1003,
		.nr_msix = NR_IRQS,
		.name = "vfio-user",
		.bars = {[0] = {.size = 1 << 20}, [2] = {.size = 8 << 20}},
	};
	pthread_t id;
	int err = host_memory();

	if (err)
		return err;
	vfio_connect(socket_path);
	vfio_map(memory_fd, 0, RAM_BYTES);
	for (int i = 0; i < NR_IRQS; i++)
		event_fds[i] = eventfd(0, EFD_CLOEXEC);
	vfio_set_vectors(event_fds, NR_IRQS);
	pthread_create(&id, NULL, irq_thread, NULL);
	CHECK(__stop_pci_drivers - __start_pci_drivers == 1);
	return __start_pci_drivers[0].probe(&dev);
}
