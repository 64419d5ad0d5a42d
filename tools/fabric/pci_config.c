/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pci_config.h"

#include <string.h>

enum {
	COMMAND = 0x04,
	COMMAND_MASTER = 1 << 2,
	CAP_PM = 0x40,
	CAP_PCIE = 0x60,
	DEVICE_CONTROL_HIGH = CAP_PCIE + 9, /* bit 7: initiate FLR */
	CAP_MSIX = 0x9c,
};

static void set32(u8 *p, u32 v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (u8)(v >> (8 * i));
}

static void init_header(struct pci_config *config)
{
	u8 *c = config->bytes, *w = config->writable;

	set32(c + 0x00, 0x100315b3); /* vendor, device */
	set32(c + 0x04, 0x00100000); /* status: capabilities */
	set32(c + 0x08, 0x02070000); /* InfiniBand controller, revision 0 */
	c[0x0c] = 16;                /* cache line */
	set32(c + 0x10, 0x4);        /* BAR0: 64 bit */
	set32(c + 0x18, 0xc);        /* BAR2: 64 bit, prefetchable */
	set32(c + 0x2c, 0x005015b3); /* subsystem: CX354A */
	c[0x34] = CAP_PM;
	c[0x3d] = 1; /* INTA */

	set32(w + 0x04, 0x0000ffff);
	w[0x0c] = 0xff;
	set32(w + 0x10, ~(BAR0_BYTES - 1u));
	set32(w + 0x14, ~0u);
	set32(w + 0x18, ~(BAR2_BYTES - 1u));
	set32(w + 0x1c, ~0u);
	w[0x3c] = 0xff;
}

static void init_capabilities(struct pci_config *config)
{
	u8 *c = config->bytes, *w = config->writable;

	c[CAP_PM] = 0x01;
	c[CAP_PM + 1] = CAP_PCIE;
	c[CAP_PM + 2] = 3;
	c[CAP_PM + 4] = 1 << 3; /* D0 keeps the state */
	w[CAP_PM + 4] = 3;

	c[CAP_PCIE] = 0x10;
	c[CAP_PCIE + 1] = CAP_MSIX;
	c[CAP_PCIE + 2] = 2;                           /* v2, endpoint */
	set32(c + CAP_PCIE + 4, 0x00008fe2 | 1 << 28); /* MPS 512, FLR */
	set32(c + CAP_PCIE + 12, 0x00000083);          /* x8, 8 GT/s */
	c[CAP_PCIE + 18] = 0x83;
	set32(c + CAP_PCIE + 44, 0x0000000e); /* 2.5, 5 and 8 GT/s */
	c[CAP_PCIE + 48] = 3;                 /* the last of them */
	set32(w + CAP_PCIE + 8, 0x00007fff);  /* device control */
	set32(w + CAP_PCIE + 16, 0x0000ffff); /* link control */

	c[CAP_MSIX] = 0x11;
	c[CAP_MSIX + 2] = NR_VECTORS - 1;
	set32(c + CAP_MSIX + 4, MSIX_TABLE_OFFSET); /* in BAR0 */
	set32(c + CAP_MSIX + 8, MSIX_PBA_OFFSET);
	w[CAP_MSIX + 3] = 0xc0; /* enable, mask all */
}

void pci_config_init(struct pci_config *config)
{
	memset(config, 0, sizeof(*config));
	init_header(config);
	init_capabilities(config);
}

void pci_config_read(const struct pci_config *config, u64 offset, u8 *data,
		     u32 count)
{
	memcpy(data, config->bytes + offset, count);
}

bool pci_config_write(struct pci_config *config, u64 offset, const u8 *data,
		      u32 count)
{
	bool is_reset = false;

	for (u32 i = 0; i < count; i++) {
		u8 *byte = &config->bytes[offset + i];
		u8 mask = config->writable[offset + i];

		*byte = (u8)((*byte & ~mask) | (data[i] & mask));
		if (offset + i == DEVICE_CONTROL_HIGH && (data[i] & 0x80))
			is_reset = true;
	}
	return is_reset;
}

bool pci_config_is_master(const struct pci_config *config)
{
	return config->bytes[COMMAND] & COMMAND_MASTER;
}
