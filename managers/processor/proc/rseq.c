/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Restartable sequences (rseq(2)).
 *
 * A thread registers a structure in its memory; before user mode goes on
 * after a switch, the number of the CPU is stored there.  While the field
 * rseq_cs points to the description of a critical section and the program
 * counter is inside it, an interruption (switch, signal) makes the thread go
 * on at the section's abort address instead.
 *
 * Layout and rules: rseq(2) manual page and glibc's <sys/rseq.h>.
 */
#include <arch/x86/user.h>
#include <kernel/cpu.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"
#include "rseq.h"

#define RSEQ_FLAG_UNREGISTER      1u
#define RSEQ_CPU_ID_UNINITIALIZED 0xffffffffu

static int store_cpu(u64 vaddr, u32 start, u32 id)
{
	struct rseq_ids ids = {.cpu_id_start = start, .cpu_id = id};

	return copy_to_user(vaddr, &ids, sizeof(ids));
}

/* Leave the critical section *@regs is in.  Return: 0, -EFAULT, -EINVAL. */
static int fix_section(const struct task *task, struct user_regs *regs)
{
	u64 field = task->rseq_vaddr + RSEQ_CS_OFFSET, section_vaddr;
	struct rseq_section section;
	u32 signature;

	if (get_user_u64(field, &section_vaddr))
		return -EFAULT;
	if (!section_vaddr)
		return 0;
	if (copy_from_user(&section, section_vaddr, sizeof(section)))
		return -EFAULT;
	if (!rseq_section_is_valid(&section, USER_VADDR_END))
		return -EINVAL;
	if (rseq_section_holds(&section, regs->rip)) {
		if (get_user_u32(section.abort_ip - 4, &signature))
			return -EFAULT;
		if (signature != task->rseq_signature)
			return -EINVAL;
		regs->rip = section.abort_ip;
	}
	/* Outside: the program has left it and not said so. */
	return put_user_u64(field, 0);
}

void rseq_return_to_user(struct user_regs *regs, bool was_interrupted)
{
	struct task *task = current_task();
	u32 cpu = cpu_id();
	int err = 0;

	if (!task->rseq_vaddr)
		return;
	signal_uaccess_begin();
	if (was_interrupted)
		err = fix_section(task, regs);
	if (!err && task->rseq_cpu != cpu) {
		err = store_cpu(task->rseq_vaddr, cpu, cpu);
		/* Storing may have slept and moved us: then we come again,
		 * because every switch asks for this work. */
		task->rseq_cpu = cpu;
	}
	if (err)
		signal_force(signal_uaccess(), SI_KERNEL, task->rseq_vaddr);
}

static long unregister(struct task *task, u64 vaddr, u32 bytes, u32 signature)
{
	if (task->rseq_vaddr != vaddr || !vaddr)
		return -EINVAL;
	if (task->rseq_bytes != bytes)
		return -EINVAL;
	if (task->rseq_signature != signature)
		return -EPERM;
	if (store_cpu(vaddr, 0, RSEQ_CPU_ID_UNINITIALIZED))
		return -EFAULT;
	task->rseq_vaddr = 0;
	return 0;
}

long sys_rseq(u64 vaddr, u64 bytes, u64 flags, u64 signature)
{
	struct task *task = current_task();

	if ((u32)flags == RSEQ_FLAG_UNREGISTER)
		return unregister(task, vaddr, (u32)bytes, (u32)signature);
	if ((u32)flags)
		return -EINVAL;
	if (task->rseq_vaddr) {
		if (task->rseq_vaddr != vaddr || task->rseq_bytes != (u32)bytes)
			return -EINVAL;
		return task->rseq_signature == (u32)signature ? -EBUSY : -EPERM;
	}
	if (vaddr % RSEQ_BYTES || (u32)bytes != RSEQ_BYTES)
		return -EINVAL;
	if (!user_range_ok(vaddr, RSEQ_BYTES))
		return -EFAULT;
	task->rseq_bytes = (u32)bytes;
	task->rseq_signature = (u32)signature;
	task->rseq_cpu = cpu_id();
	if (store_cpu(vaddr, task->rseq_cpu, task->rseq_cpu))
		return -EFAULT;
	task->rseq_vaddr = vaddr;
	thread_user_work(task->thread);
	return 0;
}
