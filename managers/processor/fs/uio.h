/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_UIO_H
#define PROCESSOR_FS_UIO_H

/*
 * Where the bytes of a read or write go to or come from: pieces of the
 * program's memory (as in readv(2)), or one kernel buffer.  One code path in
 * each file serves read, readv, pread, sendfile, the program loader.
 */
#include <lib/types.h>

/* Laid out as struct iovec of the Linux ABI. */
struct uio_seg {
	u64 base; /* user vaddr, or kernel address if uio.is_kernel */
	u64 len_bytes;
};

struct uio {
	const struct uio_seg *segs;
	u32 nr_segs;
	u32 seg;           /* the segment we are in */
	u64 seg_off_bytes; /* how far */
	u64 resid_bytes;   /* what is left in all */
	bool is_kernel;
	struct uio_seg one; /* the segment of uio_init_user/kernel */
};

/** uio_init_user - describe @len bytes at user address @vaddr. */
void uio_init_user(struct uio *uio, u64 vaddr, u64 len_bytes);
/** uio_init_kernel - describe the kernel buffer @buf. */
void uio_init_kernel(struct uio *uio, void *buf, u64 len_bytes);
/** uio_init_segs - describe @segs, which must live as long as @uio. */
void uio_init_segs(struct uio *uio, const struct uio_seg *segs, u32 nr_segs);

/**
 * uio_put - give the reader @len_bytes from @src; uio_get - take from the
 * writer into @dst; uio_zero - give the reader zeros.
 *
 * @len_bytes must not exceed resid_bytes.  Advances.
 * Context: may sleep (user memory may fault).
 * Return: 0, or -EFAULT: then resid_bytes says how much was moved (uio_zero:
 *         perhaps more was).
 */
int __must_check uio_put(struct uio *uio, const void *src, u64 len_bytes);
int __must_check uio_get(struct uio *uio, void *dst, u64 len_bytes);
int __must_check uio_zero(struct uio *uio, u64 len_bytes);

/** uio_rewind - undo the last @len_bytes of uio_get (a short write). */
void uio_rewind(struct uio *uio, u64 len_bytes);

#endif /* PROCESSOR_FS_UIO_H */
