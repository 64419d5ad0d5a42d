/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio disks, reading (VIRTIO 1.1, section 5.2).
 *
 * The queue is cut into slots of three descriptors: header, data, status.  A
 * read takes a slot for each piece, publishes them with one notification, and
 * sleeps until the interrupt has seen the last one finish.  A disk that does
 * not answer in time is reset, so that it cannot write to memory that is then
 * used for something else, and stays unusable.
 */
#define pr_fmt(fmt) "virtio_blk: " fmt
#include <arch/x86/io.h>
#include <drivers/block.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/spinlock.h>
#include <kernel/wait.h>
#include <lib/compiler.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <mm/dma.h>

#include "virtio_pci.h"

#define FEATURE_RO      (1ull << 5)
#define REQUEST_IN      0u
#define STATUS_OK       0u
#define MAX_SLOTS       32u
#define DESC_PER_SLOT   3u
#define READ_TIMEOUT_NS (30ull * 1000 * 1000 * 1000)

struct request_header {
	le32 type;
	le32 reserved;
	le64 sector;
};

/* Reads in progress of one block_read(). */
struct batch {
	u32 nr_left; /* [disk->lock] */
	int status;  /* [disk->lock] */
};

/* What the device reads and writes besides the data. */
struct slot_dma {
	struct request_header header;
	u8 status;
};

struct disk {
	struct block_device block;
	struct virtio_pci virtio;
	char name[8];
	struct spinlock lock; /* LOCK_BLOCK: all below, taken by the IRQ */
	struct virtq queue;
	u32 nr_slots;
	u32 free_slots; /* bitmap */
	bool is_dead;
	struct batch *owner[MAX_SLOTS];
	struct slot_dma *slots; /* DMA memory */
	dma_addr_t slots_dma;
	struct waitq wait; /* a slot got free, a batch is done */
};

static u32 nr_found;

/* Describe one piece in slot @i and publish it. [disk->lock] */
static void slot_submit(struct disk *d, u32 i, const struct block_io *io)
{
	struct virtq_desc *desc = &d->queue.desc[i * DESC_PER_SLOT];
	dma_addr_t dma = d->slots_dma + i * sizeof(struct slot_dma);
	u16 head = (u16)(i * DESC_PER_SLOT);

	d->slots[i].header = (struct request_header){
		.type = le32_make(REQUEST_IN),
		.sector = le64_make(io->sector),
	};
	d->slots[i].status = 0xff;
	desc[0] = (struct virtq_desc){
		.paddr = le64_make(dma),
		.bytes = le32_make(sizeof(struct request_header)),
		.flags = le16_make(VIRTQ_DESC_NEXT),
		.next = le16_make(head + 1),
	};
	desc[1] = (struct virtq_desc){
		.paddr = le64_make(io->paddr),
		.bytes = le32_make(io->bytes),
		.flags = le16_make(VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE),
		.next = le16_make(head + 2),
	};
	desc[2] = (struct virtq_desc){
		.paddr = le64_make(dma + offsetof(struct slot_dma, status)),
		.bytes = le32_make(1),
		.flags = le16_make(VIRTQ_DESC_WRITE),
	};
	virtq_publish(&d->queue, head);
}

static void disk_irq(void *arg)
{
	struct disk *d = arg;
	bool done = false;
	int head;

	spin_lock(&d->lock);
	while (!d->is_dead && (head = virtq_take(&d->queue)) >= 0) {
		u32 i = (u32)head / DESC_PER_SLOT;

		/* What the device says is checked like any input. */
		if (i >= d->nr_slots || !d->owner[i]) {
			pr_err_ratelimited("%s: bogus completion %d", d->name,
					   head);
			continue;
		}
		if (d->slots[i].status != STATUS_OK)
			d->owner[i]->status = -EIO;
		d->owner[i]->nr_left--;
		d->owner[i] = NULL;
		d->free_slots |= 1u << i;
		done = true;
	}
	spin_unlock(&d->lock);
	if (done)
		waitq_wake_all(&d->wait);
}

/* Start as many of @ios as there are slots. Return: how many. */
static u32 disk_submit(struct disk *d, struct batch *batch,
		       const struct block_io *ios, u32 nr)
{
	u64 flags = spin_lock_irqsave(&d->lock);
	u32 n = 0;

	if (d->is_dead)
		batch->status = -EIO;
	while (n < nr && d->free_slots && !d->is_dead) {
		u32 i = (u32)__builtin_ctz(d->free_slots);

		d->free_slots &= ~(1u << i);
		d->owner[i] = batch;
		batch->nr_left++;
		slot_submit(d, i, &ios[n++]);
	}
	if (n)
		virtq_notify(&d->queue);
	spin_unlock_irqrestore(&d->lock, flags);
	return n;
}

static bool has_free_slot(struct disk *d)
{
	return READ_ONCE(d->free_slots) || READ_ONCE(d->is_dead);
}

/* Give the disk up: nothing is written by it from here on. */
static void disk_kill(struct disk *d)
{
	u64 flags;

	pr_err("%s: no answer in 30 s; the disk is given up", d->name);
	virtio_pci_reset(&d->virtio);
	flags = spin_lock_irqsave(&d->lock);
	d->is_dead = true;
	for (u32 i = 0; i < d->nr_slots; i++) {
		if (!d->owner[i])
			continue;
		d->owner[i]->status = -ETIMEDOUT;
		d->owner[i]->nr_left--;
		d->owner[i] = NULL;
	}
	spin_unlock_irqrestore(&d->lock, flags);
	waitq_wake_all(&d->wait);
}

static bool batch_done(struct disk *d, struct batch *batch)
{
	u64 flags = spin_lock_irqsave(&d->lock);
	bool done = !batch->nr_left;

	spin_unlock_irqrestore(&d->lock, flags);
	return done;
}

static int disk_read(struct block_device *block, const struct block_io *ios,
		     u32 nr)
{
	struct disk *d = container_of(block, struct disk, block);
	struct batch batch = {0};

	while (nr && !batch.status) {
		u32 n = disk_submit(d, &batch, ios, nr);

		ios += n;
		nr -= n;
		if (nr && !batch.status &&
		    !wait_event_timeout(&d->wait, has_free_slot(d),
					READ_TIMEOUT_NS))
			disk_kill(d);
	}
	if (!wait_event_timeout(&d->wait, batch_done(d, &batch),
				READ_TIMEOUT_NS))
		disk_kill(d);
	return batch.status;
}

static const struct block_ops disk_ops = {.read = disk_read};

static int disk_queue_setup(struct disk *d)
{
	int vector, err;

	err = virtio_pci_queue(&d->virtio, &d->queue, 0,
			       128 /* 3 * MAX_SLOTS, a power of two */, 0);
	if (err)
		return err;
	d->nr_slots = min(d->queue.size / DESC_PER_SLOT, MAX_SLOTS);
	if (!d->nr_slots)
		return -ENODEV;
	d->free_slots = (u32)((1ull << d->nr_slots) - 1);
	d->slots =
		dma_alloc(sizeof(struct slot_dma) * MAX_SLOTS, &d->slots_dma);
	if (!d->slots)
		return -ENOMEM;
	vector = irq_alloc(disk_irq, d, 0, d->name);
	if (vector < 0)
		return vector;
	pci_msix_set(d->virtio.pci, 0, vector, 0);
	return 0;
}

static int disk_probe(struct pci_device *pci)
{
	struct disk *d = kzalloc(sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	snprintf(d->name, sizeof(d->name), "vd%c", 'a' + nr_found % 26);
	spin_lock_init(&d->lock, "disk", LOCK_BLOCK);
	waitq_init(&d->wait);
	err = virtio_pci_open(&d->virtio, pci, FEATURE_RO);
	if (!err)
		err = pci_msix_enable(pci, 1);
	if (!err)
		err = disk_queue_setup(d);
	if (err) {
		pr_err("%s: cannot be used (%d)", pci->name, err);
		if (d->virtio.common)
			virtio_pci_reset(&d->virtio);
		/* The queue's memory stays: the boot is over soon anyway. */
		return err;
	}
	nr_found++;
	d->block = (struct block_device){
		.name = d->name,
		.nr_sectors = mmio_read64(d->virtio.device_config),
		.is_readonly = d->virtio.features & FEATURE_RO,
		.ops = &disk_ops,
	};
	virtio_pci_ready(&d->virtio);
	block_add(&d->block);
	return 0;
}

static const struct pci_id disk_ids[] = {
	{0x1af4, 0x1042}, /* modern */
	{0x1af4, 0x1001}, /* transitional, used as modern */
	{0, 0},
};
PCI_DRIVER(virtio_blk, disk_ids, disk_probe);
