/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resource limits and usage. */
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/mm/aspace.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"
#include "rusage.h"
#include "usertime.h"

/* ---- limits ------------------------------------------------------------ */

static int check_limit(struct process *process, u32 id,
		       const struct rlimit64 *new)
{
	if (new->cur > new->max)
		return -EINVAL;
	if (id == RLIMIT_NOFILE && new->max > FD_LIMIT_MAX)
		return -EPERM;
	if (new->max > process->rlimits[id].max &&
	    !process_may(CAP_SYS_RESOURCE))
		return -EPERM;
	return 0;
}

/* The memory node enforces these. */
static bool is_memory_limit(u32 id)
{
	return id == RLIMIT_AS || id == RLIMIT_DATA || id == RLIMIT_STACK;
}

static int set_limit(struct process *process, u32 id,
		     const struct rlimit64 *new)
{
	struct fd_table *files;
	struct aspace *aspace;
	u64 flags;
	int err = check_limit(process, id, new);

	if (!err && is_memory_limit(id)) {
		aspace = process_aspace_get(process);
		if (aspace) {
			err = aspace_set_rlimit(aspace, id, new->cur);
			aspace_put(aspace);
		}
	}
	if (err)
		return err;
	flags = process_lock_irqsave();
	process->rlimits[id] = *new;
	process_unlock_irqrestore(flags);
	if (id == RLIMIT_NOFILE) {
		files = process_files_get(process);
		if (files) {
			fd_table_set_limit(files, new->cur);
			fd_table_put(files);
		}
	}
	return 0;
}

bool limits_forbid_task(void)
{
	u32 ruid = current_process()->cred.ruid;
	u64 max = process_rlimit(RLIMIT_NPROC), nr = 0, flags;
	struct process *p;

	if (max >= PROCESS_MAX_PID || !ruid || process_may(CAP_SYS_RESOURCE) ||
	    process_may(CAP_SYS_ADMIN))
		return false;
	flags = process_lock_irqsave();
	for_each_process_locked(p) if (p->cred.ruid == ruid) nr += p->nr_tasks;
	process_unlock_irqrestore(flags);
	return nr >= max;
}

static struct process *find_for_limits(u32 pid, int *err)
{
	struct process *p = process_find(pid ? pid : current_process()->pid);
	const struct credentials *me = &current_process()->cred;

	*err = 0;
	if (!p) {
		*err = -ESRCH;
	} else if (p != current_process() && !process_may(CAP_SYS_RESOURCE) &&
		   (me->ruid != p->cred.ruid || me->ruid != p->cred.suid)) {
		process_put(p);
		p = NULL;
		*err = -EPERM;
	}
	return p;
}

long sys_prlimit64(u64 pid, u64 id, u64 new_vaddr, u64 old_vaddr)
{
	struct rlimit64 new, old;
	struct process *process;
	int err;

	if ((u32)id >= NR_RLIMITS)
		return -EINVAL;
	if (new_vaddr && copy_from_user(&new, new_vaddr, sizeof(new)))
		return -EFAULT;
	process = find_for_limits((u32)pid, &err);
	if (!process)
		return err;
	old = process->rlimits[(u32)id];
	if (new_vaddr)
		err = set_limit(process, (u32)id, &new);
	process_put(process);
	if (!err && old_vaddr && copy_to_user(old_vaddr, &old, sizeof(old)))
		err = -EFAULT;
	return err;
}

long sys_getrlimit(u64 id, u64 vaddr)
{
	if ((u32)id >= NR_RLIMITS)
		return -EINVAL;
	return copy_to_user(vaddr, &current_process()->rlimits[(u32)id],
			    sizeof(struct rlimit64));
}

long sys_setrlimit(u64 id, u64 vaddr)
{
	struct rlimit64 new;

	if ((u32)id >= NR_RLIMITS)
		return -EINVAL;
	if (copy_from_user(&new, vaddr, sizeof(new)))
		return -EFAULT;
	return set_limit(current_process(), (u32)id, &new);
}

/* ---- usage ------------------------------------------------------------- */

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD   1

/* struct rusage; what Linux does not fill is zero here too. */
struct user_rusage {
	struct user_timeval user;
	struct user_timeval system;
	s64 max_rss_kib;
	s64 ixrss, idrss, isrss;
	s64 nr_minor_faults;
	s64 nr_major_faults;
	s64 nr_swaps, nr_in_blocks, nr_out_blocks;
	s64 nr_msg_sent, nr_msg_received, nr_signals;
	s64 nr_voluntary_switches;
	s64 nr_involuntary_switches;
};
_Static_assert(sizeof(struct user_rusage) == 144, "struct rusage");

int rusage_put(u64 vaddr, const struct cpu_usage *usage)
{
	struct user_rusage ru = {
		.user = usertime_timeval(usage->user_ns),
		.system = usertime_timeval(usage->system_ns),
		.max_rss_kib = (s64)(usage->max_resident_pages * 4),
		.nr_minor_faults = (s64)usage->nr_minor_faults,
		.nr_major_faults = (s64)usage->nr_major_faults,
		.nr_voluntary_switches = (s64)usage->nr_switches,
	};

	return copy_to_user(vaddr, &ru, sizeof(ru));
}

long sys_getrusage(u64 who, u64 vaddr)
{
	struct process *process = current_process();
	struct cpu_usage usage;
	u64 flags;

	switch ((s32)who) {
	case RUSAGE_SELF:
		process_usage(process, &usage);
		usage.max_resident_pages =
			max(usage.max_resident_pages,
			    aspace_peak_resident(process->aspace));
		break;
	case RUSAGE_CHILDREN:
		flags = process_lock_irqsave();
		usage = process->children_usage;
		process_unlock_irqrestore(flags);
		break;
	case RUSAGE_THREAD:
		task_usage(current_task(), &usage);
		break;
	default:
		return -EINVAL;
	}
	return rusage_put(vaddr, &usage);
}

long sys_times(u64 vaddr)
{
	struct process *process = current_process();
	struct cpu_usage own, children;
	u64 ticks[4], flags;

	process_usage(process, &own);
	flags = process_lock_irqsave();
	children = process->children_usage;
	process_unlock_irqrestore(flags);
	ticks[0] = own.user_ns / NSEC_PER_TICK;
	ticks[1] = own.system_ns / NSEC_PER_TICK;
	ticks[2] = children.user_ns / NSEC_PER_TICK;
	ticks[3] = children.system_ns / NSEC_PER_TICK;
	if (vaddr && copy_to_user(vaddr, ticks, sizeof(ticks)))
		return -EFAULT;
	return (long)(time_mono_ns() / NSEC_PER_TICK);
}
