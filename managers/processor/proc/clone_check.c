/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of clone(2).  Pure: tested on the host. */
#include "clone.h"

#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <managers/processor/proc/signal.h>

int clone_check(const struct clone_args *args)
{
	u64 flags = args->flags;
	u64 thread_needs = CLONE_SIGHAND | CLONE_VM;

	if (flags & ~CLONE_KNOWN)
		return -EINVAL;
	/* There is one pid name space, so a child has one number. */
	if (!args->set_tid != !args->set_tid_size || args->set_tid_size > 1)
		return -EINVAL;
	if (args->exit_signal > NR_SIGNALS)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && (flags & thread_needs) != thread_needs)
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((flags & (CLONE_THREAD | CLONE_PARENT)) && args->exit_signal)
		return -EINVAL;
	/* Files and directories belong to the process here, so its threads
	 * always share them, as all thread libraries ask for. */
	if ((flags & CLONE_THREAD) &&
	    (flags & (CLONE_FILES | CLONE_FS)) != (CLONE_FILES | CLONE_FS))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && (flags & CLONE_VFORK))
		return -EINVAL;
	/* As arch_prctl(2): the CPU faults when it is to load a base that is
	 * not canonical, and that would be in the kernel. */
	if ((flags & CLONE_SETTLS) && args->tls >= USER_VADDR_END)
		return -EPERM;
	return 0;
}
