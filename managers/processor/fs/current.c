/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <managers/processor/fs/current.h>

#include <managers/processor/proc/process.h>

u32 current_pid(void)
{
	return current_task() ? current_process()->pid : 0;
}
u32 current_tid(void)
{
	return current_task() ? current_task()->tid : 0;
}
u32 current_pgid(void)
{
	return current_task() ? current_process()->pgid : 0;
}
u32 current_sid(void)
{
	return current_task() ? current_process()->sid : 0;
}
u64 current_fd_limit(void)
{
	return process_rlimit(RLIMIT_NOFILE);
}

bool current_is_owner_of_all(void)
{
	return !current_task() || process_may(CAP_FOWNER);
}

bool current_may_all(void)
{
	const struct credentials *cred;
	struct capabilities caps;

	if (!current_task())
		return true;
	cred = &current_process()->cred;
	caps = capabilities_of(cred);
	return (cred->euid ? caps.permitted : caps.effective) >>
		       CAP_DAC_OVERRIDE &
	       1;
}

bool current_may_chroot(void)
{
	return !current_task() || process_may(CAP_SYS_CHROOT);
}

void current_signal(u32 sig)
{
	if (current_task())
		signal_send_task(current_task(), sig, NULL);
}

void current_signal_group(u32 sig)
{
	if (current_task())
		signal_send_pgrp(current_pgid(), sig, NULL);
}

bool current_ignores(u32 sig)
{
	struct process *process;
	u64 handler, flags;
	bool is_blocked;

	if (!current_task())
		return true;
	process = current_process();
	flags = spin_lock_irqsave(&process_lock);
	handler = process->actions->action[sig - 1].handler;
	is_blocked = current_task()->blocked & sigset_of(sig);
	spin_unlock_irqrestore(&process_lock, flags);
	return is_blocked || handler == 1; /* SIG_IGN */
}
