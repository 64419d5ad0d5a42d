/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DRIVERS_FW_CFG_H
#define DRIVERS_FW_CFG_H
/* Files that QEMU passes to its guest (-fw_cfg name=opt/...). */
#include <lib/types.h>

/**
 * fw_cfg_read - the file @name into @buf.
 *
 * Context: thread.
 * Return: its size, of which at most @max bytes were copied; -ENODEV without
 * the device, -ENOENT without the file.
 */
ssize_t fw_cfg_read(const char *name, void *buf, size_t max);

#endif
