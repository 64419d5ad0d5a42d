/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_PIPE_H
#define PROCESSOR_FS_PIPE_H

/*
 * Pipes: a ring of bytes between readers and writers.
 *
 * Reads take what is there.  Writes of up to PIPE_BUF bytes go in as a whole;
 * longer ones piece by piece.  No writers left: readers get the rest, then
 * 0.  No readers left: writers get EPIPE and SIGPIPE.
 */
#include <lib/types.h>

struct file;

#define PIPE_BUF           4096u
#define PIPE_DEFAULT_BYTES 65536u
#define PIPE_MAX_BYTES     (1u << 20)

/** pipe_create - both ends; @flags: O_NONBLOCK, O_DIRECT is refused. */
int __must_check pipe_create(u32 flags, struct file **read_end,
			     struct file **write_end);
/**
 * fifo_open - make @file, of a FIFO, one end of its pipe.
 *
 * Waits for the other end (fifo(7)).  Processes of one node meet in a FIFO.
 * Context: may sleep.  Return: 0; -ENXIO (O_NONBLOCK, no reader), -ENOMEM,
 * -ERESTARTSYS.
 */
int __must_check fifo_open(struct file *file);
/** pipe_size, pipe_set_size - F_GETPIPE_SZ, F_SETPIPE_SZ; bytes or -errno
 * (-EBADF: not a pipe). */
int pipe_size(struct file *file);
int pipe_set_size(struct file *file, u64 bytes);

#endif /* PROCESSOR_FS_PIPE_H */
