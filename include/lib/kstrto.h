/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_KSTRTO_H
#define LIB_KSTRTO_H
/* Numbers from text that somebody else wrote. */
#include <lib/types.h>

/**
 * kstrtou64 - parse the whole of @s as a number in @base (0: 0x, 0 or
 * decimal, as in C).
 *
 * Return: 0, -EINVAL if it is no number, -ERANGE if it does not fit.
 */
int __must_check kstrtou64(const char *s, unsigned int base, u64 *out);
int __must_check kstrtou32(const char *s, unsigned int base, u32 *out);
int __must_check kstrtos64(const char *s, unsigned int base, s64 *out);

/**
 * parse_u64 - parse the number at the start of @s; *@end is set behind it.
 *
 * Return: as kstrtou64().
 */
int __must_check parse_u64(const char *s, unsigned int base, u64 *out,
			   const char **end);

/**
 * kstrtosize - parse a size such as 4096, 64K, 64M, 2G, 1T (binary units).
 *
 * @end: if not NULL, set behind the size; if NULL, nothing may follow.
 * Return: as kstrtou64().
 */
int __must_check kstrtosize(const char *s, u64 *out, const char **end);

/** kstrtobool - parse 1 y yes on true, 0 n no off false; 0 or -EINVAL. */
int __must_check kstrtobool(const char *s, bool *out);

#endif
