/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions, interrupts and system calls, as the entry code hands them over.
 *
 * Page faults: user mode's, and those of uaccess functions on user addresses,
 * go to hooks.page_fault with interrupts on.  A uaccess fault that stays
 * unresolved continues at the fixup of its exception table entry.  All else
 * in the kernel is a bug: oops.
 */
#define pr_fmt(fmt) "trap: " fmt
#include <kernel/trap.h>

#include <arch/x86/cpu.h>
#include <arch/x86/kernel_map.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/hooks.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/sched.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <mm/page.h>

#include "arch.h"

struct user_hooks user_hooks;

/* Entry code. */
DEFINE_PERCPU(u64, kernel_stack_top);
DEFINE_PERCPU(u64, syscall_user_rsp);

static const char *const exception_names[NR_EXCEPTIONS] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"no FPU",
	"double fault",
	"9",
	"invalid TSS",
	"segment not present",
	"stack segment",
	"general protection",
	"page fault",
	"15",
	"x87 error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization",
	"control protection",
};

struct extable_entry {
	u64 insn, fixup;
};
extern const struct extable_entry __start_extable[], __stop_extable[];

static u64 extable_fixup(u64 rip)
{
	const struct extable_entry *e;

	for (e = __start_extable; e < __stop_extable; e++)
		if (e->insn == rip)
			return e->fixup;
	return 0;
}

/*
 * Time in user mode: from exit_to_user() to the next entry.  Return: now.
 */
static u64 account_entry(void)
{
	struct thread *t = current_thread();
	u64 now = rdtsc();

	t->user_cycles += now - t->user_since;
	return now;
}

#define PAGE_FAULT_WRITE 0x2u /* in the error code */

static bool is_user(const struct user_regs *regs)
{
	return regs->cs & 3;
}

static _Noreturn __noinline void die(struct user_regs *regs, u64 vector,
				     u64 error)
{
	char what[96];

	if (vector == VECTOR_PAGE_FAULT && error & PAGE_FAULT_WRITE &&
	    kernel_map_is_table(read_cr2()))
		scnprintf(what, sizeof(what),
			  "page-table page written to at %lx", read_cr2());
	else if (vector == VECTOR_PAGE_FAULT)
		scnprintf(what, sizeof(what), "page fault at %lx, error %lx",
			  read_cr2(), error);
	else
		scnprintf(what, sizeof(what), "%s (vector %lu), error %lx",
			  exception_names[vector] ? exception_names[vector]
						  : "exception",
			  vector, error);
	oops(regs, what);
}

static void user_page_fault(struct user_regs *regs, u64 vaddr, u32 error)
{
	irq_enable();
	(void)user_hooks.page_fault(vaddr, error, regs);
	irq_disable();
}

/* A fault of kernel code. */
static __noinline void kernel_page_fault(struct user_regs *regs, u64 vaddr,
					 u32 error)
{
	u64 fixup = extable_fixup(regs->rip);
	int rc = -EFAULT;

	if (!fixup || vaddr >= USER_VADDR_END)
		die(regs, VECTOR_PAGE_FAULT, error);
	if (user_hooks.page_fault && (regs->rflags & RFLAGS_IF)) {
		irq_enable();
		rc = user_hooks.page_fault(vaddr, error, NULL);
		irq_disable();
	}
	if (rc)
		regs->rip = fixup;
}

static void page_fault(struct user_regs *regs, u32 error)
{
	u64 vaddr = read_cr2();

	counter_inc(nr_page_fault_trap);
	if (likely(is_user(regs) && user_hooks.page_fault))
		user_page_fault(regs, vaddr, error);
	else
		kernel_page_fault(regs, vaddr, error);
}

static void clear_debug_status(void)
{
	u64 status = 0xffff0ff0; /* DR6 with nothing pending */

	__asm__ volatile("mov %0, %%dr6" ::"r"(status));
}

/*
 * Another CPU panics and stops this one, whatever it was doing; or the
 * hardware complains, which is only counted: no lock may be taken here.
 */
static void nmi(void)
{
	counter_inc(nr_nmi);
	if (smp_is_stopping())
		for (;;)
			__asm__ volatile("cli; hlt");
}

/* All but page faults. */
static __noinline void exception(struct user_regs *regs, u64 vector, u64 error)
{
	if (vector == VECTOR_DEBUG)
		clear_debug_status();
	if (vector == VECTOR_NMI) {
		nmi();
		return;
	}
	if (is_user(regs) && vector != VECTOR_DOUBLE_FAULT &&
	    vector != VECTOR_MACHINE_CHECK && user_hooks.user_exception) {
		irq_enable();
		user_hooks.user_exception((u32)vector, error, regs);
		irq_disable();
		return;
	}
	if (!is_user(regs)) {
		u64 fixup = extable_fixup(regs->rip);

		/* A non-canonical user address gives #GP, not #PF; a program's
		 * single-step flag can reach the first kernel instruction. */
		if (vector == VECTOR_GENERAL && fixup) {
			regs->rip = fixup;
			return;
		}
		if (vector == VECTOR_DEBUG) {
			regs->rflags &= ~RFLAGS_TF;
			return;
		}
	}
	die(regs, vector, error);
}

void trap_dispatch(struct user_regs *regs, u64 vector, u64 error)
{
	if (is_user(regs))
		current_thread()->entered = account_entry();
	if (likely(vector == VECTOR_PAGE_FAULT))
		page_fault(regs, (u32)error);
	else
		exception(regs, vector, error);
}

void irq_dispatch(struct user_regs *regs, u64 vector)
{
	if (is_user(regs))
		account_entry();
	else
		sched_halt_ended();
	irq_enter();
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		counter_inc(nr_timer_irq);
		timer_interrupt();
		break;
	case VECTOR_RESCHED:
		apic_eoi();
		counter_inc(nr_ipi);
		sched_ipi();
		break;
	case VECTOR_CALL:
		apic_eoi();
		counter_inc(nr_ipi);
		smp_call_serve();
		break;
	case VECTOR_SPURIOUS:
		break;
	default:
		counter_inc(nr_irq);
		irq_device(vector);
		apic_eoi();
	}
	irq_leave();
}

/* Entry code; in no header. */
bool syscall_from_user(struct user_regs *regs);

/* The last thing before user mode. Context: interrupts off. */
void exit_to_user(struct user_regs *regs)
{
	exit_work(regs);
	current_thread()->user_since = rdtsc();
	ASSERT(regs->cs == USER_CS && regs->ss == USER_DS);
	/* IRETQ to a non-canonical address would fault here, not there. */
	if (unlikely(regs->rip >= USER_VADDR_END))
		regs->rip = 0;
}

/*
 * Return: whether SYSRET may be used: it takes rip from rcx and flags from
 * r11, and must not see a non-canonical rip.
 */
bool syscall_from_user(struct user_regs *regs)
{
	account_entry();
	irq_enable();
	counter_inc(nr_syscall);
	regs->rax = (u64)-ENOSYS;
	user_hooks.syscall(regs);
	irq_disable();
	exit_to_user(regs);
	return regs->rcx == regs->rip && regs->r11 == regs->rflags &&
	       regs->cs == USER_CS && regs->ss == USER_DS &&
	       regs->rip < USER_VADDR_END &&
	       !(regs->rflags & (RFLAGS_TF | RFLAGS_RF));
}

struct user_regs *current_user_regs(void)
{
	ASSERT(current_thread()->is_user);
	return (struct user_regs *)current_thread()->stack_top - 1;
}

void user_regs_init(struct user_regs *regs, u64 rip, u64 rsp)
{
	*regs = (struct user_regs){
		.rip = rip,
		.rsp = rsp,
		.cs = USER_CS,
		.ss = USER_DS,
		.rflags = RFLAGS_IF | 2,
		.orig_rax = USER_NO_SYSCALL,
	};
}

void user_regs_sanitize(struct user_regs *regs)
{
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->rflags = (regs->rflags & USER_RFLAGS_MASK) | RFLAGS_IF | 2;
	if (regs->rip >= USER_VADDR_END)
		regs->rip = 0; /* faults there, in user mode */
}

/* Rewrite the no-ops at the entries: the page is writable through the direct
 * map. */
struct smap_site {
	u64 insn;
	u8 bytes[4], unused[4];
};
extern const struct smap_site __start_smap_sites[], __stop_smap_sites[];

void entry_patch_smap(void)
{
	const struct smap_site *s;

	if (!cpu_features.smap)
		return;
	for (s = __start_smap_sites; s < __stop_smap_sites; s++) {
		u8 *insn = kaddr_of(s->insn - KERNEL_IMAGE_BASE);

		for (int i = 0; i < 3; i++)
			insn[i] = s->bytes[i];
	}
}
