/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RPC_WIRE_H
#define RPC_WIRE_H

/*
 * Bodies of all messages between nodes.  rpc_list.def says which message uses
 * which; net/ frames them.
 *
 * Rules, checked by RPC_WIRE:
 *  - fixed-width le32/le64 members only; no pointers, enums or bool
 *  - no compiler padding: the size is written down and asserted
 *  - status travels in the frame's header and nowhere else (0 or -errno)
 *  - variable data follows the body as one tail of at most RPC_MAX_TAIL bytes;
 *    more than that moves through the call's bulk buffer by RDMA
 */
#include <lib/file_id.h>
#include <lib/types.h>

#define RPC_MAX_TAIL 7168u
#define RPC_WIRE(type, bytes) \
	_Static_assert(sizeof(type) == (bytes), #type " must be " #bytes)

struct rpc_none {
	u8 unused[0];
};

/* A file's identity in the cluster: the node that serves it, the file system
 * instance there, the inode and its generation. */
struct wire_fid {
	le64 node_guid;
	le64 ino;
	le32 fsid;
	le32 gen;
};
RPC_WIRE(struct wire_fid, 24);

static inline struct file_id wire_fid_get(const struct wire_fid *wire)
{
	return (struct file_id){.node_guid = le64_get(wire->node_guid),
				.ino = le64_get(wire->ino),
				.fsid = le32_get(wire->fsid),
				.gen = le32_get(wire->gen)};
}

static inline struct wire_fid wire_fid_make(const struct file_id *id)
{
	return (struct wire_fid){.node_guid = le64_make(id->node_guid),
				 .ino = le64_make(id->ino),
				 .fsid = le32_make(id->fsid),
				 .gen = le32_make(id->gen)};
}

/* Times are nanoseconds since 1970 (signed). Mode and type as in stat(2). */
struct wire_attr {
	le64 ino;
	le64 size_bytes;
	le64 nr_blocks; /* of 512 bytes */
	le64 atime_ns;
	le64 mtime_ns;
	le64 ctime_ns;
	le32 mode;
	le32 nlink;
	le32 uid;
	le32 gid;
	le32 rdev;
	le32 blksize;
};
RPC_WIRE(struct wire_attr, 72);

/* ---- every node: test ---------------------------------------------------- */

/* n_echo: tests the path. Reply tail: the request's tail, every byte xor 0x5a.
 * A bulk buffer must hold the pattern of seed (byte i: the low byte of
 * hash_u64(seed + i / 8) >> 8 * (i % 8)) unless flags say otherwise, and is
 * overwritten with the pattern of seed + 1.  Error: -EILSEQ wrong pattern. */
struct rpc_n_echo {
	le64 seed;
	le32 delay_ms; /* wait so long before touching the bulk buffer */
	le32 flags;    /* ECHO_* */
};
RPC_WIRE(struct rpc_n_echo, 16);
#define ECHO_NO_CHECK     1u /* do not read the bulk buffer first */
#define ECHO_DROP_ONCE    2u /* no reply to the first request of this seed */
#define ECHO_MAX_DELAY_MS 60000u
struct rpc_n_echo_reply {
	le64 tail_hash; /* hash_bytes(tail, tail_len, seed) */
	le64 bulk_bytes;
};
RPC_WIRE(struct rpc_n_echo_reply, 16);

/* ---- memory node: frames ------------------------------------------------ */

/* m_attach: a processor node introduces itself to a memory node and learns
 * where its frames are: frame pfn lies at pool_dma + pfn * 4096. */
struct rpc_m_attach {
	le64 pcache_bytes;
};
RPC_WIRE(struct rpc_m_attach, 8);
struct rpc_m_attach_reply {
	le64 pool_dma;
	le64 nr_frames;
	le32 pool_rkey;
	le32 reserved;
};
RPC_WIRE(struct rpc_m_attach_reply, 24);

/* m_grant: give the caller up to nr_frames free frames; reply tail le64 pfn[].
 * Fewer than asked is no error; none is -ENOMEM.  Contents undefined. */
struct rpc_m_grant {
	le32 nr_frames;
	le32 reserved;
};
RPC_WIRE(struct rpc_m_grant, 8);
struct rpc_m_grant_reply {
	le32 nr_frames;
	le32 reserved;
};
RPC_WIRE(struct rpc_m_grant_reply, 8);
#define RPC_GRANT_MAX 512u

/* m_ungrant: return granted frames that no address space uses (tail pfn[]). */

/* ---- memory node: address spaces ---------------------------------------- */

/* One VMA.  prot: PROT_*; flags: VMA_*; fid all zero unless file or shared. */
struct wire_vma {
	le64 start;
	le64 end;
	le64 pgoff_pages;
	le32 prot;
	le32 flags;
	struct wire_fid fid;
};
RPC_WIRE(struct wire_vma, 56);
#define VMA_SHARED    0x01u /* MAP_SHARED */
#define VMA_FILE      0x02u /* backed by fid (file or shared-memory object) */
#define VMA_STACK     0x04u /* the main stack */
#define VMA_HEAP      0x08u /* the brk area */
#define VMA_MAYWRITE  0x10u /* a shared file opened for writing */
#define VMA_NORESERVE 0x20u
#define VMA_GROWSDOWN 0x40u /* m_grow makes it longer downwards */
/* Those below are changed by m_vma_flags. */
#define VMA_DONTFORK   0x080u /* a child has no such VMA */
#define VMA_WIPEONFORK 0x100u /* a child's has no pages */
#define VMA_DONTDUMP   0x200u
#define VMA_LOCKED     0x400u /* mlock(2); not in a child */
#define VMA_ADVISED    (VMA_DONTFORK | VMA_WIPEONFORK | VMA_DONTDUMP | VMA_LOCKED)
#define VMA_ALL        0x7ffu

/* As vm.max_map_count of Linux: a system call that may need more VMAs fails. */
#define ASPACE_MAX_VMAS 65530u

/* m_exec: make an address space from an ELF file.  The strings lie in the
 * call's bulk buffer: argv then envp, each NUL-terminated, then execfn.
 * interp.node_guid is 0 when the program names no interpreter.
 * Reply tail: struct wire_vma[nr_vmas].
 * Some pages have frames from the start: those of the stack from sp on (P,
 * which takes a page of an anonymous VMA that it knows nothing of for untouched
 * zeros, asks for these with m_fault), and pages with the end of a segment's
 * file part, in VMA_FILE areas, where P asks anyway.
 * Errors: -ENOEXEC bad ELF; -ENOMEM; -E2BIG; -EIO file unreadable. */
struct rpc_m_exec {
	struct wire_fid exe;
	struct wire_fid interp;
	le64 stack_bytes; /* size of the stack VMA (RLIMIT_STACK) */
	le64 hwcap;       /* AT_HWCAP */
	le64 random[4];   /* [0..1] AT_RANDOM; [2..3] seed of the layout */
	le32 argc;
	le32 envc;
	le32 strings_bytes; /* in the bulk buffer */
	le32 uid;
	le32 gid;
	le32 flags; /* RPC_EXEC_* */
};
RPC_WIRE(struct rpc_m_exec, 120);
#define RPC_EXEC_NO_RANDOMIZE 0x1u
#define RPC_EXEC_MAX_STRINGS  (256u << 10)
struct rpc_m_exec_reply {
	le64 entry; /* where to start: the interpreter's entry if there is one
		     */
	le64 sp;
	le64 start_brk;
	le64 start_code, end_code, start_data, end_data;
	le64 start_stack; /* arg_start etc. follow from these */
	le64 arg_start, arg_end, env_start, env_end;
	le64 auxv_start, auxv_end;
	le32 asid;
	le32 nr_vmas;
};
RPC_WIRE(struct rpc_m_exec_reply, 120);

/* Calls that need nothing but the address space: m_fork, m_exit, ... */
struct rpc_m_asid {
	le32 asid;
	le32 reserved;
};
RPC_WIRE(struct rpc_m_asid, 8);
/* m_fork: copy by reference; private frames become shared, copy-on-write. */
struct rpc_m_fork_reply {
	le32 child_asid;
	le32 reserved;
};
RPC_WIRE(struct rpc_m_fork_reply, 8);

/* m_pages: what P did to an address space's pages by itself, in order.
 * Tail: struct wire_page_op[]. */
struct wire_page_op {
	le64 vaddr; /* page aligned | op */
	le64 pfn;
};
RPC_WIRE(struct wire_page_op, 16);
#define PAGE_OP_SET   0u /* vaddr now has granted frame pfn; drop the old one */
#define PAGE_OP_CLEAR 1u /* vaddr has no page again; pfn is a grant again */
#define PAGE_OP_DROP                                                         \
	2u /* pages of files in the pfn (here: a number of pages) pages from \
	    * vaddr on: P has no entry for them any more */
#define PAGE_OP_MASK 0xfffu

/* m_mmap: flags MAP_*; fid zero: anonymous (MAP_SHARED: M makes an object and
 * says its fid).  Reply addr is where the mapping lies. */
struct rpc_m_mmap {
	le32 asid;
	le32 prot;
	le32 flags;
	le32 vma_flags; /* extra VMA_*: VMA_MAYWRITE, VMA_LOCKED; RPC_ONLY_ASK
			 */
	le64 vaddr;
	le64 len_bytes;
	le64 pgoff_pages;
	struct wire_fid fid;
};
RPC_WIRE(struct rpc_m_mmap, 64);
struct rpc_m_mmap_reply {
	le64 vaddr;
	struct wire_fid fid;
};
RPC_WIRE(struct rpc_m_mmap_reply, 32);

/* In vma_flags of m_mmap, flags of m_mremap: change nothing, say whether it
 * could be done (address and fid in the reply mean nothing).  P asks before it
 * gives up pages that lie in a fixed target. */
#define RPC_ONLY_ASK 0x80000000u

/* m_munmap; m_madvise (arg: MADV_*, only those that drop pages are sent);
 * m_mprotect (arg: PROT_*).  Ranges are page aligned. */
struct rpc_m_range {
	le32 asid;
	le32 arg;
	le64 vaddr;
	le64 len_bytes;
};
RPC_WIRE(struct rpc_m_range, 24);

struct rpc_m_mremap {
	le32 asid;
	le32 flags; /* MREMAP_* */
	le64 old_vaddr;
	le64 old_len_bytes;
	le64 new_len_bytes;
	le64 new_vaddr;
};
RPC_WIRE(struct rpc_m_mremap, 40);
struct rpc_m_vaddr_reply {
	le64 vaddr;
};
RPC_WIRE(struct rpc_m_vaddr_reply, 8);

/* m_vma_flags: set and clear flags (VMA_ADVISED) of all VMAs of the range;
 * what is not mapped is passed over. */
struct rpc_m_vma_flags {
	le32 asid;
	le32 set;
	le32 clear;
	le32 reserved;
	le64 vaddr;
	le64 len_bytes;
};
RPC_WIRE(struct rpc_m_vma_flags, 32);

/* m_resident: for each page of the range (at most RPC_RESIDENT_MAX, all
 * mapped) a byte, 1 if it has a frame or its file's page is in the page
 * cache. */
#define RPC_RESIDENT_MAX 4096u

/* m_brk: vaddr 0 asks.  Reply: the brk in force.
 * m_grow: make the VMA_GROWSDOWN area above vaddr begin at or below it; reply:
 * where it begins now.  -EFAULT: no such area, or it may not grow so far. */
struct rpc_m_brk {
	le32 asid;
	le32 reserved;
	le64 vaddr;
};
RPC_WIRE(struct rpc_m_brk, 16);

struct rpc_m_setrlimit {
	le32 asid;
	le32 resource; /* RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK */
	le64 limit;
};
RPC_WIRE(struct rpc_m_setrlimit, 16);

/* m_fault: the frame of one page, for what P cannot resolve alone.  If the
 * call has a bulk buffer of 4096 bytes, M writes the page there unless the
 * reply says FAULT_ZERO.  Errors: -EFAULT no VMA or no permission (SIGSEGV),
 * -ERANGE beyond the end of the file (SIGBUS), -EIO, -ENOMEM.
 * Of the pages around it, in the aligned window of FAULT_WINDOW pages, P may
 * ask for some as well.  For those of the same VMA that M has in its page cache
 * now, the frames are in the reply's tail, le64[FAULT_WINDOW] by place in the
 * window, with FAULT_NO_FRAME for all others; no tail: none.  To M they are
 * faulted as the page itself is. */
struct rpc_m_fault {
	le32 asid;
	le32 access; /* FAULT_READ, FAULT_WRITE, FAULT_EXEC */
	le64 vaddr;
	le32 around; /* bit i: page i of the window, too */
	le32 reserved;
};
RPC_WIRE(struct rpc_m_fault, 24);
#define FAULT_WINDOW   16u
#define FAULT_NO_FRAME (~0ul)
#define FAULT_READ     1u
#define FAULT_WRITE    2u
#define FAULT_EXEC     4u
struct rpc_m_fault_reply {
	le64 pfn;
	le32 flags; /* FAULT_* below */
	le32 prot;  /* PROT_* of the VMA */
};
RPC_WIRE(struct rpc_m_fault_reply, 16);
#define FAULT_FILE 0x10u /* frame of the page cache: never private to P */
#define FAULT_ZERO 0x20u /* the page is all zero and was not sent */
#define FAULT_COW  0x40u /* shared private frame: copy before writing */

/* m_aspace_check: digest of M's view, for tests and debug builds. */
struct rpc_m_check_reply {
	le64 nr_pages; /* pages with a frame */
	le64 nr_vmas;
	le64 pages_hash; /* sum of hash_u64(vaddr ^ hash_u64(pfn)) */
	le64 vmas_hash; /* sum over VMAs of hashes of start, end, prot, flags */
};
RPC_WIRE(struct rpc_m_check_reply, 32);

/* ---- files: data through the memory node's page cache -------------------- */

/* m_read/m_write: bulk buffer <- / -> file.  Short only at end of file.
 * s_read: the same between M and the storage node, whole pages. */
struct rpc_file_io {
	struct wire_fid fid;
	le64 offset;
	le32 len_bytes;
	le32 flags; /* RPC_IO_APPEND */
};
RPC_WIRE(struct rpc_file_io, 40);
#define RPC_IO_APPEND 1u
#define RPC_IO_MAX    (256u << 10)
struct rpc_file_io_reply {
	le64 size_bytes; /* of the file, after the operation */
	le64 offset;     /* where it happened (append) */
	le32 len_bytes;
	le32 reserved;
};
RPC_WIRE(struct rpc_file_io_reply, 24);

/* ---- files: names and attributes (storage node: ext4; memory node: tmpfs) -
 */

struct rpc_fs_fid {
	struct wire_fid fid;
};
RPC_WIRE(struct rpc_fs_fid, 24);
struct rpc_fs_node_reply {
	struct wire_fid fid;
	struct wire_attr attr;
};
RPC_WIRE(struct rpc_fs_node_reply, 96);
/* fs_root: tail names the file system ("root" on S; "tmp", "shm" on M). */
/* fs_lookup: tail is one name, not "." or ".."; ".." is allowed. */
/* fs_open/fs_release: keep an inode alive while it is open or mapped. */

struct rpc_fs_attr_reply {
	struct wire_attr attr;
};
RPC_WIRE(struct rpc_fs_attr_reply, 72);

struct rpc_fs_setattr {
	struct wire_fid fid;
	le32 mask; /* FS_SET_* */
	le32 mode;
	le32 uid;
	le32 gid;
	le64 size_bytes;
	le64 atime_ns;
	le64 mtime_ns;
};
RPC_WIRE(struct rpc_fs_setattr, 64);
#define FS_SET_MODE  0x01u
#define FS_SET_UID   0x02u
#define FS_SET_GID   0x04u
#define FS_SET_SIZE  0x08u
#define FS_SET_ATIME 0x10u
#define FS_SET_MTIME 0x20u

/* fs_readdir: reply tail is a run of struct wire_dirent, each followed by its
 * name (not terminated) and padding to 8 bytes.  Cookie 0 starts; the last
 * entry's next_cookie goes on; an empty tail is the end. */
struct rpc_fs_readdir {
	struct wire_fid fid;
	le64 cookie;
};
RPC_WIRE(struct rpc_fs_readdir, 32);
struct wire_dirent {
	le64 ino;
	le64 next_cookie;
	le32 type; /* DT_* */
	le32 name_len;
};
RPC_WIRE(struct wire_dirent, 24);

/* fs_create: any type (mode's S_IFMT).  Tail: the name; for a symlink the
 * name, a NUL and the target. Errors: -EEXIST ... */
struct rpc_fs_create {
	struct wire_fid dir;
	le32 mode;
	le32 uid;
	le32 gid;
	le32 rdev;
};
RPC_WIRE(struct rpc_fs_create, 40);

/* fs_unlink: flags 1 = directory (rmdir).  Tail: the name. */
struct rpc_fs_unlink {
	struct wire_fid dir;
	le32 flags;
	le32 reserved;
};
RPC_WIRE(struct rpc_fs_unlink, 32);
#define FS_UNLINK_DIR 1u

/* fs_rename: tail: old name, NUL, new name.  flags: RENAME_NOREPLACE. */
struct rpc_fs_rename {
	struct wire_fid old_dir;
	struct wire_fid new_dir;
	le32 flags;
	le32 reserved;
};
RPC_WIRE(struct rpc_fs_rename, 56);

/* fs_link: tail: the new name in dir. */
struct rpc_fs_link {
	struct wire_fid fid;
	struct wire_fid dir;
};
RPC_WIRE(struct rpc_fs_link, 48);

struct rpc_fs_statfs_reply {
	le64 nr_blocks;
	le64 nr_free;
	le64 nr_files;
	le64 nr_files_free;
	le32 block_bytes;
	le32 name_max;
	le32 magic; /* as statfs(2) f_type */
	le32 flags; /* ST_RDONLY */
};
RPC_WIRE(struct rpc_fs_statfs_reply, 48);

#endif /* RPC_WIRE_H */
