/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel below a unit under test, on the host: memory from malloc (so that
 * the sanitizers see every error), locks that only check their use, log lines
 * on stderr, counters that count.  Single-threaded: nothing can block.
 */
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <kernel/mutex.h>
#include <kernel/random.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <lib/rand.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <stdlib.h>
#include <time.h>

struct counter_block counter_values;
atomic64_t gauge_values[NR_GAUGES];
enum log_level log_max_level = LOG_INFO;

__weak _Noreturn void assert_failed(const char *expr, const char *file,
				    int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
	abort();
}

__weak _Noreturn void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

void log_vprintf(enum log_level level, const char *fmt, va_list ap)
{
	if (getenv("UNIT_LOG")) {
		vfprintf(stderr, fmt, ap);
		fputc('\n', stderr);
	}
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(level, fmt, ap);
	va_end(ap);
}

bool log_ratelimit_ok(struct log_ratelimit *rl, const char *where)
{
	return rl->nr_printed++ < 5;
}

__weak void spin_lock(struct spinlock *l)
{
	CHECK(!l->held);
	l->held = 1;
}

__weak void spin_unlock(struct spinlock *l)
{
	CHECK(l->held);
	l->held = 0;
}

__weak bool spin_trylock(struct spinlock *l)
{
	if (l->held)
		return false;
	l->held = 1;
	return true;
}

__weak u64 spin_lock_irqsave(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}

__weak void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
}

void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_lock(a);
	if (a != b)
		spin_lock(b);
}

void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
}

__weak bool spin_is_locked(const struct spinlock *l)
{
	return l->held;
}

__weak void waitq_init(struct waitq *q)
{
	spin_lock_init(&q->lock, "waitq", LOCK_WAITQ);
	list_init(&q->waiters);
}

__weak void waitq_wake_one(struct waitq *q) {}
__weak void waitq_wake_all(struct waitq *q) {}

static struct thread *const fake_thread = (struct thread *)0x1000;

__weak void mutex_init(struct mutex *m, const char *name, enum lock_rank rank)
{
	*m = (struct mutex){.name = name, .rank = rank};
	waitq_init(&m->waitq);
}

__weak void mutex_lock(struct mutex *m)
{
	CHECK(!m->owner);
	m->owner = fake_thread;
}

bool mutex_trylock(struct mutex *m)
{
	if (m->owner)
		return false;
	m->owner = fake_thread;
	return true;
}

__weak void mutex_unlock(struct mutex *m)
{
	CHECK(m->owner);
	m->owner = NULL;
}

__weak bool mutex_is_locked(const struct mutex *m)
{
	return m->owner;
}

bool mutex_is_mine(const struct mutex *m)
{
	return m->owner;
}

__weak void rwsem_init(struct rwsem *s, const char *name, enum lock_rank rank)
{
	*s = (struct rwsem){.name = name, .rank = rank};
	waitq_init(&s->waitq);
}

__weak void down_read(struct rwsem *s)
{
	CHECK(!(s->state & RWSEM_WRITER));
	s->state += RWSEM_READER;
}

__weak void up_read(struct rwsem *s)
{
	CHECK(s->state & RWSEM_READERS);
	s->state -= RWSEM_READER;
}

__weak void down_write(struct rwsem *s)
{
	CHECK(!s->state);
	s->state = RWSEM_WRITER;
}

__weak void up_write(struct rwsem *s)
{
	CHECK(s->state == RWSEM_WRITER);
	s->state = 0;
}

__weak bool rwsem_is_locked(const struct rwsem *s)
{
	return s->state;
}

__weak void *kmalloc(size_t size)
{
	return size > KMALLOC_MAX ? NULL : malloc(size ? size : 1);
}

__weak void *kzalloc(size_t size)
{
	return size > KMALLOC_MAX ? NULL : calloc(1, size ? size : 1);
}

__weak void *kcalloc(size_t n, size_t size)
{
	return calloc(n, size);
}

__weak void *krealloc(void *p, size_t size)
{
	return realloc(p, size);
}

__weak void kfree(void *p)
{
	free(p);
}

__weak char *kstrdup(const char *s)
{
	return strdup(s);
}

struct slab_cache {
	size_t size, align;
	u64 in_use;
};

__weak struct slab_cache *slab_create(const char *name, size_t size,
				      size_t align)
{
	struct slab_cache *c = malloc(sizeof(*c));

	align = max(align, 16ul);
	*c = (struct slab_cache){ALIGN_UP(size, align), align, 0};
	return c;
}

__weak void slab_destroy(struct slab_cache *c)
{
	CHECK(!c->in_use);
	free(c);
}

__weak void *slab_alloc(struct slab_cache *c)
{
	c->in_use++;
	return aligned_alloc(c->align, c->size);
}

__weak void *slab_alloc_zero(struct slab_cache *c)
{
	return memset(slab_alloc(c), 0, c->size);
}

__weak void slab_free(struct slab_cache *c, void *object)
{
	CHECK(c->in_use);
	c->in_use--;
	free(object);
}

__weak u64 slab_in_use(const struct slab_cache *c)
{
	return c->in_use;
}

__weak void *page_alloc(unsigned int order)
{
	return aligned_alloc(PAGE_SIZE << order, PAGE_SIZE << order);
}

__weak void *page_alloc_zero(unsigned int order)
{
	return memset(page_alloc(order), 0, PAGE_SIZE << order);
}

__weak void page_free(void *kaddr, unsigned int order)
{
	free(kaddr);
}

__weak u64 time_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

void random_bytes(void *buf, size_t n)
{
	static struct rand r = {42};

	for (u8 *b = buf; n--; b++)
		*b = (u8)rand_u64(&r);
}

__weak void might_sleep(void) {}
