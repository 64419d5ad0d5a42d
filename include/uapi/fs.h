/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UAPI_FS_H
#define UAPI_FS_H

/*
 * Files as programs see them: numbers and structures of the Linux x86-64 ABI
 * (open(2), stat(2), statx(2), getdents64(2), statfs(2), fcntl(2)).
 */
#include <lib/types.h>

#define O_ACCMODE   00000003u
#define O_RDONLY    00000000u
#define O_WRONLY    00000001u
#define O_RDWR      00000002u
#define O_CREAT     00000100u
#define O_EXCL      00000200u
#define O_NOCTTY    00000400u
#define O_TRUNC     00001000u
#define O_APPEND    00002000u
#define O_NONBLOCK  00004000u
#define O_DSYNC     00010000u
#define O_ASYNC     00020000u
#define O_DIRECT    00040000u
#define O_LARGEFILE 00100000u
#define O_DIRECTORY 00200000u
#define O_NOFOLLOW  00400000u
#define O_NOATIME   01000000u
#define O_CLOEXEC   02000000u
#define O_SYNC      04010000u
#define O_PATH      010000000u
#define O_TMPFILE_  020000000u /* O_TMPFILE is this and O_DIRECTORY */
#define O_TMPFILE   (O_TMPFILE_ | O_DIRECTORY)

#define AT_FDCWD            (-100)
#define AT_SYMLINK_NOFOLLOW 0x100u
#define AT_EACCESS          0x200u
#define AT_REMOVEDIR        0x200u
#define AT_SYMLINK_FOLLOW   0x400u
#define AT_NO_AUTOMOUNT     0x800u
#define AT_EMPTY_PATH       0x1000u
#define AT_STATX_SYNC_TYPE  0x6000u

#define S_IFMT   0170000u
#define S_IFSOCK 0140000u
#define S_IFLNK  0120000u
#define S_IFREG  0100000u
#define S_IFBLK  0060000u
#define S_IFDIR  0040000u
#define S_IFCHR  0020000u
#define S_IFIFO  0010000u
#define S_ISUID  0004000u
#define S_ISGID  0002000u
#define S_ISVTX  0001000u

#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m)&S_IFMT) == S_IFSOCK)

/* getdents64's type is the mode's type bits. */
#define DT_UNKNOWN       0u
#define DT_FIFO          1u
#define DT_CHR           2u
#define DT_DIR           4u
#define DT_BLK           6u
#define DT_REG           8u
#define DT_LNK           10u
#define DT_SOCK          12u
#define DT_OF_MODE(mode) (((mode)&S_IFMT) >> 12)

#define NAME_MAX 255u
#define PATH_MAX 4096u

#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4

#define SEEK_SET  0
#define SEEK_CUR  1
#define SEEK_END  2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_GETLK         5
#define F_SETLK         6
#define F_SETLKW        7
#define F_SETOWN        8
#define F_GETOWN        9
#define F_OFD_GETLK     36
#define F_OFD_SETLK     37
#define F_OFD_SETLKW    38
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ    1031
#define F_GETPIPE_SZ    1032
#define F_ADD_SEALS     1033
#define F_GET_SEALS     1034
#define FD_CLOEXEC      1

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

struct uapi_flock {
	s16 l_type;
	s16 l_whence;
	u32 pad;
	s64 l_start;
	s64 l_len;
	s32 l_pid;
	u32 pad2;
};
_Static_assert(sizeof(struct uapi_flock) == 32, "struct flock");

struct uapi_timespec {
	s64 tv_sec;
	s64 tv_nsec;
};

struct uapi_stat {
	u64 st_dev;
	u64 st_ino;
	u64 st_nlink;
	u32 st_mode;
	u32 st_uid;
	u32 st_gid;
	u32 pad0;
	u64 st_rdev;
	s64 st_size;
	s64 st_blksize;
	s64 st_blocks;
	struct uapi_timespec st_atim;
	struct uapi_timespec st_mtim;
	struct uapi_timespec st_ctim;
	s64 unused[3];
};
_Static_assert(sizeof(struct uapi_stat) == 144, "struct stat");

struct uapi_statx_time {
	s64 tv_sec;
	u32 tv_nsec;
	s32 pad;
};

struct uapi_statx {
	u32 stx_mask;
	u32 stx_blksize;
	u64 stx_attributes;
	u32 stx_nlink;
	u32 stx_uid;
	u32 stx_gid;
	u16 stx_mode;
	u16 pad0;
	u64 stx_ino;
	u64 stx_size;
	u64 stx_blocks;
	u64 stx_attributes_mask;
	struct uapi_statx_time stx_atime, stx_btime, stx_ctime, stx_mtime;
	u32 stx_rdev_major, stx_rdev_minor;
	u32 stx_dev_major, stx_dev_minor;
	u64 stx_mnt_id;
	u32 stx_dio_mem_align, stx_dio_offset_align;
	u64 spare[12];
};
_Static_assert(sizeof(struct uapi_statx) == 256, "struct statx");
#define STATX_BASIC_STATS 0x7ffu
#define STATX_MNT_ID      0x1000u
#define STATX__RESERVED   0x80000000u

struct uapi_dirent64 {
	u64 d_ino;
	s64 d_off;
	u16 d_reclen;
	u8 d_type;
	char d_name[];
} __attribute__((packed));

struct uapi_statfs {
	s64 f_type;
	s64 f_bsize;
	u64 f_blocks;
	u64 f_bfree;
	u64 f_bavail;
	u64 f_files;
	u64 f_ffree;
	s32 f_fsid[2];
	s64 f_namelen;
	s64 f_frsize;
	s64 f_flags;
	s64 f_spare[4];
};
_Static_assert(sizeof(struct uapi_statfs) == 120, "struct statfs");
#define ST_RDONLY   1
#define ST_VALID    0x20
#define PROC_MAGIC  0x9fa0
#define SYSFS_MAGIC 0x62656572
#define TMPFS_MAGIC 0x01021994

#define RENAME_NOREPLACE 1u
#define RENAME_EXCHANGE  2u
#define RENAME_WHITEOUT  4u

#define UTIME_NOW  0x3fffffffl
#define UTIME_OMIT 0x3ffffffel

#define FALLOC_FL_KEEP_SIZE  1u
#define FALLOC_FL_PUNCH_HOLE 2u

#define MFD_CLOEXEC       1u
#define MFD_ALLOW_SEALING 2u

#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

#define IOV_MAX 1024u

/* A device number as programs see it: glibc's makedev() for small numbers. */
static inline u32 uapi_makedev(u32 major, u32 minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffu) << 12;
}

static inline u32 uapi_major(u64 dev)
{
	return dev >> 8 & 0xfff;
}

static inline u32 uapi_minor(u64 dev)
{
	return (dev & 0xff) | (dev >> 12 & ~0xffu);
}

#endif /* UAPI_FS_H */
