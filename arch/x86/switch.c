/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a switch between threads changes besides the stack. */
#include <arch/x86/setup.h>

#include <arch/x86/paging.h>
#include <kernel/hooks.h>
#include <kernel/thread.h>

#include "arch.h"

DECLARE_PERCPU(u64, kernel_stack_top);
DEFINE_PERCPU(struct thread *, current_thread_ptr);

/* entry.S */
void thread_switch(u64 *save_sp, u64 load_sp);
extern char thread_entry[];

void thread_arch_init(struct thread *t)
{
	/* Above: room for the registers of user mode. */
	u64 *sp =
		(u64 *)(t->stack_top - ALIGN_UP(sizeof(struct user_regs), 16));

	*--sp = 0; /* so that thread_entry has C's stack alignment */
	*--sp = (u64)thread_entry;
	for (int i = 0; i < 6; i++) /* what thread_switch() pops */
		*--sp = 0;
	t->kernel_sp = (u64)sp;
}

bool thread_arch_frame(const struct thread *t, u64 *rip, u64 *rbp)
{
	/* What thread_switch() pushed: six registers, rbp first. */
	u64 sp = READ_ONCE(t->kernel_sp);

	if (sp < (u64)t->stack || sp > t->stack_top - 7 * sizeof(u64) || sp % 8)
		return false;
	*rbp = ((const u64 *)sp)[5];
	*rip = ((const u64 *)sp)[6];
	return true;
}

void thread_arch_switch(struct thread *prev, struct thread *next)
{
	if (prev->fpu)
		user_state_save(prev);
	if (!next->is_user)
		tlb_lazy_enter();
	if (user_hooks.context_switch)
		user_hooks.context_switch(prev, next);
	this_cpu_write(current_thread_ptr, next);
	this_cpu_write(kernel_stack_top, next->stack_top);
	tss_set_kernel_stack(next->stack_top);
	if (next->fpu)
		user_state_load(next);
	thread_switch(&prev->kernel_sp, next->kernel_sp);
}
