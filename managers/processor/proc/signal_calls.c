/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls on signals: actions, masks, sending, waiting for one. */
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"
#include "sigset.h"
#include "usertime.h"

#define SIG_BLOCK   0u
#define SIG_UNBLOCK 1u
#define SIG_SETMASK 2u

/* Flags that do something or say something on x86-64. */
#define SA_KNOWN                                                               \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | \
	 SA_RESTART | SA_NODEFER | SA_RESETHAND)

long sys_rt_sigaction(u64 sig, u64 new_vaddr, u64 old_vaddr, u64 set_bytes)
{
	struct process *process = current_process();
	struct signal_action new, old;
	u64 flags;

	if (set_bytes != sizeof(sigset64) || !signal_is_valid((u32)sig))
		return -EINVAL;
	sig = (u32)sig;
	if (new_vaddr) {
		if (sigset_of((u32)sig) & SIGSET_UNBLOCKABLE)
			return -EINVAL;
		if (copy_from_user(&new, new_vaddr, sizeof(new)))
			return -EFAULT;
		new.flags &= SA_KNOWN;
		new.mask &= ~SIGSET_UNBLOCKABLE;
	}
	flags = process_lock_irqsave();
	old = process->actions->action[sig - 1];
	if (new_vaddr) {
		process->actions->action[sig - 1] = new;
		signal_discard_ignored_locked(process, (u32)sig);
	}
	process_unlock_irqrestore(flags);
	if (old_vaddr && copy_to_user(old_vaddr, &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

long sys_rt_sigprocmask(u64 how, u64 new_vaddr, u64 old_vaddr, u64 set_bytes)
{
	sigset64 old = current_task()->blocked, new;

	if (set_bytes != sizeof(sigset64))
		return -EINVAL;
	if (new_vaddr) {
		if (get_user_u64(new_vaddr, &new))
			return -EFAULT;
		switch ((u32)how) {
		case SIG_BLOCK:
			new |= old;
			break;
		case SIG_UNBLOCK:
			new = old & ~new;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(new);
	}
	if (old_vaddr && put_user_u64(old_vaddr, old))
		return -EFAULT;
	return 0;
}

long sys_rt_sigpending(u64 set_vaddr, u64 set_bytes)
{
	struct task *task = current_task();
	u64 flags;
	sigset64 set;

	if (set_bytes > sizeof(sigset64))
		return -EINVAL;
	flags = process_lock_irqsave();
	set = signal_pending_set_locked(task) & task->blocked;
	process_unlock_irqrestore(flags);
	return copy_to_user(set_vaddr, &set, set_bytes);
}

/* Until a handler has run: nothing ever makes the condition true. */
static long wait_for_handler(void)
{
	(void)wait_event_intr(&current_process()->signal_wait, false);
	return -ERESTARTNOHAND;
}

int signal_mask_arg(u64 set_vaddr, u64 set_bytes)
{
	sigset64 mask;

	if (!set_vaddr)
		return 0;
	if (set_bytes != sizeof(mask))
		return -EINVAL;
	if (get_user_u64(set_vaddr, &mask))
		return -EFAULT;
	signal_mask_for_call(mask);
	return 0;
}

long sys_rt_sigsuspend(u64 set_vaddr, u64 set_bytes)
{
	int err = set_vaddr ? signal_mask_arg(set_vaddr, set_bytes) : -EFAULT;

	return err ? err : wait_for_handler();
}

long sys_pause(void)
{
	return wait_for_handler();
}

static bool try_dequeue(struct task *task, sigset64 wanted,
			struct siginfo *info, u32 *sig)
{
	u64 flags = process_lock_irqsave();

	*sig = signal_dequeue_locked(task, wanted, info);
	signal_recalc_locked(task);
	process_unlock_irqrestore(flags);
	return *sig != 0;
}

long sys_rt_sigtimedwait(u64 set_vaddr, u64 info_vaddr, u64 timeout_vaddr,
			 u64 set_bytes)
{
	struct task *task = current_task();
	u64 timeout_ns = WAIT_FOREVER;
	struct siginfo info;
	sigset64 wanted;
	u32 sig = 0;
	int err;

	if (set_bytes != sizeof(sigset64))
		return -EINVAL;
	if (get_user_u64(set_vaddr, &wanted))
		return -EFAULT;
	wanted &= ~SIGSET_UNBLOCKABLE;
	if (timeout_vaddr) {
		err = usertime_get_timespec(timeout_vaddr, &timeout_ns);
		if (err)
			return err;
	}
	err = wait_event_intr_timeout(&task->process->signal_wait,
				      try_dequeue(task, wanted, &info, &sig),
				      timeout_ns);
	if (!sig)
		return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	if (info_vaddr && copy_to_user(info_vaddr, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

/* ---- sending ----------------------------------------------------------- */

static struct siginfo own_info(u32 sig, s32 code)
{
	struct siginfo info = {.signo = (s32)sig, .code = code};

	info.kill.pid = (s32)current_process()->pid;
	info.kill.uid = current_process()->cred.ruid;
	return info;
}

/* kill(2)'s rule: root, or the same real or effective user; SIGCONT within a
 * session. */
static bool may_signal_locked(struct process *target, u32 sig)
{
	const struct credentials *me = &current_process()->cred;
	const struct credentials *it = &target->cred;

	if (process_may(CAP_KILL) || me->euid == it->suid ||
	    me->euid == it->ruid || me->ruid == it->suid ||
	    me->ruid == it->ruid)
		return true;
	return sig == SIGCONT && target->sid == current_process()->sid;
}

static int kill_one_locked(struct process *target, struct task *task, u32 sig,
			   const struct siginfo *info)
{
	if (!may_signal_locked(target, sig))
		return -EPERM;
	/* Of these each one counts, so their sender hears that one is lost. */
	if (sig >= 32 && info->code != SI_USER &&
	    signal_queue_is_full_locked(target, task))
		return -EAGAIN;
	if (sig)
		signal_send_locked(target, task, sig, info);
	return 0;
}

/* @pgid 0: everybody but the caller and nobody's children (kill(-1)). */
static long kill_many(u32 pgid, u32 sig)
{
	struct siginfo info = own_info(sig, SI_USER);
	u64 flags = process_lock_irqsave();
	long result = -ESRCH;
	struct process *p;

	for_each_process_locked(p)
	{
		int err;

		if (pgid ? p->pgid != pgid : p == current_process())
			continue;
		err = kill_one_locked(p, NULL, sig, &info);
		if (!err || result == -ESRCH)
			result = err;
	}
	process_unlock_irqrestore(flags);
	return result;
}

static long kill_pid(u32 pid, u32 sig, const struct siginfo *info)
{
	u64 flags = process_lock_irqsave();
	struct process *p = process_lookup_locked(pid);
	long err = p ? kill_one_locked(p, NULL, sig, info) : -ESRCH;

	process_unlock_irqrestore(flags);
	return err;
}

long sys_kill(u64 pid_arg, u64 sig_arg)
{
	s32 pid = (s32)pid_arg;
	u32 sig = (u32)sig_arg;
	struct siginfo info = own_info(sig, SI_USER);

	if (sig > NR_SIGNALS)
		return -EINVAL;
	if (pid > 0)
		return kill_pid((u32)pid, sig, &info);
	if (pid == -1)
		return kill_many(0, sig);
	if (pid == INT32_MIN)
		return -ESRCH;
	return kill_many(pid ? (u32)-pid : current_process()->pgid, sig);
}

/* @tgid 0: any process. */
static long kill_task(u32 tgid, u32 tid, u32 sig, const struct siginfo *info)
{
	u64 flags = process_lock_irqsave();
	struct task *t = task_lookup_locked(tid);
	long err = -ESRCH;

	if (t && (!tgid || t->process->pid == tgid))
		err = kill_one_locked(t->process, t, sig, info);
	process_unlock_irqrestore(flags);
	return err;
}

long sys_tgkill(u64 tgid, u64 tid, u64 sig)
{
	struct siginfo info = own_info((u32)sig, SI_TKILL);

	if ((s32)tgid <= 0 || (s32)tid <= 0 || (u32)sig > NR_SIGNALS)
		return -EINVAL;
	return kill_task((u32)tgid, (u32)tid, (u32)sig, &info);
}

long sys_tkill(u64 tid, u64 sig)
{
	struct siginfo info = own_info((u32)sig, SI_TKILL);

	if ((s32)tid <= 0 || (u32)sig > NR_SIGNALS)
		return -EINVAL;
	return kill_task(0, (u32)tid, (u32)sig, &info);
}

/* A program may not pretend that the kernel or kill(2) sent a signal to
 * another process. */
static long get_queued_info(u64 info_vaddr, u32 pid, u32 sig,
			    struct siginfo *info)
{
	if (sig > NR_SIGNALS)
		return -EINVAL;
	if (copy_from_user(info, info_vaddr, sizeof(*info)))
		return -EFAULT;
	info->signo = (s32)sig;
	if ((info->code >= 0 || info->code == SI_TKILL) &&
	    pid != current_process()->pid)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(u64 pid, u64 sig, u64 info_vaddr)
{
	struct siginfo info;
	long err = get_queued_info(info_vaddr, (u32)pid, (u32)sig, &info);

	return err ? err : kill_pid((u32)pid, (u32)sig, &info);
}

long sys_rt_tgsigqueueinfo(u64 tgid, u64 tid, u64 sig, u64 info_vaddr)
{
	struct siginfo info;
	long err;

	if ((s32)tgid <= 0 || (s32)tid <= 0)
		return -EINVAL;
	err = get_queued_info(info_vaddr, (u32)tgid, (u32)sig, &info);
	return err ? err : kill_task((u32)tgid, (u32)tid, (u32)sig, &info);
}
