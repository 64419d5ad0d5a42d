/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H
/*
 * PCI and PCI Express devices.  pci_start() walks the buses and calls the
 * probe function of the first driver whose id table fits.
 *
 *	static const struct pci_id ids[] = { { 0x15b3, 0x1003 }, { 0 } };
 *	static int mlx4_probe(struct pci_device *dev) { ... }
 *	PCI_DRIVER(mlx4, ids, mlx4_probe);
 */
#include <lib/list.h>
#include <lib/types.h>

#define PCI_NR_BARS 6
#define PCI_ANY     0xffffu

struct pci_bar {
	paddr_t paddr;
	u64 size; /* 0: not there */
	bool is_io, is_64bit, is_prefetchable;
};

struct pci_device {
	u16 segment;
	u8 bus, slot, function;
	u16 vendor, device, subsystem_vendor, subsystem_device;
	u32 class_code; /* class, subclass, interface: 0x020700 is InfiniBand */
	u8 revision, header_type, irq_line, irq_pin;
	struct pci_bar bars[PCI_NR_BARS];
	void *ecam; /* its 4 KiB of configuration space, or NULL: ports */

	u16 msix_cap; /* offset, 0: none */
	u16 nr_msix;  /* entries of its table */
	void *msix_table;
	void *driver_data;
	const struct pci_driver *driver;
	struct list_head link;
	char name[16]; /* "0000:00:03.0" */
};

struct pci_id {
	u16 vendor, device; /* PCI_ANY fits all; vendor 0 ends the table */
};

struct pci_driver {
	const char *name;
	const struct pci_id *ids;
	/* Return: 0; else the device stays without a driver, and is logged. */
	int (*probe)(struct pci_device *dev);
};

#define PCI_DRIVER(drv_name, drv_ids, drv_probe)                              \
	static const struct pci_driver pci_driver_##drv_name                  \
		__attribute__((used, section("pci_drivers"), aligned(8))) = { \
			.name = #drv_name, .ids = drv_ids, .probe = drv_probe}

/** pci_start - enumerate and probe. Context: thread, at boot. */
int pci_start(void);

/** pci_config_* - configuration space; reads of absent devices give ones. */
u8 pci_config_read8(struct pci_device *dev, u16 offset);
u16 pci_config_read16(struct pci_device *dev, u16 offset);
u32 pci_config_read32(struct pci_device *dev, u16 offset);
void pci_config_write8(struct pci_device *dev, u16 offset, u8 v);
void pci_config_write16(struct pci_device *dev, u16 offset, u16 v);
void pci_config_write32(struct pci_device *dev, u16 offset, u32 v);

/** pci_find_cap - offset of capability @id, 0 if there is none; @pos: start
 * behind that one (0: at the beginning). */
u16 pci_find_cap(struct pci_device *dev, u8 id, u16 pos);
/** pci_find_ext_cap - the same among extended capabilities (needs ECAM). */
u16 pci_find_ext_cap(struct pci_device *dev, u16 id);

/** pci_enable - memory, I/O and bus mastering on, legacy interrupt off. */
void pci_enable(struct pci_device *dev);
/** pci_disable - bus mastering off. */
void pci_disable(struct pci_device *dev);

/**
 * pci_bar_map - map memory BAR @bar, uncached; pci_bar_map_wc: write-combining,
 * only [@offset, @offset + @size) of it.
 *
 * Return: NULL if it is not there or there is no space. iounmap() undoes it.
 */
void *pci_bar_map(struct pci_device *dev, int bar);
void *pci_bar_map_wc(struct pci_device *dev, int bar, u64 offset, u64 size);

/**
 * pci_msix_enable - turn MSI-X on with all entries masked.
 *
 * @n: how many entries are wanted.
 * Return: 0, -ENODEV without MSI-X, -ENOSPC if it has fewer, -ENOMEM.
 */
int __must_check pci_msix_enable(struct pci_device *dev, u32 n);
/** pci_msix_set - route entry @idx to @vector of @cpu (irq_alloc()), unmask. */
void pci_msix_set(struct pci_device *dev, u32 idx, int vector, u32 cpu);
void pci_msix_mask(struct pci_device *dev, u32 idx);
void pci_msix_disable(struct pci_device *dev);

/** pci_for_each - all devices. */
void pci_for_each(void (*fn)(void *arg, struct pci_device *dev), void *arg);

#endif
