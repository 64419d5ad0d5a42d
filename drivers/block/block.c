/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of disks, and the checks that every driver may rely on. */
#define pr_fmt(fmt) "block: " fmt
#include <drivers/block.h>
#include <kernel/counters.h>
#include <kernel/log.h>
#include <lib/errno.h>

#define MAX_DISKS 16u

static struct block_device *disks[MAX_DISKS]; /* [set at boot] */
static u32 nr_disks;

void block_add(struct block_device *dev)
{
	if (nr_disks == MAX_DISKS) {
		pr_warn("%s: more than %u disks, ignored", dev->name,
			MAX_DISKS);
		return;
	}
	disks[nr_disks++] = dev;
	pr_info("%s: %llu MiB%s", dev->name,
		(unsigned long long)(dev->nr_sectors >>
				     (20 - BLOCK_SECTOR_SHIFT)),
		dev->is_readonly ? ", read-only" : "");
}

struct block_device *block_get(u32 index)
{
	return index < nr_disks ? disks[index] : NULL;
}

int block_read(struct block_device *dev, const struct block_io *ios, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		u64 nr_sectors = ios[i].bytes >> BLOCK_SECTOR_SHIFT;

		if (!nr_sectors || ios[i].bytes % BLOCK_SECTOR_BYTES ||
		    ios[i].sector > dev->nr_sectors ||
		    nr_sectors > dev->nr_sectors - ios[i].sector)
			return -EINVAL;
		counter_add(nr_disk_read_sectors, nr_sectors);
	}
	counter_add(nr_disk_read, nr);
	return dev->ops->read(dev, ios, nr);
}
