/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rest of what a processor node's memory code calls, on the host. */
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/init.h>
#include <kernel/monitor.h>
#include <kernel/time.h>
#include <managers/processor/fs/vnode.h>
#include <managers/processor/mm/fault_phases.h>
#include <mm/dma.h>
#include <mm/vmap.h>
#include <stdlib.h>

u32 nr_cpus_online = 8;

enum node_role node_role(void)
{
	return ROLE_PROCESSOR;
}

u64 counter_read(enum counter_id id)
{
	return counter_values.v[id];
}

u64 time_tsc_khz(void)
{
	return 1000000;
}

u64 time_cycles_to_ns(u64 cycles)
{
	return cycles;
}

u32 fault_current_pid(void)
{
	return 1;
}

void mprintf(const char *fmt, ...) {}

int phys_reserve_pool(u64 bytes, paddr_t *out)
{
	static void *pool;

	pool = aligned_alloc(PAGE_SIZE, bytes);
	*out = paddr_of(pool);
	return 0;
}

void *vmalloc(size_t size)
{
	return calloc(1, size);
}

void vfree(void *kaddr)
{
	free(kaddr);
}

void *dma_alloc(size_t size, dma_addr_t *dma)
{
	return aligned_alloc(PAGE_SIZE, size);
}

void dma_free(void *kaddr, size_t size)
{
	free(kaddr);
}

struct vnode *vnode_find(const struct wire_fid *fid)
{
	return NULL;
}

void vnode_put(struct vnode *vn) {}

int vnode_map_get(struct vnode *vn, bool may_write)
{
	return 0;
}

void vnode_map_put(struct vnode *vn, bool may_write) {}
