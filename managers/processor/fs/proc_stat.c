/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID: stat, status, limits, comm. See proc(5) for the fields. */
#include <arch/x86/paging.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/fs/tty.h>
#include <managers/processor/mm/aspace.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/rusage.h>

#define PAGE_KB (PAGE_SIZE / 1024)

static u32 parent_pid(struct process *p)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	u32 pid = p->parent ? p->parent->pid : 0;

	spin_unlock_irqrestore(&process_lock, flags);
	return pid;
}

static void usage_of(struct process *p, struct aspace_usage *usage)
{
	struct aspace *aspace = process_aspace_get(p);

	*usage = (struct aspace_usage){0};
	if (aspace) {
		aspace_usage(aspace, usage);
		aspace_put(aspace);
	}
}

/* Pages of the program's own code. */
static u64 code_pages(const struct process *p)
{
	return (ALIGN_UP(p->end_code, PAGE_SIZE) -
		ALIGN_DOWN(p->start_code, PAGE_SIZE)) /
	       PAGE_SIZE;
}

/* The line of stat for one process or one of its tasks (@task not NULL). */
static void show_stat(struct seq *seq, struct process *p, struct task *task)
{
	struct aspace_usage mem;
	struct cpu_usage cpu;
	u32 tty = tty_of_session(p->sid);

	usage_of(p, &mem);
	process_usage(p, &cpu);
	seq_printf(seq, "%u (%s) %c %u %u %u %u %d 0 ",
		   task ? task->tid : p->pid, task ? task->comm : p->comm,
		   task ? task_state_char(task) : process_state_char(p),
		   parent_pid(p), p->pgid, p->sid, tty,
		   tty ? (int)tty_foreground() : -1);
	seq_printf(seq, "%lu 0 %lu 0 %lu %lu %lu %lu 20 0 %u 0 %lu ",
		   cpu.nr_minor_faults, cpu.nr_major_faults,
		   cpu.user_ns / NSEC_PER_TICK, cpu.system_ns / NSEC_PER_TICK,
		   p->children_usage.user_ns / NSEC_PER_TICK,
		   p->children_usage.system_ns / NSEC_PER_TICK, p->nr_tasks,
		   p->start_mono_ns / NSEC_PER_TICK);
	seq_printf(seq,
		   "%lu %lu %lu %lu %lu %lu 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 "
		   "0 ",
		   mem.total * PAGE_SIZE, mem.resident.nr, ~0ul, p->start_code,
		   p->end_code, p->start_stack);
	seq_printf(seq, "%lu %lu %lu %lu %lu %lu %lu %d\n", p->start_data,
		   p->end_data, p->start_brk, p->arg_start, p->arg_end,
		   p->env_start, p->env_end, p->exit_status);
}

int proc_show_stat(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));

	if (!p)
		return -ESRCH;
	show_stat(seq, p, NULL);
	process_put(p);
	return 0;
}

int proc_show_statm(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));
	struct aspace_usage u;

	if (!p)
		return -ESRCH;
	usage_of(p, &u);
	seq_printf(seq, "%lu %lu %lu %lu 0 %lu 0\n", u.total, u.resident.nr,
		   u.resident.file + u.resident.shmem, code_pages(p),
		   u.data + u.stack);
	process_put(p);
	return 0;
}

int proc_show_task_stat(struct vnode *vn, struct seq *seq)
{
	struct task *task = task_find(pseudo_extra(vn));

	if (!task)
		return -ESRCH;
	show_stat(seq, task->process, task);
	task_put(task);
	return 0;
}

static const char *state_name(char c)
{
	switch (c) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'T':
		return "stopped";
	default:
		return "zombie";
	}
}

static void show_status_ids(struct seq *seq, struct process *p)
{
	const struct credentials *c = &p->cred;

	seq_printf(seq, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->ruid,
		   c->euid, c->suid, c->fsuid, c->rgid, c->egid, c->sgid,
		   c->fsgid);
	seq_printf(seq, "Groups:\t");
	for (u32 i = 0; i < min(c->nr_groups, PROCESS_MAX_GROUPS); i++)
		seq_printf(seq, "%u ", c->groups[i]);
	seq_printf(seq, "\n");
}

static void show_kb(struct seq *seq, const char *name, u64 nr_pages)
{
	seq_printf(seq, "%s:\t%8lu kB\n", name, nr_pages * PAGE_KB);
}

static void show_status_memory(struct seq *seq, struct process *p)
{
	u64 code = code_pages(p);
	struct aspace_usage u;

	usage_of(p, &u);
	show_kb(seq, "VmPeak", u.peak_total);
	show_kb(seq, "VmSize", u.total);
	show_kb(seq, "VmLck", u.locked);
	show_kb(seq, "VmPin", 0);
	show_kb(seq, "VmHWM", u.peak_resident);
	show_kb(seq, "VmRSS", u.resident.nr);
	show_kb(seq, "RssAnon", u.resident.anon);
	show_kb(seq, "RssFile", u.resident.file);
	show_kb(seq, "RssShmem", u.resident.shmem);
	show_kb(seq, "VmData", u.data);
	show_kb(seq, "VmStk", u.stack);
	show_kb(seq, "VmExe", code);
	show_kb(seq, "VmLib", u.exec - min(code, u.exec));
	show_kb(seq, "VmPTE", u.tables);
	show_kb(seq, "VmSwap", 0);
}

static void show_status_signals(struct seq *seq, struct process *p)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	u64 pending = p->pending.set, own = 0, blocked = 0, ignored = 0,
	    caught = 0;

	if (p->leader) {
		own = p->leader->pending.set;
		blocked = p->leader->blocked;
	}
	for (u32 sig = 1; p->actions && sig <= NR_SIGNALS; sig++) {
		u64 handler = p->actions->action[sig - 1].handler;

		if (handler == 1)
			ignored |= sigset_of(sig);
		else if (handler)
			caught |= sigset_of(sig);
	}
	spin_unlock_irqrestore(&process_lock, flags);
	seq_printf(seq,
		   "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n"
		   "SigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		   own, pending, blocked, ignored, caught);
}

static void show_status_capabilities(struct seq *seq, struct process *p)
{
	struct capabilities caps = capabilities_of(&p->cred);

	seq_printf(seq,
		   "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n"
		   "CapBnd:\t%016lx\nCapAmb:\t%016lx\n",
		   caps.inheritable, caps.permitted, caps.effective,
		   caps.bounding, 0ul);
}

int proc_show_status(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));
	struct fs_context *fs;
	char state;

	if (!p)
		return -ESRCH;
	state = process_state_char(p);
	fs = process_fs_get(p);
	seq_printf(seq, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\n", p->comm,
		   fs_umask(fs), state, state_name(state));
	fs_context_put(fs);
	seq_printf(seq,
		   "Tgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
		   p->pid, p->pid, parent_pid(p));
	show_status_ids(seq, p);
	show_status_memory(seq, p);
	seq_printf(seq, "Threads:\t%u\n", p->nr_tasks);
	show_status_signals(seq, p);
	show_status_capabilities(seq, p);
	process_put(p);
	return 0;
}

static const struct {
	const char *name;
	const char *unit;
} limit_names[NR_RLIMITS] = {
	[RLIMIT_CPU] = {"Max cpu time", "seconds"},
	[RLIMIT_FSIZE] = {"Max file size", "bytes"},
	[RLIMIT_DATA] = {"Max data size", "bytes"},
	[RLIMIT_STACK] = {"Max stack size", "bytes"},
	[RLIMIT_CORE] = {"Max core file size", "bytes"},
	[RLIMIT_RSS] = {"Max resident set", "bytes"},
	[RLIMIT_NPROC] = {"Max processes", "processes"},
	[RLIMIT_NOFILE] = {"Max open files", "files"},
	[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
	[RLIMIT_AS] = {"Max address space", "bytes"},
	[RLIMIT_LOCKS] = {"Max file locks", "locks"},
	[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
	[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
	[RLIMIT_NICE] = {"Max nice priority", ""},
	[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
	[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void show_limit(struct seq *seq, u64 limit)
{
	if (limit == RLIM_INFINITY)
		seq_printf(seq, "%-20s ", "unlimited");
	else
		seq_printf(seq, "%-20lu ", limit);
}

int proc_show_limits(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));

	if (!p)
		return -ESRCH;
	seq_printf(seq, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit",
		   "Hard Limit", "Units");
	for (u32 i = 0; i < NR_RLIMITS; i++) {
		seq_printf(seq, "%-25s ", limit_names[i].name);
		show_limit(seq, p->rlimits[i].cur);
		show_limit(seq, p->rlimits[i].max);
		seq_printf(seq, "%-10s\n", limit_names[i].unit);
	}
	process_put(p);
	return 0;
}

int proc_show_comm(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));

	if (!p)
		return -ESRCH;
	seq_printf(seq, "%s\n", p->comm);
	process_put(p);
	return 0;
}
