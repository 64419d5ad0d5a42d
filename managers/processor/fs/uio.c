/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/uio.h>

#include <kernel/assert.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>

void uio_init_segs(struct uio *uio, const struct uio_seg *segs, u32 nr_segs)
{
	*uio = (struct uio){.segs = segs, .nr_segs = nr_segs};
	for (u32 i = 0; i < nr_segs; i++)
		uio->resid_bytes += segs[i].len_bytes;
}

void uio_init_user(struct uio *uio, u64 vaddr, u64 len_bytes)
{
	*uio = (struct uio){.nr_segs = 1, .resid_bytes = len_bytes};
	uio->one = (struct uio_seg){vaddr, len_bytes};
	uio->segs = &uio->one;
}

void uio_init_kernel(struct uio *uio, void *buf, u64 len_bytes)
{
	uio_init_user(uio, (u64)buf, len_bytes);
	uio->is_kernel = true;
}

/* The next contiguous piece, at most @max bytes; its address in *@addr. */
static u64 uio_piece(struct uio *uio, u64 max, u64 *addr)
{
	while (uio->seg_off_bytes == uio->segs[uio->seg].len_bytes) {
		uio->seg++;
		uio->seg_off_bytes = 0;
		CHECK(uio->seg < uio->nr_segs);
	}
	*addr = uio->segs[uio->seg].base + uio->seg_off_bytes;
	return min(max, uio->segs[uio->seg].len_bytes - uio->seg_off_bytes);
}

static void uio_advance(struct uio *uio, u64 len_bytes)
{
	uio->seg_off_bytes += len_bytes;
	uio->resid_bytes -= len_bytes;
}

int uio_put(struct uio *uio, const void *src, u64 len_bytes)
{
	CHECK(len_bytes <= uio->resid_bytes);
	while (len_bytes) {
		u64 addr, n = uio_piece(uio, len_bytes, &addr), left = 0;

		if (uio->is_kernel)
			memcpy((void *)addr, src, n);
		else
			left = copy_to_user_partial(addr, src, n);
		uio_advance(uio, n - left);
		if (left)
			return -EFAULT;
		src = (const u8 *)src + n;
		len_bytes -= n;
	}
	return 0;
}

int uio_get(struct uio *uio, void *dst, u64 len_bytes)
{
	CHECK(len_bytes <= uio->resid_bytes);
	while (len_bytes) {
		u64 addr, n = uio_piece(uio, len_bytes, &addr), left = 0;

		if (uio->is_kernel)
			memcpy(dst, (const void *)addr, n);
		else
			left = copy_from_user_partial(dst, addr, n);
		uio_advance(uio, n - left);
		if (left)
			return -EFAULT;
		dst = (u8 *)dst + n;
		len_bytes -= n;
	}
	return 0;
}

int uio_zero(struct uio *uio, u64 len_bytes)
{
	CHECK(len_bytes <= uio->resid_bytes);
	while (len_bytes) {
		u64 addr, n = uio_piece(uio, len_bytes, &addr);

		if (uio->is_kernel)
			memset((void *)addr, 0, n);
		else if (clear_user(addr, n))
			return -EFAULT;
		uio_advance(uio, n);
		len_bytes -= n;
	}
	return 0;
}

void uio_rewind(struct uio *uio, u64 len_bytes)
{
	uio->resid_bytes += len_bytes;
	while (len_bytes > uio->seg_off_bytes) {
		CHECK(uio->seg > 0);
		len_bytes -= uio->seg_off_bytes;
		uio->seg--;
		uio->seg_off_bytes = uio->segs[uio->seg].len_bytes;
	}
	uio->seg_off_bytes -= len_bytes;
}
