/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRIVERS_BLOCK_H
#define DRIVERS_BLOCK_H
/*
 * Disks: sectors of 512 bytes, read by DMA into physical memory.
 */
#include <lib/types.h>

#define BLOCK_SECTOR_SHIFT 9
#define BLOCK_SECTOR_BYTES (1u << BLOCK_SECTOR_SHIFT)

struct block_device;

/* One contiguous piece of a transfer. */
struct block_io {
	u64 sector;
	paddr_t paddr;
	u32 bytes; /* multiple of the sector size */
};

struct block_ops {
	int (*read)(struct block_device *dev, const struct block_io *ios,
		    u32 nr);
};

struct block_device {
	const char *name;
	u64 nr_sectors;
	bool is_readonly;
	const struct block_ops *ops; /* [set once before publish] */
};

/**
 * block_add - called by a driver for each disk that it found.
 *
 * Context: thread, at boot.  At most 16 disks; more are logged and ignored.
 */
void block_add(struct block_device *dev);

/** block_get - the @index-th disk, in order of discovery; NULL: no more. */
struct block_device *block_get(u32 index);

/**
 * block_read - read all of @ios and wait for it.
 *
 * Context: may sleep; no spinlock held; any number of threads at once.
 * Return: 0; -EIO (an error of the disk, or a disk that was given up);
 *         -EINVAL outside the disk or not whole sectors; -ETIMEDOUT.  Whatever
 *         the return, the disk does not write to the memory afterwards.
 */
int __must_check block_read(struct block_device *dev,
			    const struct block_io *ios, u32 nr);

#endif
