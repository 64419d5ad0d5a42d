/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_DRIVER_H
#define IB_DRIVER_H

/*
 * What the verbs core and an HCA driver know of each other.  Nobody else
 * includes this.
 *
 * The core checks a caller's arguments as far as they do not depend on the
 * card; the driver gets checked input.
 */
#include <ib/mad.h>
#include <ib/verbs.h>
#include <kernel/spinlock.h>

struct ib_pd {
	struct ib_device *dev;
	u32 pdn;
	u32 local_lkey;
	atomic_t users; /* MRs and QPs */
};

struct ib_cq {
	struct ib_device *dev;
	ib_cq_handler handler;
	void *arg;
	u32 vector;
	atomic_t users; /* QPs, counted once for each of their two queues */
};

struct ib_device_ops {
	/* Bring the link up; after QP0 and QP1 of @port can receive. */
	int (*port_open)(struct ib_device *dev, u8 port);
	/* Tell the card the node's description, for its notices to the SM. */
	int (*set_description)(struct ib_device *dev);
	/* Ask the card's own management agent; @slid: of the request. */
	int (*mad_ifc)(struct ib_device *dev, u8 port, u16 slid,
		       const struct mad *in, struct mad *out);

	int (*pd_create)(struct ib_device *dev, struct ib_pd **pd);
	void (*pd_destroy)(struct ib_pd *pd);
	int (*mr_create)(struct ib_pd *pd, const struct ib_mr_init *init,
			 struct ib_mr **mr);
	void (*mr_destroy)(struct ib_mr *mr);

	int (*cq_create)(struct ib_device *dev, u32 nr_cqes, u32 vector,
			 ib_cq_handler handler, void *arg, struct ib_cq **cq);
	void (*cq_destroy)(struct ib_cq *cq);
	u32 (*cq_poll)(struct ib_cq *cq, u32 max, struct ib_wc *wc);
	void (*cq_arm)(struct ib_cq *cq);

	int (*qp_create)(struct ib_pd *pd, const struct ib_qp_init *init,
			 struct ib_qp **qp);
	void (*qp_destroy)(struct ib_qp *qp);
	int (*qp_init)(struct ib_qp *qp); /* RESET to INIT */
	int (*qp_rtr)(struct ib_qp *qp, const struct ib_rc_peer *peer);
	int (*qp_rts)(struct ib_qp *qp, const struct ib_rc_peer *peer);
	int (*qp_error)(struct ib_qp *qp);
	int (*qp_reset)(struct ib_qp *qp);
	u32 (*qp_outstanding)(struct ib_qp *qp);
	int (*post_send)(struct ib_qp *qp, const struct ib_send_wr *wr, u32 nr);
	int (*post_recv)(struct ib_qp *qp, const struct ib_recv_wr *wr, u32 nr);

	/* Figures for the monitor. */
	void (*dump)(struct ib_device *dev);
};

struct ib_device {
	const struct ib_device_ops *ops;
	char name[16];
	u64 node_guid;
	char description[IB_DESCRIPTION_BYTES]; /* [set once, at start] */
	u8 nr_ports;
	u32 nr_vectors;
	bool has_port_events; /* tells LID changes and re-register requests */
	bool failed;          /* [set once] the card is dead */
	struct spinlock port_lock;
	struct ib_port_attr port[IB_MAX_PORTS]; /* [port_lock] */
	atomic_t nr_qps;                        /* in use */
	atomic_t nr_cqs;
	atomic_t nr_mrs;
};

/** ib_device_register - offer a started card; at probe. */
void ib_device_register(struct ib_device *dev);

/** ib_device_probe_failed - a card was found and cannot be used. */
void ib_device_probe_failed(void);

/**
 * ib_device_fatal - the card died: no completion will come any more.
 *
 * Context: any.
 */
void ib_device_fatal(struct ib_device *dev);

/**
 * ib_port_changed - the card reports that something about @port changed.
 *
 * The core asks for the new state and tells subscribers what is different.
 * @reregister: the subnet manager asks clients to register again.
 *
 * Context: any.
 */
void ib_port_changed(struct ib_device *dev, u8 port, bool reregister);

/**
 * ib_event_raise - deliver @ev in the event thread.
 *
 * If @ev->qp is set the caller has taken one of its event_refs, which the core
 * drops after delivery.
 *
 * Context: any.
 */
void ib_event_raise(const struct ib_event *ev);

/** ib_port_gid - the port's GID 0, for headers; any context. */
struct ib_gid ib_port_gid(struct ib_device *dev, u8 port);

#endif /* IB_DRIVER_H */
