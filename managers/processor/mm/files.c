/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that an address space maps: open as long as a VMA shows them.
 * The VMA tree counts for us, through its file_get and file_put.
 */
#include "internal.h"

#include <kernel/assert.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/fs/vnode.h>
#include <mm/slab.h>

static struct slab_cache *vma_cache;

void file_id_from_wire(struct file_id *id, const struct wire_fid *fid)
{
	id->node_guid = le64_get(fid->node_guid);
	id->ino = le64_get(fid->ino);
	id->fsid = le32_get(fid->fsid);
	id->gen = le32_get(fid->gen);
}

void file_id_to_wire(struct wire_fid *fid, const struct file_id *id)
{
	fid->node_guid = le64_make(id->node_guid);
	fid->ino = le64_make(id->ino);
	fid->fsid = le32_make(id->fsid);
	fid->gen = le32_make(id->gen);
}

static struct mapped_file *files_find(struct aspace *aspace,
				      const struct file_id *fid)
{
	struct mapped_file *file;

	list_for_each_entry (file, &aspace->files, link)
		if (file_id_equal(&file->fid, fid))
			return file;
	return NULL;
}

static void file_free(struct mapped_file *file)
{
	if (file->vnode)
		vnode_map_put(file->vnode, file->may_write);
	kfree(file);
}

int files_add(struct aspace *aspace, const struct wire_fid *fid,
	      struct vnode *vnode, bool may_write, const char *path)
{
	size_t path_bytes = strlen(path) + 1;
	struct mapped_file *file, *known;
	int rc;

	file = kzalloc(sizeof(*file) + path_bytes);
	if (!file)
		return -ENOMEM;
	file_id_from_wire(&file->fid, fid);
	file->vnode = vnode;
	file->may_write = may_write;
	memcpy(file->path, path, path_bytes);
	rc = vnode ? vnode_map_get(vnode, may_write) : 0;
	if (rc) {
		kfree(file);
		return rc;
	}
	down_write(&aspace->vma_lock);
	known = files_find(aspace, &file->fid);
	if (known && known->may_write >= may_write) {
		list_add(&file->link, &aspace->dead_files);
	} else {
		/* The new one, which may write, replaces the old. */
		if (known) {
			file->nr_vmas = known->nr_vmas;
			list_move(&known->link, &aspace->dead_files);
		}
		list_add(&file->link, &aspace->files);
	}
	up_write(&aspace->vma_lock);
	return 0;
}

void files_reap(struct aspace *aspace)
{
	struct mapped_file *file, *next;
	LIST_HEAD(dead);

	down_write(&aspace->vma_lock);
	list_for_each_entry_safe (file, next, &aspace->files, link)
		if (!file->nr_vmas)
			list_move(&file->link, &dead);
	list_splice_tail_init(&aspace->dead_files, &dead);
	up_write(&aspace->vma_lock);
	list_for_each_entry_safe (file, next, &dead, link)
		file_free(file);
}

int files_clone(struct aspace *to, struct aspace *from)
{
	struct mapped_file *file;
	struct wire_fid fid;
	int rc = 0;

	/* Only changes add or remove files, and this is one. */
	list_for_each_entry (file, &from->files, link) {
		file_id_to_wire(&fid, &file->fid);
		rc = files_add(to, &fid, file->vnode, file->may_write,
			       file->path);
		if (rc)
			break;
	}
	return rc;
}

void aspace_name_file(struct aspace *aspace, const struct wire_fid *fid,
		      const char *path)
{
	struct mapped_file *file, *named;
	struct file_id id;

	file_id_from_wire(&id, fid);
	down_write(&aspace->vma_lock);
	file = files_find(aspace, &id);
	if (file) {
		named = kzalloc(sizeof(*named) + strlen(path) + 1);
		if (named) {
			*named = *file;
			memcpy(named->path, path, strlen(path) + 1);
			list_add(&named->link, &file->link);
			list_del(&file->link);
			kfree(file);
		}
	}
	up_write(&aspace->vma_lock);
}

/* ---- the VMA tree's memory and its files
 * -------------------------------------- */

static struct vma *aspace_vma_alloc(struct vma_tree *tree)
{
	return slab_alloc(vma_cache);
}

static void aspace_vma_free(struct vma_tree *tree, struct vma *vma)
{
	struct aspace *aspace = container_of(tree, struct aspace, vmas);

	if (aspace->last_vma == vma)
		aspace->last_vma = NULL;
	slab_free(vma_cache, vma);
}

static void aspace_file_get(struct vma_tree *tree, const struct file_id *fid)
{
	struct aspace *aspace = container_of(tree, struct aspace, vmas);
	struct mapped_file *file = files_find(aspace, fid);

	ASSERT(file);
	if (file)
		file->nr_vmas++;
}

static void aspace_file_put(struct vma_tree *tree, const struct file_id *fid)
{
	struct aspace *aspace = container_of(tree, struct aspace, vmas);
	struct mapped_file *file = files_find(aspace, fid);

	ASSERT(file && file->nr_vmas);
	if (file)
		file->nr_vmas--;
}

const struct vma_ops aspace_vma_ops = {
	.alloc = aspace_vma_alloc,
	.free = aspace_vma_free,
	.file_get = aspace_file_get,
	.file_put = aspace_file_put,
	.not_data = VMA_SHARED | VMA_STACK,
	.locked = VMA_LOCKED,
	.grows_down = VMA_GROWSDOWN,
};

int files_start(void)
{
	vma_cache = slab_create("vma", sizeof(struct vma), 0);
	return vma_cache ? 0 : -ENOMEM;
}
