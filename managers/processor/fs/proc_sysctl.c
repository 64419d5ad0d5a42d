/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/sys: the few settings that programs look at. */
#include <kernel/random.h>
#include <lib/errno.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/pipe.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/proc/process.h>

#define SHOW(name, fmt, ...)                                      \
	static int show_##name(struct vnode *vn, struct seq *seq) \
	{                                                         \
		seq_printf(seq, fmt "\n", ##__VA_ARGS__);         \
		return 0;                                         \
	}

SHOW(overcommit_memory, "0") /* what can never be had is refused */
SHOW(overcommit_ratio, "50")
SHOW(max_map_count, "65530")
SHOW(mmap_min_addr, "65536")
SHOW(swappiness, "0")
SHOW(osrelease, "%s", PROCESSOR_RELEASE)
SHOW(ostype, "Linux")
SHOW(version, "%s", PROCESSOR_VERSION)
SHOW(hostname, "brick")
SHOW(domainname, "(none)")
SHOW(pid_max, "%u", PROCESS_MAX_PID)
SHOW(threads_max, "%u", PROCESS_MAX_PID)
SHOW(ngroups_max, "%u", PROCESS_MAX_GROUPS)
SHOW(cap_last_cap, "40")
SHOW(randomize_va_space, "2")
SHOW(core_pattern, "core")
SHOW(file_max, "%u", FD_LIMIT_MAX)
SHOW(nr_open, "%u", FD_LIMIT_MAX)
SHOW(pipe_max_size, "%u", PIPE_MAX_BYTES)
SHOW(somaxconn, "4096")

static void show_uuid_of(struct seq *seq, const u8 id[16])
{
	for (u32 i = 0; i < 16; i++)
		seq_printf(seq, "%s%02x",
			   i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			   id[i]);
	seq_printf(seq, "\n");
}

/* Version 4 of RFC 4122. */
static void uuid_make(u8 id[16])
{
	random_bytes(id, 16);
	id[6] = (id[6] & 0x0f) | 0x40;
	id[8] = (id[8] & 0x3f) | 0x80;
}

static int show_uuid(struct vnode *vn, struct seq *seq)
{
	u8 id[16];

	uuid_make(id);
	show_uuid_of(seq, id);
	return 0;
}

static int show_boot_id(struct vnode *vn, struct seq *seq)
{
	static u8 boot_id[16];
	static bool is_made;

	if (!is_made) {
		uuid_make(boot_id);
		is_made = true;
	}
	show_uuid_of(seq, boot_id);
	return 0;
}

SHOW(entropy, "256")

static const struct pseudo_entry random_entries[] = {
	PROC_REG("boot_id", show_boot_id),
	PROC_REG("uuid", show_uuid),
	PROC_REG("entropy_avail", show_entropy),
	PROC_REG("poolsize", show_entropy),
};
static const struct pseudo_dir random_dir = PSEUDO_DIR(random_entries);

static const struct pseudo_entry kernel_entries[] = {
	PROC_REG("osrelease", show_osrelease),
	PROC_REG("ostype", show_ostype),
	PROC_REG("version", show_version),
	PROC_REG("hostname", show_hostname),
	PROC_REG("domainname", show_domainname),
	PROC_REG("pid_max", show_pid_max),
	PROC_REG("threads-max", show_threads_max),
	PROC_REG("ngroups_max", show_ngroups_max),
	PROC_REG("cap_last_cap", show_cap_last_cap),
	PROC_REG("randomize_va_space", show_randomize_va_space),
	PROC_REG("core_pattern", show_core_pattern),
	PROC_DIR("random", &random_dir),
};
static const struct pseudo_dir kernel_dir = PSEUDO_DIR(kernel_entries);

/* 2 and 3 drop names; pages are the memory node's. */
static int store_drop_caches(struct vnode *vn, const char *text, size_t len)
{
	if (len < 1 || text[0] < '1' || text[0] > '3')
		return -EINVAL;
	if (text[0] != '1')
		dentry_drop_idle();
	return 0;
}

static const struct pseudo_entry vm_entries[] = {
	PROC_REG("overcommit_memory", show_overcommit_memory),
	PROC_REG("overcommit_ratio", show_overcommit_ratio),
	PROC_REG("max_map_count", show_max_map_count),
	PROC_REG("mmap_min_addr", show_mmap_min_addr),
	PROC_REG("swappiness", show_swappiness),
	{.name = "drop_caches",
	 .mode = S_IFREG | 0200,
	 .store = store_drop_caches},
};
static const struct pseudo_dir vm_dir = PSEUDO_DIR(vm_entries);

static const struct pseudo_entry fs_entries[] = {
	PROC_REG("file-max", show_file_max),
	PROC_REG("nr_open", show_nr_open),
	PROC_REG("pipe-max-size", show_pipe_max_size),
};
static const struct pseudo_dir fs_dir = PSEUDO_DIR(fs_entries);

static const struct pseudo_entry core_entries[] = {
	PROC_REG("somaxconn", show_somaxconn),
};
static const struct pseudo_dir core_dir = PSEUDO_DIR(core_entries);
static const struct pseudo_entry net_entries[] = {
	PROC_DIR("core", &core_dir),
};
static const struct pseudo_dir net_dir = PSEUDO_DIR(net_entries);

static const struct pseudo_entry sys_entries[] = {
	PROC_DIR("kernel", &kernel_dir),
	PROC_DIR("vm", &vm_dir),
	PROC_DIR("fs", &fs_dir),
	PROC_DIR("net", &net_dir),
};
const struct pseudo_dir proc_sys_dir = PSEUDO_DIR(sys_entries);
