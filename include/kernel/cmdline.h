/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H
/*
 * The boot command line: words `name` or `name=value`; a value with spaces is
 * put in double quotes; all behind ` -- ` is cmdline_rest().
 *
 * Each option is declared once, beside the code that uses it, so that unknown
 * words can be warned about and the documentation can be checked:
 *
 *	BOOT_OPTION(pcache, "SIZE[,WAYSway]: size of the pcache", NULL);
 *
 * @setter (or NULL) is called with the value ("" if none) after memory and the
 * log work, before drivers and threads; non-zero return: the value is refused
 * with a warning.
 */
#include <lib/types.h>

struct boot_option {
	const char *name;
	const char *help;
	int (*setter)(const char *value);
};

#define BOOT_OPTION(opt_name, opt_help, opt_setter)                            \
	static const struct boot_option boot_option_##opt_name __attribute__(( \
		used, section("boot_options"), aligned(8))) = {                \
		.name = #opt_name, .help = opt_help, .setter = opt_setter}

/**
 * cmdline_get - the value of option @name (the last one given).
 *
 * @buf: gets the value, "" for a bare word; cut to @len; may be NULL.
 * Return: whether the option was given.
 */
bool cmdline_get(const char *name, char *buf, size_t len);

/** cmdline_has - was @name given? */
static inline bool cmdline_has(const char *name)
{
	return cmdline_get(name, NULL, 0);
}

/** cmdline_get_u64, cmdline_get_size - a numeric option, or @dflt. */
u64 cmdline_get_u64(const char *name, u64 dflt);
u64 cmdline_get_size(const char *name, u64 dflt);

/** cmdline_whole, cmdline_rest - all of it; what stands behind ` -- `. */
const char *cmdline_whole(void);
const char *cmdline_rest(void);

/** cmdline_init - take @line, at boot.  cmdline_apply - call the setters, warn
 * about unknown words. */
void cmdline_init(const char *line);
void cmdline_apply(void);

#endif
