/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU time and faults of tasks and processes. */
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>

#include "internal.h"

void cpu_usage_add(struct cpu_usage *sum, const struct cpu_usage *more)
{
	sum->user_ns += more->user_ns;
	sum->system_ns += more->system_ns;
	sum->nr_minor_faults += more->nr_minor_faults;
	sum->nr_major_faults += more->nr_major_faults;
	sum->nr_switches += more->nr_switches;
	sum->max_resident_pages =
		max(sum->max_resident_pages, more->max_resident_pages);
}

void task_usage(struct task *task, struct cpu_usage *usage)
{
	u64 user_ns = thread_user_ns(task->thread);
	u64 all_ns = thread_cpu_ns(task->thread);

	*usage = (struct cpu_usage){
		.user_ns = user_ns,
		/* read one after the other while it runs */
		.system_ns = all_ns > user_ns ? all_ns - user_ns : 0,
		.nr_minor_faults = task->nr_minor_faults,
		.nr_major_faults = task->nr_major_faults,
		.nr_switches = task->thread->nr_switches,
	};
}

void process_usage_locked(struct process *process, struct cpu_usage *usage)
{
	struct cpu_usage one;
	struct task *t;

	*usage = process->usage;
	list_for_each_entry (t, &process->tasks, in_process) {
		task_usage(t, &one);
		cpu_usage_add(usage, &one);
	}
}

void process_usage(struct process *process, struct cpu_usage *usage)
{
	u64 flags = process_lock_irqsave();

	process_usage_locked(process, usage);
	process_unlock_irqrestore(flags);
}
