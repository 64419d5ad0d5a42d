/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H
/*
 * Formatted output into buffers: d i u x X o c s p %, flags "-0+ #", width,
 * precision, '*', lengths hh h l ll z t.  No floating point.
 */
#include <lib/types.h>

#ifdef BRICK_HOST
#include <stdio.h>
#else
/** snprintf - as C: returns what would have been written, without the NUL. */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
	__printf(3, 0);
#endif

/** scnprintf - as snprintf(), but returns what was written: < @size. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap)
	__printf(3, 0);

#endif
