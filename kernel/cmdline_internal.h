/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_CMDLINE_INTERNAL_H
#define KERNEL_CMDLINE_INTERNAL_H
#include <kernel/cmdline.h>

#define CMDLINE_MAX       2048
#define CMDLINE_WORDS_MAX 64

struct cmdline {
	char text[2 * CMDLINE_MAX]; /* the words, each with its NUL */
	const char *words[CMDLINE_WORDS_MAX];
	int nr_words;
	const char *rest; /* behind " -- ", or "" */
};

/** cmdline_split - cut @line (shorter than CMDLINE_MAX) into words. */
void cmdline_split(struct cmdline *c, const char *line);
/** cmdline_find - value of the last word @name; "" if it has none; NULL. */
const char *cmdline_find(const struct cmdline *c, const char *name);

#endif
