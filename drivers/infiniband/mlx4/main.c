/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probe: from a PCI function to a card that takes verbs.
 *
 * The order is the firmware's: reset, firmware memory, capabilities, tables,
 * INIT_HCA, event queues.  A probe that fails resets the card, so that it
 * forgets all memory it was given, and leaves that memory alone otherwise.
 */
#define pr_fmt(fmt) "mlx4: " fmt
#include "mlx4.h"
#include <arch/x86/io.h>
#include <ib/smp.h>
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/monitor.h>
#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

#define BAR0_BYTES        0x100000
#define CONFIG_DWORDS     16
#define PCI_COMMAND_DWORD 1
#define PCI_CAP_EXPRESS   0x10
#define PCIE_DEVCTL       8
#define PCIE_LNKCTL       16
#define SEMAPHORE_NS      (10 * NSEC_PER_SEC)
#define RESET_NS          (1 * NSEC_PER_SEC)
#define REAPPEAR_NS       (2 * NSEC_PER_SEC)
#define HEALTH_NS         (5 * NSEC_PER_SEC)
#define MAX_FW_PAGES      (1u << 16)
#define SPECIAL_QPS       8

static struct timer health_timer;
static struct mlx4_dev *health_dev;

static const struct ib_device_ops mlx4_ops;

/* ---- reset ---------------------------------------------------- */

static int take_semaphore(struct mlx4_dev *m)
{
	u64 deadline = time_mono_ns() + SEMAPHORE_NS;

	while (mmio_read_be32(m->bar0 + MLX4_BAR0_SEMAPHORE)) {
		if (time_mono_ns() > deadline)
			return -ETIMEDOUT;
		sleep_ns(NSEC_PER_MSEC);
	}
	return 0;
}

static int wait_for_card(struct mlx4_dev *m)
{
	u64 deadline = time_mono_ns() + REAPPEAR_NS;

	while (pci_config_read16(m->pci, 0) == 0xffff) {
		if (time_mono_ns() > deadline)
			return -ENODEV;
		sleep_ns(NSEC_PER_MSEC);
	}
	return 0;
}

/* A reset clears the configuration header on a real card: put it back. */
static int reset(struct mlx4_dev *m)
{
	u16 pcie = pci_find_cap(m->pci, PCI_CAP_EXPRESS, 0);
	u16 devctl = pcie ? pci_config_read16(m->pci, pcie + PCIE_DEVCTL) : 0;
	u16 lnkctl = pcie ? pci_config_read16(m->pci, pcie + PCIE_LNKCTL) : 0;
	u32 saved[CONFIG_DWORDS];
	int err;

	for (u32 i = 0; i < CONFIG_DWORDS; i++)
		saved[i] = pci_config_read32(m->pci, (u16)(4 * i));
	err = take_semaphore(m);
	if (err)
		return err;
	mmio_write_be32(m->bar0 + MLX4_BAR0_RESET, MLX4_RESET_VALUE);
	sleep_ns(RESET_NS);
	err = wait_for_card(m);
	if (err)
		return err;
	if (pcie) {
		pci_config_write16(m->pci, pcie + PCIE_DEVCTL, devctl);
		pci_config_write16(m->pci, pcie + PCIE_LNKCTL, lnkctl);
	}
	for (u32 i = 0; i < CONFIG_DWORDS; i++)
		if (i != PCI_COMMAND_DWORD)
			pci_config_write32(m->pci, (u16)(4 * i), saved[i]);
	pci_config_write32(m->pci, 4 * PCI_COMMAND_DWORD,
			   saved[PCI_COMMAND_DWORD]);
	return 0;
}

/* ---- bring-up ------------------------------------------------- */

static int map_bars(struct mlx4_dev *m)
{
	if (m->pci->bars[0].size < BAR0_BYTES || !m->pci->bars[2].size)
		return -ENODEV;
	m->bar0 = pci_bar_map(m->pci, 0);
	m->uar = pci_bar_map(m->pci, 2);
	if (!m->bar0 || !m->uar)
		return -ENOMEM;
	m->queue_uar = m->uar + MLX4_FIRST_QUEUE_UAR * MLX4_PAGE_BYTES;
	return 0;
}

static int start_firmware(struct mlx4_dev *m)
{
	u32 chunk_bytes, nr;
	void **chunks;
	int err = mlx4_fw_query(m);

	if (err)
		return err;
	if (m->caps.fw_pages > MAX_FW_PAGES) {
		pr_err("firmware asks for %lu pages", m->caps.fw_pages);
		return -ENOMEM;
	}
	if (m->caps.fw_pages) {
		chunks = mlx4_chunks_alloc(m->caps.fw_pages << MLX4_PAGE_SHIFT,
					   &chunk_bytes, &nr);
		if (!chunks)
			return -ENOMEM;
		err = mlx4_fw_map(m, MLX4_MAP_FA, 0, chunks, nr, chunk_bytes);
		kfree(chunks);
		if (err)
			return err;
	}
	err = mlx4_cmd(m, MLX4_RUN_FW, 0, 0, 0, NULL);
	if (err)
		return err;
	err = mlx4_fw_dev_cap(m);
	if (err)
		return err;
	if ((u64)m->caps.nr_uars * MLX4_PAGE_BYTES > m->pci->bars[2].size)
		return -ENODEV;
	return 0;
}

static int init_numbers(struct mlx4_dev *m)
{
	const struct mlx4_dev_cap *d = &m->caps.raw;
	u32 log_pds = min_t(u32, HW_GET(d, CAP_LOG_MAX_PDS), 12);
	u32 first_qpn;
	int err;

	m->special_base = ALIGN_UP(m->caps.rsvd_qps, SPECIAL_QPS);
	first_qpn = m->special_base + SPECIAL_QPS;
	err = mlx4_ids_init(&m->qpns, "mlx4 qpns", first_qpn,
			    mlx4_nr_entries(m, MLX4_T_QPC));
	if (!err)
		err = mlx4_ids_init(&m->cqns, "mlx4 cqns", m->caps.rsvd_cqs,
				    mlx4_nr_entries(m, MLX4_T_CQC));
	if (!err)
		err = mlx4_ids_init(&m->mpts, "mlx4 mpts", m->caps.rsvd_mpts,
				    mlx4_nr_entries(m, MLX4_T_DMPT));
	if (!err)
		err = mlx4_ids_init(&m->mtts, "mlx4 mtts", m->caps.rsvd_mtts,
				    mlx4_nr_entries(m, MLX4_T_MTT));
	if (!err)
		err = mlx4_ids_init(&m->pds, "mlx4 pds",
				    max_t(u32, HW_GET(d, CAP_RSVD_PDS), 1),
				    1u << log_pds);
	if (err)
		return err;
	m->qps = kcalloc(mlx4_nr_entries(m, MLX4_T_QPC), sizeof(*m->qps));
	m->cqs = kcalloc(mlx4_nr_entries(m, MLX4_T_CQC), sizeof(*m->cqs));
	return m->qps && m->cqs ? 0 : -ENOMEM;
}

static int start_hca(struct mlx4_dev *m)
{
	int err = mlx4_icm_start(m);

	if (!err)
		err = mlx4_fw_init_hca(m);
	if (!err && m->caps.nr_sys_eqs)
		err = mlx4_fw_query_func(m, &m->caps.rsvd_eqs);
	if (!err)
		err = init_numbers(m);
	if (!err)
		err = mlx4_eq_start(m);
	if (!err)
		err = mlx4_cmd(m, MLX4_CONF_SPECIAL_QP, 0, m->special_base, 0,
			       NULL);
	return err;
}

static int read_identity(struct mlx4_dev *m)
{
	struct mad in, out;
	int err;

	smp_get(&in, SMP_ATTR_NODE_INFO, 0);
	err = mlx4_fw_mad_ifc(m, 1, 0, &in, &out);
	if (!err)
		m->ib.node_guid = smp_node_guid(&out);
	return err;
}

/* ---- health --------------------------------------------------- */

/* The card writes a word of this buffer when its firmware dies. */
static void check_health(struct timer *t)
{
	struct mlx4_dev *m = health_dev;
	const u8 *bar = m->caps.health_bar ? m->uar : m->bar0;
	u32 word = mmio_read_be32(bar + m->caps.health_offset);

	if (word) {
		if (word == ~0u)
			pr_err("the card does not answer any more");
		else
			pr_err("catastrophic error, code 0x%08x", word);
		mlx4_fatal(m);
		return;
	}
	timer_start(t, time_mono_ns() + HEALTH_NS);
}

static void start_health(struct mlx4_dev *m)
{
	u32 bar = m->caps.health_bar;

	if (!m->caps.health_offset || (bar != 0 && bar != 2) ||
	    m->caps.health_offset + 4 > m->pci->bars[bar].size || health_dev)
		return;
	health_dev = m;
	timer_init(&health_timer, check_health);
	timer_start(&health_timer, time_mono_ns() + HEALTH_NS);
}

/* ---- probe ---------------------------------------------------- */

static int start(struct mlx4_dev *m)
{
	int err = map_bars(m);

	if (err)
		return err;
	if (mmio_read_be32(m->bar0 + MLX4_BAR0_OWNER))
		pr_warn("the card says that another driver owns it");
	err = reset(m);
	if (err)
		return err;
	mlx4_cmd_init(m);
	err = start_firmware(m);
	if (err)
		return err;
	err = start_hca(m);
	if (!err)
		err = read_identity(m);
	return err;
}

static int mlx4_probe(struct pci_device *pci)
{
	struct mlx4_dev *m = kzalloc(sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->pci = pci;
	m->ib.ops = &mlx4_ops;
	snprintf(m->ib.name, sizeof(m->ib.name), "mlx4_0");
	spin_lock_init(&m->object_lock, "mlx4 objects", LOCK_IB_TABLE);
	pci_enable(pci);
	err = start(m);
	if (err) {
		pr_err("%s does not start: error %d", pci->name, err);
		/* Its memory stays: a card in doubt may still write there. */
		pci_disable(pci);
		ib_device_probe_failed();
		return err;
	}
	m->ib.nr_ports = m->caps.nr_ports;
	m->ib.nr_vectors = m->nr_comp_eqs;
	pci->driver_data = m;
	pr_info("%s: ConnectX-3, firmware %s, %u port%s, GUID %016lx",
		m->ib.name, m->caps.fw_version, m->ib.nr_ports,
		m->ib.nr_ports == 1 ? "" : "s", m->ib.node_guid);
	start_health(m);
	ib_device_register(&m->ib);
	return 0;
}

static void dump(struct ib_device *ib)
{
	struct mlx4_dev *m = to_mlx4(ib);

	mprintf("  firmware %s, %lu commands, %lu refused\n",
		m->caps.fw_version, counter_read(COUNTER_nr_ib_command),
		counter_read(COUNTER_nr_ib_command_refused));
	mprintf("  async events %lu (unknown %lu), completion events",
		m->async_eq.nr_events, m->nr_unknown_events);
	for (u32 i = 0; i < m->nr_comp_eqs; i++)
		mprintf(" cpu%u:%lu", i, m->comp_eq[i].nr_events);
	mprintf("\n");
}

static const struct ib_device_ops mlx4_ops = {
	.port_open = mlx4_port_open,
	.set_description = mlx4_set_description,
	.mad_ifc = mlx4_mad_ifc,
	.pd_create = mlx4_pd_create,
	.pd_destroy = mlx4_pd_destroy,
	.mr_create = mlx4_mr_create,
	.mr_destroy = mlx4_mr_destroy,
	.cq_create = mlx4_cq_create,
	.cq_destroy = mlx4_cq_destroy,
	.cq_poll = mlx4_cq_poll,
	.cq_arm = mlx4_cq_arm,
	.qp_create = mlx4_qp_create,
	.qp_destroy = mlx4_qp_destroy,
	.qp_init = mlx4_qp_init,
	.qp_rtr = mlx4_qp_rtr,
	.qp_rts = mlx4_qp_rts,
	.qp_error = mlx4_qp_error,
	.qp_reset = mlx4_qp_reset,
	.qp_outstanding = mlx4_qp_outstanding,
	.post_send = mlx4_post_send,
	.post_recv = mlx4_post_recv,
	.dump = dump,
};

static const struct pci_id mlx4_ids[] = {
	{0x15b3, 0x1003}, /* ConnectX-3 */
	{0x15b3, 0x1007}, /* ConnectX-3 Pro */
	{0},
};
PCI_DRIVER(mlx4, mlx4_ids, mlx4_probe);
