/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dispatch of system calls, made from syscall_list.def. */
#define pr_fmt(fmt) "syscall: " fmt
#include <managers/processor/syscall/syscall.h>

#include <arch/x86/user.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/strace/strace.h>
#include <managers/processor/syscall/dispatch.h>

enum syscall_index {
#define SYSCALL(nr, name, nr_args, ...) SYSCALL_INDEX_##name,
#include <managers/processor/syscall/syscall_list.def>
#undef SYSCALL
	NR_SYSCALLS
};

static const struct {
	u32 nr;
	const char *name;
} calls[NR_SYSCALLS + 1] = {
#define SYSCALL(nr_, name_, nr_args, ...) {nr_, #name_},
#include <managers/processor/syscall/syscall_list.def>
#undef SYSCALL
};

struct syscall_counts {
	u64 nr_calls[NR_SYSCALLS + 1];
};
static DEFINE_PERCPU(struct syscall_counts, syscall_counts);

/* ---- dispatch
 * ------------------------------------------------------------------ */

#define CALL_0(fn, r) fn()
#define CALL_1(fn, r) fn((r)->rdi)
#define CALL_2(fn, r) fn((r)->rdi, (r)->rsi)
#define CALL_3(fn, r) fn((r)->rdi, (r)->rsi, (r)->rdx)
#define CALL_4(fn, r) fn((r)->rdi, (r)->rsi, (r)->rdx, (r)->r10)
#define CALL_5(fn, r) fn((r)->rdi, (r)->rsi, (r)->rdx, (r)->r10, (r)->r8)
#define CALL_6(fn, r) \
	fn((r)->rdi, (r)->rsi, (r)->rdx, (r)->r10, (r)->r8, (r)->r9)

#define UNKNOWN_LINES_MAX 1000

/* Say it once for each number and process; all large numbers are one.  Who
 * makes processes without end does not fill the log. */
static long unknown_call(u64 nr)
{
	static atomic_t nr_lines;
	struct process *process = current_process();
	u64 bit = nr < 511 ? nr : 511;

	counter_inc(nr_syscall_unknown);
	if (fetch_or(&process->unknown_calls[bit / 64], 1ull << bit % 64) &
		    1ull << bit % 64 ||
	    atomic_read(&nr_lines) > UNKNOWN_LINES_MAX)
		return -ENOSYS;
	if (atomic_inc_return(&nr_lines) <= UNKNOWN_LINES_MAX)
		pr_info("%s[%u]: no system call %lu", current_task()->comm,
			process->pid, (unsigned long)nr);
	else
		pr_info_once("more calls that are not there: only counted, "
			     "nr_syscall_unknown");
	return -ENOSYS;
}

static long run_call(struct user_regs *regs)
{
	u64 *counts = this_cpu_ptr(syscall_counts)->nr_calls;

	switch (regs->orig_rax) {
#define SYSCALL(nr, name, nr_args, ...)         \
	case nr:                                \
		counts[SYSCALL_INDEX_##name]++; \
		return CALL_##nr_args(sys_##name, regs);
#include <managers/processor/syscall/syscall_list.def>
#undef SYSCALL
	default:
		return unknown_call(regs->orig_rax);
	}
}

const char *syscall_name(u64 nr)
{
	for (u32 i = 0; i < NR_SYSCALLS; i++)
		if (calls[i].nr == nr)
			return calls[i].name;
	return "?";
}

long syscall_run(struct user_regs *regs)
{
	return READ_ONCE(strace_is_on) ? strace_run_call(regs, run_call)
				       : run_call(regs);
}

/* ---- monitor
 * --------------------------------------------------------------------- */

static void cmd_syscalls(int argc, char **argv)
{
	for (u32 i = 0; i < NR_SYSCALLS; i++) {
		u64 sum = 0;

		for (u32 cpu = 0; cpu < nr_cpus_online; cpu++)
			sum += per_cpu_ptr(syscall_counts, cpu)->nr_calls[i];
		if (sum)
			mprintf("%12lu %s\n", (unsigned long)sum,
				calls[i].name);
	}
}
MONITOR_CMD(syscalls, "system calls made since boot, by name", cmd_syscalls);
