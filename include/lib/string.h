/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_STRING_H
#define LIB_STRING_H
/* Strings and memory, with C's own names and meanings. */
#include <lib/types.h>

#ifdef BRICK_HOST
#include <string.h>
#else
/* As in C. */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *what);
#endif

/**
 * strscpy - copy @src to @dst of @size bytes, always terminated if @size > 0.
 *
 * Return: the length copied, or -E2BIG if it had to be cut.
 */
ssize_t strscpy(char *dst, const char *src, size_t size);

/** str_has_prefix - does @s begin with @prefix? */
bool str_has_prefix(const char *s, const char *prefix);

/** mem_is_zero - are all @n bytes of @p 0? */
bool mem_is_zero(const void *p, size_t n);

#endif
