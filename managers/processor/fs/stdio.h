/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_STDIO_H
#define PROCESSOR_FS_STDIO_H

/*
 * Standard streams that are no terminal: byte streams over the framed serial
 * line.  To programs they look like pipes.
 */
#include <lib/types.h>

struct file;

void stdio_init(void);
/** stdio_open - the stream of descriptor @fd (0, 1 or 2). */
int __must_check stdio_open(int fd, struct file **out);
/** stdio_prepare_input - make room for stdin. */
int __must_check stdio_prepare_input(void);
/* From the line, in interrupt context. */
void stdio_receive(u8 byte);
void stdio_receive_eof(void);
void stdio_writable(void);

#endif /* PROCESSOR_FS_STDIO_H */
