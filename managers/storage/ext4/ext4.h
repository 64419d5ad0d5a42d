/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STORAGE_EXT4_H
#define STORAGE_EXT4_H

/*
 * ext4, reading.  Pure code over a read callback: the same source runs on a
 * storage node and, under sanitizers and a fuzzer, on the host.
 *
 * What mke2fs makes by default is read: extents, 64bit, metadata_csum,
 * metadata_csum_seed, flex_bg, huge files, directories with or without an
 * index (whose leaves are read one after the other).  A file system with an
 * incompatible feature that is not known here, or with a journal to be
 * replayed, is refused by name.
 *
 * Every byte from the disk is distrusted: numbers are checked against the size
 * of the device and of their block, checksums are verified, and what is wrong
 * gives -EIO and a line in the log.
 *
 * Not thread-safe: the caller holds one lock around every call on one file
 * system (the block cache is part of it).  Reading file data, the long part,
 * is left to the caller, who gets the blocks from ext4_map().
 *
 * Source of the format: "ext4 Data Structures and Algorithms", the Linux
 * kernel's documentation of the disk format.
 */
#include <lib/types.h>

#define EXT4_ROOT_INO    2u
#define EXT4_NAME_MAX    255u
#define EXT4_SUPER_MAGIC 0xef53u

struct ext4_fs;

/* Where the file system lies. */
struct ext4_device {
	/* Read @len bytes at @offset into @buf: 0 or -errno. May sleep. */
	int (*read)(void *ctx, u64 offset, void *buf, u32 len);
	void *ctx;
	u64 size_bytes;
};

struct ext4_statfs {
	u64 nr_blocks;
	u64 nr_free_blocks;
	u32 nr_inodes;
	u32 nr_free_inodes;
	u32 block_bytes;
	char label[17];
};

/* An inode as read from the disk, checked. Times: ns since 1970. */
struct ext4_inode {
	u32 ino;
	u32 gen;
	u16 mode;
	u32 uid;
	u32 gid;
	u32 nlink;
	u32 flags;
	u32 rdev;
	u64 size_bytes;
	u64 nr_sectors; /* 512 bytes each */
	s64 atime_ns, mtime_ns, ctime_ns;
	u32 csum_seed;
	u8 block[60]; /* extent tree root or short symlink */
};

/* A run of a file's blocks. */
struct ext4_run {
	u64 pblk;      /* first block on the device; unused for a hole */
	u32 nr_blocks; /* in the run, from the block asked for */
	bool is_hole;  /* reads as zeros: a hole or an unwritten extent */
};

/**
 * ext4_mount - read and check the superblock and the group descriptors.
 *
 * @dev is copied.  Context: may sleep.
 * Return: 0; -EINVAL not ext4 or inconsistent; -EOPNOTSUPP features; -EIO;
 *         -ENOMEM.  The reason is logged.
 */
int __must_check ext4_mount(const struct ext4_device *dev,
			    struct ext4_fs **out);
/** ext4_unmount - free what ext4_mount() made. */
void ext4_unmount(struct ext4_fs *fs);
/** ext4_identity - a number that is the same for the same file system as long
 * as nobody writes to it; a hash, so not for hostile disks. */
u64 ext4_identity(const struct ext4_fs *fs);
/** ext4_statfs - figures of the superblock. */
void ext4_statfs(const struct ext4_fs *fs, struct ext4_statfs *out);

/**
 * ext4_inode_read - read inode @ino.
 *
 * Return: 0; -ESTALE it is not in use or not a legal number; -EIO.
 */
int __must_check ext4_inode_read(struct ext4_fs *fs, u32 ino,
				 struct ext4_inode *out);

/**
 * ext4_map - which blocks hold file block @lblk and those behind it?
 *
 * Return: 0 with at least one block in *@run; -EIO.
 */
int __must_check ext4_map(struct ext4_fs *fs, const struct ext4_inode *inode,
			  u64 lblk, struct ext4_run *run);

/**
 * ext4_read - file data through the block cache, for small things and tests.
 *
 * Return: bytes read (0 at the end of the file) or -EIO.
 */
ssize_t __must_check ext4_read(struct ext4_fs *fs,
			       const struct ext4_inode *inode, u64 offset,
			       void *buf, size_t len);

/**
 * ext4_lookup - find @name (not terminated) in directory @dir.
 *
 * Return: 0 and the inode number; -ENOENT; -ENOTDIR; -EIO.
 */
int __must_check ext4_lookup(struct ext4_fs *fs, const struct ext4_inode *dir,
			     const char *name, u32 name_len, u32 *ino);

/* Called for each entry; @next is the cookie behind it.  Return false to stop
 * before this entry is taken. */
typedef bool (*ext4_emit_t)(void *ctx, u32 ino, u32 dt_type, const char *name,
			    u32 name_len, u64 next);

/**
 * ext4_readdir - entries of @dir from @cookie (0: the first).
 *
 * Return: 0 at the end or when @emit stopped; -ENOTDIR; -EIO.
 */
int __must_check ext4_readdir(struct ext4_fs *fs, const struct ext4_inode *dir,
			      u64 cookie, ext4_emit_t emit, void *ctx);

/**
 * ext4_readlink - target of a symbolic link, not terminated.
 *
 * Return: its length (at most @size), -EINVAL no link, -EIO.
 */
ssize_t __must_check ext4_readlink(struct ext4_fs *fs,
				   const struct ext4_inode *inode, char *buf,
				   size_t size);

#endif /* STORAGE_EXT4_H */
