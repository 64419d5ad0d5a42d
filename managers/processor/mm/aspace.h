/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_ASPACE_H
#define PROCESSOR_ASPACE_H

/*
 * A processor node's view of an address space.
 *
 * The truth (VMA tree, page -> frame) lives on the home memory node; here are
 * the page table, which records for each page where its copy or its frame is,
 * and a copy of the VMAs for the checks of the fault path.
 *
 * aspace_exec, aspace_fork, aspace_hold, aspace_put, aspace_activate and
 * aspace_futex_key are declared in proc/resources.h; the system calls
 * (sys_mmap and the like) in syscall/syscall.h.  This header has the rest of
 * what the process and file code needs.
 */
#include <lib/list.h>
#include <lib/types.h>
#include <managers/processor/proc/resources.h>
#include <rpc/wire.h>

struct aspace;
struct prefetch_stream;

/** aspace_start - prepare pcache and address spaces; an INITCALL does. */
int __must_check aspace_start(void);

/* ---- faults ---------------------------------------------------------------
 */

/* What the program did to earn a signal. */
struct aspace_fault_info {
	u32 signo;     /* SIGSEGV or SIGBUS */
	s32 si_code;   /* SEGV_MAPERR, SEGV_ACCERR, BUS_ADRERR */
	bool is_major; /* something crossed the wire */
	u64 trapped;   /* in: when, by the time-stamp counter; 0: no trap */
	struct prefetch_stream *stream; /* in: the thread's; NULL: none */
};

/**
 * aspace_fault - make @vaddr of @aspace accessible for @access (FAULT_*).
 *
 * Context: thread; sleeps; no locks held.
 * Return: 0: repeat the access; -EFAULT: it is not allowed or its page cannot
 *         be had, and @info says which signal that is.
 */
int __must_check aspace_fault(struct aspace *aspace, u64 vaddr, u32 access,
			      struct aspace_fault_info *info);

/**
 * aspace_read - copy from memory of an address space that need not be the
 * active one (/proc/PID/mem, /proc/PID/cmdline).
 *
 * Return: 0, or -EFAULT if a page is not mapped or may not be accessed so.
 */
int __must_check aspace_read(struct aspace *aspace, u64 vaddr, void *dst,
			     size_t len_bytes);

/* ---- what it looks like ----------------------------------------------------
 */

/* Pages that are resident, as Linux means it: somewhere in the cluster's
 * memory, with a frame.  (How many of them this node has in its pcache:
 * .cached.) */
struct aspace_pages {
	u64 nr;
	u64 anon, file, shmem;          /* which are all */
	u64 shared_clean, shared_dirty; /* of files, or with other processes */
	u64 private_clean, private_dirty; /* and these are all as well */
	u64 pss_bytes;
	u64 cached;
};

/* Figures of /proc/PID/statm and status, in pages. */
struct aspace_usage {
	u64 total, peak_total;
	struct aspace_pages resident;
	u64 peak_resident;
	u64 locked;
	u64 exec; /* executable VMAs that cannot be written */
	u64 data; /* private writable VMAs but the stack */
	u64 stack;
	u64 tables;
	u64 brk;
};
void aspace_usage(struct aspace *aspace, struct aspace_usage *usage);

/** aspace_count_pages - what is resident of the VMA that begins at @start. */
void aspace_count_pages(struct aspace *aspace, u64 start,
			struct aspace_pages *pages);

/** aspace_peak_resident - the most resident pages that there were. */
u64 aspace_peak_resident(const struct aspace *aspace);

/* One line of /proc/PID/maps. */
struct aspace_map {
	u64 start, end;
	u64 offset_bytes;
	u32 prot;  /* PROT_* */
	u32 flags; /* VMA_* */
	struct wire_fid fid;
	char name[256]; /* path, "[heap]", "[stack]" or "" */
};

/**
 * aspace_map_next - the first mapping that ends above @vaddr.
 *
 * Iterate with vaddr = 0, then map->end.  Return: false after the last.
 */
bool aspace_map_next(struct aspace *aspace, u64 vaddr, struct aspace_map *map);

/** aspace_name_file - the path to show in maps for @fid, as exec calls it for
 * the program and its interpreter. */
void aspace_name_file(struct aspace *aspace, const struct wire_fid *fid,
		      const char *path);

/**
 * aspace_set_rlimit - tell the memory node a limit it enforces.
 * @resource: RLIMIT_AS, RLIMIT_DATA or RLIMIT_STACK
 */
int __must_check aspace_set_rlimit(struct aspace *aspace, u32 resource,
				   u64 limit);

/**
 * aspace_give_up_files - a call to a memory node ended with @rc: should it be
 * repeated, because it was -ENOMEM and there are more free frames now?
 * @nr_tries: 0 before the first
 *
 * Context: sleeps; no lock inside LOCK_FILE_MAPS.
 */
bool aspace_give_up_files(int rc, u32 *nr_tries);

/* ---- coherence with read() and write() (file_change.c) ---------------------
 */

/**
 * pcache_flush_file - write back what programs stored through shared mappings
 * into bytes [@start, @end) of a file.
 *
 * read() calls it first.  Context: may sleep.  Return: 0 or -EIO.
 */
int __must_check pcache_flush_file(const struct wire_fid *fid, u64 start,
				   u64 end);

/* A change of bytes of a file at its memory node. */
struct file_change {
	const struct wire_fid *fid;
	u64 start, end;           /* bytes */
	struct list_head aspaces; /* that map them, held */
};

/**
 * pcache_file_change_begin - take bytes [@start, @end) of a file out of all
 * mappings, so that they may change at the memory node.
 *
 * What was stored through mappings is there when it returns.  Until the change
 * ends, who touches these pages waits: the caller may not touch user memory.
 * One change of a mapped file at a time.  Context: sleeps.
 */
void pcache_file_change_begin(struct file_change *change,
			      const struct wire_fid *fid, u64 start, u64 end);

/**
 * pcache_file_change_end - mappings show what the memory node has now.
 *
 * @is_cut: the file ends at the change's start now; private copies of pages
 *	    behind that go as well
 */
void pcache_file_change_end(struct file_change *change, bool is_cut);

#endif /* PROCESSOR_ASPACE_H */
