/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_EXEC_H
#define PROCESSOR_EXEC_H

#include "exec_strings.h"

struct dentry;
struct user_regs;

/**
 * exec_strings_alloc - room for the strings of one program start.
 *
 * Return: 0, -ENOMEM.  exec_strings_free() it.
 */
int __must_check exec_strings_alloc(struct exec_strings *s);
void exec_strings_free(struct exec_strings *s);

/**
 * exec_program - make the current process run another program.
 * @base: where a relative @path starts; NULL: the working directory
 * @path: kernel string
 * @strings: argv and envp; changed (scripts)
 * @regs: the current task's user registers, set to the program's start
 *
 * Other tasks of the process end.  Context: the task's thread; may sleep.
 * Return: 0; -errno as execve(2), with nothing changed.
 */
int __must_check exec_program(struct dentry *base, const char *path,
			      struct exec_strings *strings,
			      struct user_regs *regs);

#endif /* PROCESSOR_EXEC_H */
