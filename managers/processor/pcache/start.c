/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pcache's options, its memory, its threads, and the monitor's view. */
#define pr_fmt(fmt) "pcache: " fmt
#include "internal.h"

#include <arch/x86/cpu.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/mutex.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/kstrto.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/vmap.h>
#include <net/rpc.h>

#define WAYS_MAX    64u
#define LOW_MIN_MAX 512u /* lines; see struct pcache */
#define REFILL_MAX  1024u
#define EVICT_BATCH 512u

/* What the options ask for. */
static u64 opt_size_bytes = (u64)CONFIG_PCACHE_SIZE_MB << 20;
static u32 opt_ways = CONFIG_PCACHE_WAYS;
static u32 opt_victims; /* 0: an eighth of the lines */

/* "64M,8way,victim=32": a size, then words in any order. */
static int parse_geometry(const char *value)
{
	u64 size, n;
	const char *p;
	u32 ways = opt_ways, nr_victims = opt_victims;

	if (kstrtosize(value, &size, &p))
		return -EINVAL;
	while (*p == ',') {
		bool is_victim = str_has_prefix(++p, "victim=");

		if (parse_u64(is_victim ? p + strlen("victim=") : p, 10, &n,
			      &p))
			return -EINVAL;
		if (is_victim) {
			nr_victims = (u32)n;
		} else if (str_has_prefix(p, "way")) {
			ways = (u32)n;
			p += strlen("way");
		} else {
			return -EINVAL;
		}
	}
	if (*p || !is_power_of_2(ways) || ways > WAYS_MAX ||
	    size < 2ul * ways * PAGE_SIZE || nr_victims > size / PAGE_SIZE / 2)
		return -EINVAL;
	if (size / PAGE_SIZE < INSTRUCTION_MAX) {
		pr_err("pcache=%s: one instruction may need %u pages", value,
		       INSTRUCTION_MAX);
		return -EINVAL;
	}
	opt_size_bytes = size;
	opt_ways = ways;
	opt_victims = nr_victims;
	return 0;
}

static int parse_policy(const char *value)
{
	return pcache_set_policy(value, strlen(value));
}

BOOT_OPTION(pcache, "SIZE[,Nway][,victim=N]: size, ways, victim lines",
	    parse_geometry);
BOOT_OPTION(pcache_policy, "clock, fifo, lru or random: which line goes",
	    parse_policy);

static void geometry_decide(void)
{
	u32 nr_pages = (u32)(opt_size_bytes >> PAGE_SHIFT);
	u32 nr_victims = opt_victims ? opt_victims : max(nr_pages / 8, 1u);
	u32 nr_others = nr_cpus_online - 1;

	pcache.nr_ways = opt_ways;
	pcache.nr_sets = (nr_pages - nr_victims) / opt_ways;
	pcache.nr_victims = nr_victims;
	pcache.is_on_demand = nr_victims < VICTIMS_AHEAD;
	if (!pcache.is_on_demand) { /* else the marks are 0 */
		pcache.low_min = clamp(nr_victims / 4, 1u, LOW_MIN_MAX);
		pcache.low_max = nr_victims * 3 / 4;
	}
	pcache.refill = REFILL_MAX;
	pcache.evict_batch = max(EVICT_BATCH, nr_others * PAGES_PER_IPI);
	pcache.nr_lines = pcache.nr_sets * pcache.nr_ways + nr_victims;
}

static int memory_reserve(void)
{
	int rc = phys_reserve_pool((u64)pcache.nr_lines * PAGE_SIZE,
				   &pcache.pool_paddr);

	if (rc) {
		pr_err("no %u MiB of contiguous memory: give pcache=SIZE",
		       pcache.nr_lines >> (20 - PAGE_SHIFT));
		return rc;
	}
	pcache.sets = vmalloc(pcache.nr_sets * sizeof(*pcache.sets));
	pcache.lines = vmalloc(pcache.nr_lines * sizeof(*pcache.lines));
	pcache_pool.lines = pcache.lines;
	pcache_pool.paddr = pcache.pool_paddr;
	return pcache.sets && pcache.lines ? 0 : -ENOMEM;
}

/* Do we run under an emulator that translates code? */
static bool is_translated(void)
{
	u32 name;

	if (!(cpuid(1, 0).ecx >> 31)) /* no hypervisor */
		return false;
	name = cpuid(0x40000000, 0).ebx;
	return !memcmp(&name, "TCGT", 4);
}

int pcache_start(void)
{
	u32 nr_threads = clamp(nr_cpus_online / 4, 1u, 4u);
	int rc;

	if (!pcache.policy)
		pcache.policy = pcache_policies[0];
	pcache.must_scrub_code = is_translated();
	geometry_decide();
	rc = memory_reserve();
	if (rc)
		return rc;
	rc = rmap_start();
	if (rc)
		return rc;
	victims_start();
	stock_start();
	sets_start();
	for (u32 i = 0; i < nr_threads; i++)
		if (!thread_spawn("evictd", evict_thread, NULL))
			return -ENOMEM;
	if (pcache.nr_lines < INSTRUCTION_MAX * nr_cpus_online)
		pr_warn("%u lines for %u CPUs: programs may not get on; "
			"give at least %lu KiB",
			pcache.nr_lines, nr_cpus_online,
			INSTRUCTION_MAX * nr_cpus_online * PAGE_SIZE / 1024);
	pr_info("%u sets of %u lines, %u victim lines, policy %s",
		pcache.nr_sets, pcache.nr_ways, pcache.nr_victims,
		pcache.policy->name);
	return 0;
}

int pcache_register(void)
{
	static DEFINE_MUTEX(lock, LOCK_PEER);
	int rc = 0;

	mutex_lock(&lock);
	if (!pcache.region)
		rc = net_region_register(
			pcache.pool_paddr,
			ALIGN_UP(pcache_size_bytes(), PAGE_SIZE),
			REGION_REMOTE_WRITE, &pcache.region);
	mutex_unlock(&lock);
	return rc;
}

/* ---- monitor ----------------------------------------------------------------
 */

static void show_percent(const char *what, u64 part, u64 whole)
{
	mprintf("%-24s %lu of %lu (%lu %%)\n", what, part, whole,
		whole ? part * 100 / whole : 0);
}

static void cmd_pcache(int argc, char **argv)
{
	u64 nr_used = (u64)gauge_read(nr_pcache_lines);
	u32 nr_bad;

	if (!pcache.lines) {
		mprintf("this node has no pcache\n");
		return;
	}
	mprintf("%u sets x %u ways + %u victim lines of %lu bytes, policy %s\n",
		pcache.nr_sets, pcache.nr_ways, pcache.nr_victims, PAGE_SIZE,
		pcache.policy->name);
	show_percent("lines in use", nr_used, pcache.nr_lines);
	show_percent("victims, clean", victims.nr_clean, pcache.nr_victims);
	show_percent("victims, dirty", victims.nr_dirty + victims.nr_writing,
		     pcache.nr_victims);
	show_percent("free lines in stock", stock_count(), pcache.nr_victims);
	mprintf("%-24s %u\n", "evictors wake up below", victims.low);
	mprintf("%-24s %lu\n", "mappings", (u64)gauge_read(nr_pcache_rmaps));
	mprintf("%-24s %lu\n", "frames in use",
		(u64)gauge_read(nr_user_frames));
	mprintf("%-24s %lu\n", "frames in stock",
		(u64)gauge_read(nr_stock_frames));
	mprintf("%-24s %lu\n", "faults", counter_read(COUNTER_nr_pgfault));
	mprintf("%-24s %lu\n", "  waited for a line",
		counter_read(COUNTER_nr_pcache_eviction_sync));
	nr_bad = pcache_check();
	if (nr_bad)
		mprintf("%u sets break their invariants\n", nr_bad);
}
MONITOR_CMD(pcache, "the page cache of this processor node", cmd_pcache);

/* "pcache_policy" shows them, "pcache_policy NAME" takes one. */
static void cmd_policy(int argc, char **argv)
{
	if (argc > 1 && pcache_set_policy(argv[1], strlen(argv[1])))
		mprintf("no policy is called %s\n", argv[1]);
	for (u32 i = 0; i < NR_POLICIES; i++)
		mprintf("%c %-8s %s\n",
			pcache_policies[i] == pcache.policy ? '*' : ' ',
			pcache_policies[i]->name, pcache_policies[i]->help);
}
MONITOR_CMD(pcache_policy, "which line of a set goes: [NAME]", cmd_policy);
