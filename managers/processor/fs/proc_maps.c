/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID: what concerns the memory of a process. */
#include <arch/x86/paging.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/mm/aspace.h>
#include <managers/processor/proc/process.h>
#include <mm/slab.h>
#include <uapi/mman.h>

/* argv and envp are given up to this many bytes each. */
#define STRINGS_MAX_BYTES (256u << 10)

/* The address space of the node's process; 0 with NULL: it has exited. */
static int aspace_of(struct vnode *vn, struct aspace **out)
{
	struct process *process = process_find(pseudo_pid(vn));

	if (!process)
		return -ESRCH;
	*out = process_aspace_get(process);
	process_put(process);
	return 0;
}

/* What stat(2) shows of the file that was last looked at: its device; has it a
 * name still?  A program may map one file a thousand times, and to ask for the
 * attributes of tmpfs' files takes a message. */
struct seen_file {
	struct wire_fid fid; /* 0: none yet */
	u64 dev;
	bool is_deleted;
};

static void see_file(struct seen_file *seen, const struct wire_fid *fid)
{
	struct vattr attr;
	struct vnode *vn;

	if (!memcmp(&seen->fid, fid, sizeof(*fid)))
		return;
	vn = vnode_find(fid);
	seen->fid = *fid;
	seen->dev = vn ? vn->mount->dev : 0;
	seen->is_deleted = vn && !vnode_getattr(vn, &attr) && !attr.nlink;
	vnode_put(vn);
}

static void show_map(struct seq *seq, const struct aspace_map *map,
		     struct seen_file *seen)
{
	u64 ino = le64_get(map->fid.ino), dev = 0;
	size_t line = seq->len;
	bool is_deleted = false;

	if (map->flags & VMA_FILE) {
		see_file(seen, &map->fid);
		dev = seen->dev;
		is_deleted = seen->is_deleted;
	}
	seq_printf(seq, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", map->start,
		   map->end, map->prot & PROT_READ ? 'r' : '-',
		   map->prot & PROT_WRITE ? 'w' : '-',
		   map->prot & PROT_EXEC ? 'x' : '-',
		   map->flags & VMA_SHARED ? 's' : 'p', map->offset_bytes,
		   uapi_major(dev), uapi_minor(dev),
		   map->flags & VMA_FILE ? ino : 0);
	if (map->name[0]) {
		while (seq->len - line < 73 && !seq->err)
			seq_printf(seq, " ");
		seq_printf(seq, "%s%s", map->name,
			   is_deleted ? " (deleted)" : "");
	}
	seq_printf(seq, "\n");
}

int proc_show_maps(struct vnode *vn, struct seq *seq)
{
	struct aspace_map *map = kmalloc(sizeof(*map));
	struct seen_file seen = {0};
	struct aspace *aspace;
	int err;

	if (!map)
		return -ENOMEM;
	err = aspace_of(vn, &aspace);
	if (!err && aspace) {
		for (u64 at = 0; aspace_map_next(aspace, at, map);
		     at = map->end)
			show_map(seq, map, &seen);
		aspace_put(aspace);
	}
	kfree(map);
	return err;
}

/* ---- smaps ----------------------------------------------------------------
 */

static void show_kb(struct seq *seq, const char *name, u64 nr_bytes)
{
	u32 len = (u32)strlen(name);

	seq_printf(seq, "%s:", name);
	for (u32 i = len; i < 15; i++)
		seq_printf(seq, " ");
	seq_printf(seq, "%8lu kB\n", nr_bytes / 1024);
}

/* What smaps and smaps_rollup have in common. */
static void show_pages(struct seq *seq, const struct aspace_pages *pages,
		       u64 nr_locked)
{
	static const char *const absent[] = {"KSM",
					     "LazyFree",
					     "AnonHugePages",
					     "ShmemPmdMapped",
					     "FilePmdMapped",
					     "Shared_Hugetlb",
					     "Private_Hugetlb",
					     "Swap",
					     "SwapPss"};

	show_kb(seq, "Rss", pages->nr * PAGE_SIZE);
	show_kb(seq, "Pss", pages->pss_bytes);
	show_kb(seq, "Shared_Clean", pages->shared_clean * PAGE_SIZE);
	show_kb(seq, "Shared_Dirty", pages->shared_dirty * PAGE_SIZE);
	show_kb(seq, "Private_Clean", pages->private_clean * PAGE_SIZE);
	show_kb(seq, "Private_Dirty", pages->private_dirty * PAGE_SIZE);
	show_kb(seq, "Referenced", pages->nr * PAGE_SIZE);
	show_kb(seq, "Anonymous", pages->anon * PAGE_SIZE);
	for (u32 i = 0; i < ARRAY_SIZE(absent); i++)
		show_kb(seq, absent[i], 0);
	show_kb(seq, "Locked", nr_locked * PAGE_SIZE);
	/* Not of Linux: what this node has in its pcache. */
	show_kb(seq, "Pcache", pages->cached * PAGE_SIZE);
}

/* Codes as of proc(5). */
static void show_vm_flags(struct seq *seq, const struct aspace_map *map)
{
	static const struct {
		u32 flag;
		char code[3];
	} codes[] = {
		{VMA_SHARED, "sh"},    {VMA_GROWSDOWN, "gd"},
		{VMA_LOCKED, "lo"},    {VMA_DONTFORK, "dc"},
		{VMA_NORESERVE, "nr"}, {VMA_WIPEONFORK, "wf"},
		{VMA_DONTDUMP, "dd"},
	};

	seq_printf(seq, "VmFlags:%s%s%s mr mw me",
		   map->prot & PROT_READ ? " rd" : "",
		   map->prot & PROT_WRITE ? " wr" : "",
		   map->prot & PROT_EXEC ? " ex" : "");
	for (u32 i = 0; i < ARRAY_SIZE(codes); i++)
		if (map->flags & codes[i].flag)
			seq_printf(seq, " %s", codes[i].code);
	seq_printf(seq, "\n");
}

static void show_smap(struct seq *seq, struct aspace *aspace,
		      const struct aspace_map *map, struct seen_file *seen)
{
	u64 nr_bytes = map->end - map->start;
	struct aspace_pages pages;

	aspace_count_pages(aspace, map->start, &pages);
	show_map(seq, map, seen);
	show_kb(seq, "Size", nr_bytes);
	show_kb(seq, "KernelPageSize", PAGE_SIZE);
	show_kb(seq, "MMUPageSize", PAGE_SIZE);
	show_pages(seq, &pages, map->flags & VMA_LOCKED ? pages.nr : 0);
	seq_printf(seq, "THPeligible:    0\n");
	show_vm_flags(seq, map);
}

int proc_show_smaps(struct vnode *vn, struct seq *seq)
{
	struct aspace_map *map = kmalloc(sizeof(*map));
	struct seen_file seen = {0};
	struct aspace *aspace;
	int err;

	if (!map)
		return -ENOMEM;
	err = aspace_of(vn, &aspace);
	if (!err && aspace) {
		for (u64 at = 0; aspace_map_next(aspace, at, map);
		     at = map->end)
			show_smap(seq, aspace, map, &seen);
		aspace_put(aspace);
	}
	kfree(map);
	return err;
}

int proc_show_smaps_rollup(struct vnode *vn, struct seq *seq)
{
	struct aspace_usage u = {0};
	struct aspace *aspace;
	int err = aspace_of(vn, &aspace);

	if (err || !aspace)
		return err;
	aspace_usage(aspace, &u);
	aspace_put(aspace);
	seq_printf(seq,
		   "00000000-7ffffffff000 ---p 00000000 00:00 0 [rollup]\n");
	show_pages(seq, &u.resident, u.locked);
	return 0;
}

/* The bytes [start, end) of the process' memory. */
static int show_memory(struct vnode *vn, struct seq *seq, u64 start, u64 end)
{
	u64 len = min(end - start, (u64)STRINGS_MAX_BYTES);
	struct aspace *aspace;
	u8 *buf;
	int err;

	if (end <= start)
		return 0;
	err = aspace_of(vn, &aspace);
	if (err || !aspace)
		return err;
	buf = kmalloc(len);
	err = buf ? aspace_read(aspace, start, buf, len) : -ENOMEM;
	if (!err)
		seq_write(seq, buf, len);
	kfree(buf);
	aspace_put(aspace);
	return err == -EFAULT ? 0 : err;
}

int proc_show_cmdline(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));
	int err;

	if (!p)
		return -ESRCH;
	err = show_memory(vn, seq, p->arg_start, p->arg_end);
	process_put(p);
	return err;
}

int proc_show_environ(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));
	int err;

	if (!p)
		return -ESRCH;
	err = show_memory(vn, seq, p->env_start, p->env_end);
	process_put(p);
	return err;
}

int proc_show_auxv(struct vnode *vn, struct seq *seq)
{
	struct process *p = process_find(pseudo_pid(vn));
	int err;

	if (!p)
		return -ESRCH;
	err = show_memory(vn, seq, p->auxv_start, p->auxv_end);
	process_put(p);
	return err;
}
