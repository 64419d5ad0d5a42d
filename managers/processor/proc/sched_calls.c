/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scheduling as programs see it: there is one class, SCHED_OTHER, without
 * priorities; threads can be bound to CPUs.  And memory-order and NUMA calls:
 * a processor node is one NUMA node, number 0.
 */
#include <kernel/cpu.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"

#define SCHED_OTHER 0u
#define SCHED_BATCH 3u
#define SCHED_IDLE  5u

/* 0 is the caller.  A reference. */
static struct task *find_task(u64 tid)
{
	struct task *me = current_task();

	if ((u32)tid)
		return task_find((u32)tid);
	task_hold(me);
	return me;
}

long sys_sched_yield(void)
{
	thread_yield();
	return 0;
}

/* ---- CPUs -------------------------------------------------------------- */

long sys_getcpu(u64 cpu_vaddr, u64 node_vaddr)
{
	if (cpu_vaddr && put_user_u32(cpu_vaddr, cpu_id()))
		return -EFAULT;
	return node_vaddr ? put_user_u32(node_vaddr, 0) : 0;
}

long sys_sched_getaffinity(u64 tid, u64 len, u64 mask_vaddr)
{
	struct cpumask mask;
	struct task *task;
	u64 need = DIV_ROUND_UP(nr_cpus_online, 64) * sizeof(u64);
	u64 bytes = min((u64)(u32)len, sizeof(mask));

	if ((u32)len < need || (u32)len % sizeof(u64))
		return -EINVAL;
	task = find_task(tid);
	if (!task)
		return -ESRCH;
	mask = task->thread->affinity;
	task_put(task);
	for (u32 i = 0; i < ARRAY_SIZE(mask.bits); i++)
		mask.bits[i] &= cpus_online.bits[i];
	if (copy_to_user(mask_vaddr, &mask, bytes))
		return -EFAULT;
	return (long)bytes;
}

/* sched_setaffinity(2): the same user's, or CAP_SYS_NICE. */
static bool may_schedule(const struct process *target)
{
	const struct credentials *me = &current_process()->cred;

	return me->euid == target->cred.euid || me->euid == target->cred.ruid ||
	       process_may(CAP_SYS_NICE);
}

long sys_sched_setaffinity(u64 tid, u64 len, u64 mask_vaddr)
{
	struct cpumask mask = {{0}};
	struct task *task;
	int err;

	if (copy_from_user(&mask, mask_vaddr, min((u64)(u32)len, sizeof(mask))))
		return -EFAULT;
	for (u32 i = 0; i < ARRAY_SIZE(mask.bits); i++)
		mask.bits[i] &= cpus_online.bits[i];
	task = find_task(tid);
	if (!task)
		return -ESRCH;
	err = may_schedule(task->process)
		      ? thread_set_affinity(task->thread, &mask)
		      : -EPERM;
	task_put(task);
	return err;
}

/* ---- classes and priorities -------------------------------------------- */

static long check_task(u64 tid)
{
	struct task *task;

	if ((s32)tid < 0)
		return -EINVAL;
	task = find_task(tid);
	if (!task)
		return -ESRCH;
	task_put(task);
	return 0;
}

long sys_sched_getscheduler(u64 tid)
{
	return check_task(tid); /* SCHED_OTHER is 0 */
}

long sys_sched_setscheduler(u64 tid, u64 policy, u64 param_vaddr)
{
	struct task *task;
	bool is_allowed;
	u32 priority;

	if ((s32)tid < 0)
		return -EINVAL;
	if (get_user_u32(param_vaddr, &priority))
		return -EFAULT;
	task = find_task(tid);
	if (!task)
		return -ESRCH;
	is_allowed = may_schedule(task->process);
	task_put(task);
	if ((u32)policy != SCHED_OTHER && (u32)policy != SCHED_BATCH &&
	    (u32)policy != SCHED_IDLE)
		return -EPERM; /* no real-time classes */
	if (priority)
		return -EINVAL;
	return is_allowed ? 0 : -EPERM;
}

long sys_sched_getparam(u64 tid, u64 param_vaddr)
{
	long err = check_task(tid);

	return err ? err : put_user_u32(param_vaddr, 0);
}

long sys_sched_setparam(u64 tid, u64 param_vaddr)
{
	return sys_sched_setscheduler(tid, SCHED_OTHER, param_vaddr);
}

long sys_sched_get_priority_max(u64 policy)
{
	switch ((u32)policy) {
	case 1:
	case 2:
		return 99;
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return 0;
	default:
		return -EINVAL;
	}
}

long sys_sched_get_priority_min(u64 policy)
{
	long max = sys_sched_get_priority_max(policy);

	return max == 99 ? 1 : max;
}

#define PRIO_USER 2u

/* The raw call returns 20 - nice, and nice is always 0. */
long sys_getpriority(u64 which, u64 who)
{
	return (u32)which > PRIO_USER ? -EINVAL : 20;
}

/* Being nicer is promised and has no effect; less nice is refused. */
long sys_setpriority(u64 which, u64 who, u64 nice)
{
	if ((u32)which > PRIO_USER)
		return -EINVAL;
	if ((s32)nice < 0 && !process_may(CAP_SYS_NICE))
		return -EACCES;
	return 0;
}

/* ---- membarrier(2) ----------------------------------------------------- */

#define MEMBARRIER_QUERY             0u
#define MEMBARRIER_GLOBAL            (1u << 0)
#define MEMBARRIER_GLOBAL_EXPEDITED  (1u << 1)
#define MEMBARRIER_REGISTER_GLOBAL   (1u << 2)
#define MEMBARRIER_PRIVATE_EXPEDITED (1u << 3)
#define MEMBARRIER_REGISTER_PRIVATE  (1u << 4)
#define MEMBARRIER_ALL                                               \
	(MEMBARRIER_GLOBAL | MEMBARRIER_GLOBAL_EXPEDITED |           \
	 MEMBARRIER_REGISTER_GLOBAL | MEMBARRIER_PRIVATE_EXPEDITED | \
	 MEMBARRIER_REGISTER_PRIVATE)

/* An interrupt is a barrier on the CPU that takes it. */
static void barrier_here(void *arg)
{
	__sync_synchronize();
}

long sys_membarrier(u64 cmd, u64 flags, u64 cpu)
{
	if ((u32)flags)
		return -EINVAL;
	switch ((u32)cmd) {
	case MEMBARRIER_QUERY:
		return MEMBARRIER_ALL;
	case MEMBARRIER_REGISTER_GLOBAL:
	case MEMBARRIER_REGISTER_PRIVATE:
		return 0;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXPEDITED:
	case MEMBARRIER_PRIVATE_EXPEDITED:
		smp_call(&cpus_online, barrier_here, NULL);
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- NUMA policy ------------------------------------------------------- */

#define MPOL_DEFAULT 0u
#define MPOL_LOCAL   4u
#define MPOL_FLAGS   0xe000u /* MPOL_F_STATIC_NODES and the like */

long sys_set_mempolicy(u64 mode, u64 nodes_vaddr, u64 max_node)
{
	return ((u32)mode & ~MPOL_FLAGS) <= MPOL_LOCAL ? 0 : -EINVAL;
}

long sys_get_mempolicy(u64 mode_vaddr, u64 nodes_vaddr, u64 max_node, u64 vaddr,
		       u64 flags)
{
	if (mode_vaddr && put_user_u32(mode_vaddr, MPOL_DEFAULT))
		return -EFAULT;
	if (!nodes_vaddr)
		return 0;
	return clear_user(nodes_vaddr, ALIGN_UP(max_node, 64) / 8);
}

long sys_mbind(u64 vaddr, u64 len, u64 mode, u64 nodes_vaddr, u64 max_node,
	       u64 flags)
{
	return ((u32)mode & ~MPOL_FLAGS) <= MPOL_LOCAL ? 0 : -EINVAL;
}
