/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FAKE_M_H
#define FAKE_M_H
#include <lib/types.h>
#include <rpc/wire.h>

/*
 * A memory node in a few hundred plain lines, behind the network's public
 * interface, for tests of the processor's side.  It knows the state of every
 * frame and aborts when something reaches one that it must not reach.
 */
#define FAKE_FILES      2u /* read-only files */
#define FAKE_FILE_PAGES 16u

/** fake_m_start - @nr_frames in its pool. */
void fake_m_start(u32 nr_frames);
/** fake_m_remote - a frame by its address; somebody must own it. */
u8 *fake_m_remote(u64 remote_addr);
/** fake_card_start - the transfers' thread; fake_m_start() does. */
void fake_card_start(void);
/** fake_m_file - the identity of file @i. */
struct wire_fid fake_m_file(u32 i);
/** fake_m_file_byte - its content. */
u8 fake_m_file_byte(u32 i, u64 offset);
/** fake_m_granted_frames - frames that the processor node has. */
u32 fake_m_granted_frames(void);
/** fake_m_fail - the next @nr one-sided reads fail. */
void fake_m_fail_reads(u32 nr);
/** fake_m_refuse_maps - shall m_mmap and m_mremap of @asid get -ENOMEM? */
void fake_m_refuse_maps(u32 asid, bool refuses);
/** fake_m_refuse_reads - the next @nr calls to read without waiting fail. */
void fake_m_refuse_reads(u32 nr);
/** fake_m_fail_prefetch - the next @nr reads that nobody waits for fail. */
void fake_m_fail_prefetch(u32 nr);
/** fake_m_fail_writes - @nr of the next write-backs by evictors fail once. */
void fake_m_fail_writes(u32 nr);
/** fake_m_run_short - every @nth m_fault finds no free frame (0: none does). */
void fake_m_run_short(u32 nth);
/** fake_m_nr_dropped - pages of files that were told to be given up. */
u64 fake_m_nr_dropped(void);
/** fake_m_lie - from now on one reply of @nth is wrong, as @seed says; what
 * follows from the lies is not held against the processor node. */
void fake_m_lie(u64 seed, u32 nth);
/** fake_m_fail_execs - the next @nr execs find the node's life over. */
void fake_m_fail_execs(u32 nr);

#endif
