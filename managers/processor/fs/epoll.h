/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_FS_EPOLL_H
#define PROCESSOR_FS_EPOLL_H

struct file;

/** epoll_file_gone - @file's last reference went: nobody watches it now. */
void epoll_file_gone(struct file *file);

#endif /* PROCESSOR_FS_EPOLL_H */
