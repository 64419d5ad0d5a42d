/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small questions to the system, and settings of a process or thread. */
#include <arch/x86/user.h>
#include <kernel/init.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/syscall/syscall.h>
#include <mm/slab.h>

#include "internal.h"
#include "sigset.h"

/* ---- the system -------------------------------------------------------- */

#define UTS_BYTES 65u

/* struct utsname */
struct user_utsname {
	char sysname[UTS_BYTES];
	char nodename[UTS_BYTES];
	char release[UTS_BYTES];
	char version[UTS_BYTES];
	char machine[UTS_BYTES];
	char domainname[UTS_BYTES];
};

long sys_uname(u64 vaddr)
{
	/* The release says which Linux' interface this is: glibc looks. */
	struct user_utsname uts = {
		.sysname = "Linux",
		.release = PROCESSOR_RELEASE,
		.version = PROCESSOR_VERSION,
		.machine = "x86_64",
		.domainname = "(none)",
	};

	strscpy(uts.nodename, node_cluster(), sizeof(uts.nodename));
	return copy_to_user(vaddr, &uts, sizeof(uts));
}

/* struct sysinfo */
struct user_sysinfo {
	s64 uptime_s;
	u64 loads[3];
	u64 total_ram, free_ram, shared_ram, buffer_ram;
	u64 total_swap, free_swap;
	u16 nr_processes;
	u16 pad;
	u32 pad2;
	u64 total_high, free_high;
	u32 unit_bytes;
	u32 pad3;
};
_Static_assert(sizeof(struct user_sysinfo) == 112, "struct sysinfo");

long sys_sysinfo(u64 vaddr)
{
	struct user_sysinfo info = {
		.uptime_s = (s64)(time_mono_ns() / NSEC_PER_SEC),
		.nr_processes = (u16)task_count(),
		.unit_bytes = 1,
	};

	memory_totals(&info.total_ram, &info.free_ram);
	return copy_to_user(vaddr, &info, sizeof(info));
}

#define GRND_NONBLOCK 1u
#define GRND_RANDOM   2u
#define GRND_INSECURE 4u
#define RANDOM_CHUNK  256u

long sys_getrandom(u64 vaddr, u64 len, u64 flags)
{
	u8 chunk[RANDOM_CHUNK];
	u64 done = 0, now;

	if (((u32)flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) ||
	    ((u32)flags & (GRND_RANDOM | GRND_INSECURE)) ==
		    (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	len = min(len, 0x7ffff000ull); /* Linux' limit of one transfer */
	while (done < len) {
		now = min(len - done, (u64)RANDOM_CHUNK);
		random_bytes(chunk, now);
		if (copy_to_user(vaddr + done, chunk, now))
			return done ? (long)done : -EFAULT;
		done += now;
		if (signal_pending(current_task()) && done < len)
			break;
	}
	memset(chunk, 0, sizeof(chunk));
	return (long)done;
}

/* ---- the thread -------------------------------------------------------- */

#define ARCH_SET_GS 0x1001u
#define ARCH_SET_FS 0x1002u
#define ARCH_GET_FS 0x1003u
#define ARCH_GET_GS 0x1004u

long sys_arch_prctl(u64 code, u64 value)
{
	switch ((u32)code) {
	case ARCH_SET_FS:
		if (value >= USER_VADDR_END)
			return -EPERM;
		user_fs_base_set(value);
		return 0;
	case ARCH_SET_GS:
		if (value >= USER_VADDR_END)
			return -EPERM;
		user_gs_base_set(value);
		return 0;
	case ARCH_GET_FS:
		return put_user_u64(value, user_fs_base());
	case ARCH_GET_GS:
		return put_user_u64(value, user_gs_base());
	default:
		return -EINVAL; /* as Linux for what the CPU has not */
	}
}

#define PR_SET_PDEATHSIG       1u
#define PR_GET_PDEATHSIG       2u
#define PR_GET_DUMPABLE        3u
#define PR_SET_DUMPABLE        4u
#define PR_GET_KEEPCAPS        7u
#define PR_SET_NAME            15u
#define PR_GET_NAME            16u
#define PR_GET_SECCOMP         21u
#define PR_CAPBSET_READ        23u
#define PR_CAPBSET_DROP        24u
#define PR_SET_TIMERSLACK      29u
#define PR_GET_TIMERSLACK      30u
#define PR_SET_CHILD_SUBREAPER 36u
#define PR_GET_CHILD_SUBREAPER 37u
#define PR_SET_NO_NEW_PRIVS    38u
#define PR_GET_NO_NEW_PRIVS    39u
#define PR_GET_THP_DISABLE     42u
#define DEFAULT_TIMERSLACK_NS  50000

static long set_name(u64 vaddr)
{
	struct task *task = current_task();
	char name[PROCESS_COMM_BYTES] = {0};

	for (u32 i = 0; i < sizeof(name) - 1; i++) {
		if (get_user_u8(vaddr + i, (u8 *)&name[i]))
			return -EFAULT;
		if (!name[i])
			break;
	}
	memcpy(task->comm, name, sizeof(name));
	if (task->tid == task->process->pid)
		memcpy(task->process->comm, name, sizeof(name));
	thread_rename(task->thread, name);
	return 0;
}

long sys_prctl(u64 option, u64 arg2, u64 arg3, u64 arg4, u64 arg5)
{
	struct process *process = current_process();

	switch ((u32)option) {
	case PR_SET_NAME:
		return set_name(arg2);
	case PR_GET_NAME:
		return copy_to_user(arg2, current_task()->comm,
				    PROCESS_COMM_BYTES);
	case PR_SET_PDEATHSIG:
		if (arg2 > NR_SIGNALS)
			return -EINVAL;
		process->parent_death_signal = (u32)arg2;
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32(arg2, process->parent_death_signal);
	case PR_SET_CHILD_SUBREAPER:
		process->is_subreaper = arg2 != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32(arg2, process->is_subreaper);
	case PR_GET_DUMPABLE:
	case PR_SET_NO_NEW_PRIVS: /* exec never gives privileges here */
	case PR_GET_NO_NEW_PRIVS:
		if ((u32)option == PR_SET_NO_NEW_PRIVS && arg2 != 1)
			return -EINVAL;
		return (u32)option == PR_SET_NO_NEW_PRIVS ? 0 : 1;
	case PR_SET_DUMPABLE:
		return arg2 <= 1 ? 0 : -EINVAL; /* no core files */
	case PR_GET_KEEPCAPS:
	case PR_GET_SECCOMP:
	case PR_GET_THP_DISABLE:
		return 0;
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
		return capability_bound(arg2, (u32)option == PR_CAPBSET_DROP);
	case PR_SET_TIMERSLACK:
		return 0; /* timers are exact */
	case PR_GET_TIMERSLACK:
		return DEFAULT_TIMERSLACK_NS;
	default:
		return -EINVAL;
	}
}

#define PERSONALITY_ASK 0xffffffffu

long sys_personality(u64 persona)
{
	struct process *process = current_process();
	long old = (long)process->personality;

	if ((u32)persona != PERSONALITY_ASK)
		process->personality = (u32)persona;
	return old;
}
