/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ext4 reader on images that mke2fs made: every file, link and directory
 * of a tree reads back as it is on the host; damaged images never do harm.
 */
#include <dirent.h>
#include <fcntl.h>
#include <kernel/log.h>
#include <lib/ktest.h>
#include <lib/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

struct image {
	u8 *data;
	u64 size;
};

static int image_read(void *ctx, u64 offset, void *buf, u32 len)
{
	struct image *im = ctx;

	if (offset > im->size || len > im->size - offset)
		return -EIO;
	memcpy(buf, im->data + offset, len);
	return 0;
}

static char work[] = "/tmp/ext4-test-XXXXXX";

static void sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd)) {
		fprintf(stderr, "failed: %s\n", cmd);
		abort();
	}
}

/* A sparse file with a run of data in every second 8 KiB. */
static void make_fragmented(const char *path, int nr_runs)
{
	char block[4096];
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	for (int i = 0; i < nr_runs; i++) {
		memset(block, 'a' + i % 26, sizeof(block));
		if (pwrite(fd, block, sizeof(block), i * 8192L) < 0)
			abort();
	}
	close(fd);
}

static void cleanup(void)
{
	sh("rm -rf %s", work);
}

static void make_tree(void)
{
	static bool made;
	char path[256];

	if (made)
		return;
	made = true;
	if (!mkdtemp(work) || atexit(cleanup))
		abort();
	sh("mkdir -p %s/t/a/b/c %s/t/many", work, work);
	sh("printf hello > %s/t/a/small; : > %s/t/empty", work, work);
	sh("head -c 3000001 /dev/urandom > %s/t/a/b/random", work);
	sh("ln -s small %s/t/a/link; mkfifo %s/t/a/fifo", work, work);
	sh("ln -s %0200d %s/t/a/longlink", 7, work);
	snprintf(path, sizeof(path), "%s/t/fragmented", work);
	make_fragmented(path, 1500);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "%s/t/many/file-with-a-name-%d",
			 work, i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
}

static struct image make_image(const char *options)
{
	struct image im;
	struct stat st;
	char path[256];
	int fd;

	make_tree();
	sh("PATH=$PATH:/sbin:/usr/sbin; rm -f %s/i; truncate -s 64M %s/i; "
	   "mke2fs -q -t ext4 %s -d %s/t %s/i 2>/dev/null",
	   work, work, options, work, work);
	snprintf(path, sizeof(path), "%s/i", work);
	fd = open(path, O_RDONLY);
	fstat(fd, &st);
	im.size = (u64)st.st_size;
	im.data = malloc(im.size);
	if (read(fd, im.data, im.size) != st.st_size)
		abort();
	close(fd);
	return im;
}

static int mount_image(struct image *im, struct ext4_fs **fs)
{
	struct ext4_device dev = {image_read, im, im->size};

	return ext4_mount(&dev, fs);
}

static void compare_file(struct ext4_fs *fs, const struct ext4_inode *inode,
			 const char *path)
{
	size_t size = inode->size_bytes;
	u8 *want = malloc(size + 1), *got = malloc(size + 1);
	FILE *f = fopen(path, "rb");

	EXPECT_EQ(fread(want, 1, size + 1, f), size);
	fclose(f);
	EXPECT_EQ(ext4_read(fs, inode, 0, got, size + 1), size);
	EXPECT_TRUE(!memcmp(want, got, size));
	/* In odd pieces too. */
	for (size_t at = 0; at < size; at += 70001) {
		size_t n = size - at < 4999 ? size - at : 4999;

		EXPECT_EQ(ext4_read(fs, inode, at, got, n), n);
		EXPECT_TRUE(!memcmp(want + at, got, n));
	}
	free(want);
	free(got);
}

static bool count_emit(void *ctx, u32 ino, u32 type, const char *name, u32 len,
		       u64 next)
{
	++*(int *)ctx;
	return true;
}

static void compare_dir(struct ext4_fs *fs, u32 dir_ino, const char *path);

static void compare_entry(struct ext4_fs *fs, u32 ino, const char *path)
{
	struct ext4_inode inode;
	char want[4096], got[4096];
	struct stat st;

	lstat(path, &st);
	EXPECT_EQ(ext4_inode_read(fs, ino, &inode), 0);
	EXPECT_EQ(inode.mode, st.st_mode);
	EXPECT_EQ(inode.mtime_ns / 1000000000, st.st_mtime);
	if (S_ISDIR(st.st_mode)) {
		compare_dir(fs, ino, path);
	} else if (S_ISREG(st.st_mode)) {
		EXPECT_EQ(inode.size_bytes, st.st_size);
		compare_file(fs, &inode, path);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(path, want, sizeof(want));

		EXPECT_EQ(ext4_readlink(fs, &inode, got, sizeof(got)), n);
		EXPECT_TRUE(!memcmp(want, got, (size_t)n));
	}
}

static void compare_dir(struct ext4_fs *fs, u32 dir_ino, const char *path)
{
	struct ext4_inode dir;
	struct dirent *e;
	DIR *d = opendir(path);
	int want = 0, got = 0;
	char sub[8192];
	u32 ino;

	EXPECT_EQ(ext4_inode_read(fs, dir_ino, &dir), 0);
	while ((e = readdir(d))) {
		want++;
		EXPECT_EQ(ext4_lookup(fs, &dir, e->d_name,
				      (u32)strlen(e->d_name), &ino),
			  0);
		snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			compare_entry(fs, ino, sub);
	}
	closedir(d);
	EXPECT_EQ(ext4_readdir(fs, &dir, 0, count_emit, &got), 0);
	EXPECT_EQ(got, want + (dir_ino == EXT4_ROOT_INO)); /* lost+found */
	EXPECT_EQ(ext4_lookup(fs, &dir, "nosuch", 6, &ino), -ENOENT);
}

static void compare_image(const char *options)
{
	struct image im = make_image(options);
	struct ext4_fs *fs;
	char path[256];

	EXPECT_EQ(mount_image(&im, &fs), 0);
	snprintf(path, sizeof(path), "%s/t", work);
	compare_dir(fs, EXT4_ROOT_INO, path);
	ext4_unmount(fs);
	free(im.data);
}

KTEST(a_default_image_reads_back_as_the_tree_it_was_made_from)
{
	compare_image("");
}

KTEST(an_image_of_4_kib_blocks_reads_back)
{
	compare_image("-b 4096");
}

KTEST(an_image_without_checksums_and_64bit_reads_back)
{
	compare_image("-O ^metadata_csum,^64bit -I 128");
}

KTEST(an_image_with_a_checksum_seed_and_large_directories_reads_back)
{
	compare_image("-O metadata_csum_seed,large_dir");
}

/* e2fsck -D makes hash trees of large directories. */
static struct image make_indexed_image(const char *options, const char *hash)
{
	struct image im = make_image(options);
	char path[256];
	int fd;

	sh("PATH=$PATH:/sbin:/usr/sbin; "
	   "tune2fs -E hash_alg=%s %s/i >/dev/null 2>&1 && "
	   "{ e2fsck -fyD %s/i >/dev/null 2>&1; test $? -le 1; }",
	   hash, work, work);
	snprintf(path, sizeof(path), "%s/i", work);
	fd = open(path, O_RDONLY);
	if (read(fd, im.data, im.size) != (ssize_t)im.size)
		abort();
	close(fd);
	return im;
}

struct wanted {
	const char *name;
	bool found;
};

static bool wanted_emit(void *ctx, u32 ino, u32 type, const char *name, u32 len,
			u64 next)
{
	struct wanted *w = ctx;

	w->found = w->found ||
		   (len == strlen(w->name) && !memcmp(name, w->name, len));
	return true;
}

/* The leaf that the index names holds the name: nothing else is read. */
static bool find_by_hash(struct ext4_fs *fs, const struct ext4_inode *dir,
			 const char *name)
{
	struct wanted w = {.name = name};
	struct ext4_inode leaf = *dir;
	bool goes_on;
	u64 lblk;
	int err = htree_find(fs, dir, name, (u32)strlen(name), &lblk, &goes_on);

	EXPECT_EQ(err, 0);
	/* Read just that block, as if the directory ended behind it. */
	leaf.size_bytes = (lblk + 1) << fs->block_shift;
	EXPECT_EQ(ext4_readdir(fs, &leaf, lblk << fs->block_shift, wanted_emit,
			       &w),
		  0);
	EXPECT_TRUE(w.found || goes_on);
	return w.found;
}

static void search_indexed(const char *options, const char *hash)
{
	struct image im = make_indexed_image(options, hash);
	struct ext4_inode root, dir;
	struct ext4_fs *fs;
	char name[64];
	u32 ino, nr_found = 0;

	EXPECT_EQ(mount_image(&im, &fs), 0);
	EXPECT_EQ(ext4_inode_read(fs, EXT4_ROOT_INO, &root), 0);
	EXPECT_EQ(ext4_lookup(fs, &root, "many", 4, &ino), 0);
	EXPECT_EQ(ext4_inode_read(fs, ino, &dir), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "file-with-a-name-%d", i);
		nr_found += find_by_hash(fs, &dir, name);
	}
	EXPECT_TRUE(nr_found > 2950); /* few hashes are shared */
	snprintf(name, sizeof(name), "%s/t", work);
	compare_dir(fs, EXT4_ROOT_INO, name);
	ext4_unmount(fs);
	free(im.data);
}

KTEST(an_indexed_directory_is_searched_by_hash)
{
	search_indexed("-b 1024", "half_md4");
	search_indexed("-b 4096", "half_md4");
	search_indexed("-b 1024", "tea");
	search_indexed("-b 1024", "legacy");
}

KTEST(an_unknown_or_unsupported_feature_is_refused)
{
	struct image im = make_image("-O inline_data");
	struct ext4_fs *fs;

	EXPECT_EQ(mount_image(&im, &fs), -EOPNOTSUPP);
	free(im.data);
}

KTEST(a_superblock_with_a_wrong_byte_is_refused)
{
	struct image im = make_image("");
	struct ext4_fs *fs;

	for (u32 at = 1024; at < 2048; at += 7) {
		im.data[at] ^= 0x10;
		EXPECT_TRUE(mount_image(&im, &fs) < 0);
		im.data[at] ^= 0x10;
	}
	free(im.data);
}

struct cookies {
	u64 next;
	int left, seen;
};

static bool cookie_emit(void *ctx, u32 ino, u32 type, const char *name, u32 len,
			u64 next)
{
	struct cookies *c = ctx;

	if (!c->left)
		return false;
	c->left--;
	c->seen++;
	c->next = next;
	return true;
}

KTEST(a_directory_read_in_small_pieces_gives_each_entry_once)
{
	struct image im = make_image("");
	struct cookies c = {0};
	struct ext4_inode dir;
	struct ext4_fs *fs;
	int all = 0;
	u32 ino;

	EXPECT_EQ(mount_image(&im, &fs), 0);
	EXPECT_EQ(ext4_inode_read(fs, EXT4_ROOT_INO, &dir), 0);
	EXPECT_EQ(ext4_lookup(fs, &dir, "many", 4, &ino), 0);
	EXPECT_EQ(ext4_inode_read(fs, ino, &dir), 0);
	EXPECT_EQ(ext4_readdir(fs, &dir, 0, count_emit, &all), 0);
	do {
		c.left = 7;
		EXPECT_EQ(ext4_readdir(fs, &dir, c.next, cookie_emit, &c), 0);
	} while (!c.left);
	EXPECT_EQ(c.seen, all);
	ext4_unmount(fs);
	free(im.data);
}

struct walk {
	struct ext4_fs *fs;
	u32 inos[64];
	int nr;
};

static bool walk_emit(void *ctx, u32 ino, u32 type, const char *name, u32 len,
		      u64 next)
{
	struct walk *w = ctx;

	if (w->nr < 64)
		w->inos[w->nr++] = ino;
	return true;
}

/* Touch everything that can be reached, whatever it says. */
static void walk_damaged(struct ext4_fs *fs)
{
	struct walk w = {.fs = fs, .inos = {EXT4_ROOT_INO}, .nr = 1};
	static u8 buf[65536];

	for (int i = 0; i < w.nr; i++) {
		struct ext4_inode inode;

		if (ext4_inode_read(fs, w.inos[i], &inode))
			continue;
		(void)!ext4_readdir(fs, &inode, 0, walk_emit, &w);
		(void)!ext4_read(fs, &inode, 0, buf, sizeof(buf));
		(void)!ext4_read(fs, &inode, inode.size_bytes / 2, buf, 4096);
		(void)!ext4_readlink(fs, &inode, (char *)buf, sizeof(buf));
	}
}

static void damage(const char *options, u64 seed)
{
	struct image im = make_image(options);
	struct rand r;

	printf("    seed %llu\n", (unsigned long long)seed);
	rand_seed(&r, seed);
	for (int round = 0; round < 60; round++) {
		struct ext4_fs *fs;
		u64 at[40];
		u8 old[40];

		for (int i = 0; i < 40; i++) {
			/* Metadata lies in the first MiB or so. */
			at[i] = 2048 + rand_below(&r, 1200 << 10);
			old[i] = im.data[at[i]];
			im.data[at[i]] = (u8)rand_u64(&r);
		}
		if (!mount_image(&im, &fs)) {
			walk_damaged(fs);
			ext4_unmount(fs);
		}
		for (int i = 40; i--;)
			im.data[at[i]] = old[i];
	}
	free(im.data);
}

KTEST(a_damaged_image_gives_errors_and_no_harm)
{
	const char *seed = getenv("SEED");

	damage("-O ^metadata_csum",
	       seed ? strtoull(seed, NULL, 0) : (u64)getpid() * 7919);
	damage("", 1);
}
