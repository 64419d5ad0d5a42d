/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MLX4_H
#define MLX4_H

/*
 * The ConnectX-3 driver: InfiniBand, physical function.
 *
 *	main.c   probe, reset, bring-up in the order the firmware wants
 *	cmd.c    the command register: polled first, then by event
 *	fw.c     one typed function for each firmware command
 *	icm.c    memory the card keeps its tables in
 *	mr.c     keys: MPT and MTT tables, protection domains
 *	eq.c     event queues and interrupts
 *	cq.c     completion queues
 *	qp.c     queue pairs: rings and states
 *	wqe.c    work queue entries; pure
 *	post.c   posting to the rings
 *	port.c   ports and the card's management agent
 *
 * Slow-path calls sleep in cmd.c and need no lock of their own: an object is
 * created and destroyed by one caller, tables of numbers have spinlocks.  The
 * fast path takes the ring's or the completion queue's spinlock only.
 */
#include "hw.h"
#include <drivers/pci.h>
#include <ib/driver.h>
#include <kernel/log.h>
#include <kernel/mutex.h>
#include <kernel/spinlock.h>
#include <kernel/wait.h>
#include <lib/minmax.h>
#include <mm/dma.h>

#define MLX4_MAX_COMP_EQS 32
#define MLX4_CMD_SLOTS    8

/* ---- commands ------------------------------------------------- */

struct mlx4_cmd_slot {
	struct completion done;
	bool busy; /* [slot_lock] */
	u16 token; /* [slot_lock] of the command it waits for */
	u8 status; /* [before done] */
	u64 out;   /* [before done] */
};

struct mlx4_cmd_if {
	struct mutex lock; /* who writes the command register */
	u32 toggle;        /* [lock] T of the next command */
	bool by_event;     /* [set once] */
	struct spinlock slot_lock;
	struct waitq slot_wait;
	struct mlx4_cmd_slot slot[MLX4_CMD_SLOTS];
	u32 nr_slots;   /* [set once] as many as the firmware takes */
	u16 next_token; /* [slot_lock] */
};

/* ---- tables in card memory ------------------------------------ */

enum mlx4_table_id {
	MLX4_T_QPC,
	MLX4_T_AUXC,
	MLX4_T_ALTC,
	MLX4_T_RDMARC,
	MLX4_T_CQC,
	MLX4_T_SRQC,
	MLX4_T_EQC,
	MLX4_T_DMPT,
	MLX4_T_MTT,
	MLX4_T_MCG,
	MLX4_T_CMPT_QP, /* the four control MPT regions, in hardware's order */
	MLX4_T_CMPT_SRQ,
	MLX4_T_CMPT_CQ,
	MLX4_T_CMPT_EQ,
	NR_MLX4_TABLES
};

struct mlx4_table {
	u64 va;    /* in the card's virtual memory */
	u64 bytes; /* mapped: log_entries * entry_bytes */
	u32 entry_bytes;
	u32 log_entries;
	u32 chunk_bytes;
	u32 nr_chunks;
	void **chunk; /* our memory behind it */
};

/* Numbers of objects: which are in use, and what they name. */
struct mlx4_ids {
	struct spinlock lock;
	u32 first, limit; /* usable: first <= id < limit */
	u32 next;         /* [lock] where to look first: late reuse */
	u64 *used;        /* [lock] */
};

struct mlx4_caps {
	struct mlx4_dev_cap raw;
	u32 rsvd_qps, rsvd_cqs, rsvd_eqs, rsvd_mpts, rsvd_mtts, rsvd_srqs;
	u32 nr_sys_eqs;
	u32 nr_uars;
	u8 nr_ports;
	u8 log_cmds;
	u64 fw_pages;
	u64 health_offset;
	u32 health_bar;
	char fw_version[24];
};

/* ---- queues --------------------------------------------------- */

struct mlx4_buf {
	void *kaddr;
	dma_addr_t dma;
	u32 bytes;
	u32 log_page; /* of one MTT page, minus 12 */
	u32 mtt;      /* first MTT entry; one a page */
	u32 nr_mtts;
};

struct mlx4_eq {
	struct mlx4_dev *dev;
	u32 eqn;
	u32 log_size;
	u32 ci; /* [interrupt handler] */
	u32 msix;
	u32 cpu;
	int vector;
	struct mlx4_buf buf;
	u64 nr_events;
	bool live; /* the card knows it */
};

struct mlx4_cq {
	struct ib_cq ib;
	struct spinlock lock;
	u32 cqn;
	u32 mask;   /* entries - 1 */
	u32 ci;     /* [lock] */
	u32 arm_sn; /* counts events, modulo 4 [atomic, its EQ writes] */
	u8 *cqes;
	u8 *db; /* doorbell record: consumer index, arm word */
	struct mlx4_buf buf;
};

/* The CQ of one number, which interrupts look up without a lock: who looks
 * first counts himself, who destroys first takes it away and then waits. */
struct mlx4_cq_slot {
	struct mlx4_cq *cq; /* NULL: none [atomic] */
	atomic_t nr_users;  /* interrupts that look, or handle an event */
};

/* One of the two rings of a QP. */
struct mlx4_ring {
	struct spinlock lock; /* posting */
	u8 *base;
	u32 log_size; /* entries */
	u32 log_stride;
	u32 max_posted;
	u32 max_sge;
	u32 head;   /* [lock] posted */
	u32 tail;   /* [CQ lock] completed */
	u64 *wr_id; /* by entry */
};

struct mlx4_qp {
	struct ib_qp ib;
	u32 qpn; /* as the card names it: special QPs differ from ib.qpn */
	struct mlx4_ring sq, rq;
	u32 spare; /* SQ entries kept free for the card's prefetch */
	u32 max_inline;
	struct mlx4_buf buf;
	u8 *db;      /* doorbell record of the RQ */
	u32 mlx_psn; /* special QPs: any counter [sq.lock] */
};

struct mlx4_mr {
	struct ib_mr ib;
	u32 index;
	u32 mtt, nr_mtts;
};

struct mlx4_dev {
	struct ib_device ib;
	struct pci_device *pci;
	u8 *bar0;
	u8 *uar;       /* BAR 2: all doorbell pages */
	u8 *queue_uar; /* the page of our queues */
	struct mlx4_cmd_if cmd;
	struct mlx4_caps caps;
	struct mlx4_table table[NR_MLX4_TABLES];
	u64 icm_bytes;
	void **fw_chunks; /* memory of the firmware, never freed while it runs
			   */

	struct mlx4_ids qpns, cqns, mpts, pds;
	struct mlx4_ids mtts;
	struct spinlock object_lock;
	struct mlx4_qp **qps;     /* by table index [object_lock to change] */
	struct mlx4_cq_slot *cqs; /* by number */
	u32 special_base;

	struct mlx4_eq async_eq;
	struct mlx4_eq comp_eq[MLX4_MAX_COMP_EQS];
	u32 nr_comp_eqs;
	u64 nr_unknown_events;
};

static inline struct mlx4_dev *to_mlx4(struct ib_device *ib)
{
	return container_of(ib, struct mlx4_dev, ib);
}

static inline struct mlx4_qp *to_mqp(struct ib_qp *ib)
{
	return container_of(ib, struct mlx4_qp, ib);
}

static inline struct mlx4_cq *to_mcq(struct ib_cq *ib)
{
	return container_of(ib, struct mlx4_cq, ib);
}

static inline u32 mlx4_nr_entries(const struct mlx4_dev *m,
				  enum mlx4_table_id id)
{
	return 1u << m->table[id].log_entries;
}

/* ---- cmd.c ---------------------------------------------------- */

void mlx4_cmd_init(struct mlx4_dev *m);

/**
 * mlx4_cmd - run one firmware command.
 *
 * @in: mailbox address or immediate.  @out: mailbox address on entry; if not
 * NULL it receives the immediate result.
 *
 * Context: thread; sleeps.
 * Return: 0; -EIO when the card is dead; else the command's status as errno.
 */
int __must_check mlx4_cmd(struct mlx4_dev *m, u16 op, u8 op_mod, u32 in_mod,
			  u64 in, u64 *out);

/** mlx4_cmd_use_events - from now on commands complete by interrupt. */
void mlx4_cmd_use_events(struct mlx4_dev *m);

/** mlx4_fatal - the card is dead: end all commands; any context. */
void mlx4_fatal(struct mlx4_dev *m);

/** mlx4_cmd_event - a command completed; interrupt context. */
void mlx4_cmd_event(struct mlx4_dev *m, const struct mlx4_eqe *eqe);

/** mlx4_status_errno - a firmware status as -errno. */
int mlx4_status_errno(u8 status);

/* ---- fw.c: see there for what each does ----------------------- */

int __must_check mlx4_fw_query(struct mlx4_dev *m);
int __must_check mlx4_fw_dev_cap(struct mlx4_dev *m);
int __must_check mlx4_fw_map(struct mlx4_dev *m, u16 op, u64 va,
			     void *const *chunks, u32 nr, u32 chunk_bytes);
int __must_check mlx4_fw_set_icm_size(struct mlx4_dev *m, u64 bytes,
				      u64 *aux_pages);
int __must_check mlx4_fw_init_hca(struct mlx4_dev *m);
int __must_check mlx4_fw_query_func(struct mlx4_dev *m, u32 *rsvd_eqs);
int __must_check mlx4_fw_sw2hw(struct mlx4_dev *m, u16 op, u32 number,
			       const void *context, u32 bytes);
int __must_check mlx4_fw_hw2sw(struct mlx4_dev *m, u16 op, u32 number);
int __must_check mlx4_fw_map_eq(struct mlx4_dev *m, u32 eqn, u64 mask);
int __must_check mlx4_fw_qp(struct mlx4_dev *m, u16 op, u32 qpn,
			    const struct mlx4_qp_mbox *mbox);
int __must_check mlx4_fw_mad_ifc(struct mlx4_dev *m, u8 port, u16 slid,
				 const struct mad *in, struct mad *out);
int __must_check mlx4_fw_set_node(struct mlx4_dev *m, const char *description);
int __must_check mlx4_fw_query_port(struct mlx4_dev *m, u8 port,
				    struct mlx4_query_port *out);
int __must_check mlx4_fw_set_port(struct mlx4_dev *m, u8 port,
				  const struct mlx4_set_port *set);

/* ---- icm.c ---------------------------------------------------- */

/** mlx4_icm_start - choose table sizes, give the card memory, map it all. */
int __must_check mlx4_icm_start(struct mlx4_dev *m);
/** mlx4_chunks_alloc - @total bytes in chunks; NULL: no memory. */
void **mlx4_chunks_alloc(u64 total, u32 *chunk_bytes, u32 *nr);
/** mlx4_table_entry - our view of entry @i of a table. */
void *mlx4_table_entry(struct mlx4_dev *m, enum mlx4_table_id id, u32 i);

int __must_check mlx4_ids_init(struct mlx4_ids *ids, const char *name,
			       u32 first, u32 limit);
/** mlx4_ids_get - @n neighbouring numbers. Return: the first, 0: none left. */
u32 mlx4_ids_get(struct mlx4_ids *ids, u32 n);
void mlx4_ids_put(struct mlx4_ids *ids, u32 id, u32 n);

/* ---- mr.c ----------------------------------------------------- */

int mlx4_pd_create(struct ib_device *ib, struct ib_pd **pd);
void mlx4_pd_destroy(struct ib_pd *pd);
int mlx4_mr_create(struct ib_pd *pd, const struct ib_mr_init *init,
		   struct ib_mr **mr);
void mlx4_mr_destroy(struct ib_mr *mr);
/** mlx4_buf_alloc - queue memory that the card can translate. */
int __must_check mlx4_buf_alloc(struct mlx4_dev *m, u32 bytes,
				struct mlx4_buf *buf);
void mlx4_buf_free(struct mlx4_dev *m, struct mlx4_buf *buf);

/* ---- eq.c ----------------------------------------------------- */

/** mlx4_eq_start - event queues, interrupts; then commands by event. */
int __must_check mlx4_eq_start(struct mlx4_dev *m);

/* ---- cq.c ----------------------------------------------------- */

int mlx4_cq_create(struct ib_device *ib, u32 nr_cqes, u32 vector,
		   ib_cq_handler handler, void *arg, struct ib_cq **cq);
void mlx4_cq_destroy(struct ib_cq *cq);
u32 mlx4_cq_poll(struct ib_cq *cq, u32 max, struct ib_wc *wc);
void mlx4_cq_arm(struct ib_cq *cq);
/** mlx4_cq_event - completions arrived; interrupt context. */
void mlx4_cq_event(struct mlx4_dev *m, u32 cqn);
/** mlx4_cq_error_event - the queue overran or cannot be written. */
void mlx4_cq_error_event(struct mlx4_dev *m, u32 cqn);
/** mlx4_cq_forget_qp - drop completions of @qp that nobody polled. */
void mlx4_cq_forget_qp(struct mlx4_cq *cq, const struct mlx4_qp *qp);

/* ---- qp.c, post.c --------------------------------------------- */

int mlx4_qp_create(struct ib_pd *pd, const struct ib_qp_init *init,
		   struct ib_qp **qp);
void mlx4_qp_destroy(struct ib_qp *qp);
int mlx4_qp_init(struct ib_qp *qp);
int mlx4_qp_rtr(struct ib_qp *qp, const struct ib_rc_peer *peer);
int mlx4_qp_rts(struct ib_qp *qp, const struct ib_rc_peer *peer);
int mlx4_qp_error(struct ib_qp *qp);
int mlx4_qp_reset(struct ib_qp *qp);
u32 mlx4_qp_outstanding(struct ib_qp *qp);
/** mlx4_qp_event - an asynchronous event names @qpn; interrupt context. */
void mlx4_qp_event(struct mlx4_dev *m, u32 qpn, enum ib_event_type type);
int mlx4_post_send(struct ib_qp *qp, const struct ib_send_wr *wr, u32 nr);
int mlx4_post_recv(struct ib_qp *qp, const struct ib_recv_wr *wr, u32 nr);

/* ---- port.c --------------------------------------------------- */

int mlx4_port_open(struct ib_device *ib, u8 port);
int mlx4_set_description(struct ib_device *ib);
int mlx4_mad_ifc(struct ib_device *ib, u8 port, u16 slid, const struct mad *in,
		 struct mad *out);

#endif /* MLX4_H */
