/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID: what concerns the memory of a process. */
#include <arch/x86/paging.h>
#include <lib/errno.h>
#include <lib/minmax.h>
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

/* The device number that stat(2) shows for a mapped file. */
static u64 map_dev(const struct wire_fid *fid)
{
	struct vnode *vn = vnode_find(fid);
	u64 dev = vn ? vn->mount->dev : 0;

	vnode_put(vn);
	return dev;
}

static void show_map(struct seq *seq, const struct aspace_map *map)
{
	u64 ino = le64_get(map->fid.ino);
	u64 dev = map->flags & VMA_FILE ? map_dev(&map->fid) : 0;
	size_t line = seq->len;

	seq_printf(seq, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu", map->start,
		   map->end, map->prot & PROT_READ ? 'r' : '-',
		   map->prot & PROT_WRITE ? 'w' : '-',
		   map->prot & PROT_EXEC ? 'x' : '-',
		   map->flags & VMA_SHARED ? 's' : 'p', map->offset_bytes,
		   uapi_major(dev), uapi_minor(dev),
		   map->flags & VMA_FILE ? ino : 0);
	if (map->name[0]) {
		seq_printf(seq, " ");
		while (seq->len - line < 73 && !seq->err)
			seq_printf(seq, " ");
		seq_printf(seq, "%s", map->name);
	}
	seq_printf(seq, "\n");
}

int proc_show_maps(struct vnode *vn, struct seq *seq)
{
	struct aspace_map *map = kmalloc(sizeof(*map));
	struct aspace *aspace;
	int err;

	if (!map)
		return -ENOMEM;
	err = aspace_of(vn, &aspace);
	if (!err && aspace) {
		for (u64 at = 0; aspace_map_next(aspace, at, map);
		     at = map->end)
			show_map(seq, map);
		aspace_put(aspace);
	}
	kfree(map);
	return err;
}

static int usage_of(struct vnode *vn, struct aspace_usage *usage)
{
	struct aspace *aspace;
	int err = aspace_of(vn, &aspace);

	*usage = (struct aspace_usage){0};
	if (!err && aspace) {
		aspace_usage(aspace, usage);
		aspace_put(aspace);
	}
	return err;
}

int proc_show_smaps_rollup(struct vnode *vn, struct seq *seq)
{
	struct aspace_usage u;
	int err = usage_of(vn, &u);
	u64 private_kb;

	if (err)
		return err;
	private_kb =
		(u.resident_pages - min(u.shared_pages, u.resident_pages)) *
		(PAGE_SIZE / 1024);
	seq_printf(seq,
		   "00000000-7ffffffff000 ---p 00000000 00:00 0 [rollup]\n"
		   "Rss: %18lu kB\nPss: %18lu kB\nShared_Clean: %9lu kB\n"
		   "Private_Dirty: %8lu kB\nAnonymous: %12lu kB\n",
		   u.resident_pages * (PAGE_SIZE / 1024),
		   u.resident_pages * (PAGE_SIZE / 1024),
		   u.shared_pages * (PAGE_SIZE / 1024), private_kb, private_kb);
	return 0;
}

int proc_show_statm(struct vnode *vn, struct seq *seq)
{
	struct aspace_usage u;
	int err = usage_of(vn, &u);

	if (!err)
		seq_printf(seq, "%lu %lu %lu %lu 0 %lu 0\n", u.total_pages,
			   u.resident_pages, u.shared_pages, u.text_pages,
			   u.data_pages + u.stack_pages);
	return err;
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
