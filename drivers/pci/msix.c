/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSI-X: PCI Local Bus Specification 3.0, section 6.8.2. */
#include <drivers/pci.h>

#include <arch/x86/io.h>
#include <kernel/assert.h>
#include <kernel/irq.h>
#include <lib/errno.h>
#include <mm/vmap.h>

#define MSIX_CONTROL  2
#define MSIX_TABLE    4 /* [2:0] BAR, the rest an offset */
#define CONTROL_ON    0x8000
#define CONTROL_MASK  0x4000
#define ENTRY_BYTES   16
#define ENTRY_ADDRESS 0
#define ENTRY_DATA    8
#define ENTRY_CONTROL 12
#define ENTRY_MASKED  1u

static u8 *entry_of(struct pci_device *dev, u32 idx)
{
	ASSERT(dev->msix_table && idx < dev->nr_msix);
	return (u8 *)dev->msix_table + (size_t)idx * ENTRY_BYTES;
}

/* The table: NULL unless it lies within a memory BAR. */
static void *table_map(struct pci_device *dev)
{
	u32 where = pci_config_read32(dev, dev->msix_cap + MSIX_TABLE);
	struct pci_bar *bar = &dev->bars[where & 7];
	u64 bytes = (u64)dev->nr_msix * ENTRY_BYTES;
	u64 offset = where & ~7u;

	if ((where & 7) >= PCI_NR_BARS || bar->is_io || !bar->paddr ||
	    offset > bar->size || bytes > bar->size - offset)
		return NULL;
	return ioremap(bar->paddr + offset, bytes);
}

int pci_msix_enable(struct pci_device *dev, u32 n)
{
	u16 control;

	if (!dev->msix_cap)
		return -ENODEV;
	if (n > dev->nr_msix)
		return -ENOSPC;
	if (!dev->msix_table)
		dev->msix_table = table_map(dev);
	if (!dev->msix_table)
		return -ENOMEM;
	control = pci_config_read16(dev, dev->msix_cap + MSIX_CONTROL);
	pci_config_write16(dev, dev->msix_cap + MSIX_CONTROL,
			   control | CONTROL_ON | CONTROL_MASK);
	for (u32 i = 0; i < dev->nr_msix; i++)
		pci_msix_mask(dev, i);
	pci_config_write16(dev, dev->msix_cap + MSIX_CONTROL,
			   (control | CONTROL_ON) & ~CONTROL_MASK);
	return 0;
}

void pci_msix_set(struct pci_device *dev, u32 idx, int vector, u32 cpu)
{
	u8 *entry = entry_of(dev, idx);
	u64 paddr;
	u32 data;

	irq_msi_message(vector, cpu, &paddr, &data);
	pci_msix_mask(dev, idx);
	mmio_write32(entry + ENTRY_ADDRESS, (u32)paddr);
	mmio_write32(entry + ENTRY_ADDRESS + 4, (u32)(paddr >> 32));
	mmio_write32(entry + ENTRY_DATA, data);
	mmio_write32(entry + ENTRY_CONTROL, 0);
}

void pci_msix_mask(struct pci_device *dev, u32 idx)
{
	mmio_write32(entry_of(dev, idx) + ENTRY_CONTROL, ENTRY_MASKED);
}

void pci_msix_disable(struct pci_device *dev)
{
	u16 control;

	if (!dev->msix_cap)
		return;
	control = pci_config_read16(dev, dev->msix_cap + MSIX_CONTROL);
	pci_config_write16(dev, dev->msix_cap + MSIX_CONTROL,
			   control & ~CONTROL_ON);
}
