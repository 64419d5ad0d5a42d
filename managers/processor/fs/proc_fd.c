/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/fd and fdinfo.  A node's extra is its descriptor + 1. */
#include <lib/errno.h>
#include <lib/printf.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/proc/process.h>

static struct fd_table *files_of(const struct vnode *vn)
{
	struct process *p = process_find(pseudo_pid(vn));
	struct fd_table *table;

	if (!p)
		return NULL;
	table = process_files_get(p);
	process_put(p);
	return table;
}

/* The open file that the node is about; a reference or NULL. */
static struct file *file_of(const struct vnode *vn)
{
	struct fd_table *table = files_of(vn);
	struct file *file = NULL;

	if (table)
		file = fd_get(table, (int)pseudo_extra(vn) - 1);
	fd_table_put(table);
	return file;
}

static ssize_t fd_readlink(struct vnode *vn, char *buf, size_t size)
{
	struct file *file = file_of(vn);
	ssize_t len;

	if (!file)
		return -ENOENT;
	len = file_path(file, buf, size);
	file_put(file);
	return len;
}

static int fd_follow(struct vnode *vn, struct dentry **out)
{
	struct file *file = file_of(vn);

	if (!file)
		return -ENOENT;
	dentry_hold(file->dentry);
	*out = file->dentry;
	file_put(file);
	return 0;
}

static int show_fdinfo(struct vnode *vn, struct seq *seq)
{
	struct file *file = file_of(vn);

	if (!file)
		return -ENOENT;
	seq_printf(seq, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n",
		   file->pos, file->flags, uapi_minor(file->vnode->attr.dev),
		   file->vnode->attr.ino);
	file_put(file);
	return 0;
}

static const struct pseudo_entry fd_entry = {.name = "fd",
					     .mode = S_IFLNK | 0700,
					     .readlink = fd_readlink,
					     .follow = fd_follow};
static const struct pseudo_entry fdinfo_entry = PROC_REG("fdinfo", show_fdinfo);

static int lookup_fd(struct vnode *dir, const char *name, u32 len,
		     const struct pseudo_entry *entry, struct pseudo_ref *out)
{
	struct fd_table *table;
	bool is_open;
	u64 fd;

	if (!pseudo_number(name, len, &fd) || fd >= FD_LIMIT_MAX)
		return -ENOENT;
	table = files_of(dir);
	if (!table)
		return -ENOENT;
	is_open = fd_get_cloexec(table, fd) >= 0;
	fd_table_put(table);
	if (!is_open)
		return -ENOENT;
	out->entry = entry;
	out->extra = fd + 1;
	return 0;
}

static int fd_lookup(struct vnode *dir, const char *name, u32 len,
		     struct pseudo_ref *out)
{
	return lookup_fd(dir, name, len, &fd_entry, out);
}

static int fdinfo_lookup(struct vnode *dir, const char *name, u32 len,
			 struct pseudo_ref *out)
{
	return lookup_fd(dir, name, len, &fdinfo_entry, out);
}

/* The cookie is the lowest descriptor not yet told. */
static int fd_iterate(struct vnode *dir, u64 *cookie, struct dir_sink *sink)
{
	struct fd_table *table = files_of(dir);
	int fd;

	if (!table)
		return -ENOENT;
	while ((fd = fd_next(table, *cookie)) >= 0) {
		char name[16];
		int len = snprintf(name, sizeof(name), "%d", fd);

		if (!sink->emit(sink, name, len, fd + 1, DT_LNK, fd + 1))
			break;
		*cookie = fd + 1;
	}
	fd_table_put(table);
	return 0;
}

const struct pseudo_dir proc_fd_dir = {.lookup = fd_lookup,
				       .iterate = fd_iterate};
const struct pseudo_dir proc_fdinfo_dir = {.lookup = fdinfo_lookup,
					   .iterate = fd_iterate};
