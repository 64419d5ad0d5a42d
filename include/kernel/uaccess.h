/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_UACCESS_H
#define KERNEL_UACCESS_H
/*
 * The only way to touch user memory.  A fault on the way goes to
 * hooks.page_fault and may sleep; so: thread context, interrupts on, no
 * spinlock held.  @uaddr may be any value a program came up with.
 */
#include <lib/types.h>

#define USER_VADDR_END 0x00007ffffffff000ul /* first address not the user's */

/** user_range_ok - does [@uaddr, @uaddr + @n) lie in the user half? */
static inline bool user_range_ok(u64 uaddr, u64 n)
{
	return n <= USER_VADDR_END && uaddr <= USER_VADDR_END - n;
}

/** copy_from_user, copy_to_user, clear_user - Return: 0 or -EFAULT. */
int __must_check copy_from_user(void *dst, u64 uaddr, size_t n);
int __must_check copy_to_user(u64 uaddr, const void *src, size_t n);
int __must_check clear_user(u64 uaddr, size_t n);

/**
 * copy_from_user_partial, copy_to_user_partial - copy as far as possible.
 *
 * Return: bytes NOT copied (0: all), for calls with short counts.
 */
size_t __must_check copy_from_user_partial(void *dst, u64 uaddr, size_t n);
size_t __must_check copy_to_user_partial(u64 uaddr, const void *src, size_t n);

/**
 * strncpy_from_user - copy a string, with its NUL, to @buf of @max bytes.
 *
 * Return: its length, -EFAULT, or -ENAMETOOLONG if no NUL was found in @max.
 */
ssize_t __must_check strncpy_from_user(char *buf, u64 uaddr, size_t max);

/** get_user_*, put_user_* - one value, in one access. Return: 0 or -EFAULT. */
int __must_check get_user_u8(u64 uaddr, u8 *out);
int __must_check get_user_u32(u64 uaddr, u32 *out);
int __must_check get_user_u64(u64 uaddr, u64 *out);
int __must_check put_user_u8(u64 uaddr, u8 v);
int __must_check put_user_u32(u64 uaddr, u32 v);
int __must_check put_user_u64(u64 uaddr, u64 v);

/**
 * cmpxchg_user_u32 - atomic compare and exchange on a user word.
 *
 * *@seen is what was there; the exchange happened if it equals @old.
 * Return: 0, -EFAULT, -EINVAL if @uaddr is not aligned.
 */
int __must_check cmpxchg_user_u32(u64 uaddr, u32 old, u32 new_value, u32 *seen);

#endif
