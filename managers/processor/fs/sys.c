/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /sys: how many CPUs there are, as the C library asks. All local. */
#include <kernel/cpu.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/pseudo.h>
#include <managers/processor/fs/seq.h>

static void show_cpu_range(struct seq *seq, u32 nr)
{
	if (nr == 1)
		seq_printf(seq, "0\n");
	else
		seq_printf(seq, "0-%u\n", nr - 1);
}

static int show_cpus(struct vnode *vn, struct seq *seq)
{
	show_cpu_range(seq, nr_cpus_online);
	return 0;
}

static int show_nothing(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "\n");
	return 0;
}

static int show_kernel_max(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "%u\n", CONFIG_NR_CPUS - 1);
	return 0;
}

static int show_one(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "1\n");
	return 0;
}

/* The CPU a node in cpuN/ is about. */
static u32 sys_cpu(const struct vnode *vn)
{
	return pseudo_extra(vn) - 1;
}

static int show_cpu_number(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "%u\n", sys_cpu(vn));
	return 0;
}

static int show_zero(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "0\n");
	return 0;
}

static int show_cpumap(struct vnode *vn, struct seq *seq)
{
	u64 mask = nr_cpus_online >= 64 ? ~0ull : (1ull << nr_cpus_online) - 1;

	if (mask >> 32)
		seq_printf(seq, "%08x,", (u32)(mask >> 32));
	seq_printf(seq, "%08x\n", (u32)mask);
	return 0;
}

#define REG(file_name, fn)                                            \
	{                                                             \
		.name = file_name, .mode = S_IFREG | 0444, .show = fn \
	}
#define DIR(dir_name, d)                                           \
	{                                                          \
		.name = dir_name, .mode = S_IFDIR | 0755, .dir = d \
	}

/* ---- /sys/devices/system/cpu
 * ------------------------------------------------------ */

static const struct pseudo_entry topology_entries[] = {
	REG("core_id", show_cpu_number),
	REG("physical_package_id", show_zero),
};
static const struct pseudo_dir topology_dir = PSEUDO_DIR(topology_entries);

static const struct pseudo_entry cpu_n_entries[] = {
	REG("online", show_one),
	DIR("topology", &topology_dir),
};
static const struct pseudo_dir cpu_n_dir = PSEUDO_DIR(cpu_n_entries);
static const struct pseudo_entry cpu_n = DIR("cpu", &cpu_n_dir);

static int cpu_lookup(struct vnode *dir, const char *name, u32 len,
		      struct pseudo_ref *out)
{
	u64 n;

	if (len < 4 || memcmp(name, "cpu", 3) ||
	    !pseudo_number(name + 3, len - 3, &n) || n >= nr_cpus_online)
		return -ENOENT;
	out->entry = &cpu_n;
	out->extra = n + 1;
	return 0;
}

static int cpu_iterate(struct vnode *dir, u64 *cookie, struct dir_sink *sink)
{
	for (; *cookie < nr_cpus_online; ++*cookie) {
		char name[16];
		int len = snprintf(name, sizeof(name), "cpu%lu", *cookie);

		if (!sink->emit(sink, name, len, *cookie + 1, DT_DIR,
				*cookie + 1))
			break;
	}
	return 0;
}

static const struct pseudo_entry cpu_entries[] = {
	REG("online", show_cpus),           REG("possible", show_cpus),
	REG("present", show_cpus),          REG("offline", show_nothing),
	REG("kernel_max", show_kernel_max),
};
static const struct pseudo_dir cpu_dir = {
	.entries = cpu_entries,
	.nr_entries = ARRAY_SIZE(cpu_entries),
	.lookup = cpu_lookup,
	.iterate = cpu_iterate,
};

/* ---- /sys/devices/system/node: one, all memory is as near
 * ------------------------------ */

static const struct pseudo_entry node0_entries[] = {
	REG("cpulist", show_cpus),
	REG("cpumap", show_cpumap),
};
static const struct pseudo_dir node0_dir = PSEUDO_DIR(node0_entries);
static const struct pseudo_entry node_entries[] = {
	REG("online", show_zero),  REG("possible", show_zero),
	REG("has_cpu", show_zero), REG("has_memory", show_zero),
	DIR("node0", &node0_dir),
};
static const struct pseudo_dir node_dir = PSEUDO_DIR(node_entries);

static const struct pseudo_entry system_entries[] = {
	DIR("cpu", &cpu_dir),
	DIR("node", &node_dir),
};
static const struct pseudo_dir system_dir = PSEUDO_DIR(system_entries);
static const struct pseudo_entry devices_entries[] = {
	DIR("system", &system_dir),
};
static const struct pseudo_dir devices_dir = PSEUDO_DIR(devices_entries);
static const struct pseudo_dir empty_dir = {0};
static const struct pseudo_entry sys_entries[] = {
	DIR("devices", &devices_dir), DIR("class", &empty_dir),
	DIR("kernel", &empty_dir),    DIR("fs", &empty_dir),
	DIR("module", &empty_dir),    DIR("bus", &empty_dir),
};
static const struct pseudo_dir sys_dir = PSEUDO_DIR(sys_entries);

const struct pseudo_entry sys_root = DIR("", &sys_dir);
