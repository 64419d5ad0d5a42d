/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID: the table of what is there, and the links. */
#include <lib/errno.h>
#include <lib/printf.h>
#include <managers/processor/fs/current.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/proc/process.h>

/* ---- exe, cwd, root
 * ------------------------------------------------------------------ */

static int exe_follow(struct vnode *vn, struct dentry **out)
{
	struct process *p = process_find(pseudo_pid(vn));
	struct file *exe;

	if (!p)
		return -ENOENT;
	exe = process_exe_get(p);
	process_put(p);
	if (!exe)
		return -ENOENT;
	dentry_hold(exe->dentry);
	*out = exe->dentry;
	file_put(exe);
	return 0;
}

static int context_follow(struct vnode *vn, bool is_root, struct dentry **out)
{
	struct process *p = process_find(pseudo_pid(vn));
	struct fs_context *fs;

	if (!p)
		return -ENOENT;
	fs = process_fs_get(p);
	process_put(p);
	if (!fs)
		return -ENOENT;
	*out = is_root ? fs_context_root(fs) : fs_context_cwd(fs);
	fs_context_put(fs);
	return 0;
}

static int cwd_follow(struct vnode *vn, struct dentry **out)
{
	return context_follow(vn, false, out);
}

static int root_follow(struct vnode *vn, struct dentry **out)
{
	return context_follow(vn, true, out);
}

/* The text of a link that jumps: the path of where it jumps to. */
static ssize_t jump_readlink(struct vnode *vn, char *buf, size_t size)
{
	struct dentry *to;
	ssize_t len = pseudo_entry_of(vn)->follow(vn, &to);

	if (len)
		return len;
	len = dentry_path(to, NULL, buf, size);
	dentry_put(to);
	return len;
}

/* ---- small files
 * ------------------------------------------------------------------------ */

static int show_zero(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "0\n");
	return 0;
}

static int show_cgroup(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "0::/\n");
	return 0;
}

static int store_ignored(struct vnode *vn, const char *text, size_t len)
{
	return 0; /* nobody is killed for want of memory here */
}

static int show_loginuid(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "%u", ~0u);
	return 0;
}

/* ---- task
 * --------------------------------------------------------------------------------
 */

static const struct pseudo_entry task_entries[] = {
	PROC_REG("stat", proc_show_task_stat),
	PROC_REG("status", proc_show_status),
	PROC_REG("comm", proc_show_comm),
	PROC_REG("maps", proc_show_maps),
};
static const struct pseudo_dir task_one_dir = PSEUDO_DIR(task_entries);
static const struct pseudo_entry task_one = PROC_DIR("task", &task_one_dir);

static int task_lookup(struct vnode *dir, const char *name, u32 len,
		       struct pseudo_ref *out)
{
	struct task *task;
	bool is_ours;
	u64 tid;

	if (!pseudo_number(name, len, &tid))
		return -ENOENT;
	task = task_find(tid);
	is_ours = task && task->process->pid == pseudo_pid(dir);
	if (task)
		task_put(task);
	if (!is_ours)
		return -ENOENT;
	out->entry = &task_one;
	out->extra = tid;
	return 0;
}

static int task_iterate(struct vnode *dir, u64 *cookie, struct dir_sink *sink)
{
	struct process *p = process_find(pseudo_pid(dir));
	struct task *task;
	bool is_full = false;

	if (!p)
		return -ENOENT;
	while (!is_full && (task = task_next(p, *cookie))) {
		char name[16];
		int len = snprintf(name, sizeof(name), "%u", task->tid);

		is_full = !sink->emit(sink, name, len, task->tid, DT_DIR,
				      task->tid);
		if (!is_full)
			*cookie = task->tid;
		task_put(task);
	}
	process_put(p);
	return 0;
}

static const struct pseudo_dir task_dir = {.lookup = task_lookup,
					   .iterate = task_iterate};

/* ---- the directory of a process
 * -------------------------------------------------------------- */

#define JUMP(link_name, fn)                                \
	{                                                  \
		.name = link_name, .mode = S_IFLNK | 0777, \
		.readlink = jump_readlink, .follow = fn    \
	}

static const struct pseudo_entry pid_entries[] = {
	PROC_REG("maps", proc_show_maps),
	PROC_REG("smaps", proc_show_smaps),
	PROC_REG("smaps_rollup", proc_show_smaps_rollup),
	PROC_REG("statm", proc_show_statm),
	PROC_REG("cmdline", proc_show_cmdline),
	PROC_REG("environ", proc_show_environ),
	PROC_REG("auxv", proc_show_auxv),
	PROC_REG("stat", proc_show_stat),
	PROC_REG("status", proc_show_status),
	PROC_REG("limits", proc_show_limits),
	PROC_REG("comm", proc_show_comm),
	PROC_REG("mounts", proc_show_mounts),
	PROC_REG("mountinfo", proc_show_mountinfo),
	PROC_REG("cgroup", show_cgroup),
	PROC_REG("loginuid", show_loginuid),
	PROC_REG("oom_score", show_zero),
	{.name = "oom_score_adj",
	 .mode = S_IFREG | 0644,
	 .show = show_zero,
	 .store = store_ignored},
	JUMP("exe", exe_follow),
	JUMP("cwd", cwd_follow),
	JUMP("root", root_follow),
	PROC_DIR("fd", &proc_fd_dir),
	PROC_DIR("fdinfo", &proc_fdinfo_dir),
	PROC_DIR("task", &task_dir),
};

const struct pseudo_dir proc_pid_dir = PSEUDO_DIR(pid_entries);
static const struct pseudo_entry pid_entry = PROC_DIR("pid", &proc_pid_dir);

int proc_pid_lookup(struct vnode *dir, const char *name, u32 len,
		    struct pseudo_ref *out)
{
	struct process *p;
	u64 pid;

	if (!pseudo_number(name, len, &pid) || !pid || pid > UINT32_MAX)
		return -ENOENT;
	p = process_find(pid);
	if (!p)
		return -ENOENT;
	process_put(p);
	out->entry = &pid_entry;
	out->pid = pid;
	return 0;
}

int proc_pid_iterate(struct vnode *dir, u64 *cookie, struct dir_sink *sink)
{
	struct process *p;
	bool is_full = false;

	while (!is_full && (p = process_next(*cookie))) {
		char name[16];
		int len = snprintf(name, sizeof(name), "%u", p->pid);

		is_full = !sink->emit(sink, name, len, p->pid, DT_DIR, p->pid);
		if (!is_full)
			*cookie = p->pid;
		process_put(p);
	}
	return 0;
}
