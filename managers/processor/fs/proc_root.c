/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root of /proc. */
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/proc_text.h>

static ssize_t self_readlink(struct vnode *vn, char *buf, size_t size)
{
	char text[16];

	if (!current_pid())
		return -ENOENT;
	snprintf(text, sizeof(text), "%u", current_pid());
	return pseudo_readlink_text(text, buf, size);
}

static ssize_t thread_self_readlink(struct vnode *vn, char *buf, size_t size)
{
	char text[40];

	if (!current_pid())
		return -ENOENT;
	snprintf(text, sizeof(text), "%u/task/%u", current_pid(),
		 current_tid());
	return pseudo_readlink_text(text, buf, size);
}

static ssize_t mounts_readlink(struct vnode *vn, char *buf, size_t size)
{
	return pseudo_readlink_text("self/mounts", buf, size);
}

static const struct pseudo_entry root_entries[] = {
	{.name = "self", .mode = S_IFLNK | 0777, .readlink = self_readlink},
	{.name = "thread-self",
	 .mode = S_IFLNK | 0777,
	 .readlink = thread_self_readlink},
	{.name = "mounts", .mode = S_IFLNK | 0777, .readlink = mounts_readlink},
	PROC_REG("cpuinfo", proc_show_cpuinfo),
	PROC_REG("meminfo", proc_show_meminfo),
	PROC_REG("stat", proc_show_machine_stat),
	PROC_REG("uptime", proc_show_uptime),
	PROC_REG("loadavg", proc_show_loadavg),
	PROC_REG("version", proc_show_version),
	PROC_REG("filesystems", proc_show_filesystems),
	PROC_REG("cmdline", proc_show_boot_cmdline),
	PROC_DIR("sys", &proc_sys_dir),
	PROC_DIR("brick", &proc_brick_dir),
};

static const struct pseudo_dir root_dir = {
	.entries = root_entries,
	.nr_entries = ARRAY_SIZE(root_entries),
	.lookup = proc_pid_lookup,
	.iterate = proc_pid_iterate,
};

const struct pseudo_entry proc_root = PROC_DIR("", &root_dir);
