/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities: root has all of them, others none, and what a process gives up
 * with capset(2) or prctl(PR_CAPBSET_DROP) is gone.  See capabilities(7).
 *
 * They follow the user ids - effective ones the effective user, permitted ones
 * any of the three - so credentials record only what was given up of each
 * set.  Children inherit that.  A new program of root gets all of its bounding
 * set again, as it does on Linux.  No file has capabilities, and there are
 * neither ambient ones nor PR_SET_KEEPCAPS.
 */
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/syscall/syscall.h>

#include "internal.h"

#define CAP_VERSION_3 0x20080522u
#define CAP_LAST      40u /* Linux 6.1 */
#define CAP_ALL       ((1ull << (CAP_LAST + 1)) - 1)

struct cap_header {
	u32 version;
	s32 pid;
};

struct cap_data {
	u32 effective, permitted, inheritable;
};

struct capabilities capabilities_of(const struct credentials *cred)
{
	bool is_root = !cred->euid || !cred->ruid || !cred->suid;
	u64 permitted = is_root ? CAP_ALL & ~cred->lost_permitted : 0;

	return (struct capabilities){
		.permitted = permitted,
		.effective = cred->euid ? 0 : permitted & ~cred->lost_effective,
		.inheritable = cred->inheritable,
		.bounding = CAP_ALL & ~cred->lost_bounding,
	};
}

bool process_may(u32 cap)
{
	return capabilities_of(&current_process()->cred).effective >> cap & 1;
}

bool process_may_look_into(const struct process *target)
{
	const struct credentials *me = &current_process()->cred;
	const struct credentials *it = &target->cred;

	if (target == current_process() || process_may(CAP_SYS_PTRACE))
		return true;
	return me->ruid == it->euid && me->ruid == it->suid &&
	       me->ruid == it->ruid && me->rgid == it->egid &&
	       me->rgid == it->sgid && me->rgid == it->rgid;
}

void capabilities_exec(struct credentials *cred)
{
	u64 flags = process_lock_irqsave();

	cred->lost_permitted = cred->lost_bounding & ~cred->inheritable;
	cred->lost_effective = 0;
	process_unlock_irqrestore(flags);
}

long capability_bound(u64 cap, bool is_drop)
{
	struct credentials *cred = &current_process()->cred;
	u64 flags;

	if (cap > CAP_LAST)
		return -EINVAL;
	if (!is_drop)
		return capabilities_of(cred).bounding >> cap & 1;
	if (!process_may(CAP_SETPCAP))
		return -EPERM;
	flags = process_lock_irqsave();
	cred->lost_bounding |= 1ull << cap;
	process_unlock_irqrestore(flags);
	return 0;
}

/* Asking with an unknown version is how programs learn the right one. */
static long check_header(u64 header_vaddr, struct cap_header *header)
{
	if (copy_from_user(header, header_vaddr, sizeof(*header)))
		return -EFAULT;
	if (header->version == CAP_VERSION_3)
		return 0;
	if (put_user_u32(header_vaddr, CAP_VERSION_3))
		return -EFAULT;
	return -EINVAL;
}

static void encode(const struct capabilities *caps, struct cap_data data[2])
{
	for (u32 i = 0; i < 2; i++)
		data[i] = (struct cap_data){
			.effective = (u32)(caps->effective >> (32 * i)),
			.permitted = (u32)(caps->permitted >> (32 * i)),
			.inheritable = (u32)(caps->inheritable >> (32 * i)),
		};
}

long sys_capget(u64 header_vaddr, u64 data_vaddr)
{
	struct capabilities caps;
	struct cap_header header;
	struct cap_data data[2];
	struct process *p;
	long err = check_header(header_vaddr, &header);
	u64 flags;

	if (err)
		return err == -EINVAL && !data_vaddr ? 0 : err;
	if (header.pid < 0)
		return -EINVAL;
	flags = process_lock_irqsave();
	p = header.pid ? process_lookup_locked((u32)header.pid)
		       : current_process();
	if (p)
		caps = capabilities_of(&p->cred);
	process_unlock_irqrestore(flags);
	if (!p)
		return -ESRCH;
	encode(&caps, data);
	return data_vaddr ? copy_to_user(data_vaddr, data, sizeof(data)) : 0;
}

static u64 wide(u32 low, u32 high)
{
	return (low | (u64)high << 32) & CAP_ALL;
}

/* May a process that has @have make it @want? */
static bool is_allowed(const struct capabilities *have,
		       const struct capabilities *want)
{
	u64 heritable = have->inheritable | have->permitted;

	if (have->effective >> CAP_SETPCAP & 1)
		heritable |= have->bounding;
	return !(want->permitted & ~have->permitted) &&
	       !(want->effective & ~want->permitted) &&
	       !(want->inheritable & ~heritable) &&
	       !(want->inheritable & ~(have->inheritable | have->bounding));
}

long sys_capset(u64 header_vaddr, u64 data_vaddr)
{
	struct credentials *cred = &current_process()->cred;
	struct capabilities have = capabilities_of(cred), want;
	struct cap_header header;
	struct cap_data data[2];
	long err = check_header(header_vaddr, &header);
	u64 flags;

	if (err)
		return err;
	if (header.pid && (u32)header.pid != current_process()->pid)
		return -EPERM;
	if (copy_from_user(data, data_vaddr, sizeof(data)))
		return -EFAULT;
	want = (struct capabilities){
		.effective = wide(data[0].effective, data[1].effective),
		.permitted = wide(data[0].permitted, data[1].permitted),
		.inheritable = wide(data[0].inheritable, data[1].inheritable),
	};
	/* Who is not root for now has none that could be effective. */
	if (!is_allowed(&have, &want) || (cred->euid && want.effective))
		return -EPERM;
	flags = process_lock_irqsave();
	cred->lost_permitted |= have.permitted & ~want.permitted;
	if (!cred->euid)
		cred->lost_effective = CAP_ALL & ~want.effective;
	cred->inheritable = want.inheritable;
	process_unlock_irqrestore(flags);
	return 0;
}
