/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory manager's start.  What it does stands in:
 *
 *	frames.h	the pool of page frames, grants
 *	client.h	who has state here, and what happens when he goes
 *	pagecache.h	pages of files; fill.c reads them from storage
 *	tmpfs.h		files in memory
 *	pagetable.h	which frame holds each page of an address space
 *	aspace.h	address spaces, fork
 *	mapping.h	mmap and the like
 *	exec.h		the ELF loader
 *	fault.c		m_fault and m_pages
 *	fileio.c	m_read and m_write
 */
#define pr_fmt(fmt) "memory: " fmt
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <lib/errno.h>
#include <managers/memory/aspace.h>
#include <managers/memory/client.h>
#include <managers/memory/fileio.h>
#include <managers/memory/frames.h>
#include <managers/memory/pagecache.h>
#include <managers/memory/tmpfs.h>

/* Of what is free at start: the rest is for tables and buffers. */
#define POOL_SHARE_NUM 3u
#define POOL_SHARE_DEN 4u

BOOT_OPTION(pool, "SIZE: memory lent to the cluster (default 3/4 of the free)",
	    NULL);

static int prepare_error = -ENODEV;

static int prepare(void)
{
	u64 max = phys_pool_max();
	u64 bytes =
		cmdline_get_size("pool", max / POOL_SHARE_DEN * POOL_SHARE_NUM);
	int err = frames_start(bytes);

	if (err) {
		pr_err("no pool of %lu MiB (%lu MiB are free)", bytes >> 20,
		       max >> 20);
		return err;
	}
	pr_info("pool of %lu MiB, %u frames", bytes >> 20, pool.nr_frames);
	tmpfs_start();
	err = pagecache_start();
	if (!err)
		err = aspaces_start();
	if (!err)
		err = fileio_start();
	return err;
}

/* Everything but the card, before the network can bring us a message. */
static int memory_prepare(void)
{
	if (node_role() != ROLE_MEMORY)
		return 0;
	prepare_error = prepare();
	return prepare_error;
}
INITCALL(memory_prepare);

int memory_start(void)
{
	int err = prepare_error ? prepare_error : frames_register();

	clients_open(!err);
	return err;
}
