/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_PROC_TEXT_H
#define PROCESSOR_FS_PROC_TEXT_H

/* The parts of /proc; proc_root.c puts them together. */
#include <managers/processor/fs/pseudo.h>

/* Entries shared by the files of /proc. */
#define PROC_REG(file_name, fn)                                       \
	{                                                             \
		.name = file_name, .mode = S_IFREG | 0444, .show = fn \
	}
#define PROC_DIR(dir_name, d)                                      \
	{                                                          \
		.name = dir_name, .mode = S_IFDIR | 0555, .dir = d \
	}

/* proc_pid.c: what a directory of a process has; the subject is the pid. */
extern const struct pseudo_dir proc_pid_dir;
int proc_pid_lookup(struct vnode *dir, const char *name, u32 len,
		    struct pseudo_ref *out);
int proc_pid_iterate(struct vnode *dir, u64 *cookie, struct dir_sink *sink);

/* proc_mounts.c */
int proc_show_mounts(struct vnode *vn, struct seq *seq);
int proc_show_mountinfo(struct vnode *vn, struct seq *seq);

/* proc_maps.c: memory of a process. */
int proc_show_maps(struct vnode *vn, struct seq *seq);
int proc_show_smaps(struct vnode *vn, struct seq *seq);
int proc_show_smaps_rollup(struct vnode *vn, struct seq *seq);
int proc_show_cmdline(struct vnode *vn, struct seq *seq);
int proc_show_environ(struct vnode *vn, struct seq *seq);
int proc_show_auxv(struct vnode *vn, struct seq *seq);

/* proc_stat.c: stat, status, limits of a process. */
int proc_show_stat(struct vnode *vn, struct seq *seq);
int proc_show_task_stat(struct vnode *vn, struct seq *seq);
int proc_show_statm(struct vnode *vn, struct seq *seq);
int proc_show_status(struct vnode *vn, struct seq *seq);
int proc_show_limits(struct vnode *vn, struct seq *seq);
int proc_show_comm(struct vnode *vn, struct seq *seq);

/* proc_fd.c: /proc/PID/fd and fdinfo. */
extern const struct pseudo_dir proc_fd_dir, proc_fdinfo_dir;

/* proc_machine.c: the machine as a whole. */
int proc_show_cpuinfo(struct vnode *vn, struct seq *seq);
int proc_show_meminfo(struct vnode *vn, struct seq *seq);
int proc_show_machine_stat(struct vnode *vn, struct seq *seq);
int proc_show_uptime(struct vnode *vn, struct seq *seq);
int proc_show_loadavg(struct vnode *vn, struct seq *seq);
int proc_show_version(struct vnode *vn, struct seq *seq);
int proc_show_filesystems(struct vnode *vn, struct seq *seq);
int proc_show_boot_cmdline(struct vnode *vn, struct seq *seq);

/* proc_sysctl.c: /proc/sys. */
extern const struct pseudo_dir proc_sys_dir;

/* proc_brick.c: /proc/brick. */
extern const struct pseudo_dir proc_brick_dir;

#endif /* PROCESSOR_FS_PROC_TEXT_H */
