/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The boot command line, cut in place into words once.  cmdline_split() is
 * pure: cmdline_test.c gives it lines of its own.
 */
#define pr_fmt(fmt) "cmdline: " fmt
#include <kernel/cmdline.h>

#include <kernel/log.h>
#include <lib/errno.h>
#include <lib/kstrto.h>
#include <lib/minmax.h>
#include <lib/string.h>

#include "cmdline_internal.h"

/* Weak: a unit test has none. */
extern __weak const struct boot_option __start_boot_options[],
	__stop_boot_options[];

static char whole[CMDLINE_MAX];
static struct cmdline parsed;

/* One word into @out, without its quotes. Return: where it ends. */
static const char *take_word(const char *s, char **out)
{
	bool quoted = false;

	for (; *s && (quoted || *s != ' '); s++) {
		if (*s == '"')
			quoted = !quoted;
		else
			*(*out)++ = *s;
	}
	*(*out)++ = 0;
	return s;
}

void cmdline_split(struct cmdline *c, const char *line)
{
	char *out = c->text;

	c->nr_words = 0;
	c->rest = "";
	while (*line) {
		char *word = out;

		if (*line == ' ') {
			line++;
			continue;
		}
		if (!strncmp(line, "-- ", 3) || !strcmp(line, "--")) {
			line += 2;
			strscpy(out, line + (*line == ' '),
				(size_t)(c->text + sizeof(c->text) - out));
			c->rest = out;
			return;
		}
		line = take_word(line, &out);
		if (c->nr_words < CMDLINE_WORDS_MAX)
			c->words[c->nr_words++] = word;
	}
}

const char *cmdline_find(const struct cmdline *c, const char *name)
{
	size_t n = strlen(name);

	for (int i = c->nr_words - 1; i >= 0; i--) {
		const char *word = c->words[i];

		if (strncmp(word, name, n))
			continue;
		if (word[n] == '=')
			return word + n + 1;
		if (!word[n])
			return "";
	}
	return NULL;
}

bool cmdline_get(const char *name, char *buf, size_t len)
{
	const char *value = cmdline_find(&parsed, name);

	if (value && buf)
		(void)strscpy(buf, value, len);
	return value;
}

u64 cmdline_get_u64(const char *name, u64 dflt)
{
	const char *value = cmdline_find(&parsed, name);
	u64 v;

	if (!value)
		return dflt;
	if (!kstrtou64(value, 0, &v))
		return v;
	pr_warn("%s=%s is no number, using %lu", name, value, dflt);
	return dflt;
}

u64 cmdline_get_size(const char *name, u64 dflt)
{
	const char *value = cmdline_find(&parsed, name);
	u64 v;

	if (!value)
		return dflt;
	if (!kstrtosize(value, &v, NULL))
		return v;
	pr_warn("%s=%s is no size, using %lu", name, value, dflt);
	return dflt;
}

const char *cmdline_whole(void)
{
	return whole;
}

const char *cmdline_rest(void)
{
	return parsed.rest;
}

static const struct boot_option *option_of(const char *word)
{
	const struct boot_option *o;
	size_t n = 0;

	while (word[n] && word[n] != '=')
		n++;
	for (o = __start_boot_options; o < __stop_boot_options; o++)
		if (!strncmp(o->name, word, n) && !o->name[n])
			return o;
	return NULL;
}

void cmdline_init(const char *line)
{
	if (strscpy(whole, line, sizeof(whole)) < 0)
		pr_warn("the command line is cut to %zu bytes",
			sizeof(whole) - 1);
	cmdline_split(&parsed, whole);
}

void cmdline_apply(void)
{
	for (int i = 0; i < parsed.nr_words; i++) {
		const char *word = parsed.words[i];
		const struct boot_option *o = option_of(word);
		const char *value = strchr(word, '=');

		if (!o)
			pr_warn("unknown option %s", word);
		else if (o->setter && o->setter(value ? value + 1 : ""))
			pr_warn("%s: bad value; expected: %s", word, o->help);
	}
}
