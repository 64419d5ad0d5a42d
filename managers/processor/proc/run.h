/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_RUN_H
#define PROCESSOR_RUN_H

struct run;
struct user_regs;

/**
 * run_initial_exec - start the program of @run in the current process, which
 * has none yet; ends the process if there is no such program.
 * @regs: the task's user registers
 *
 * Context: the first task, before its first time in user mode.
 */
void run_initial_exec(struct run *run, struct user_regs *regs);

#endif /* PROCESSOR_RUN_H */
