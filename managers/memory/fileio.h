/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEMORY_FILEIO_H
#define MEMORY_FILEIO_H
/** fileio_start - prepare m_read and m_write. Return: 0 or -ENOMEM. */
int __attribute__((warn_unused_result)) fileio_start(void);
void fileio_stop(void);
#endif
