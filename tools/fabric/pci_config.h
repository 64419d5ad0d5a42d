/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FABRIC_PCI_CONFIG_H
#define FABRIC_PCI_CONFIG_H

/*
 * The card's PCI configuration space: 15b3:1003, an InfiniBand controller
 * with BAR0 (registers), BAR2 (doorbell pages), PM, PCIe and MSI-X.
 */
#include "types.h"

enum {
	PCI_CONFIG_BYTES = 4096,
	BAR0_BYTES = 1 << 20,
	BAR2_BYTES = 8 << 20,
	NR_VECTORS = 128,
	MSIX_TABLE_OFFSET = 0x7c000,
	MSIX_PBA_OFFSET = 0x7d000,
};

struct pci_config {
	u8 bytes[PCI_CONFIG_BYTES];
	u8 writable[PCI_CONFIG_BYTES]; /* bits that a write changes */
};

void pci_config_init(struct pci_config *config);

void pci_config_read(const struct pci_config *config, u64 offset, u8 *data,
		     u32 count);

/**
 * pci_config_write - as the guest does it; the range is inside the space.
 *
 * Return: true if it asks for a function-level reset.
 */
bool pci_config_write(struct pci_config *config, u64 offset, const u8 *data,
		      u32 count);

/* May the card access memory (the command register's bus master bit)? */
bool pci_config_is_master(const struct pci_config *config);

#endif /* FABRIC_PCI_CONFIG_H */
