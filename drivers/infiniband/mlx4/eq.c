/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event queues: how the card interrupts us.
 *
 * One queue for everything asynchronous (MSI-X entry 0), one for the
 * completions of each CPU.  The card fills entries and flips the owner bit on
 * each lap; we ring the queue's doorbell with our index, with the arm bit at
 * the end of each interrupt.  If an entry came in between, the card interrupts
 * again at once.
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <arch/x86/barrier.h>
#include <arch/x86/io.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/cpu.h>
#include <kernel/irq.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

#define ASYNC_LOG_SIZE 9
#define COMP_LOG_SIZE  10 /* >= CQs: each has one event under way at most */
#define DOORBELL_EVERY 128
#define NOP_MODIFIER   0x1f

#define ASYNC_MASK                                                          \
	(1ULL << MLX4_EV_COMM_EST | 1ULL << MLX4_EV_CQ_ERROR |              \
	 1ULL << MLX4_EV_WQ_CATASTROPHIC |                                  \
	 1ULL << MLX4_EV_LOCAL_CATASTROPHIC | 1ULL << MLX4_EV_PORT_CHANGE | \
	 1ULL << MLX4_EV_COMMAND | 1ULL << MLX4_EV_EQ_OVERFLOW |            \
	 1ULL << MLX4_EV_WQ_INVALID | 1ULL << MLX4_EV_WQ_ACCESS |           \
	 1ULL << MLX4_EV_PORT_MGMT)

static void ring_doorbell(struct mlx4_eq *eq, u32 arm)
{
	mmio_write_be32(eq->dev->uar + MLX4_UAR_EQ(eq->eqn),
			(eq->ci & 0xffffff) | arm);
}

static void port_management(struct mlx4_dev *m, const struct mlx4_eqe *e)
{
	u8 port = (u8)HW_GET(e, EQE_MGMT_PORT);
	bool reregister = HW_GET(e, EQE_SUBTYPE) == MLX4_MGMT_PORT_INFO &&
			  HW_GET(e, EQE_MGMT_BITS) & MLX4_MGMT_REREGISTER;

	ib_port_changed(&m->ib, port, reregister);
}

static void handle(struct mlx4_dev *m, const struct mlx4_eqe *e)
{
	switch (HW_GET(e, EQE_TYPE)) {
	case MLX4_EV_COMPLETION:
		mlx4_cq_event(m, HW_GET(e, EQE_CQN));
		break;
	case MLX4_EV_COMMAND:
		mlx4_cmd_event(m, e);
		break;
	case MLX4_EV_PORT_CHANGE:
		ib_port_changed(&m->ib, (u8)HW_GET(e, EQE_PORT), false);
		break;
	case MLX4_EV_PORT_MGMT:
		port_management(m, e);
		break;
	case MLX4_EV_COMM_EST:
		mlx4_qp_event(m, HW_GET(e, EQE_QPN), IB_EVENT_COMM_EST);
		break;
	case MLX4_EV_WQ_CATASTROPHIC:
	case MLX4_EV_WQ_INVALID:
	case MLX4_EV_WQ_ACCESS:
		mlx4_qp_event(m, HW_GET(e, EQE_QPN), IB_EVENT_QP_FATAL);
		break;
	case MLX4_EV_CQ_ERROR:
		mlx4_cq_error_event(m, HW_GET(e, EQE_CQN));
		break;
	case MLX4_EV_LOCAL_CATASTROPHIC:
		mlx4_fatal(m);
		break;
	case MLX4_EV_EQ_OVERFLOW:
		pr_err_ratelimited("an event queue overflowed");
		break;
	default:
		m->nr_unknown_events++;
	}
}

static void eq_interrupt(void *arg)
{
	struct mlx4_eq *eq = arg;
	struct mlx4_eqe *ring = eq->buf.kaddr;
	u32 size = 1u << eq->log_size;
	u32 since = 0;

	for (;;) {
		struct mlx4_eqe *e = &ring[eq->ci & (size - 1)];
		u32 owner = READ_ONCE(e->raw[0x1f]) >> 7;

		if (owner != !!(eq->ci & size))
			break;
		dma_rmb(); /* the entry, after its owner bit */
		handle(eq->dev, e);
		eq->ci++;
		eq->nr_events++;
		counter_inc(nr_ib_event);
		if (++since == DOORBELL_EVERY) {
			ring_doorbell(eq, 0);
			since = 0;
		}
	}
	ring_doorbell(eq, MLX4_EQ_DB_ARM);
}

static int eq_create(struct mlx4_dev *m, struct mlx4_eq *eq, u32 eqn, u32 log,
		     u32 msix, u32 cpu)
{
	struct mlx4_eqc c = {{0}};
	char name[24];
	u64 mtt;
	int err;

	*eq = (struct mlx4_eq){.dev = m,
			       .eqn = eqn,
			       .log_size = log,
			       .msix = msix,
			       .cpu = cpu};
	err = mlx4_buf_alloc(m, sizeof(struct mlx4_eqe) << log, &eq->buf);
	if (err)
		return err;
	/* Owned by the card in its first lap: the bit is 1. */
	memset(eq->buf.kaddr, 0xff, sizeof(struct mlx4_eqe) << log);
	snprintf(name, sizeof(name), "mlx4-%s%u", msix ? "cq" : "async", cpu);
	err = irq_alloc(eq_interrupt, eq, cpu, name);
	if (err < 0)
		goto free_buf;
	eq->vector = err;
	pci_msix_set(m->pci, msix, eq->vector, cpu);

	mtt = (u64)eq->buf.mtt * 8;
	HW_SET(&c, EQC_ARMED, EQC_STATE);
	HW_SET(&c, log, EQC_LOG_SIZE);
	HW_SET(&c, msix, EQC_INTR);
	HW_SET(&c, eq->buf.log_page, EQC_LOG_PAGE);
	HW_SET(&c, (u32)(mtt >> 32), EQC_MTT_HIGH);
	HW_SET(&c, (u32)mtt, EQC_MTT_LOW);
	err = mlx4_fw_sw2hw(m, MLX4_SW2HW_EQ, eqn, &c, sizeof(c));
	if (err)
		goto free_irq;
	eq->live = true;
	return 0;
free_irq:
	pci_msix_mask(m->pci, msix);
	irq_free(eq->vector, cpu);
free_buf:
	mlx4_buf_free(m, &eq->buf);
	return err;
}

static u32 choose_nr_comp_eqs(struct mlx4_dev *m)
{
	u32 n = min_t(u32, nr_cpus_online, MLX4_MAX_COMP_EQS);

	return min_t(u32, n, m->pci->nr_msix - 1u);
}

/* The interrupt works if a command completes by event. */
static int prove_interrupts(struct mlx4_dev *m)
{
	int err;

	mlx4_cmd_use_events(m);
	err = mlx4_cmd(m, MLX4_NOP, 0, NOP_MODIFIER, 0, NULL);
	if (err)
		pr_err("no interrupt from the card");
	return err;
}

int mlx4_eq_start(struct mlx4_dev *m)
{
	u32 first = m->caps.rsvd_eqs;
	int err;

	if (m->pci->nr_msix < 2) {
		pr_err("the card has no MSI-X vectors");
		return -ENODEV;
	}
	m->nr_comp_eqs = choose_nr_comp_eqs(m);
	err = pci_msix_enable(m->pci, m->nr_comp_eqs + 1);
	if (err)
		return err;
	err = eq_create(m, &m->async_eq, first, ASYNC_LOG_SIZE, 0, 0);
	for (u32 i = 0; i < m->nr_comp_eqs && !err; i++)
		err = eq_create(m, &m->comp_eq[i], first + 1 + i, COMP_LOG_SIZE,
				1 + i, i);
	if (!err)
		err = mlx4_fw_map_eq(m, first, ASYNC_MASK);
	if (err)
		return err;
	ring_doorbell(&m->async_eq, MLX4_EQ_DB_ARM);
	for (u32 i = 0; i < m->nr_comp_eqs; i++)
		ring_doorbell(&m->comp_eq[i], MLX4_EQ_DB_ARM);
	return prove_interrupts(m);
}
