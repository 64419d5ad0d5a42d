/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_TTY_H
#define PROCESSOR_FS_TTY_H

/*
 * The programs' terminal: ttyS0 with a line discipline, a session and a
 * foreground process group.  There is one.
 */
#include <lib/types.h>

struct file;
struct vnode;

#define TTY_MAJOR 4u
#define TTY_MINOR 64u

/** tty_init - take over ttyS0's receiver. */
void tty_init(void);

/** tty_open - open /dev/ttyS0; tty_open_controlling - /dev/tty: -ENXIO
 * without a controlling terminal. */
int __must_check tty_open(struct vnode *vn, struct file *file);
int __must_check tty_open_controlling(struct vnode *vn, struct file *file);

/** tty_of_session - its device number if session @sid has the terminal. */
u32 tty_of_session(u32 sid);
/** tty_foreground - the foreground process group; 0: none. */
u32 tty_foreground(void);

#endif /* PROCESSOR_FS_TTY_H */
