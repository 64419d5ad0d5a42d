/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/mounts and mountinfo. */
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>

static void show_mount(struct mount *m, void *arg)
{
	seq_printf(arg, "%s %s %s %s,relatime 0 0\n", m->source, m->path,
		   m->type, m->is_readonly ? "ro" : "rw");
}

int proc_show_mounts(struct vnode *vn, struct seq *seq)
{
	mount_for_each(show_mount, seq);
	return 0;
}

static void show_mountinfo(struct mount *m, void *arg)
{
	u32 minor = uapi_minor(m->dev);

	seq_printf(arg, "%u %u %u:%u / %s %s,relatime - %s %s %s\n", minor,
		   m->covers ? uapi_minor(m->covers->mount->dev) : 1u,
		   uapi_major(m->dev), minor, m->path,
		   m->is_readonly ? "ro" : "rw", m->type, m->source,
		   m->is_readonly ? "ro" : "rw");
}

int proc_show_mountinfo(struct vnode *vn, struct seq *seq)
{
	mount_for_each(show_mountinfo, seq);
	return 0;
}
