/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Enumeration of PCI buses, configuration space, base address registers.
 *
 * Configuration space is memory-mapped (ECAM, from ACPI's MCFG table) or, where
 * there is no such table, reached by ports 0xcf8 and 0xcfc.  Buses are walked
 * from bus 0 of each segment through the bridges that the firmware set up.
 *
 * Source: PCI Local Bus Specification 3.0, chapter 6; PCI Express Base 3.0,
 * 7.2.2 (ECAM); PCI Firmware Specification 3.0, 4.1.2 (MCFG).
 */
#define pr_fmt(fmt) "pci: " fmt
#include <drivers/pci.h>

#include <arch/x86/io.h>
#include <drivers/acpi.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <lib/byteorder.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <mm/slab.h>
#include <mm/vmap.h>

#define REG_VENDOR      0x00
#define REG_DEVICE      0x02
#define REG_COMMAND     0x04
#define REG_STATUS      0x06
#define REG_CLASS_REV   0x08
#define REG_HEADER_TYPE 0x0e
#define REG_BAR0        0x10
#define REG_SUBSYSTEM   0x2c
#define REG_CAP_POINTER 0x34
#define REG_IRQ_LINE    0x3c
#define REG_IRQ_PIN     0x3d
#define REG_SECONDARY   0x19
#define EXT_CAP_START   0x100

#define COMMAND_MEMORY       0x0002
#define COMMAND_MASTER       0x0004
#define COMMAND_INTX_DISABLE 0x0400
#define STATUS_CAP_LIST      0x0010
#define HEADER_MULTI         0x80
#define HEADER_TYPE_MASK     0x7f
#define HEADER_BRIDGE        1
#define BAR_IO               0x1
#define BAR_TYPE_64          0x4
#define BAR_PREFETCHABLE     0x8
#define CAP_MSIX             0x11
#define MAX_CAPS             48
#define MAX_BUSES            256

#define PORT_ADDRESS 0xcf8
#define PORT_DATA    0xcfc

extern const struct pci_driver __start_pci_drivers[], __stop_pci_drivers[];

static LIST_HEAD(devices); /* [set at boot] */
static u32 nr_buses_walked;
/* One address register for all who use the ports. */
static DEFINE_SPINLOCK(port_lock, LOCK_MISC);

/* ---- configuration space ------------------------------------------------ */

static u16 port_select(struct pci_device *dev, u16 offset)
{
	outl(1u << 31 | (u32)dev->bus << 16 | (u32)dev->slot << 11 |
		     (u32)dev->function << 8 | (offset & 0xfc),
	     PORT_ADDRESS);
	return PORT_DATA + (offset & 3);
}

#define CONFIG_ACCESS_(bits, in, out)                                     \
	u##bits pci_config_read##bits(struct pci_device *dev, u16 offset) \
	{                                                                 \
		u##bits v = (u##bits) ~0u;                                \
		u64 flags;                                                \
                                                                          \
		if (dev->ecam)                                            \
			return mmio_read##bits((u8 *)dev->ecam + offset); \
		if (offset > 0xff)                                        \
			return v;                                         \
		flags = spin_lock_irqsave(&port_lock);                    \
		v = in(port_select(dev, offset));                         \
		spin_unlock_irqrestore(&port_lock, flags);                \
		return v;                                                 \
	}                                                                 \
	void pci_config_write##bits(struct pci_device *dev, u16 offset,   \
				    u##bits v)                            \
	{                                                                 \
		u64 flags;                                                \
                                                                          \
		if (dev->ecam) {                                          \
			mmio_write##bits((u8 *)dev->ecam + offset, v);    \
			return;                                           \
		}                                                         \
		if (offset > 0xff)                                        \
			return;                                           \
		flags = spin_lock_irqsave(&port_lock);                    \
		out(v, port_select(dev, offset));                         \
		spin_unlock_irqrestore(&port_lock, flags);                \
	}

CONFIG_ACCESS_(8, inb, outb)
CONFIG_ACCESS_(16, inw, outw)
CONFIG_ACCESS_(32, inl, outl)

u16 pci_find_cap(struct pci_device *dev, u8 id, u16 pos)
{
	u16 at = pos ? pos + 1 : REG_CAP_POINTER;

	if (!(pci_config_read16(dev, REG_STATUS) & STATUS_CAP_LIST))
		return 0;
	/* A device may link its capabilities in a circle. */
	for (int i = 0; i < MAX_CAPS; i++) {
		u8 cap = pci_config_read8(dev, at) & 0xfc;

		if (cap < 0x40)
			return 0;
		if (pci_config_read8(dev, cap) == id)
			return cap;
		at = cap + 1;
	}
	return 0;
}

u16 pci_find_ext_cap(struct pci_device *dev, u16 id)
{
	u16 at = EXT_CAP_START;

	if (!dev->ecam)
		return 0;
	for (int i = 0; i < MAX_CAPS && at >= EXT_CAP_START; i++) {
		u32 header = pci_config_read32(dev, at);

		if (!header || header == ~0u)
			return 0;
		if ((u16)header == id)
			return at;
		at = header >> 20 & 0xffc;
	}
	return 0;
}

void pci_enable(struct pci_device *dev)
{
	u16 command = pci_config_read16(dev, REG_COMMAND);

	pci_config_write16(dev, REG_COMMAND,
			   command | COMMAND_MEMORY | COMMAND_MASTER |
				   COMMAND_INTX_DISABLE);
}

void pci_disable(struct pci_device *dev)
{
	u16 command = pci_config_read16(dev, REG_COMMAND);

	pci_config_write16(dev, REG_COMMAND, command & ~COMMAND_MASTER);
}

/* ---- base address registers ---------------------------------------------- */

static u32 bar_probe(struct pci_device *dev, u16 reg)
{
	u32 old = pci_config_read32(dev, reg), mask;

	pci_config_write32(dev, reg, ~0u);
	mask = pci_config_read32(dev, reg);
	pci_config_write32(dev, reg, old);
	return mask;
}

/* Read BAR @i. Return: how many registers it takes. */
static int bar_read(struct pci_device *dev, int i, int nr_bars)
{
	struct pci_bar *bar = &dev->bars[i];
	u16 reg = REG_BAR0 + 4 * i;
	u32 low = pci_config_read32(dev, reg);
	u64 mask = bar_probe(dev, reg);

	if (!mask)
		return 1;
	if (low & BAR_IO) {
		bar->is_io = true;
		bar->paddr = low & ~3u;
		bar->size = (~(u32)(mask & ~3ull) + 1) & 0xffff;
		return 1;
	}
	bar->is_prefetchable = low & BAR_PREFETCHABLE;
	bar->is_64bit = (low & 6) == BAR_TYPE_64 && i + 1 < nr_bars;
	bar->paddr = low & ~0xfu;
	mask &= ~0xfull;
	if (bar->is_64bit) {
		bar->paddr |= (u64)pci_config_read32(dev, reg + 4) << 32;
		mask |= (u64)bar_probe(dev, reg + 4) << 32;
	} else {
		mask |= 0xffffffffull << 32;
	}
	bar->size = ~mask + 1;
	return bar->is_64bit ? 2 : 1;
}

static void bars_read(struct pci_device *dev)
{
	u8 type = dev->header_type & HEADER_TYPE_MASK;
	int nr_bars = type == HEADER_BRIDGE ? 2 : PCI_NR_BARS;
	u16 command = pci_config_read16(dev, REG_COMMAND);

	/* Sizing moves the BARs about: nothing may answer meanwhile. */
	pci_config_write16(dev, REG_COMMAND, command & ~3u);
	for (int i = 0; i < nr_bars;)
		i += bar_read(dev, i, nr_bars);
	pci_config_write16(dev, REG_COMMAND, command);
}

static bool bar_is_memory(struct pci_device *dev, int bar)
{
	return bar >= 0 && bar < PCI_NR_BARS && dev->bars[bar].size &&
	       !dev->bars[bar].is_io && dev->bars[bar].paddr;
}

void *pci_bar_map(struct pci_device *dev, int bar)
{
	if (!bar_is_memory(dev, bar))
		return NULL;
	return ioremap(dev->bars[bar].paddr, dev->bars[bar].size);
}

void *pci_bar_map_wc(struct pci_device *dev, int bar, u64 offset, u64 size)
{
	if (!bar_is_memory(dev, bar) || offset > dev->bars[bar].size ||
	    size > dev->bars[bar].size - offset)
		return NULL;
	return ioremap_wc(dev->bars[bar].paddr + offset, size);
}

/* ---- enumeration ----------------------------------------------------------
 */

/* Where a segment's configuration space is mapped, by ACPI's MCFG. */
struct ecam {
	u64 base; /* of bus 0 */
	u16 segment;
	u8 first_bus, last_bus;
};

static void bus_walk(const struct ecam *ecam, u16 segment, u8 bus);

static struct pci_device *device_probe(const struct ecam *ecam, u16 segment,
				       u8 bus, u8 slot, u8 function)
{
	struct pci_device *dev = kzalloc(sizeof(*dev));

	if (!dev)
		return NULL;
	dev->segment = segment;
	dev->bus = bus;
	dev->slot = slot;
	dev->function = function;
	snprintf(dev->name, sizeof(dev->name), "%04x:%02x:%02x.%x", segment,
		 bus, slot, function);
	if (ecam)
		dev->ecam =
			ioremap(ecam->base + ((u64)bus << 20 | (u64)slot << 15 |
					      (u64)function << 12),
				4096);
	dev->vendor = pci_config_read16(dev, REG_VENDOR);
	if (dev->vendor == 0xffff) {
		if (dev->ecam)
			iounmap(dev->ecam);
		kfree(dev);
		return NULL;
	}
	return dev;
}

static void device_read(struct pci_device *dev)
{
	u32 class_rev = pci_config_read32(dev, REG_CLASS_REV);

	dev->device = pci_config_read16(dev, REG_DEVICE);
	dev->class_code = class_rev >> 8;
	dev->revision = (u8)class_rev;
	dev->header_type = pci_config_read8(dev, REG_HEADER_TYPE);
	dev->irq_line = pci_config_read8(dev, REG_IRQ_LINE);
	dev->irq_pin = pci_config_read8(dev, REG_IRQ_PIN);
	if ((dev->header_type & HEADER_TYPE_MASK) != HEADER_BRIDGE) {
		dev->subsystem_vendor = pci_config_read16(dev, REG_SUBSYSTEM);
		dev->subsystem_device =
			pci_config_read16(dev, REG_SUBSYSTEM + 2);
	}
	bars_read(dev);
	dev->msix_cap = pci_find_cap(dev, CAP_MSIX, 0);
	if (dev->msix_cap)
		dev->nr_msix =
			(pci_config_read16(dev, dev->msix_cap + 2) & 0x7ff) + 1;
}

static void slot_walk(const struct ecam *ecam, u16 segment, u8 bus, u8 slot)
{
	for (u8 function = 0; function < 8; function++) {
		struct pci_device *dev =
			device_probe(ecam, segment, bus, slot, function);

		if (!dev && !function)
			return;
		if (!dev)
			continue;
		device_read(dev);
		list_add_tail(&dev->link, &devices);
		if ((dev->header_type & HEADER_TYPE_MASK) == HEADER_BRIDGE) {
			u8 below = pci_config_read8(dev, REG_SECONDARY);

			if (below > bus)
				bus_walk(ecam, segment, below);
		}
		if (!function && !(dev->header_type & HEADER_MULTI))
			return;
	}
}

static void bus_walk(const struct ecam *ecam, u16 segment, u8 bus)
{
	/* Bus numbers grow downwards, so this ends; but be sure. */
	if (nr_buses_walked++ >= MAX_BUSES)
		return;
	if (ecam && (bus < ecam->first_bus || bus > ecam->last_bus))
		return;
	for (u8 slot = 0; slot < 32; slot++)
		slot_walk(ecam, segment, bus, slot);
}

/* MCFG: after the 36-byte header and 8 reserved bytes, entries of 16 bytes. */
static bool walk_mcfg(void)
{
	u32 length;
	const u8 *mcfg = acpi_table("MCFG", &length);

	if (!mcfg || length < 44 + 16)
		return false;
	for (u32 at = 44; at + 16 <= length; at += 16) {
		struct ecam ecam = {
			.base = get_le64(mcfg + at),
			.segment = get_le16(mcfg + at + 8),
			.first_bus = mcfg[at + 10],
			.last_bus = mcfg[at + 11],
		};

		nr_buses_walked = 0;
		bus_walk(&ecam, ecam.segment, ecam.first_bus);
	}
	return true;
}

static bool id_fits(const struct pci_device *dev, const struct pci_id *id)
{
	return (id->vendor == PCI_ANY || id->vendor == dev->vendor) &&
	       (id->device == PCI_ANY || id->device == dev->device);
}

static void driver_find(struct pci_device *dev)
{
	const struct pci_driver *driver;

	for (driver = __start_pci_drivers; driver < __stop_pci_drivers;
	     driver++) {
		for (const struct pci_id *id = driver->ids; id->vendor; id++) {
			int err;

			if (!id_fits(dev, id))
				continue;
			err = driver->probe(dev);
			if (!err)
				dev->driver = driver;
			else
				pr_err("%s: driver %s failed (%d)", dev->name,
				       driver->name, err);
			return;
		}
	}
}

int pci_start(void)
{
	struct pci_device *dev;
	u32 n = 0;

	if (!walk_mcfg()) {
		pr_info("no MCFG table: configuration by ports");
		nr_buses_walked = 0;
		bus_walk(NULL, 0, 0);
	}
	list_for_each_entry (dev, &devices, link) {
		pr_debug("%s: %04x:%04x class %06x", dev->name, dev->vendor,
			 dev->device, dev->class_code);
		n++;
	}
	pr_info("%u devices", n);
	list_for_each_entry (dev, &devices, link)
		driver_find(dev);
	return n ? 0 : -ENODEV;
}

void pci_for_each(void (*fn)(void *arg, struct pci_device *dev), void *arg)
{
	struct pci_device *dev;

	list_for_each_entry (dev, &devices, link)
		fn(arg, dev);
}
