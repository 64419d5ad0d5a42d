/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wait4(2) and waitid(2). */
#include <kernel/assert.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"
#include "rusage.h"
#include "waitopt.h"

struct siginfo child_info(struct process *child, s32 status)
{
	struct siginfo info = {.signo = SIGCHLD};
	struct cpu_usage usage;

	process_usage_locked(child, &usage);
	wait_decode_status(status, &info.code, &info.child.status);
	info.child.pid = (s32)child->pid;
	info.child.uid = child->cred.ruid;
	info.child.utime_ticks = (s64)(usage.user_ns / NSEC_PER_TICK);
	info.child.stime_ticks = (s64)(usage.system_ns / NSEC_PER_TICK);
	return info;
}

/* One wait: what is asked for, and what was found. */
struct wait_query {
	enum wait_who who;
	u32 id;
	u32 options;

	bool has_candidates;
	struct process *found; /* a reference */
	s32 status;
	struct siginfo info;
	struct cpu_usage usage;
};

static bool is_candidate(const struct wait_query *query,
			 const struct process *child)
{
	bool is_clone = child->exit_signal != SIGCHLD;

	if (!(query->options & __WALL) &&
	    is_clone != !!(query->options & __WCLONE))
		return false;
	switch (query->who) {
	case WAIT_PID:
		return child->pid == query->id;
	case WAIT_PGID:
		return child->pgid == query->id;
	default:
		return true;
	}
}

/* Has @child something to report that the query wants? */
static bool has_news(const struct wait_query *query,
		     const struct process *child, s32 *status)
{
	if (child->state == PROCESS_ZOMBIE) {
		*status = child->exit_status;
		return query->options & WEXITED;
	}
	*status = child->stop_status;
	if (*status == WAIT_STATUS_CONTINUED)
		return query->options & WCONTINUED;
	return *status && (query->options & WUNTRACED);
}

static void take_locked(struct wait_query *query, struct process *child)
{
	struct process *parent = child->parent;

	query->found = child;
	query->info = child_info(child, query->status);
	process_usage_locked(child, &query->usage);
	cpu_usage_add(&query->usage, &child->children_usage);
	if (query->options & WNOWAIT) {
		process_hold(child);
	} else if (child->state == PROCESS_ZOMBIE) {
		cpu_usage_add(&parent->children_usage, &query->usage);
		process_unpublish_locked(child); /* its reference is ours */
	} else {
		child->stop_status = 0;
		process_hold(child);
	}
}

/* Look over the children once. Return: true if the wait is over. */
static bool scan(struct wait_query *query)
{
	u64 flags = process_lock_irqsave();
	struct process *child;

	query->has_candidates = false;
	list_for_each_entry (child, &current_process()->children, sibling) {
		if (!is_candidate(query, child))
			continue;
		query->has_candidates = true;
		if (has_news(query, child, &query->status)) {
			take_locked(query, child);
			break;
		}
	}
	process_unlock_irqrestore(flags);
	return query->found || !query->has_candidates;
}

/* Return: 0 with query->found set or, WNOHANG, NULL; -ECHILD, -ERESTARTSYS. */
static long do_wait(struct wait_query *query)
{
	bool is_over = scan(query);

	if (!is_over && !(query->options & WNOHANG))
		if (wait_event_intr(&current_process()->child_wait,
				    scan(query)))
			return -ERESTARTSYS;
	return query->found || query->has_candidates ? 0 : -ECHILD;
}

long sys_wait4(u64 pid_arg, u64 status_vaddr, u64 options, u64 rusage_vaddr)
{
	struct wait_query query = {.options = (u32)options | WEXITED};
	s32 pid = (s32)pid_arg;
	long ret;

	if ((u32)options & ~WAIT4_OPTIONS)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	query.who = pid == -1 ? WAIT_ALL : pid > 0 ? WAIT_PID : WAIT_PGID;
	query.id = pid > 0 ? (u32)pid
		   : pid   ? (u32)-pid
			   : current_process()->pgid;
	ret = do_wait(&query);
	if (ret || !query.found)
		return ret;
	ret = query.found->pid;
	process_put(query.found);
	if (status_vaddr && put_user_u32(status_vaddr, (u32)query.status))
		return -EFAULT;
	if (rusage_vaddr && rusage_put(rusage_vaddr, &query.usage))
		return -EFAULT;
	return ret;
}

long sys_waitid(u64 who, u64 id, u64 info_vaddr, u64 options, u64 rusage_vaddr)
{
	struct wait_query query = {
		.who = (u32)who, .id = (u32)id, .options = (u32)options};
	long ret;

	if (((u32)options & ~WAITID_OPTIONS) ||
	    !((u32)options & (WEXITED | WUNTRACED | WCONTINUED)) ||
	    (u32)who > WAIT_PGID)
		return -EINVAL;
	if (query.who == WAIT_PID && (s32)query.id <= 0)
		return -EINVAL;
	if (query.who == WAIT_PGID && !query.id)
		query.id = current_process()->pgid;
	ret = do_wait(&query);
	if (ret)
		return ret;
	if (query.found) {
		process_put(query.found);
		if (rusage_vaddr && rusage_put(rusage_vaddr, &query.usage))
			return -EFAULT;
	}
	/* Nothing to report is told by zeros. */
	if (info_vaddr &&
	    copy_to_user(info_vaddr, &query.info, sizeof(query.info)))
		return -EFAULT;
	return 0;
}
