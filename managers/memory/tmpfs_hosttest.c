/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tmpfs and file data, through the messages. */
#include <managers/memory/testing.h>

#include <kernel/counters.h>
#include <stdio.h>
#include <uapi/fs.h>

static struct wire_fid root(const char *name)
{
	struct rpc_fs_node_reply rep;

	EXPECT_EQ(rpc_handle_m_fs_root(from_a_tail(name, strlen(name)), NULL,
				       &rep),
		  0);
	EXPECT_EQ(le32_get(rep.attr.mode), S_IFDIR | 01777);
	return rep.fid;
}

static int create(struct wire_fid dir, const char *name, u32 mode,
		  struct wire_fid *out)
{
	struct rpc_fs_create req = {.dir = dir, .mode = le32_make(mode)};
	struct rpc_fs_node_reply rep;
	int err = rpc_handle_m_fs_create(from_a_tail(name, strlen(name)), &req,
					 &rep);

	if (!err && out)
		*out = rep.fid;
	return err;
}

static int lookup(struct wire_fid dir, const char *name,
		  struct rpc_fs_node_reply *rep)
{
	struct rpc_fs_fid req = {dir};

	return rpc_handle_m_fs_lookup(from_a_tail(name, strlen(name)), &req,
				      rep);
}

static int unlink_name(struct wire_fid dir, const char *name, u32 flags)
{
	struct rpc_fs_unlink req = {.dir = dir, .flags = le32_make(flags)};

	return rpc_handle_m_fs_unlink(from_a_tail(name, strlen(name)), &req,
				      NULL);
}

static int rename_name(struct wire_fid from_dir, struct wire_fid to_dir,
		       const char *names, u32 len, u32 flags)
{
	struct rpc_fs_rename req = {.old_dir = from_dir,
				    .new_dir = to_dir,
				    .flags = le32_make(flags)};

	return rpc_handle_m_fs_rename(from_a_tail(names, len), &req, NULL);
}
#define RENAME(from, to, names, flags) \
	rename_name(from, to, names, sizeof(names) - 1, flags)

static int write_file(struct wire_fid fid, u64 offset, const void *bytes,
		      u32 len, u32 flags)
{
	struct rpc_file_io req = {.fid = fid,
				  .offset = le64_make(offset),
				  .len_bytes = le32_make(len),
				  .flags = le32_make(flags)};
	struct rpc_file_io_reply rep;
	int err;

	memcpy(call.bulk, bytes, len);
	err = rpc_handle_m_write(from_a(len), &req, &rep);
	return err ? err : (int)le32_get(rep.len_bytes);
}

static int read_file(struct wire_fid fid, u64 offset, u32 len)
{
	struct rpc_file_io req = {.fid = fid,
				  .offset = le64_make(offset),
				  .len_bytes = le32_make(len)};
	struct rpc_file_io_reply rep;
	int err;

	memset(call.bulk, 0xee, len);
	err = rpc_handle_m_read(from_a(len), &req, &rep);
	return err ? err : (int)le32_get(rep.len_bytes);
}

static int set_size(struct wire_fid fid, u64 size)
{
	struct rpc_fs_setattr req = {.fid = fid,
				     .mask = le32_make(FS_SET_SIZE),
				     .size_bytes = le64_make(size)};
	struct rpc_fs_attr_reply rep;

	return rpc_handle_m_fs_setattr(from_a(0), &req, &rep);
}

static int open_file(struct wire_fid fid)
{
	struct rpc_fs_fid req = {fid};
	struct rpc_fs_attr_reply rep;

	return rpc_handle_m_fs_open(from_a(0), &req, &rep);
}

static int release_file(struct wire_fid fid)
{
	struct rpc_fs_fid req = {fid};

	return rpc_handle_m_fs_release(from_a(0), &req, NULL);
}

static u32 nlink_of(struct wire_fid fid)
{
	struct rpc_fs_fid req = {fid};
	struct rpc_fs_attr_reply rep;

	if (rpc_handle_m_fs_getattr(from_a(0), &req, &rep))
		return ~0u;
	return le32_get(rep.attr.nlink);
}

KTEST(tmpfs_names_come_and_go)
{
	struct rpc_fs_node_reply rep;
	struct wire_fid tmp, dir, file;

	memory_test_begin(256);
	tmp = root("tmp");
	EXPECT_EQ(create(tmp, "d", S_IFDIR | 0755, &dir), 0);
	EXPECT_EQ(create(tmp, "d", S_IFREG | 0644, NULL), -EEXIST);
	EXPECT_EQ(create(tmp, ".", S_IFREG | 0644, NULL), -EEXIST);
	EXPECT_EQ(create(tmp, "a/b", S_IFREG | 0644, NULL), -EINVAL);
	EXPECT_EQ(create(dir, "f", S_IFREG | 0644, &file), 0);
	EXPECT_EQ(create(file, "x", S_IFREG | 0644, NULL), -ENOTDIR);
	EXPECT_EQ(nlink_of(tmp), 3);
	EXPECT_EQ(lookup(dir, "f", &rep), 0);
	EXPECT_TRUE(!memcmp(&rep.fid, &file, sizeof(file)));
	EXPECT_EQ(lookup(dir, "..", &rep), 0);
	EXPECT_TRUE(!memcmp(&rep.fid, &tmp, sizeof(tmp)));
	EXPECT_EQ(lookup(dir, "g", &rep), -ENOENT);
	EXPECT_EQ(lookup(file, "g", &rep), -ENOTDIR);
	EXPECT_EQ(unlink_name(tmp, "d", 0), -EISDIR);
	EXPECT_EQ(unlink_name(tmp, "d", FS_UNLINK_DIR), -ENOTEMPTY);
	EXPECT_EQ(unlink_name(dir, "f", FS_UNLINK_DIR), -ENOTDIR);
	EXPECT_EQ(unlink_name(dir, "f", 0), 0);
	EXPECT_EQ(nlink_of(file), ~0u);
	EXPECT_EQ(unlink_name(tmp, "d", FS_UNLINK_DIR), 0);
	EXPECT_EQ(nlink_of(tmp), 2);
	EXPECT_EQ(create(dir, "late", S_IFREG, NULL), -ESTALE);
	EXPECT_EQ(rpc_handle_m_fs_root(from_a_tail("usr", 3), NULL, &rep),
		  -ENOENT);
	memory_test_end();
}

KTEST(tmpfs_an_open_file_outlives_its_name)
{
	struct wire_fid tmp, file, dir, outer;
	struct rpc_fs_node_reply rep;

	memory_test_begin(256);
	tmp = root("tmp");
	EXPECT_EQ(create(tmp, "f", S_IFREG | 0600, &file), 0);
	EXPECT_EQ(release_file(file), -EBADF);
	EXPECT_EQ(open_file(file), 0);
	EXPECT_EQ(write_file(file, 0, "data", 4, 0), 4);
	EXPECT_EQ(unlink_name(tmp, "f", 0), 0);
	EXPECT_EQ(nlink_of(file), 0);
	EXPECT_EQ(read_file(file, 0, 10), 4);
	EXPECT_TRUE(!memcmp(call.bulk, "data", 4));
	EXPECT_EQ(release_file(file), 0);
	EXPECT_EQ(read_file(file, 0, 10), -ESTALE);
	EXPECT_EQ(gauge_read(nr_pagecache_pages), 0);
	/* a removed directory that is somebody's current one */
	EXPECT_EQ(create(tmp, "d", S_IFDIR | 0700, &dir), 0);
	EXPECT_EQ(open_file(dir), 0);
	EXPECT_EQ(unlink_name(tmp, "d", FS_UNLINK_DIR), 0);
	EXPECT_EQ(create(dir, "x", S_IFREG, NULL), -ENOENT);
	/* and whose parent is removed too: ".." must not lead into freed memory
	 */
	EXPECT_EQ(create(tmp, "o", S_IFDIR | 0700, &outer), 0);
	EXPECT_EQ(create(outer, "i", S_IFDIR | 0700, &dir), 0);
	EXPECT_EQ(open_file(dir), 0);
	EXPECT_EQ(unlink_name(outer, "i", FS_UNLINK_DIR), 0);
	EXPECT_EQ(unlink_name(tmp, "o", FS_UNLINK_DIR), 0);
	EXPECT_EQ(lookup(dir, "..", &rep), 0);
	EXPECT_TRUE(!memcmp(&rep.fid, &tmp, sizeof(tmp)));
	/* left open: closed when its client goes */
	EXPECT_EQ(create(tmp, "g", S_IFREG | 0600, &file), 0);
	EXPECT_EQ(open_file(file), 0);
	EXPECT_EQ(open_file(file), 0);
	memory_test_end();
}

KTEST(tmpfs_rename_replaces_and_refuses)
{
	struct rpc_fs_node_reply rep;
	struct wire_fid tmp, shm, a, b, f;

	memory_test_begin(256);
	tmp = root("tmp");
	shm = root("shm");
	EXPECT_EQ(create(tmp, "a", S_IFDIR | 0755, &a), 0);
	EXPECT_EQ(create(a, "b", S_IFDIR | 0755, &b), 0);
	EXPECT_EQ(create(tmp, "f", S_IFREG | 0644, &f), 0);
	EXPECT_EQ(create(tmp, "g", S_IFREG | 0644, NULL), 0);
	EXPECT_EQ(RENAME(tmp, tmp, "f\0g", RENAME_NOREPLACE), -EEXIST);
	EXPECT_EQ(RENAME(tmp, tmp, "f\0g", RENAME_EXCHANGE), -EINVAL);
	EXPECT_EQ(RENAME(tmp, tmp, "f\0g", 0), 0);
	EXPECT_EQ(lookup(tmp, "f", &rep), -ENOENT);
	EXPECT_EQ(lookup(tmp, "g", &rep), 0);
	EXPECT_TRUE(!memcmp(&rep.fid, &f, sizeof(f)));
	EXPECT_EQ(le32_get(rep.attr.nlink), 1);
	EXPECT_EQ(RENAME(tmp, b, "a\0c", 0), -EINVAL); /* into itself */
	EXPECT_EQ(RENAME(tmp, tmp, "g\0a", 0), -EISDIR);
	EXPECT_EQ(RENAME(tmp, tmp, "a\0g", 0), -ENOTDIR);
	EXPECT_EQ(RENAME(tmp, shm, "g\0g", 0), -EXDEV);
	EXPECT_EQ(RENAME(tmp, tmp, "x\0y", 0), -ENOENT);
	EXPECT_EQ(RENAME(tmp, tmp, "nonul", 0), -EINVAL);
	EXPECT_EQ(RENAME(tmp, tmp, "g\0", 0), -EINVAL);
	EXPECT_EQ(RENAME(a, tmp, "b\0b", 0), 0);
	EXPECT_EQ(nlink_of(a), 2);
	EXPECT_EQ(lookup(b, "..", &rep), 0);
	EXPECT_TRUE(!memcmp(&rep.fid, &tmp, sizeof(tmp)));
	EXPECT_EQ(RENAME(tmp, tmp, "a\0b", 0), 0);
	EXPECT_EQ(nlink_of(b), ~0u);
	memory_test_end();
}

KTEST(tmpfs_links_of_both_kinds)
{
	struct rpc_fs_create req = {.mode = le32_make(S_IFLNK | 0777)};
	struct rpc_fs_link link = {};
	struct rpc_fs_attr_reply attr;
	struct rpc_fs_node_reply rep;
	struct rpc_fs_fid fid;
	struct wire_fid tmp, f;

	memory_test_begin(256);
	tmp = root("tmp");
	req.dir = tmp;
	EXPECT_EQ(
		rpc_handle_m_fs_create(from_a_tail("l\0/etc/x", 8), &req, &rep),
		0);
	EXPECT_EQ(le64_get(rep.attr.size_bytes), 6);
	fid.fid = rep.fid;
	EXPECT_EQ(rpc_handle_m_fs_readlink(from_a(0), &fid, NULL), 0);
	EXPECT_EQ(call.ctx.rep_tail_len, 6);
	EXPECT_TRUE(!memcmp(call.rep_tail, "/etc/x", 6));
	EXPECT_EQ(rpc_handle_m_fs_create(from_a_tail("m", 1), &req, &rep),
		  -EINVAL);
	EXPECT_EQ(create(tmp, "f", S_IFREG | 0644, &f), 0);
	fid.fid = f;
	EXPECT_EQ(rpc_handle_m_fs_readlink(from_a(0), &fid, NULL), -EINVAL);
	link = (struct rpc_fs_link){.fid = f, .dir = tmp};
	EXPECT_EQ(rpc_handle_m_fs_link(from_a_tail("h", 1), &link, &attr), 0);
	EXPECT_EQ(le32_get(attr.attr.nlink), 2);
	EXPECT_EQ(unlink_name(tmp, "f", 0), 0);
	EXPECT_EQ(nlink_of(f), 1);
	link.fid = tmp;
	EXPECT_EQ(rpc_handle_m_fs_link(from_a_tail("t", 1), &link, &attr),
		  -EPERM);
	memory_test_end();
}

KTEST(tmpfs_has_room_for_half_as_many_files_as_frames)
{
	struct rpc_fs_link link = {};
	struct rpc_fs_attr_reply attr;
	struct rpc_fs_statfs_reply stat;
	struct rpc_fs_fid req;
	struct wire_fid f;
	char name[16];
	u32 nr = 0;

	memory_test_begin(256);
	req.fid = link.dir = root("tmp");
	EXPECT_EQ(rpc_handle_m_fs_statfs(from_a(0), &req, &stat), 0);
	EXPECT_EQ(le64_get(stat.nr_files), 128);
	EXPECT_EQ(le64_get(stat.nr_files_free), 128); /* half the root */
	do
		snprintf(name, sizeof(name), "%u", nr++);
	while (!create(req.fid, name, S_IFREG, &f));
	EXPECT_TRUE(nr > 120 && nr < 130);
	EXPECT_EQ(create(req.fid, "x", S_IFDIR, &f), -ENOSPC);
	link.fid = f;
	EXPECT_EQ(rpc_handle_m_fs_link(from_a_tail("h", 1), &link, &attr),
		  -ENOSPC);
	EXPECT_TRUE(!tmpfs_make_anonymous(4096));
	/* What is removed makes room, also for what is in the way of a name. */
	EXPECT_EQ(RENAME(req.fid, req.fid, "0\0001", 0), 0);
	EXPECT_EQ(unlink_name(req.fid, "2", 0), 0);
	EXPECT_EQ(create(req.fid, "y", S_IFREG, &f), 0);
	memory_test_end();
}

KTEST(tmpfs_readdir_tells_every_name_once)
{
	static bool seen[500];
	struct rpc_fs_readdir req = {};
	u32 nr = 0, nr_calls = 0;
	char name[16];

	memory_test_begin(2048);
	req.fid = root("shm");
	memset(seen, 0, sizeof(seen));
	for (u32 i = 0; i < 500; i++) {
		name[0] = 'n';
		name[1] = (char)('0' + i / 100);
		name[2] = (char)('0' + i / 10 % 10);
		name[3] = (char)('0' + i % 10);
		name[4] = 0;
		EXPECT_EQ(create(req.fid, name, S_IFREG, NULL), 0);
	}
	for (;; nr_calls++) {
		u32 at = 0;

		EXPECT_EQ(rpc_handle_m_fs_readdir(from_a(0), &req, NULL), 0);
		if (!call.ctx.rep_tail_len)
			break;
		while (at < call.ctx.rep_tail_len) {
			const struct wire_dirent *d =
				(const void *)(call.rep_tail + at);
			const char *text = (const char *)(d + 1);

			req.cookie = d->next_cookie;
			at += ALIGN_UP(24 + le32_get(d->name_len), 8);
			nr++;
			if (text[0] != 'n')
				continue;
			EXPECT_EQ(le32_get(d->type), DT_REG);
			seen[(text[1] - '0') * 100 + (text[2] - '0') * 10 +
			     text[3] - '0'] = true;
		}
		/* a name that goes away in between confuses nobody */
		unlink_name(req.fid, "n000", 0);
	}
	EXPECT_EQ(nr, 502);
	EXPECT_TRUE(nr_calls > 1);
	for (u32 i = 0; i < 500; i++)
		EXPECT_TRUE(seen[i]);
	memory_test_end();
}

/* ---- data ---------------------------------------------------------------- */

#define MAX_FILE (600u << 10)
static u8 shadow[MAX_FILE], scratch[RPC_IO_MAX];

static void random_write(struct rand *r, struct wire_fid fid, u64 *size)
{
	u32 len = (u32)rand_below(r, rand_below(r, 2) ? 5000 : RPC_IO_MAX) + 1;
	bool is_append = !rand_below(r, 4);
	u64 at = is_append ? *size : rand_below(r, MAX_FILE - len);

	if (at + len > MAX_FILE)
		return;
	for (u32 i = 0; i < len; i++)
		scratch[i] = (u8)rand_u64(r);
	EXPECT_EQ(write_file(fid, is_append ? 12345 : at, scratch, len,
			     is_append ? RPC_IO_APPEND : 0),
		  len);
	memcpy(shadow + at, scratch, len);
	*size = max(*size, at + len);
}

static void random_read(struct rand *r, struct wire_fid fid, u64 size)
{
	u32 len = (u32)rand_below(r, RPC_IO_MAX) + 1;
	u64 at = rand_below(r, MAX_FILE), n = at < size ? size - at : 0;

	n = min_t(u64, n, len);
	EXPECT_EQ(read_file(fid, at, len), n);
	EXPECT_TRUE(!memcmp(call.bulk, shadow + at, n));
	if (n < len) /* a short read leaves the rest alone (R29) */
		EXPECT_EQ(call.bulk[n], 0xee);
}

KTEST(tmpfs_random_file_io_agrees_with_memory)
{
	struct wire_fid tmp, fid;
	struct rand r;

	for (u64 seed = 1; seed <= 4; seed++) {
		u64 size = 0, cut;

		memory_test_begin(1024);
		tmp = root("tmp");
		EXPECT_EQ(create(tmp, "f", S_IFREG, &fid), 0);
		memset(shadow, 0, sizeof(shadow));
		rand_seed(&r, seed);
		for (u32 step = 0; step < 300; step++) {
			switch (rand_below(&r, 8)) {
			case 0:
				cut = rand_below(&r, MAX_FILE);
				EXPECT_EQ(set_size(fid, cut), 0);
				if (cut < size)
					memset(shadow + cut, 0, size - cut);
				size = cut;
				break;
			case 1:
			case 2:
			case 3:
				random_write(&r, fid, &size);
				break;
			default:
				random_read(&r, fid, size);
			}
		}
		memory_test_end();
	}
}

KTEST(tmpfs_a_cut_file_changes_under_its_mapping)
{
	struct rpc_m_fault_reply rep;
	struct wire_fid tmp, fid;
	u32 asid, pfn;

	memory_test_begin(256);
	tmp = root("tmp");
	EXPECT_EQ(create(tmp, "f", S_IFREG, &fid), 0);
	memset(scratch, 'x', 8192);
	EXPECT_EQ(write_file(fid, 0, scratch, 8192, 0), 8192);
	asid = test_aspace();
	EXPECT_EQ(test_map_file(asid, fid, 0x10000000, 8192,
				PROT_READ | PROT_WRITE, MAP_SHARED, 0),
		  0);
	EXPECT_EQ(test_fault(asid, 0x10001000, FAULT_WRITE, &rep), 0);
	pfn = (u32)le64_get(rep.pfn);
	EXPECT_EQ(call.bulk[0], 'x');
	EXPECT_EQ(set_size(fid, 100), 0);
	EXPECT_EQ(frame_state(pfn), FRAME_ORPHAN);
	EXPECT_EQ(test_fault(asid, 0x10001000, FAULT_WRITE, &rep), -ERANGE);
	EXPECT_EQ(set_size(fid, 8192), 0);
	EXPECT_EQ(test_fault(asid, 0x10001000, FAULT_WRITE, &rep), 0);
	EXPECT_EQ(frame_state(pfn), FRAME_FREE);
	EXPECT_TRUE(mem_is_zero(call.bulk, 4096));
	EXPECT_EQ(test_fault(asid, 0x10000000, FAULT_READ, &rep), 0);
	EXPECT_TRUE(mem_is_zero(call.bulk + 100, 3996));
	/* unlinked and closed, it lives by its mapping */
	EXPECT_EQ(unlink_name(tmp, "f", 0), 0);
	EXPECT_EQ(nlink_of(fid), 0);
	EXPECT_EQ(test_exit(asid), 0);
	EXPECT_EQ(nlink_of(fid), ~0u);
	memory_test_end();
}

KTEST(memory_file_io_is_checked)
{
	static u8 bytes[200000];
	struct rpc_file_io req = {.len_bytes = le32_make(5000)};
	struct rpc_file_io_reply rep;
	struct wire_fid tmp, fid, disk;

	memory_test_begin(256);
	tmp = root("tmp");
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i * 13 + i / 4096);
	disk = fake_file_add(9, bytes, sizeof(bytes));
	EXPECT_EQ(read_file(disk, 4090, 100000), 100000);
	EXPECT_TRUE(!memcmp(call.bulk, bytes + 4090, 100000));
	EXPECT_EQ(fake_storage.nr_reads, 1);
	EXPECT_EQ(read_file(disk, 199990, 100), 10);
	EXPECT_EQ(read_file(disk, 1ul << 40, 100), 0);
	EXPECT_EQ(write_file(disk, 0, "x", 1, 0), -EROFS);
	EXPECT_EQ(read_file(tmp, 0, 100), -EISDIR);
	EXPECT_EQ(write_file(tmp, 0, "x", 1, 0), -EISDIR);
	EXPECT_EQ(create(tmp, "p", S_IFIFO, &fid), 0);
	EXPECT_EQ(read_file(fid, 0, 100), -EINVAL);
	EXPECT_EQ(create(tmp, "f", S_IFREG, &fid), 0);
	EXPECT_EQ(write_file(fid, 1ul << 50, "x", 1, 0), -EFBIG);
	EXPECT_EQ(write_file(fid, ~0ul, "x", 1, 0), -EINVAL);
	EXPECT_EQ(set_size(fid, ~0ul), -EFBIG);
	EXPECT_EQ(set_size(tmp, 0), -EISDIR);
	req.fid = fid;
	EXPECT_EQ(rpc_handle_m_read(from_a(4999), &req, &rep), -EINVAL);
	/* no room: what fits is written, then ENOSPC */
	for (u32 i = 0; i < 3; i++)
		write_file(fid, i * (u64)RPC_IO_MAX, scratch, RPC_IO_MAX, 0);
	for (u32 i = 3; i < 5; i++)
		write_file(fid, i * (u64)RPC_IO_MAX, scratch, RPC_IO_MAX, 0);
	EXPECT_EQ(write_file(fid, 5ul * RPC_IO_MAX, scratch, RPC_IO_MAX, 0),
		  -ENOSPC);
	memory_test_end();
}
