/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_EXEC_STRINGS_H
#define PROCESSOR_EXEC_STRINGS_H

/*
 * The strings of a program start, in the order m_exec wants them: argv, envp,
 * then the path the program was started by.  And "#!" lines.
 */
#include <lib/types.h>

struct exec_strings {
	char *buf;
	u32 used_bytes;
	u32 max_bytes;
	u32 argc;
	u32 envc;
};

/** exec_strings_append - add one at the end. Return: 0, -E2BIG. */
int __must_check exec_strings_append(struct exec_strings *s,
				     const char *string);
/** exec_strings_drop_first - remove argv[0]; there must be one. */
void exec_strings_drop_first(struct exec_strings *s);
/** exec_strings_prepend - a new argv[0]. Return: 0, -E2BIG. */
int __must_check exec_strings_prepend(struct exec_strings *s,
				      const char *string);

#define SHEBANG_MAX 255u

struct shebang {
	char interp[SHEBANG_MAX + 1];
	char arg[SHEBANG_MAX + 1]; /* the rest of the line; "": none */
};

/**
 * shebang_parse - is @head, the start of a file, a script?
 *
 * Return: 1 and *@out; 0: no "#!"; -ENOEXEC: an empty or too long line.
 */
int shebang_parse(const char *head, size_t len, struct shebang *out);

#endif /* PROCESSOR_EXEC_STRINGS_H */
