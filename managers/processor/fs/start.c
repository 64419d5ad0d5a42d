/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prepare the file system code: nothing here needs another node. */
#include <kernel/init.h>
#include <managers/processor/fs/anon.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/tty.h>
#include <managers/processor/fs/vnode.h>

static int fs_start(void)
{
	if (node_role() != ROLE_PROCESSOR)
		return 0;
	vnode_init();
	dentry_init();
	anon_init();
	tty_init();
	return 0;
}
INITCALL(fs_start);
