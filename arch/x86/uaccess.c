/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User memory: range checks in front of the copies of user_copy.S. */
#include <kernel/uaccess.h>

#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/page.h>

/* user_copy.S */
size_t uaccess_copy(void *dst, const void *src, size_t n);
size_t uaccess_clear(void *dst, size_t n);
int uaccess_get8(const void *src, u8 *out);
int uaccess_get32(const void *src, u32 *out);
int uaccess_get64(const void *src, u64 *out);
int uaccess_put8(void *dst, u8 v);
int uaccess_put32(void *dst, u32 v);
int uaccess_put64(void *dst, u64 v);
int uaccess_cmpxchg32(void *dst, u32 old, u32 new_value, u32 *seen);

size_t copy_from_user_partial(void *dst, u64 uaddr, size_t n)
{
	might_sleep();
	if (!user_range_ok(uaddr, n))
		return n;
	return uaccess_copy(dst, (const void *)uaddr, n);
}

size_t copy_to_user_partial(u64 uaddr, const void *src, size_t n)
{
	might_sleep();
	if (!user_range_ok(uaddr, n))
		return n;
	return uaccess_copy((void *)uaddr, src, n);
}

int copy_from_user(void *dst, u64 uaddr, size_t n)
{
	return copy_from_user_partial(dst, uaddr, n) ? -EFAULT : 0;
}

int copy_to_user(u64 uaddr, const void *src, size_t n)
{
	return copy_to_user_partial(uaddr, src, n) ? -EFAULT : 0;
}

int clear_user(u64 uaddr, size_t n)
{
	might_sleep();
	if (!user_range_ok(uaddr, n))
		return -EFAULT;
	return uaccess_clear((void *)uaddr, n) ? -EFAULT : 0;
}

ssize_t strncpy_from_user(char *buf, u64 uaddr, size_t max)
{
	size_t done = 0;

	/* In pieces that end with a page: the string may end before a hole. */
	while (done < max) {
		u64 from = uaddr + done;
		size_t part = min(max - done, PAGE_SIZE - from % PAGE_SIZE);
		const char *end;

		if (copy_from_user(buf + done, from, part))
			return -EFAULT;
		end = memchr(buf + done, 0, part);
		if (end)
			return end - buf;
		done += part;
	}
	return -ENAMETOOLONG;
}

int get_user_u8(u64 uaddr, u8 *out)
{
	might_sleep();
	return user_range_ok(uaddr, 1) ? uaccess_get8((void *)uaddr, out)
				       : -EFAULT;
}

int get_user_u32(u64 uaddr, u32 *out)
{
	might_sleep();
	return user_range_ok(uaddr, 4) ? uaccess_get32((void *)uaddr, out)
				       : -EFAULT;
}

int get_user_u64(u64 uaddr, u64 *out)
{
	might_sleep();
	return user_range_ok(uaddr, 8) ? uaccess_get64((void *)uaddr, out)
				       : -EFAULT;
}

int put_user_u8(u64 uaddr, u8 v)
{
	might_sleep();
	return user_range_ok(uaddr, 1) ? uaccess_put8((void *)uaddr, v)
				       : -EFAULT;
}

int put_user_u32(u64 uaddr, u32 v)
{
	might_sleep();
	return user_range_ok(uaddr, 4) ? uaccess_put32((void *)uaddr, v)
				       : -EFAULT;
}

int put_user_u64(u64 uaddr, u64 v)
{
	might_sleep();
	return user_range_ok(uaddr, 8) ? uaccess_put64((void *)uaddr, v)
				       : -EFAULT;
}

int cmpxchg_user_u32(u64 uaddr, u32 old, u32 new_value, u32 *seen)
{
	might_sleep();
	if (uaddr % 4)
		return -EINVAL;
	if (!user_range_ok(uaddr, 4))
		return -EFAULT;
	return uaccess_cmpxchg32((void *)uaddr, old, new_value, seen);
}
