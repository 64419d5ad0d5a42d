/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command register (HCR).
 *
 * A command is seven dwords; writing the last one starts it.  The card takes
 * a command when GO is down and T differs from the T we are about to write.
 *
 * Polled: GO drops when the command is done, the status is in the same dword.
 * By event: GO drops when the command was accepted; an event that carries our
 * token reports the end.  Several may be under way then, one a slot.
 *
 * A command that never ends means a dead card: everything fails from then on.
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <arch/x86/io.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/time.h>
#include <lib/errno.h>

#define CMD_TIMEOUT_NS        60000000000ULL
#define GO_TIMEOUT_NS         10000000000ULL
#define STATUS_INTERNAL_ERROR 0x01
#define POLL_SLEEP_NS         100000ULL
#define POLL_SPINS            3 /* most polled commands are done by then */

int mlx4_status_errno(u8 status)
{
	static const u8 errnos[0x51] = {
		[0x01] = EIO,    [0x02] = EPERM,  [0x03] = EINVAL,
		[0x04] = ENXIO,  [0x05] = EBADF,  [0x06] = EBUSY,
		[0x08] = ENOMEM, [0x09] = EBADF,  [0x0a] = EBADF,
		[0x0b] = EFAULT, [0x0c] = ENFILE, [0x10] = EINVAL,
		[0x20] = EFAULT, [0x21] = EBUSY,  [0x22] = EAGAIN,
		[0x30] = EINVAL, [0x40] = ENOMEM, [0x50] = EACCES,
	};

	if (!status)
		return 0;
	if (status < sizeof(errnos) && errnos[status])
		return -errnos[status];
	return -EIO;
}

void mlx4_cmd_init(struct mlx4_dev *m)
{
	struct mlx4_cmd_if *c = &m->cmd;

	mutex_init(&c->lock, "mlx4 command", LOCK_IB_CMD);
	spin_lock_init(&c->slot_lock, "mlx4 slots", LOCK_MISC);
	waitq_init(&c->slot_wait);
	c->toggle = 1; /* T is 0 after a reset */
	c->nr_slots = 1;
}

static u8 *hcr(struct mlx4_dev *m, u32 offset)
{
	return m->bar0 + MLX4_BAR0_HCR + offset;
}

static bool is_busy(struct mlx4_dev *m)
{
	u32 cmd = mmio_read_be32(hcr(m, MLX4_HCR_CMD));
	u32 t = cmd & MLX4_HCR_TOGGLE ? 1 : 0;

	return cmd & MLX4_HCR_GO || t == m->cmd.toggle;
}

static int wait_idle(struct mlx4_dev *m)
{
	u64 deadline = time_mono_ns() + GO_TIMEOUT_NS;

	for (u32 spins = 0; is_busy(m); spins++) {
		if (time_mono_ns() > deadline)
			return -ETIMEDOUT;
		if (spins >= POLL_SPINS)
			sleep_ns(POLL_SLEEP_NS);
	}
	return 0;
}

/* Write the register; the card takes over with the last dword. */
static int hcr_post(struct mlx4_dev *m, u16 op, u8 op_mod, u32 in_mod, u64 in,
		    u64 out, u16 token, bool by_event)
{
	int err;

	ASSERT(mutex_is_mine(&m->cmd.lock));
	err = wait_idle(m);
	if (err)
		return err;
	mmio_write_be32(hcr(m, MLX4_HCR_IN_HIGH), (u32)(in >> 32));
	mmio_write_be32(hcr(m, MLX4_HCR_IN_LOW), (u32)in);
	mmio_write_be32(hcr(m, MLX4_HCR_IN_MOD), in_mod);
	mmio_write_be32(hcr(m, MLX4_HCR_OUT_HIGH), (u32)(out >> 32));
	mmio_write_be32(hcr(m, MLX4_HCR_OUT_LOW), (u32)out);
	mmio_write_be32(hcr(m, MLX4_HCR_TOKEN), (u32)token << 16);
	mmio_write_be32(hcr(m, MLX4_HCR_CMD),
			MLX4_HCR_GO | (by_event ? MLX4_HCR_EVENT : 0) |
				(m->cmd.toggle ? MLX4_HCR_TOGGLE : 0) |
				(u32)op_mod << 12 | op);
	m->cmd.toggle ^= 1;
	return 0;
}

static int run_polled(struct mlx4_dev *m, u16 op, u8 op_mod, u32 in_mod, u64 in,
		      u64 *out, u8 *status)
{
	u64 deadline = time_mono_ns() + CMD_TIMEOUT_NS;
	u32 dword;
	int err;

	mutex_lock(&m->cmd.lock);
	err = hcr_post(m, op, op_mod, in_mod, in, out ? *out : 0,
		       MLX4_POLL_TOKEN, false);
	for (u32 spins = 0; !err; spins++) {
		dword = mmio_read_be32(hcr(m, MLX4_HCR_CMD));
		if (!(dword & MLX4_HCR_GO))
			break;
		if (time_mono_ns() > deadline)
			err = -ETIMEDOUT;
		else if (spins >= POLL_SPINS)
			sleep_ns(POLL_SLEEP_NS);
	}
	if (!err) {
		*status = MLX4_HCR_STATUS(dword);
		if (out)
			*out = (u64)mmio_read_be32(hcr(m, MLX4_HCR_OUT_HIGH))
				       << 32 |
			       mmio_read_be32(hcr(m, MLX4_HCR_OUT_LOW));
	}
	mutex_unlock(&m->cmd.lock);
	return err;
}

static struct mlx4_cmd_slot *slot_find_free(struct mlx4_cmd_if *c)
{
	for (u32 i = 0; i < c->nr_slots; i++)
		if (!c->slot[i].busy)
			return &c->slot[i];
	return NULL;
}

static struct mlx4_cmd_slot *slot_try(struct mlx4_cmd_if *c)
{
	u64 flags = spin_lock_irqsave(&c->slot_lock);
	struct mlx4_cmd_slot *s = slot_find_free(c);

	if (s) {
		s->busy = true;
		/* Never the polling token; the slot is in the low bits. */
		c->next_token = (u16)(c->next_token + MLX4_CMD_SLOTS) & 0x7fff;
		s->token = (u16)((c->next_token & ~(MLX4_CMD_SLOTS - 1)) |
				 (u32)(s - c->slot));
		completion_init(&s->done);
	}
	spin_unlock_irqrestore(&c->slot_lock, flags);
	return s;
}

static void slot_put(struct mlx4_cmd_if *c, struct mlx4_cmd_slot *s)
{
	u64 flags = spin_lock_irqsave(&c->slot_lock);

	s->busy = false;
	spin_unlock_irqrestore(&c->slot_lock, flags);
	waitq_wake_one(&c->slot_wait);
}

static int run_by_event(struct mlx4_dev *m, u16 op, u8 op_mod, u32 in_mod,
			u64 in, u64 *out, u8 *status)
{
	struct mlx4_cmd_slot *s;
	int err;

	wait_event(&m->cmd.slot_wait, (s = slot_try(&m->cmd)) != NULL);
	mutex_lock(&m->cmd.lock);
	err = hcr_post(m, op, op_mod, in_mod, in, out ? *out : 0, s->token,
		       true);
	mutex_unlock(&m->cmd.lock);
	if (!err && !wait_for_completion_timeout(&s->done, CMD_TIMEOUT_NS))
		err = -ETIMEDOUT;
	if (!err) {
		*status = s->status;
		if (out)
			*out = s->out;
	}
	slot_put(&m->cmd, s);
	return err;
}

void mlx4_cmd_event(struct mlx4_dev *m, const struct mlx4_eqe *eqe)
{
	struct mlx4_cmd_if *c = &m->cmd;
	u16 token = (u16)HW_GET(eqe, EQE_CMD_TOKEN);
	struct mlx4_cmd_slot *s = &c->slot[token % MLX4_CMD_SLOTS];
	u64 flags = spin_lock_irqsave(&c->slot_lock);

	/* A late answer to a command that was given up is dropped. */
	if (s->busy && s->token == token) {
		s->status = (u8)HW_GET(eqe, EQE_CMD_STATUS);
		s->out = HW_GET64(eqe, EQE_CMD_OUT);
		complete(&s->done);
	}
	spin_unlock_irqrestore(&c->slot_lock, flags);
}

int mlx4_cmd(struct mlx4_dev *m, u16 op, u8 op_mod, u32 in_mod, u64 in,
	     u64 *out)
{
	u8 status = 0;
	int err;

	if (m->ib.failed)
		return -EIO;
	counter_inc(nr_ib_command);
	if (m->cmd.by_event)
		err = run_by_event(m, op, op_mod, in_mod, in, out, &status);
	else
		err = run_polled(m, op, op_mod, in_mod, in, out, &status);
	if (err) {
		pr_err("command 0x%03x does not end (in_mod 0x%x)", op, in_mod);
		mlx4_fatal(m);
		return -EIO;
	}
	pr_debug("command 0x%03x/%u in_mod 0x%x: status 0x%02x", op, op_mod,
		 in_mod, status);
	if (status) {
		counter_inc(nr_ib_command_refused);
		pr_warn_ratelimited("command 0x%03x (in_mod 0x%x) refused: "
				    "status 0x%02x",
				    op, in_mod, status);
	}
	return mlx4_status_errno(status);
}

/* Commands under way will not be answered any more. */
void mlx4_fatal(struct mlx4_dev *m)
{
	struct mlx4_cmd_if *c = &m->cmd;
	u64 flags;

	ib_device_fatal(&m->ib);
	flags = spin_lock_irqsave(&c->slot_lock);
	for (u32 i = 0; i < c->nr_slots; i++) {
		if (!c->slot[i].busy)
			continue;
		c->slot[i].status = STATUS_INTERNAL_ERROR;
		complete(&c->slot[i].done);
	}
	spin_unlock_irqrestore(&c->slot_lock, flags);
}

void mlx4_cmd_use_events(struct mlx4_dev *m)
{
	m->cmd.nr_slots = min_t(u32, MLX4_CMD_SLOTS, 1u << m->caps.log_cmds);
	m->cmd.by_event = true;
}
