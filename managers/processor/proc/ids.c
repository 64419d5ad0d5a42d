/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who a process is: pids, groups and sessions; users and groups. */
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"

long sys_getpid(void)
{
	return current_process()->pid;
}

long sys_gettid(void)
{
	return current_task()->tid;
}

long sys_getppid(void)
{
	return process_parent_pid(current_process());
}

/* ---- process groups and sessions --------------------------------------- */

static struct process *find_locked(u32 pid)
{
	return pid ? process_lookup_locked(pid) : current_process();
}

static bool group_is_in_session_locked(u32 pgid, u32 sid)
{
	struct process *p;

	for_each_process_locked(p) if (p->pgid == pgid &&
				       p->sid == sid) return true;
	return false;
}

static long setpgid_locked(struct process *p, u32 pgid)
{
	struct process *me = current_process();

	if (!p || (p != me && p->parent != me))
		return -ESRCH;
	if (p != me && p->sid != me->sid)
		return -EPERM;
	if (p != me && p->has_execed)
		return -EACCES;
	if (p->sid == p->pid)
		return -EPERM; /* a session leader */
	if (pgid != p->pid && !group_is_in_session_locked(pgid, me->sid))
		return -EPERM;
	p->pgid = pgid;
	return 0;
}

long sys_setpgid(u64 pid_arg, u64 pgid_arg)
{
	u32 pid = (u32)pid_arg, pgid = (u32)pgid_arg;
	u64 flags;
	long err;

	if ((s32)pgid < 0)
		return -EINVAL;
	if (!pid)
		pid = current_process()->pid;
	flags = process_lock_irqsave();
	err = setpgid_locked(process_lookup_locked(pid), pgid ? pgid : pid);
	process_unlock_irqrestore(flags);
	return err;
}

long sys_getpgid(u64 pid)
{
	u64 flags = process_lock_irqsave();
	struct process *p = find_locked((u32)pid);
	long ret = p ? (long)p->pgid : -ESRCH;

	process_unlock_irqrestore(flags);
	return ret;
}

long sys_getpgrp(void)
{
	return sys_getpgid(0);
}

long sys_getsid(u64 pid)
{
	u64 flags = process_lock_irqsave();
	struct process *p = find_locked((u32)pid);
	long ret = p ? (long)p->sid : -ESRCH;

	process_unlock_irqrestore(flags);
	return ret;
}

long sys_setsid(void)
{
	struct process *me = current_process(), *p;
	u64 flags = process_lock_irqsave();
	long ret = me->pid;

	for_each_process_locked(p) if (p->pgid == me->pid) ret = -EPERM;
	if (ret > 0) {
		me->sid = me->pid;
		me->pgid = me->pid;
	}
	process_unlock_irqrestore(flags);
	return ret;
}

/* ---- users and groups -------------------------------------------------- */

#define KEEP 0xffffffffu /* -1: leave as it is */

static bool may_be_user(u32 uid)
{
	const struct credentials *c = &current_process()->cred;

	return uid == KEEP || process_may(CAP_SETUID) || uid == c->ruid ||
	       uid == c->euid || uid == c->suid;
}

static bool may_be_group(u32 gid)
{
	const struct credentials *c = &current_process()->cred;

	return gid == KEEP || process_may(CAP_SETGID) || gid == c->rgid ||
	       gid == c->egid || gid == c->sgid;
}

static void set_users(u32 ruid, u32 euid, u32 suid)
{
	struct credentials *c = &current_process()->cred;
	u64 flags = process_lock_irqsave();

	if (ruid != KEEP)
		c->ruid = ruid;
	if (euid != KEEP) {
		if (c->euid && !euid) /* as Linux: what is permitted */
			c->lost_effective = 0;
		c->euid = euid;
	}
	if (suid != KEEP)
		c->suid = suid;
	c->fsuid = c->euid;
	process_unlock_irqrestore(flags);
}

static void set_groups(u32 rgid, u32 egid, u32 sgid)
{
	struct credentials *c = &current_process()->cred;
	u64 flags = process_lock_irqsave();

	if (rgid != KEEP)
		c->rgid = rgid;
	if (egid != KEEP)
		c->egid = egid;
	if (sgid != KEEP)
		c->sgid = sgid;
	c->fsgid = c->egid;
	process_unlock_irqrestore(flags);
}

long sys_getuid(void)
{
	return current_process()->cred.ruid;
}

long sys_geteuid(void)
{
	return current_process()->cred.euid;
}

long sys_getgid(void)
{
	return current_process()->cred.rgid;
}

long sys_getegid(void)
{
	return current_process()->cred.egid;
}

static long put_three(u64 va, u64 vb, u64 vc, u32 a, u32 b, u32 c)
{
	if (put_user_u32(va, a) || put_user_u32(vb, b) || put_user_u32(vc, c))
		return -EFAULT;
	return 0;
}

long sys_getresuid(u64 ruid, u64 euid, u64 suid)
{
	const struct credentials *c = &current_process()->cred;

	return put_three(ruid, euid, suid, c->ruid, c->euid, c->suid);
}

long sys_getresgid(u64 rgid, u64 egid, u64 sgid)
{
	const struct credentials *c = &current_process()->cred;

	return put_three(rgid, egid, sgid, c->rgid, c->egid, c->sgid);
}

long sys_setuid(u64 uid_arg)
{
	u32 uid = (u32)uid_arg, all;

	if (uid == KEEP)
		return -EINVAL;
	if (!may_be_user(uid))
		return -EPERM;
	all = process_may(CAP_SETUID) ? uid : KEEP;
	set_users(all, uid, all);
	return 0;
}

long sys_setgid(u64 gid_arg)
{
	u32 gid = (u32)gid_arg, all;

	if (gid == KEEP)
		return -EINVAL;
	if (!may_be_group(gid))
		return -EPERM;
	all = process_may(CAP_SETGID) ? gid : KEEP;
	set_groups(all, gid, all);
	return 0;
}

long sys_setresuid(u64 ruid, u64 euid, u64 suid)
{
	if (!may_be_user((u32)ruid) || !may_be_user((u32)euid) ||
	    !may_be_user((u32)suid))
		return -EPERM;
	set_users((u32)ruid, (u32)euid, (u32)suid);
	return 0;
}

long sys_setresgid(u64 rgid, u64 egid, u64 sgid)
{
	if (!may_be_group((u32)rgid) || !may_be_group((u32)egid) ||
	    !may_be_group((u32)sgid))
		return -EPERM;
	set_groups((u32)rgid, (u32)egid, (u32)sgid);
	return 0;
}

/* setreuid(2): the saved id follows when the real one is set, or the effective
 * one to something other than the real one was. */
long sys_setreuid(u64 ruid_arg, u64 euid_arg)
{
	u32 ruid = (u32)ruid_arg, euid = (u32)euid_arg, suid = KEEP;
	const struct credentials *c = &current_process()->cred;

	if (!may_be_user(ruid) || !may_be_user(euid) ||
	    (!process_may(CAP_SETUID) && ruid != KEEP && ruid == c->suid &&
	     ruid != c->ruid && ruid != c->euid))
		return -EPERM;
	if (ruid != KEEP || (euid != KEEP && euid != c->ruid))
		suid = euid != KEEP ? euid : c->euid;
	set_users(ruid, euid, suid);
	return 0;
}

long sys_setregid(u64 rgid_arg, u64 egid_arg)
{
	u32 rgid = (u32)rgid_arg, egid = (u32)egid_arg, sgid = KEEP;
	const struct credentials *c = &current_process()->cred;

	if (!may_be_group(rgid) || !may_be_group(egid) ||
	    (!process_may(CAP_SETGID) && rgid != KEEP && rgid == c->sgid &&
	     rgid != c->rgid && rgid != c->egid))
		return -EPERM;
	if (rgid != KEEP || (egid != KEEP && egid != c->rgid))
		sgid = egid != KEEP ? egid : c->egid;
	set_groups(rgid, egid, sgid);
	return 0;
}

long sys_setfsuid(u64 uid)
{
	struct credentials *c = &current_process()->cred;
	long old = c->fsuid;

	if (may_be_user((u32)uid) && (u32)uid != KEEP)
		c->fsuid = (u32)uid;
	return old;
}

long sys_setfsgid(u64 gid)
{
	struct credentials *c = &current_process()->cred;
	long old = c->fsgid;

	if (may_be_group((u32)gid) && (u32)gid != KEEP)
		c->fsgid = (u32)gid;
	return old;
}

long sys_getgroups(u64 max, u64 list_vaddr)
{
	const struct credentials *c = &current_process()->cred;

	if ((s32)max < 0 || ((u32)max && (u32)max < c->nr_groups))
		return -EINVAL;
	if ((u32)max &&
	    copy_to_user(list_vaddr, c->groups, c->nr_groups * sizeof(u32)))
		return -EFAULT;
	return c->nr_groups;
}

long sys_setgroups(u64 count, u64 list_vaddr)
{
	struct credentials *c = &current_process()->cred;
	u32 groups[PROCESS_MAX_GROUPS];
	u64 flags;

	if (!process_may(CAP_SETGID))
		return -EPERM;
	if (count > PROCESS_MAX_GROUPS)
		return -EINVAL;
	if (copy_from_user(groups, list_vaddr, count * sizeof(u32)))
		return -EFAULT;
	flags = process_lock_irqsave();
	memcpy(c->groups, groups, count * sizeof(u32));
	c->nr_groups = (u32)count;
	process_unlock_irqrestore(flags);
	return 0;
}
