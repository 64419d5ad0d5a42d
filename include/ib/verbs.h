/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_VERBS_H
#define IB_VERBS_H

/*
 * InfiniBand verbs: the only door to an HCA.
 *
 * Objects and who owns whom:
 *
 *	ib_device -> ib_pd -> ib_mr        keys for local and remote memory
 *	          -> ib_cq                 completions, one interrupt vector
 *each
 *	          -> ib_qp (pd, 2 CQs)     work queues
 *
 * Destroy in reverse order; an object that is still used by another refuses
 * (assertion).  Slow-path calls (create, destroy, modify, query) sleep; the
 * data path (ib_post_send, ib_post_recv, ib_cq_poll, ib_cq_arm) never sleeps,
 * allocates or reads a device register, and may be called from any context,
 * from several CPUs at once.
 *
 * DMA addresses equal physical addresses.  Memory handed to a queue stays the
 * card's until the completion of its work request has been polled.
 */
#include <lib/atomic.h>
#include <lib/list.h>
#include <lib/types.h>

struct ib_device;
struct ib_pd;
struct ib_mr;
struct ib_cq;
struct ib_qp;

#define IB_MAX_PORTS      2          /* of one HCA, as the card has them */
#define IB_DEFAULT_PKEY   0xffff     /* default partition, full member */
#define IB_GSI_QKEY       0x80010000 /* Q_Key of every QP1 */
#define IB_PERMISSIVE_LID 0xffff
/* NodeDescription: text, padded with zeros. */
#define IB_DESCRIPTION_BYTES 64

/** A port's 128-bit address: subnet prefix, then port GUID; big-endian. */
struct ib_gid {
	u8 raw[16];
};

/** ib_gid_* - taking a GID apart, making and comparing them. Context: any. */
u64 ib_gid_prefix(const struct ib_gid *gid);
u64 ib_gid_guid(const struct ib_gid *gid);
struct ib_gid ib_gid_make(u64 prefix, u64 guid);
bool ib_gid_equal(const struct ib_gid *a, const struct ib_gid *b);

/* ---- devices and ports ---------------------------------------- */

enum ib_port_state { /* PortInfo.PortState */
		     IB_PORT_NOP = 0,
		     IB_PORT_DOWN = 1,
		     IB_PORT_INIT =
			     2, /* link is up; waits for the subnet manager */
		     IB_PORT_ARMED = 3,
		     IB_PORT_ACTIVE = 4,
};

enum ib_mtu { /* code as on the wire; bytes = 128 << code */
	      IB_MTU_256 = 1,
	      IB_MTU_512 = 2,
	      IB_MTU_1024 = 3,
	      IB_MTU_2048 = 4,
	      IB_MTU_4096 = 5,
};

struct ib_port_attr {
	enum ib_port_state state;
	u8 phys_state; /* 2 polling, 3 disabled, 5 link up */
	u8 lmc;
	u16 lid;
	u16 sm_lid;
	u8 sm_sl;
	enum ib_mtu active_mtu;
	u8 rate; /* SA rate code of the link as it runs */
	u8 subnet_timeout;
	struct ib_gid gid; /* index 0 */
	u16 pkeys[32];     /* first block of the partition table */
};

/** Why nothing can be sent yet; see ib_status(). */
enum ib_status {
	IB_STATUS_NO_HCA,     /* no supported card was found */
	IB_STATUS_HCA_FAILED, /* a card was found but did not start, or died */
	IB_STATUS_NO_LINK,    /* no cable, or the peer is off */
	IB_STATUS_NO_SM,      /* link is up but no subnet manager came */
	IB_STATUS_ACTIVE,
};

/**
 * ib_start - finish bringing up the HCAs that were probed and start the
 * management agents (SMA, SA client, CM) on their ports.
 *
 * Called once in the node's start, after PCI drivers were probed.  Does not
 * wait for a link.
 *
 * Context: may sleep.
 * Return: 0, or -ENODEV when there is no usable HCA.
 */
int ib_start(void);

/**
 * ib_device_default - the HCA that this node uses (the first one usable).
 *
 * Context: any.
 * Return: the device, or NULL if there is none.
 */
struct ib_device *ib_device_default(void);

/**
 * ib_status - what keeps this node from communicating, for console hints.
 *
 * Context: any.
 */
enum ib_status ib_status(void);

/** ib_status_hint - @status in a sentence: what is wrong, what to check. */
const char *ib_status_hint(enum ib_status status);

/**
 * ib_wait_active - wait until @port of @dev can carry data.
 *
 * Context: sleeps.
 * Return: 0, -ETIMEDOUT, or -EIO when the device has failed.
 */
int __must_check ib_wait_active(struct ib_device *dev, u8 port, u64 timeout_ns);

/**
 * ib_port_query - state of @port as last reported by the card.
 *
 * Context: any; reads a cached copy.
 * Return: 0, or -EINVAL for a port that the card does not have.
 */
int __must_check ib_port_query(struct ib_device *dev, u8 port,
			       struct ib_port_attr *attr);

const char *ib_device_name(const struct ib_device *dev);
u64 ib_device_node_guid(const struct ib_device *dev);
u8 ib_device_nr_ports(const struct ib_device *dev);

/**
 * ib_device_nr_vectors - completion vectors of @dev, at least 1.
 *
 * Vector v interrupts CPU ib_device_vector_cpu(dev, v).
 */
u32 ib_device_nr_vectors(const struct ib_device *dev);
u32 ib_device_vector_cpu(const struct ib_device *dev, u32 vector);

enum ib_event_type {
	IB_EVENT_PORT_ACTIVE,
	IB_EVENT_PORT_DOWN,
	IB_EVENT_LID_CHANGE,   /* also: SM changed */
	IB_EVENT_REREGISTER,   /* SM asks: register service records again */
	IB_EVENT_QP_FATAL,     /* the QP is in error; its queues flush */
	IB_EVENT_CQ_ERROR,     /* overrun; the CQ is dead */
	IB_EVENT_DEVICE_FATAL, /* the card failed: nothing completes */
	IB_EVENT_COMM_EST,     /* first packet came before the RTU */
};

struct ib_event {
	enum ib_event_type type;
	struct ib_device *dev;
	u8 port;          /* PORT_*, LID_CHANGE, REREGISTER */
	struct ib_qp *qp; /* QP_FATAL, COMM_EST */
	struct ib_cq *cq; /* CQ_ERROR */
};

/** One subscriber of port and device events; embedded by its owner. */
struct ib_event_sub {
	struct list_head link; /* [owned by the verbs core] */
	/* Called in a thread; may sleep, but delays other events meanwhile. */
	void (*handler)(struct ib_event_sub *sub, const struct ib_event *ev);
};

void ib_event_subscribe(struct ib_event_sub *sub);
/** No call of the handler runs or starts after this returns; sleeps. */
void ib_event_unsubscribe(struct ib_event_sub *sub);

/* ---- protection domains and memory regions -------------------- */

/**
 * ib_pd_create - a protection domain: only objects of one PD work together.
 *
 * Each PD has its own key for all local memory, see ib_pd_local_lkey().
 *
 * Context: may sleep.
 * Return: 0, -ENOMEM, or -EIO when the card refused.
 */
int __must_check ib_pd_create(struct ib_device *dev, struct ib_pd **pd);
void ib_pd_destroy(struct ib_pd *pd);

/**
 * ib_pd_local_lkey - key for scatter/gather entries: all of local memory,
 * addressed by physical address.  It gives no remote access.
 */
u32 ib_pd_local_lkey(const struct ib_pd *pd);

enum ib_access {
	IB_ACCESS_LOCAL_WRITE = 1 << 0,
	IB_ACCESS_REMOTE_WRITE = 1 << 1, /* needs LOCAL_WRITE */
	IB_ACCESS_REMOTE_READ = 1 << 2,
	IB_ACCESS_REMOTE_ATOMIC = 1 << 3, /* needs LOCAL_WRITE */
};

/** Physical memory; page-aligned in start and size if there are several. */
struct ib_phys_range {
	u64 paddr;
	u64 bytes;
};

/** iova for "addresses in this region are the physical addresses". */
#define IB_IOVA_PHYS (~0ULL)

struct ib_mr_init {
	const struct ib_phys_range *ranges;
	u32 nr_ranges;
	u32 access; /* enum ib_access */
	/*
	 * Address of the first byte as seen by peers and by sges with this
	 * lkey; page-aligned.  IB_IOVA_PHYS: one range only, costs no
	 * translation table whatever its size.
	 */
	u64 iova;
};

struct ib_mr {
	struct ib_pd *pd;
	u32 lkey;
	u32 rkey;
	u64 iova;  /* of the first byte */
	u64 bytes; /* length */
};

/**
 * ib_mr_create - register memory: make it reachable by key.
 *
 * Register the same memory once a peer, each in that peer's PD, to be able to
 * revoke one peer's access alone.
 *
 * Context: may sleep.
 * Return: 0, -EINVAL (empty, unaligned, access bits), -ENOMEM (no table
 *         space), -EIO.
 */
int __must_check ib_mr_create(struct ib_pd *pd, const struct ib_mr_init *init,
			      struct ib_mr **mr);

/**
 * ib_mr_destroy - revoke and free @mr.
 *
 * When it returns no access with its keys can start; requests in flight by
 * then fail with a remote access error at their initiator.
 *
 * Context: may sleep.
 */
void ib_mr_destroy(struct ib_mr *mr);

/* ---- completion queues ---------------------------------------- */

enum ib_wc_status {
	IB_WC_SUCCESS,
	IB_WC_LOC_LEN_ERR,
	IB_WC_LOC_QP_OP_ERR,
	IB_WC_LOC_PROT_ERR,
	IB_WC_FLUSH_ERR, /* the QP is in error; this request was not done */
	IB_WC_BAD_RESP_ERR,
	IB_WC_LOC_ACCESS_ERR,
	IB_WC_REM_INV_REQ_ERR,
	IB_WC_REM_ACCESS_ERR,
	IB_WC_REM_OP_ERR,
	IB_WC_RETRY_EXC_ERR, /* the peer does not answer */
	IB_WC_RNR_RETRY_EXC_ERR,
	IB_WC_REM_ABORT_ERR,
	IB_WC_GENERAL_ERR,
	NR_IB_WC_STATUS
};

const char *ib_wc_status_name(enum ib_wc_status status);

enum ib_wc_opcode {
	IB_WC_SEND,
	IB_WC_RDMA_WRITE,
	IB_WC_RDMA_READ,
	IB_WC_RECV,
	IB_WC_RECV_RDMA_IMM, /* peer's write with immediate */
};

enum ib_wc_flags {
	IB_WC_WITH_IMM = 1 << 0,
	IB_WC_GRH = 1 << 1, /* UD: the first 40 bytes hold a GRH */
};

struct ib_wc {
	u64 wr_id;
	struct ib_qp *qp;
	enum ib_wc_status status;
	enum ib_wc_opcode opcode; /* valid also on error: send or receive */
	u32 bytes; /* received, or read; UD: including 40 bytes of GRH */
	u32 imm;   /* host order, if WITH_IMM */
	u32 flags; /* enum ib_wc_flags */
	u8 vendor_err;
	u8 sl; /* UD from here on */
	u8 path_bits;
	u16 slid;
	u16 pkey_index;
	u32 src_qpn;
};

/** IRQ context on the vector's CPU: may wake threads, poll, re-arm. */
typedef void (*ib_cq_handler)(struct ib_cq *cq, void *arg);

/**
 * ib_cq_create - a completion queue for at least @nr_cqes entries.
 *
 * It must be large enough for all requests that may be outstanding on all of
 * its QPs (an overrun kills it).  Created not armed.
 *
 * @vector: < ib_device_nr_vectors().
 * Context: may sleep.
 * Return: 0, -EINVAL, -ENOMEM, -EIO.
 */
int __must_check ib_cq_create(struct ib_device *dev, u32 nr_cqes, u32 vector,
			      ib_cq_handler handler, void *arg,
			      struct ib_cq **cq);

/**
 * ib_cq_destroy - free @cq; no QP may use it any more.
 *
 * The handler neither runs nor starts after this returns.
 * Context: may sleep.
 */
void ib_cq_destroy(struct ib_cq *cq);

/**
 * ib_cq_poll - take up to @max completions.
 *
 * Context: any.
 * Return: how many entries of @wc were filled.
 */
u32 ib_cq_poll(struct ib_cq *cq, u32 max, struct ib_wc *wc);

/**
 * ib_cq_arm - ask for one call of the handler at the next completion.
 *
 * If a completion is already there that was not polled the handler is called
 * at once, so "poll until empty, arm, wait" loses nothing.
 *
 * Context: any.
 */
void ib_cq_arm(struct ib_cq *cq);

/* ---- queue pairs ---------------------------------------------- */

enum ib_qp_type {
	IB_QP_RC,
	IB_QP_UD,
	IB_QP_SMI, /* QP0 of a port; only for the MAD layer */
	IB_QP_GSI, /* QP1 of a port; only for the MAD layer */
};

/*
 * States.  ib_qp_create() and ib_qp_reset() leave a QP in INIT, where
 * receives may be posted (RC; sends are refused before RTS).
 *
 *	create --> INIT --ib_qp_connect()--> RTR --ib_qp_rts()--> RTS
 *	            ^                                              |
 *	            +---ib_qp_reset()--- ERR <--ib_qp_error(), or--+
 *	                                        an error completion
 */
enum ib_qp_state {
	IB_QPS_RESET,
	IB_QPS_INIT,
	IB_QPS_RTR,
	IB_QPS_RTS,
	IB_QPS_ERR,
};

struct ib_qp_init {
	enum ib_qp_type type;
	u8 port; /* 1-based */
	u16 pkey_index;
	struct ib_cq *send_cq;
	struct ib_cq *recv_cq; /* may be the same */
	u32 max_send_wr;       /* requests outstanding in each queue */
	u32 max_recv_wr;
	u32 max_send_sge;
	u32 max_recv_sge;
	u32 max_inline_bytes; /* 0: no inline sends */
	u32 access;           /* RC: REMOTE_* allowed to the peer */
	u32 qkey;             /* UD */
	/*
	 * QP_FATAL, COMM_EST; may be NULL.  Called in the event thread: may
	 * sleep for short, must not destroy a QP.
	 */
	void (*event)(struct ib_qp *qp, enum ib_event_type type, void *arg);
	void *arg;
};

/** Fields common to all drivers' QPs; read-only outside the verbs core. */
struct ib_qp {
	struct ib_device *dev;
	struct ib_pd *pd;
	struct ib_qp_init init;
	u32 qpn;                /* special QPs: 0 or 1 */
	enum ib_qp_state state; /* [one caller of the state calls at a time] */
	atomic_t event_refs;    /* events on their way to init.event */
};

/** Where a UD message goes. */
struct ib_av {
	u16 dlid;
	u8 sl;
	u8 path_bits;
	u8 rate; /* SA code; 0: port rate */
	bool has_grh;
	u8 hop_limit;
	u8 traffic_class;
	u32 flow_label;
	struct ib_gid dgid;
};

/** The peer of an RC QP. */
struct ib_rc_peer {
	struct ib_av av;
	u32 qpn;
	enum ib_mtu mtu;
	u32 recv_psn;           /* 24 bits, the peer's first */
	u32 send_psn;           /* 24 bits, our first */
	u8 responder_resources; /* reads of the peer outstanding at us */
	u8 initiator_depth;     /* our reads outstanding at the peer */
	u8 ack_timeout;         /* 4.096 us << n; 0 = wait forever */
	u8 retries;             /* 0..7 */
	u8 rnr_retries;         /* 0..6; 7 = without end */
	u8 min_rnr_timer;       /* code, InfiniBand 9.7.5.2.8; 12 = 0.64 ms */
};

/**
 * ib_qp_create - a queue pair, in INIT (UD and special: in RTS).
 *
 * Context: may sleep.
 * Return: 0, -EINVAL (sizes beyond the card's), -ENOMEM, -EIO.
 */
int __must_check ib_qp_create(struct ib_pd *pd, const struct ib_qp_init *init,
			      struct ib_qp **qp);

/**
 * ib_qp_destroy - free @qp in any state.
 *
 * Nothing of its memory is touched by the card afterwards; its completions
 * that nobody polled are dropped from the CQs without a trace.
 *
 * Context: may sleep.
 */
void ib_qp_destroy(struct ib_qp *qp);

/** ib_qp_connect - INIT to RTR; sleeps; 0, -EINVAL (state), -EIO. */
int __must_check ib_qp_connect(struct ib_qp *qp, const struct ib_rc_peer *peer);
/** ib_qp_rts - RTR to RTS with the same peer; sleeps; 0, -EINVAL, -EIO. */
int __must_check ib_qp_rts(struct ib_qp *qp, const struct ib_rc_peer *peer);

/**
 * ib_qp_error - move @qp to ERR: everything posted, now or later, completes
 * with IB_WC_FLUSH_ERR, and the peer can neither send nor reach memory
 * through this QP any more.
 *
 * Context: may sleep.
 * Return: 0, or -EIO when the card has failed.
 */
int ib_qp_error(struct ib_qp *qp);

/**
 * ib_qp_drain - ib_qp_error(), then wait until every posted request has been
 * polled from its CQ (by whoever polls those CQs: not the caller).
 *
 * Context: sleeps; not from the thread that polls.
 * Return: 0, -ETIMEDOUT, -EIO.
 */
int __must_check ib_qp_drain(struct ib_qp *qp, u64 timeout_ns);

/** ib_qp_reset - back to an empty INIT, dropping all; sleeps; 0 or -EIO. */
int __must_check ib_qp_reset(struct ib_qp *qp);

struct ib_sge {
	u64 dma;   /* physical address with the PD's local key; else iova */
	u32 bytes; /* not 0 */
	u32 lkey;
};

enum ib_wr_opcode {
	IB_WR_SEND,
	IB_WR_SEND_IMM,
	IB_WR_RDMA_WRITE,
	IB_WR_RDMA_WRITE_IMM,
	IB_WR_RDMA_READ,
};

enum ib_send_flags {
	IB_SEND_SIGNALED = 1 << 0,  /* completion also on success */
	IB_SEND_SOLICITED = 1 << 1, /* wakes a peer that asked for it */
	IB_SEND_FENCE = 1 << 2,     /* after all earlier reads */
	IB_SEND_INLINE = 1 << 3,    /* copy now: the buffer is free again */
};

struct ib_send_wr {
	u64 wr_id;
	const struct ib_sge *sge;
	u32 nr_sge; /* 0: no data */
	enum ib_wr_opcode opcode;
	u32 flags; /* enum ib_send_flags */
	u32 imm;
	/* RDMA */
	u64 remote_iova;
	u32 rkey;
	/* UD and special QPs */
	u32 remote_qpn;
	u32 remote_qkey;
	u16 pkey_index; /* GSI */
	const struct ib_av *av;
};

struct ib_recv_wr {
	u64 wr_id;
	const struct ib_sge *sge;
	u32 nr_sge;
};

/**
 * ib_post_send - queue @nr requests, with one doorbell; all or none.
 *
 * IB_SEND_INLINE reads the data by kernel virtual address: sge.dma holds a
 * physical address of the direct map, lkey is ignored.
 * Every ring needs a signalled request now and then: room of unsignalled ones
 * is returned by the next completion.
 *
 * Context: any; takes the send queue's lock.
 * Return: 0; -EAGAIN when the queue has no room for all; -EINVAL for a
 *         malformed request or a QP that cannot send (not RTS or ERR).
 */
int __must_check ib_post_send(struct ib_qp *qp, const struct ib_send_wr *wr,
			      u32 nr);

/** ib_post_recv - as ib_post_send(), for receive buffers. */
int __must_check ib_post_recv(struct ib_qp *qp, const struct ib_recv_wr *wr,
			      u32 nr);

/** ib_qp_outstanding - requests posted and not yet polled, both queues. */
u32 ib_qp_outstanding(struct ib_qp *qp);

#endif /* IB_VERBS_H */
