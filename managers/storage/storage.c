/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start of a storage node: disk, file system, monitor. See storage.h. */
#define pr_fmt(fmt) "storage: " fmt
#include "storage.h"

#include <drivers/block.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/page.h>
#include <net/membership.h>

/* Metadata is read through one bounce page run, under the lock. */
#define BOUNCE_ORDER 4
#define BOUNCE_BYTES (PAGE_SIZE << BOUNCE_ORDER)

struct storage storage;
static u8 *bounce; /* [storage.lock] */

/* ext4's read callback: any offset and length. */
static int disk_read_bytes(void *ctx, u64 offset, void *buf, u32 len)
{
	struct block_device *disk = ctx;
	u8 *out = buf;

	while (len) {
		u32 skip = offset % BLOCK_SECTOR_BYTES;
		u32 n = len < BOUNCE_BYTES - skip ? len : BOUNCE_BYTES - skip;
		struct block_io io = {
			.sector = offset >> BLOCK_SECTOR_SHIFT,
			.paddr = paddr_of(bounce),
			.bytes = ALIGN_UP(skip + n, BLOCK_SECTOR_BYTES),
		};
		int err = block_read(disk, &io, 1);

		if (err)
			return err;
		memcpy(out, bounce + skip, n);
		offset += n;
		out += n;
		len -= n;
	}
	return 0;
}

static int mount_disk(struct block_device *disk)
{
	struct ext4_device dev = {
		.read = disk_read_bytes,
		.ctx = disk,
		.size_bytes = disk->nr_sectors << BLOCK_SECTOR_SHIFT,
	};
	struct ext4_statfs st;
	int err;

	mutex_lock(&storage.lock);
	err = ext4_mount(&dev, &storage.fs);
	mutex_unlock(&storage.lock);
	if (err) {
		pr_err("%s: no usable ext4 file system (%d); every request "
		       "will fail with ENODEV",
		       disk->name, err);
		return err;
	}
	ext4_statfs(storage.fs, &st);
	storage.block_shift = (u32)__builtin_ctz(st.block_bytes);
	storage.fsid = (u32)ext4_identity(storage.fs);
	pr_info("serving ext4 \"%s\" on %s: %llu MiB, blocks of %u bytes",
		st.label, disk->name,
		(unsigned long long)(st.nr_blocks * st.block_bytes >> 20),
		st.block_bytes);
	return 0;
}

int storage_start(void)
{
	int err;

	mutex_init(&storage.lock, "storage", LOCK_VNODE);
	storage.disk = block_get(0);
	if (!storage.disk) {
		pr_err("no disk found; every request will fail with ENODEV. "
		       "Is there a virtio disk in this machine?");
		return -ENODEV;
	}
	bounce = page_alloc(BOUNCE_ORDER);
	if (!bounce)
		return -ENOMEM;
	err = transfer_start();
	if (err)
		return err;
	return mount_disk(storage.disk);
}

int storage_inode(const struct wire_fid *fid, struct ext4_inode *inode)
{
	u64 ino = le64_get(fid->ino);
	int err;

	if (!storage.fs)
		return -ENODEV;
	if (le32_get(fid->fsid) != storage.fsid ||
	    le64_get(fid->node_guid) != net_local_guid() || ino > 0xffffffffu)
		return -ESTALE;
	err = ext4_inode_read(storage.fs, (u32)ino, inode);
	if (!err && inode->gen != le32_get(fid->gen))
		err = -ESTALE;
	return err;
}

static void cmd_disk(int argc, char **argv)
{
	struct ext4_statfs st;

	if (!storage.disk) {
		mprintf("no disk\n");
		return;
	}
	mprintf("%s: %llu sectors%s\n", storage.disk->name,
		(unsigned long long)storage.disk->nr_sectors,
		storage.disk->is_readonly ? ", read-only" : "");
	if (!storage.fs) {
		mprintf("no file system\n");
		return;
	}
	ext4_statfs(storage.fs, &st);
	mprintf("ext4 \"%s\": %llu blocks of %u bytes, %llu free; %u inodes, "
		"%u free\n",
		st.label, (unsigned long long)st.nr_blocks, st.block_bytes,
		(unsigned long long)st.nr_free_blocks, st.nr_inodes,
		st.nr_free_inodes);
}
MONITOR_CMD(disk, "the disk and file system of this storage node", cmd_disk);
