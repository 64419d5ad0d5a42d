/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ext4 reader on damaged images.  An input is a list of changes, {24-bit
 * offset, byte}, to a small image that mke2fs made without checksums (which
 * would refuse nearly every change at once); everything that can still be
 * reached is then read.
 */
#include <fcntl.h>
#include <kernel/log.h>
#include <managers/storage/ext4/internal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE_BYTES (1u << 20)
#define MAX_INODES  40

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static u8 pristine[IMAGE_BYTES], image[IMAGE_BYTES];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char dir[] = "/tmp/fuzz-ext4-XXXXXX", cmd[1024];
	int fd;

	if (!mkdtemp(dir))
		abort();
	snprintf(cmd, sizeof(cmd),
		 "set -e; cd %s; PATH=$PATH:/sbin:/usr/sbin; mkdir -p t/d/e; "
		 "seq 9000 > t/d/seq; ln -s seq t/d/link; "
		 "for i in $(seq 25); do echo $i > t/d/e/$(printf %%060d $i); "
		 "done; "
		 "for i in 0 1 2 3 4 5 6 7; do printf x | dd of=t/sparse bs=4k "
		 "seek=$((i*2)) conv=notrunc 2>/dev/null; done; "
		 "truncate -s 1M i; mke2fs -q -t ext4 -O "
		 "^metadata_csum,^has_journal,^resize_inode -b 1024 -d t i; "
		 "e2fsck -fyD i >/dev/null 2>&1 || test $? -eq 1",
		 dir);
	if (system(cmd))
		abort();
	snprintf(cmd, sizeof(cmd), "%s/i", dir);
	fd = open(cmd, O_RDONLY);
	if (read(fd, pristine, IMAGE_BYTES) != IMAGE_BYTES)
		abort();
	close(fd);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static int image_read(void *ctx, u64 offset, void *buf, u32 len)
{
	if (offset > IMAGE_BYTES || len > IMAGE_BYTES - offset)
		return -EIO;
	memcpy(buf, image + offset, len);
	return 0;
}

struct walk {
	u32 inos[MAX_INODES];
	int nr;
};

static bool walk_emit(void *ctx, u32 ino, u32 type, const char *name, u32 len,
		      u64 next)
{
	struct walk *w = ctx;

	if (w->nr < MAX_INODES)
		w->inos[w->nr++] = ino;
	return w->nr < MAX_INODES;
}

static void walk(struct ext4_fs *fs)
{
	struct walk w = {.inos = {EXT4_ROOT_INO}, .nr = 1};
	static u8 buf[16384];

	for (int i = 0; i < w.nr; i++) {
		struct ext4_inode inode;
		u32 ino;

		if (ext4_inode_read(fs, w.inos[i], &inode))
			continue;
		(void)!ext4_readdir(fs, &inode, 0, walk_emit, &w);
		(void)!ext4_lookup(fs, &inode, "seq", 3, &ino);
		(void)!ext4_lookup(fs, &inode, "nosuch", 6, &ino);
		(void)!ext4_read(fs, &inode, 0, buf, sizeof(buf));
		(void)!ext4_read(fs, &inode, inode.size_bytes / 2, buf, 4096);
		(void)!ext4_readlink(fs, &inode, (char *)buf, sizeof(buf));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct ext4_device dev = {image_read, NULL, IMAGE_BYTES};
	struct ext4_fs *fs;

	memcpy(image, pristine, IMAGE_BYTES);
	for (size_t i = 0; i + 4 <= size && i < 1024; i += 4)
		image[(data[i] | data[i + 1] << 8 | data[i + 2] << 16) %
		      IMAGE_BYTES] = data[i + 3];
	if (!ext4_mount(&dev, &fs)) {
		walk(fs);
		ext4_unmount(fs);
	}
	return 0;
}
