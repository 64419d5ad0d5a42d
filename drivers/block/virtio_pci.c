/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtio over PCI: described in virtio_pci.h. */
#define pr_fmt(fmt) "virtio: " fmt
#include "virtio_pci.h"

#include <arch/x86/barrier.h>
#include <arch/x86/io.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <mm/dma.h>

/* Vendor-specific capability (4.1.4). */
#define PCI_CAP_VENDOR  0x09
#define CAP_CFG_TYPE    3
#define CAP_BAR         4
#define CAP_OFFSET      8
#define CAP_LENGTH      12
#define CAP_NOTIFY_MULT 16
#define CFG_TYPE_COMMON 1
#define CFG_TYPE_NOTIFY 2
#define CFG_TYPE_DEVICE 4

/* Common configuration (4.1.4.3). */
#define COMMON_DEVICE_FEATURE_SELECT 0x00
#define COMMON_DEVICE_FEATURE        0x04
#define COMMON_DRIVER_FEATURE_SELECT 0x08
#define COMMON_DRIVER_FEATURE        0x0c
#define COMMON_STATUS                0x14
#define COMMON_QUEUE_SELECT          0x16
#define COMMON_QUEUE_SIZE            0x18
#define COMMON_QUEUE_MSIX            0x1a
#define COMMON_QUEUE_ENABLE          0x1c
#define COMMON_QUEUE_NOTIFY_OFF      0x1e
#define COMMON_QUEUE_DESC            0x20
#define COMMON_QUEUE_DRIVER          0x28
#define COMMON_QUEUE_DEVICE          0x30
#define COMMON_BYTES                 0x38

/* Device status (2.1). */
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8

#define RESET_TIMEOUT_NS (1000ull * 1000 * 1000)

/* A register block: NULL unless it lies within a memory BAR. */
static u8 *map_block(struct virtio_pci *v, u16 cap, u32 min_bytes)
{
	u8 bar = pci_config_read8(v->pci, cap + CAP_BAR);
	u32 offset = pci_config_read32(v->pci, cap + CAP_OFFSET);
	u32 length = pci_config_read32(v->pci, cap + CAP_LENGTH);
	u8 *base;

	if (bar >= PCI_NR_BARS || length < min_bytes ||
	    offset > v->pci->bars[bar].size ||
	    length > v->pci->bars[bar].size - offset)
		return NULL;
	base = pci_bar_map(v->pci, bar);
	return base ? base + offset : NULL;
}

static void find_blocks(struct virtio_pci *v)
{
	u16 cap = 0;

	while ((cap = pci_find_cap(v->pci, PCI_CAP_VENDOR, cap))) {
		switch (pci_config_read8(v->pci, cap + CAP_CFG_TYPE)) {
		case CFG_TYPE_COMMON:
			if (!v->common)
				v->common = map_block(v, cap, COMMON_BYTES);
			break;
		case CFG_TYPE_NOTIFY:
			if (v->notify_base)
				break;
			v->notify_base = map_block(v, cap, 2);
			v->notify_multiplier = pci_config_read32(
				v->pci, cap + CAP_NOTIFY_MULT);
			break;
		case CFG_TYPE_DEVICE:
			if (!v->device_config)
				v->device_config = map_block(v, cap, 8);
			break;
		}
	}
}

static void status_add(struct virtio_pci *v, u8 bits)
{
	mmio_write8(v->common + COMMON_STATUS,
		    mmio_read8(v->common + COMMON_STATUS) | bits);
}

void virtio_pci_reset(struct virtio_pci *v)
{
	u64 deadline = time_mono_ns() + RESET_TIMEOUT_NS;

	mmio_write8(v->common + COMMON_STATUS, 0);
	while (mmio_read8(v->common + COMMON_STATUS)) {
		if (time_mono_ns() > deadline) {
			pr_err("%s: does not reset", v->pci->name);
			break;
		}
		cpu_relax();
	}
	pci_disable(v->pci);
}

static u64 offered_features(struct virtio_pci *v)
{
	u64 features;

	mmio_write32(v->common + COMMON_DEVICE_FEATURE_SELECT, 1);
	features = (u64)mmio_read32(v->common + COMMON_DEVICE_FEATURE) << 32;
	mmio_write32(v->common + COMMON_DEVICE_FEATURE_SELECT, 0);
	return features | mmio_read32(v->common + COMMON_DEVICE_FEATURE);
}

int virtio_pci_open(struct virtio_pci *v, struct pci_device *pci, u64 wanted)
{
	*v = (struct virtio_pci){.pci = pci};
	pci_enable(pci);
	find_blocks(v);
	if (!v->common || !v->notify_base || !v->device_config)
		return -ENODEV;
	virtio_pci_reset(v);
	pci_enable(pci);
	status_add(v, STATUS_ACKNOWLEDGE);
	status_add(v, STATUS_DRIVER);

	v->features = offered_features(v) & (wanted | VIRTIO_F_VERSION_1);
	if (!(v->features & VIRTIO_F_VERSION_1))
		return -EOPNOTSUPP;
	mmio_write32(v->common + COMMON_DRIVER_FEATURE_SELECT, 0);
	mmio_write32(v->common + COMMON_DRIVER_FEATURE, (u32)v->features);
	mmio_write32(v->common + COMMON_DRIVER_FEATURE_SELECT, 1);
	mmio_write32(v->common + COMMON_DRIVER_FEATURE,
		     (u32)(v->features >> 32));
	status_add(v, STATUS_FEATURES_OK);
	if (!(mmio_read8(v->common + COMMON_STATUS) & STATUS_FEATURES_OK))
		return -EOPNOTSUPP;
	return 0;
}

/* The three parts of a queue in one page-aligned block. */
static int queue_alloc(struct virtq *q, dma_addr_t dma[3])
{
	size_t desc_bytes = sizeof(struct virtq_desc) * q->size;
	size_t avail_bytes = sizeof(struct virtq_avail) + 2ul * q->size + 2;
	size_t used_offset = ALIGN_UP(desc_bytes + avail_bytes, 8ul);
	size_t used_bytes = sizeof(struct virtq_used) +
			    sizeof(struct virtq_used_elem) * q->size + 2;
	u8 *mem = dma_alloc(used_offset + used_bytes, &dma[0]);

	if (!mem)
		return -ENOMEM;
	q->desc = (struct virtq_desc *)mem;
	q->avail = (struct virtq_avail *)(mem + desc_bytes);
	q->used = (struct virtq_used *)(mem + used_offset);
	dma[1] = dma[0] + desc_bytes;
	dma[2] = dma[0] + used_offset;
	return 0;
}

int virtio_pci_queue(struct virtio_pci *v, struct virtq *q, u16 index,
		     u16 max_size, u16 msix)
{
	u8 *c = v->common;
	dma_addr_t dma[3];
	int err;

	mmio_write16(c + COMMON_QUEUE_SELECT, index);
	*q = (struct virtq){
		.index = index,
		.size = min(mmio_read16(c + COMMON_QUEUE_SIZE), max_size)};
	if (!q->size || !is_power_of_2(q->size))
		return -ENODEV;
	err = queue_alloc(q, dma);
	if (err)
		return err;
	mmio_write16(c + COMMON_QUEUE_SIZE, q->size);
	mmio_write16(c + COMMON_QUEUE_MSIX, msix);
	if (mmio_read16(c + COMMON_QUEUE_MSIX) != msix)
		return -ENOSPC;
	mmio_write64(c + COMMON_QUEUE_DESC, dma[0]);
	mmio_write64(c + COMMON_QUEUE_DRIVER, dma[1]);
	mmio_write64(c + COMMON_QUEUE_DEVICE, dma[2]);
	q->notify = v->notify_base +
		    (size_t)mmio_read16(c + COMMON_QUEUE_NOTIFY_OFF) *
			    v->notify_multiplier;
	mmio_write16(c + COMMON_QUEUE_ENABLE, 1);
	return 0;
}

void virtio_pci_ready(struct virtio_pci *v)
{
	status_add(v, STATUS_DRIVER_OK);
}

void virtq_publish(struct virtq *q, u16 head)
{
	q->avail->ring[q->avail_idx & (q->size - 1)] = le16_make(head);
	dma_wmb();
	q->avail_idx++;
	WRITE_ONCE(q->avail->idx, le16_make(q->avail_idx));
}

void virtq_notify(struct virtq *q)
{
	dma_wmb_before_doorbell();
	mmio_write16(q->notify, q->index);
}

int virtq_take(struct virtq *q)
{
	u32 id;

	if (le16_get(READ_ONCE(q->used->idx)) == q->used_idx)
		return -1;
	dma_rmb();
	id = le32_get(q->used->ring[q->used_idx & (q->size - 1)].id);
	q->used_idx++;
	return (int)(id & 0xffff);
}
