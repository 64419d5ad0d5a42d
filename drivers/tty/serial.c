/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two 8250-compatible serial ports (National Semiconductor PC16550D data
 * sheet).  ttyS0 sends from a ring by interrupts; ttyS1, the console, sends
 * polled, so that the log works everywhere.
 */
#define pr_fmt(fmt) "serial: " fmt
#include <drivers/serial.h>

#include <arch/x86/barrier.h>
#include <arch/x86/cpu.h>
#include <arch/x86/io.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <kernel/wait.h>
#include <lib/atomic.h>

#define REG_DATA    0
#define REG_IER     1
#define REG_FCR     2 /* write */
#define REG_IIR     2 /* read */
#define REG_LCR     3
#define REG_MCR     4
#define REG_LSR     5
#define REG_MSR     6
#define REG_SCRATCH 7

#define IER_RECEIVED     0x01
#define IER_SENT         0x02
#define IER_LINE         0x04
#define FCR_ENABLE       0x07 /* on, both cleared, trigger at 1 byte */
#define LCR_8N1          0x03
#define LCR_DLAB         0x80
#define MCR_DTR_RTS_OUT2 0x0b
#define LSR_DATA         0x01
#define LSR_BREAK        0x10
#define LSR_SENT         0x20
#define IIR_NONE         0x01
#define FIFO_BYTES       16

#define RING_BYTES 16384u /* power of two */
#define POLL_MAX   100 /* looks at a port before its user does other things */

struct port {
	u16 base;
	u8 irq;
	bool is_present;
	void (*receiver)(u8 byte, bool break_seen);
	struct spinlock lock;
	u8 ier;                /* [lock] */
	bool is_throttled;     /* do not receive [lock; reads: hints] */
	u32 ring_in, ring_out; /* free-running [lock; reads: hints] */
	struct waitq room_waitq;
	void (*writable)(void);
	bool want_room; /* the ring was full [lock] */
	char ring[RING_BYTES];
};

static struct port tty = {.base = 0x3f8,
			  .irq = 4,
			  .lock = SPINLOCK_INIT("ttyS0", LOCK_TTY),
			  .room_waitq = WAITQ_INIT(tty.room_waitq)};
static struct port console = {.base = 0x2f8,
			      .irq = 3,
			      .lock = SPINLOCK_INIT("ttyS1", LOCK_TTY),
			      .room_waitq = WAITQ_INIT(console.room_waitq)};

static u8 reg_read(const struct port *p, u16 reg)
{
	return inb((u16)(p->base + reg));
}

static void reg_write(const struct port *p, u16 reg, u8 v)
{
	outb(v, (u16)(p->base + reg));
}

static void port_init(struct port *p)
{
	reg_write(p, REG_SCRATCH, 0x5a);
	p->is_present = reg_read(p, REG_SCRATCH) == 0x5a;
	if (!p->is_present)
		return;
	reg_write(p, REG_IER, 0);
	reg_write(p, REG_LCR, LCR_DLAB); /* 115200: divisor 1 */
	reg_write(p, REG_DATA, 1);
	reg_write(p, REG_IER, 0);
	reg_write(p, REG_LCR, LCR_8N1);
	reg_write(p, REG_FCR, FCR_ENABLE);
	reg_write(p, REG_MCR, MCR_DTR_RTS_OUT2);
}

void serial_init_early(void)
{
	port_init(&tty);
	port_init(&console);
}

static bool send_polled(struct port *p, char c)
{
	for (int i = 0; !(reg_read(p, REG_LSR) & LSR_SENT); i++) {
		if (i == POLL_MAX)
			return false;
		cpu_relax();
	}
	reg_write(p, REG_DATA, (u8)c);
	return true;
}

size_t serial_console_write(const char *buf, size_t len)
{
	/* There was room for "\r", but not for the "\n" behind it, which the
	 * caller tries again. [the console's lock] */
	static bool has_returned;

	if (!console.is_present)
		return len; /* nobody listens */
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '\n' && !has_returned) {
			has_returned = send_polled(&console, '\r');
			if (!has_returned)
				return i;
		}
		if (!send_polled(&console, buf[i]))
			return i;
		has_returned = false;
	}
	return len;
}

/* Fill the transmitter from the ring. Context: p->lock held. */
static void fill_fifo(struct port *p)
{
	if (reg_read(p, REG_LSR) & LSR_SENT)
		for (int i = 0; i < FIFO_BYTES && p->ring_out != p->ring_in;
		     i++)
			reg_write(p, REG_DATA,
				  (u8)p->ring[p->ring_out++ % RING_BYTES]);
}

/* The interrupt "transmitter empty" is on while there is something to send. */
static void update_ier(struct port *p)
{
	u8 ier = p->is_throttled ? IER_LINE : IER_RECEIVED | IER_LINE;

	if (p->ring_in != p->ring_out)
		ier |= IER_SENT;
	if (ier != p->ier)
		reg_write(p, REG_IER, ier);
	p->ier = ier;
}

static void receive_all(struct port *p)
{
	u8 lsr;

	while (!READ_ONCE(p->is_throttled) &&
	       (lsr = reg_read(p, REG_LSR)) != 0xff &&
	       lsr & (LSR_DATA | LSR_BREAK)) {
		u8 byte = reg_read(p, REG_DATA);

		if (p->receiver)
			p->receiver(byte, lsr & LSR_BREAK);
	}
}

static bool half_empty(const struct port *p)
{
	return p->ring_in - p->ring_out <= RING_BYTES / 2;
}

static void port_interrupt(void *arg)
{
	struct port *p = arg;
	bool has_room;

	while (!(reg_read(p, REG_IIR) & IIR_NONE)) {
		receive_all(p);
		spin_lock(&p->lock);
		fill_fifo(p);
		update_ier(p);
		has_room = p->want_room && half_empty(p);
		if (has_room)
			p->want_room = false;
		spin_unlock(&p->lock);
		if (has_room || p->ring_in == p->ring_out)
			waitq_wake_all(&p->room_waitq);
		if (has_room && p->writable)
			p->writable();
	}
}

static void port_start(struct port *p, const char *name)
{
	u64 flags;
	int rc;

	if (!p->is_present) {
		pr_warn("%s is not there", name);
		return;
	}
	rc = irq_request_gsi(irq_isa_to_gsi(p->irq), port_interrupt, p, name);
	if (rc) {
		pr_warn("%s: no interrupt (%d)", name, rc);
		return;
	}
	flags = spin_lock_irqsave(&p->lock);
	(void)reg_read(p, REG_IIR);
	(void)reg_read(p, REG_MSR);
	update_ier(p);
	spin_unlock_irqrestore(&p->lock, flags);
}

void serial_init(void)
{
	port_start(&tty, "ttyS0");
	port_start(&console, "ttyS1");
}

size_t serial_tty_write(const char *buf, size_t len)
{
	struct port *p = &tty;
	u64 flags;
	size_t n = 0;

	if (!p->is_present)
		return len; /* nobody listens */
	flags = spin_lock_irqsave(&p->lock);
	while (n < len && p->ring_in - p->ring_out < RING_BYTES)
		p->ring[p->ring_in++ % RING_BYTES] = buf[n++];
	if (n < len)
		p->want_room = true;
	if (!(p->ier & IER_SENT))
		fill_fifo(p);
	update_ier(p);
	spin_unlock_irqrestore(&p->lock, flags);
	return n;
}

size_t serial_tty_room(void)
{
	return RING_BYTES - (READ_ONCE(tty.ring_in) - READ_ONCE(tty.ring_out));
}

int serial_tty_wait_room(void)
{
	return wait_event_intr(&tty.room_waitq, half_empty(&tty));
}

int serial_tty_drain(void)
{
	return wait_event_intr(&tty.room_waitq,
			       READ_ONCE(tty.ring_in) ==
				       READ_ONCE(tty.ring_out));
}

void serial_tty_set_receiver(void (*fn)(u8 byte, bool break_seen))
{
	smp_store_release(&tty.receiver, fn);
}

void serial_tty_set_throttled(bool on)
{
	u64 flags = spin_lock_irqsave(&tty.lock);

	tty.is_throttled = on;
	if (tty.ier) /* else the port is not started yet */
		update_ier(&tty);
	spin_unlock_irqrestore(&tty.lock, flags);
}

void serial_tty_set_writable(void (*fn)(void))
{
	smp_store_release(&tty.writable, fn);
}

void serial_console_set_receiver(void (*fn)(u8 byte, bool break_seen))
{
	smp_store_release(&console.receiver, fn);
}
