/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APICs (Intel 82093AA data sheet): legacy lines to vectors.  The old
 * interrupt controllers are masked for good.
 */
#define pr_fmt(fmt) "ioapic: " fmt
#include <arch/x86/io.h>
#include <drivers/acpi.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <lib/byteorder.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <mm/vmap.h>

#include "arch.h"

#define IOAPICS_MAX 8
#define REG_VERSION 1
#define REG_ROUTE   0x10

#define ROUTE_LOW    BIT(13)
#define ROUTE_LEVEL  BIT(15)
#define ROUTE_MASKED BIT(16)

#define MADT_IOAPIC   1
#define MADT_OVERRIDE 2

struct ioapic {
	void *mmio;
	u32 gsi_base, nr_lines;
};

/* All set once at boot. */
static struct ioapic ioapics[IOAPICS_MAX];
static int nr_ioapics;
static struct {
	u32 gsi;
	bool level, low;
} isa[16];

static DEFINE_SPINLOCK(ioapic_lock, LOCK_TTY);

static u32 ioapic_read(const struct ioapic *a, u32 reg)
{
	mmio_write32(a->mmio, reg);
	return mmio_read32((char *)a->mmio + 0x10);
}

static void ioapic_write(const struct ioapic *a, u32 reg, u32 v)
{
	mmio_write32(a->mmio, reg);
	mmio_write32((char *)a->mmio + 0x10, v);
}

static void add_ioapic(const u8 *e)
{
	struct ioapic *a = &ioapics[nr_ioapics];

	if (nr_ioapics == IOAPICS_MAX)
		return;
	a->mmio = ioremap(get_le32(e + 4), 0x20);
	a->gsi_base = get_le32(e + 8);
	if (!a->mmio)
		return;
	a->nr_lines = (ioapic_read(a, REG_VERSION) >> 16 & 0xff) + 1;
	for (u32 i = 0; i < a->nr_lines; i++)
		ioapic_write(a, REG_ROUTE + 2 * i, ROUTE_MASKED);
	nr_ioapics++;
}

/* ACPI 6.4, 5.2.12.5: bus 0 (ISA) line, GSI, flags. */
static void add_override(const u8 *e)
{
	u16 flags = get_le16(e + 8);

	if (e[3] >= ARRAY_SIZE(isa))
		return;
	isa[e[3]].gsi = get_le32(e + 4);
	isa[e[3]].low = (flags & 3) == 3;
	isa[e[3]].level = (flags >> 2 & 3) == 3;
}

static void madt_entry(void *arg, const u8 *e)
{
	if (e[0] == MADT_IOAPIC && e[1] >= 12)
		add_ioapic(e);
	else if (e[0] == MADT_OVERRIDE && e[1] >= 10)
		add_override(e);
}

static void pic_mask(void)
{
	outb(0xff, 0x21);
	outb(0xff, 0xa1);
}

void ioapic_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(isa); i++)
		isa[i].gsi = i;
	pic_mask();
	acpi_for_each_madt(madt_entry, NULL);
	if (!nr_ioapics)
		pr_warn("none found: no legacy interrupts");
}

static const struct ioapic *ioapic_of(u32 gsi)
{
	for (int i = 0; i < nr_ioapics; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].nr_lines)
			return &ioapics[i];
	return NULL;
}

int ioapic_route(u32 gsi, u8 vector, u32 dest)
{
	const struct ioapic *a = ioapic_of(gsi);
	bool level = gsi >= 16, low = gsi >= 16; /* PCI lines */
	u32 reg, route;
	u64 flags;

	if (!a)
		return -ENODEV;
	for (u32 i = 0; i < ARRAY_SIZE(isa); i++) {
		if (isa[i].gsi == gsi) {
			level = isa[i].level;
			low = isa[i].low;
		}
	}
	route = vector | (level ? ROUTE_LEVEL : 0) | (low ? ROUTE_LOW : 0);
	reg = REG_ROUTE + 2 * (gsi - a->gsi_base);
	flags = spin_lock_irqsave(&ioapic_lock);
	ioapic_write(a, reg, ROUTE_MASKED);
	ioapic_write(a, reg + 1, dest << 24);
	ioapic_write(a, reg, route);
	spin_unlock_irqrestore(&ioapic_lock, flags);
	return 0;
}

u32 irq_isa_to_gsi(u32 isa_irq)
{
	return isa_irq < ARRAY_SIZE(isa) ? isa[isa_irq].gsi : isa_irq;
}
