/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory system calls: decode what the program gave, then change.c. */
#include "fault_phases.h"
#include "internal.h"
#include "lock.h"

#include <kernel/hooks.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>
#include <uapi/mman.h>

static struct aspace *current_aspace(void)
{
	return current_process()->aspace;
}

u32 fault_current_pid(void)
{
	return current_task() ? current_process()->pid : 0;
}

/* What @file is to be mapped as; the file is held by the caller. */
static int decode_file(struct file *file, struct mmap_args *args, char *path,
		       size_t path_bytes)
{
	struct file_mmap fm;
	int rc = file_mmap_check(file, args->prot, args->flags, &fm);

	if (rc || fm.is_anon)
		return rc;
	args->vnode = fm.vnode;
	args->may_write = fm.may_write;
	args->fid = fm.vnode->fid;
	if (file_path(file, path, path_bytes) < 0)
		path[0] = '\0';
	args->path = path;
	/* Flags that a file does not know are an error only if it is asked
	 * for that. */
	if ((args->flags & MAP_TYPE) == MAP_SHARED_VALIDATE &&
	    args->flags & ~(u32)MAP_KNOWN)
		return -EOPNOTSUPP;
	return 0;
}

static long mmap_file(struct mmap_args *args, int fd)
{
	struct file *file = fd_get(current_files(), fd);
	char *path;
	long rc = -ENOMEM;

	if (!file)
		return -EBADF;
	path = kmalloc(PATH_MAX);
	if (path)
		rc = decode_file(file, args, path, PATH_MAX);
	if (!rc)
		rc = aspace_mmap(current_aspace(), args);
	kfree(path);
	file_put(file);
	return rc;
}

long sys_mmap(u64 vaddr, u64 len_bytes, u64 prot, u64 flags, u64 fd, u64 off)
{
	struct mmap_args args = {.vaddr = vaddr,
				 .len_bytes = len_bytes,
				 .prot = (u32)prot,
				 .flags = (u32)flags,
				 .pgoff_pages = off >> PAGE_SHIFT,
				 .path = ""};
	long rc;

	if (off & ~PAGE_MASK)
		return -EINVAL;
	rc = lock_check_mmap(&args);
	if (rc)
		return rc;
	if (args.flags & MAP_ANONYMOUS)
		rc = aspace_mmap(current_aspace(), &args);
	else
		rc = mmap_file(&args, (int)fd);
	if (rc > 0 && (args.is_locked || args.flags & MAP_POPULATE))
		populate((u64)rc, len_bytes);
	return rc;
}

long sys_munmap(u64 vaddr, u64 len_bytes)
{
	return aspace_munmap(current_aspace(), vaddr, len_bytes);
}

long sys_mprotect(u64 vaddr, u64 len_bytes, u64 prot)
{
	return aspace_mprotect(current_aspace(), vaddr, len_bytes, (u32)prot);
}

long sys_mremap(u64 old_vaddr, u64 old_bytes, u64 new_bytes, u64 flags,
		u64 new_vaddr)
{
	return aspace_mremap(current_aspace(), old_vaddr, old_bytes, new_bytes,
			     (u32)flags, new_vaddr);
}

long sys_brk(u64 vaddr)
{
	return aspace_brk(current_aspace(), vaddr);
}

long sys_madvise(u64 vaddr, u64 len_bytes, u64 advice)
{
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return madvise_populate(vaddr, len_bytes,
					advice == MADV_POPULATE_WRITE);
	return aspace_madvise(current_aspace(), vaddr, len_bytes, (u32)advice);
}

long sys_msync(u64 vaddr, u64 len_bytes, u64 flags)
{
	return aspace_msync(current_aspace(), vaddr, len_bytes, (u32)flags);
}

#define MINCORE_CHUNK_PAGES RPC_RESIDENT_MAX

long sys_mincore(u64 vaddr, u64 len_bytes, u64 vec)
{
	u64 nr_left = DIV_ROUND_UP(len_bytes, PAGE_SIZE);
	u8 *buf = kmalloc(MINCORE_CHUNK_PAGES);
	long rc = 0;

	if (!buf)
		return -EAGAIN;
	while (nr_left && !rc) {
		u64 n = min(nr_left, (u64)MINCORE_CHUNK_PAGES);

		rc = aspace_mincore(current_aspace(), vaddr, n, buf);
		if (!rc)
			rc = copy_to_user(vec, buf, n);
		vaddr += n << PAGE_SHIFT;
		vec += n;
		nr_left -= n;
	}
	kfree(buf);
	return rc;
}
