/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registered memory.  Everything lies in one protection domain: a peer's
 * access ends with its QPs, not with a key.  Keys cover a region by physical
 * addresses and need no table on the card, whatever the size.
 */
#include "net.h"

#include <kernel/assert.h>
#include <kernel/mutex.h>
#include <mm/page.h>
#include <mm/slab.h>

static DEFINE_MUTEX(pd_mutex, LOCK_PEER);
static struct ib_pd *pd; /* [pd_mutex until set; never changes after] */

struct ib_pd *net_pd(void)
{
	struct ib_device *dev;

	if (READ_ONCE(pd))
		return pd;
	mutex_lock(&pd_mutex);
	dev = ib_device_default();
	if (!pd && dev) {
		struct ib_pd *new;

		if (!ib_pd_create(dev, &new))
			WRITE_ONCE(pd, new);
	}
	mutex_unlock(&pd_mutex);
	return pd;
}

int net_region_register(u64 paddr, u64 len_bytes, u32 access,
			struct region **out)
{
	struct ib_phys_range range = {.paddr = paddr, .bytes = len_bytes};
	struct ib_mr_init init = {
		.ranges = &range,
		.nr_ranges = 1,
		.access = IB_ACCESS_LOCAL_WRITE,
		.iova = IB_IOVA_PHYS,
	};
	struct region *r;
	int rc = 0;

	ASSERT(len_bytes && !((paddr | len_bytes) & (PAGE_SIZE - 1)));
	if (!net_pd())
		return -EIO;
	r = kzalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->paddr = paddr;
	r->len_bytes = len_bytes;
	if (access & REGION_REMOTE_READ)
		init.access |= IB_ACCESS_REMOTE_READ;
	if (access & REGION_REMOTE_WRITE)
		init.access |= IB_ACCESS_REMOTE_WRITE;
	if (access)
		rc = ib_mr_create(pd, &init, &r->mr);
	if (rc) {
		kfree(r);
		return rc == -ENOMEM ? rc : -EIO;
	}
	*out = r;
	return 0;
}

void net_region_unregister(struct region *region)
{
	if (!region)
		return;
	if (region->mr)
		ib_mr_destroy(region->mr);
	kfree(region);
}

u32 net_region_rkey(const struct region *region)
{
	return region->mr ? region->mr->rkey : 0;
}

bool region_contains(const struct region *r, u64 paddr, u64 len_bytes)
{
	return paddr >= r->paddr && len_bytes <= r->len_bytes &&
	       paddr - r->paddr <= r->len_bytes - len_bytes;
}
