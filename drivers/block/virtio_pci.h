/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BLOCK_VIRTIO_PCI_H
#define BLOCK_VIRTIO_PCI_H
/*
 * Virtio devices on PCI, modern interface only, with split virtqueues.
 * Source: "Virtual I/O Device (VIRTIO) Version 1.1", OASIS, sections 2.6
 * (virtqueues), 3.1 (initialisation) and 4.1 (PCI).
 */
#include <drivers/pci.h>
#include <lib/types.h>

#define VIRTIO_F_VERSION_1 (1ull << 32)

/* Descriptor flags. */
#define VIRTQ_DESC_NEXT  1u
#define VIRTQ_DESC_WRITE 2u /* the device writes */

struct virtq_desc {
	le64 paddr;
	le32 bytes;
	le16 flags;
	le16 next;
};
_Static_assert(sizeof(struct virtq_desc) == 16, "virtq_desc is 16 bytes");

struct virtq_avail {
	le16 flags;
	le16 idx;
	le16 ring[];
};

struct virtq_used_elem {
	le32 id; /* head of the chain */
	le32 bytes;
};

struct virtq_used {
	le16 flags;
	le16 idx;
	struct virtq_used_elem ring[];
};

struct virtq {
	u16 size;
	u16 avail_idx; /* next to publish */
	u16 used_idx;  /* next to take */
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	volatile void *notify;
	u16 index;
};

struct virtio_pci {
	struct pci_device *pci;
	u8 *common;
	u8 *device_config;
	u8 *notify_base;
	u32 notify_multiplier;
	u64 features;
};

/**
 * virtio_pci_open - find the register blocks, reset, agree on features.
 *
 * @wanted: features taken if offered; VERSION_1 is required.
 * Return: 0; -ENODEV no modern interface; -EOPNOTSUPP features refused.
 */
int __must_check virtio_pci_open(struct virtio_pci *v, struct pci_device *pci,
				 u64 wanted);
/** virtio_pci_queue - set up queue @index with MSI-X entry @msix. */
int __must_check virtio_pci_queue(struct virtio_pci *v, struct virtq *q,
				  u16 index, u16 max_size, u16 msix);
/** virtio_pci_ready - the driver is set up: let the device go. */
void virtio_pci_ready(struct virtio_pci *v);
/** virtio_pci_reset - stop the device; it does no DMA afterwards. */
void virtio_pci_reset(struct virtio_pci *v);

/** virtq_publish - hand the chain that starts at @head to the device. */
void virtq_publish(struct virtq *q, u16 head);
/** virtq_notify - tell the device that chains were published. */
void virtq_notify(struct virtq *q);
/** virtq_take - a finished chain's head, or -1. */
int virtq_take(struct virtq *q);

#endif
