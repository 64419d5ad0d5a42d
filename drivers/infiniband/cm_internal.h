/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_CM_INTERNAL_H
#define IB_CM_INTERNAL_H

/* What cm.c (messages, deadlines) and cm_api.c (callers) share. */
#include "cm_codec.h"
#include "core.h"
#include <ib/cm.h>
#include <kernel/mutex.h>
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <kernel/wait.h>

#define MAX_TRIES       20 /* CM_CONNECT_NS in all */
#define DREQ_TRIES      4
#define CM_TIMEOUT_CODE 18 /* 1.07 s, what we tell the peer */
#define PSN_MASK        0xffffff

enum cm_state {
	S_REQ_SENT,
	S_REQ_RCVD,
	S_REP_SENT,
	S_ESTABLISHED,
	S_DREQ_SENT,
	S_ENDED,
};

struct cm_listener {
	struct list_head link; /* [cm.lock] */
	struct ib_device *dev;
	u64 service_id;
	cm_handler handler;
	void *arg;
	bool in_handler; /* [cm.lock] */
};

struct cm_conn {
	struct list_head link; /* [cm.lock] */
	enum cm_state state;   /* [cm.lock] as all below */
	bool passive;
	struct mad_addr peer; /* its QP1 */
	u32 local_id, remote_id;
	u32 remote_qpn;
	u64 remote_guid;
	u64 tid;
	struct cm_req req; /* sent or received */
	struct ib_rc_peer rc;
	struct ib_qp *qp;
	u32 local_psn;
	struct mad last; /* what to repeat */
	u64 deadline_ns; /* when to repeat or give up; 0: never */
	u32 tries_left;
	cm_handler handler;
	void *arg;
	bool in_handler;
	bool destroyed; /* by its handler: the thread frees it */
};

/* A received message. */
struct cm_msg {
	struct mad_addr from;
	struct mad mad;
};

struct cm_global {
	struct mutex lock;
	struct list_head conns;     /* [lock] */
	struct list_head listeners; /* [lock] */
	u32 next_id;                /* [lock] */
	u32 nr_pending;             /* [lock] in REQ_RCVD */
	bool changed;               /* a deadline came nearer */

	struct spinlock queue_lock;
	struct cm_msg *queue;       /* [queue_lock] ring */
	u32 queue_head, queue_tail; /* [queue_lock] free-running */
	struct waitq work_wait;
	struct waitq idle_wait; /* who waits for a handler to return */
	struct thread *thread;
	u64 nr_overflow; /* messages lost here [queue_lock] */
};

extern struct cm_global cm;

/* All with cm.lock held. */
struct cm_conn *cm_conn_create(void);
struct cm_listener *cm_listener_find(u64 service_id);
/** cm_set_state - the only way a connection changes its state. */
void cm_set_state(struct cm_conn *conn, enum cm_state state);
/** cm_send_repeatedly - send conn->last until answered, @tries times. */
void cm_send_repeatedly(struct cm_conn *conn, u32 tries);
/** cm_to_rts - connect the QP as conn->rc says. */
int __must_check cm_to_rts(struct cm_conn *conn);
u8 cm_smaller(u8 a, u8 b);

#endif /* IB_CM_INTERNAL_H */
