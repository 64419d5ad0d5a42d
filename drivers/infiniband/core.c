/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs core: devices, the cached state of their ports, events, and the
 * checks that stand before every driver call.
 *
 * Events: drivers raise them in interrupt context into a small ring; one
 * thread takes them out and calls subscribers, so that handlers may sleep and
 * never run in parallel.  The same thread refreshes port state, after a report
 * of the card and, while a port is not active, every second: the card reports
 * neither "link up" nor "no subnet manager".
 */
#define pr_fmt(fmt) "ib: " fmt
#include "core.h"
#include <ib/smp.h>
#include <kernel/assert.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/mutex.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>

#define EVENT_RING   256
#define PORT_POLL_NS 1000000000ULL

static struct {
	struct ib_device *dev; /* [set once, at probe] the HCA in use */
	bool probe_failed;     /* [set once, at probe] */

	struct spinlock lock;
	struct ib_event ring[EVENT_RING]; /* [lock] */
	u32 head, tail;                   /* [lock] free-running */
	u64 nr_lost;                      /* [lock] */
	u32 port_changed;                 /* [lock] bit: port - 1 */
	u32 port_reregister;              /* [lock] */

	struct mutex subs_lock; /* held while subscribers are called */
	struct list_head subs;  /* [subs_lock] */
	struct waitq thread_wait;
	struct waitq active_wait;
} ib = {
	.lock = SPINLOCK_INIT("ib events", LOCK_MISC),
	.subs = LIST_HEAD_INIT(ib.subs),
	.thread_wait = WAITQ_INIT(ib.thread_wait),
	.active_wait = WAITQ_INIT(ib.active_wait),
};

/* ---- events --------------------------------------------------- */

void ib_event_raise(const struct ib_event *ev)
{
	u64 flags = spin_lock_irqsave(&ib.lock);

	if (ib.head - ib.tail < EVENT_RING) {
		ib.ring[ib.head++ % EVENT_RING] = *ev;
	} else {
		ib.nr_lost++;
		if (ev->qp)
			atomic_dec(&ev->qp->event_refs);
	}
	spin_unlock_irqrestore(&ib.lock, flags);
	waitq_wake_all(&ib.thread_wait);
}

void ib_port_changed(struct ib_device *dev, u8 port, bool reregister)
{
	u64 flags;

	if (port < 1 || port > dev->nr_ports)
		return;
	flags = spin_lock_irqsave(&ib.lock);
	ib.port_changed |= 1u << (port - 1);
	if (reregister)
		ib.port_reregister |= 1u << (port - 1);
	spin_unlock_irqrestore(&ib.lock, flags);
	waitq_wake_all(&ib.thread_wait);
}

void ib_device_fatal(struct ib_device *dev)
{
	struct ib_event ev = {.type = IB_EVENT_DEVICE_FATAL, .dev = dev};

	if (dev->failed)
		return;
	WRITE_ONCE(dev->failed, true);
	pr_err("%s failed: nothing can be sent any more", dev->name);
	ib_event_raise(&ev);
	waitq_wake_all(&ib.active_wait);
}

void ib_event_subscribe(struct ib_event_sub *sub)
{
	ASSERT(sub->handler);
	mutex_lock(&ib.subs_lock);
	list_add_tail(&sub->link, &ib.subs);
	mutex_unlock(&ib.subs_lock);
}

void ib_event_unsubscribe(struct ib_event_sub *sub)
{
	mutex_lock(&ib.subs_lock);
	list_del(&sub->link);
	mutex_unlock(&ib.subs_lock);
}

static void deliver(const struct ib_event *ev)
{
	struct ib_event_sub *sub;

	if (ev->qp) {
		if (ev->qp->init.event)
			ev->qp->init.event(ev->qp, ev->type, ev->qp->init.arg);
		atomic_dec(&ev->qp->event_refs);
		return;
	}
	mutex_lock(&ib.subs_lock);
	list_for_each_entry (sub, &ib.subs, link)
		sub->handler(sub, ev);
	mutex_unlock(&ib.subs_lock);
}

static bool next_event(struct ib_event *ev)
{
	u64 flags = spin_lock_irqsave(&ib.lock);
	bool found = ib.head != ib.tail;

	if (found)
		*ev = ib.ring[ib.tail++ % EVENT_RING];
	spin_unlock_irqrestore(&ib.lock, flags);
	return found;
}

/* ---- ports ---------------------------------------------------- */

static int read_port(struct ib_device *dev, u8 port, struct ib_port_attr *attr)
{
	struct mad in, out;
	int err;

	memset(attr, 0, sizeof(*attr));
	smp_get(&in, SMP_ATTR_PORT_INFO, port);
	err = dev->ops->mad_ifc(dev, port, 0, &in, &out);
	if (err)
		return err;
	smp_port_info(&out, attr);

	smp_get(&in, SMP_ATTR_GUID_INFO, 0);
	err = dev->ops->mad_ifc(dev, port, 0, &in, &out);
	if (err)
		return err;
	attr->gid = ib_gid_make(ib_gid_prefix(&attr->gid), smp_guid(&out));

	smp_get(&in, SMP_ATTR_PKEY_TABLE, 0);
	err = dev->ops->mad_ifc(dev, port, 0, &in, &out);
	if (err)
		return err;
	smp_pkeys(&out, attr->pkeys);
	return 0;
}

static void raise_port(struct ib_device *dev, u8 port, enum ib_event_type type)
{
	struct ib_event ev = {.type = type, .dev = dev, .port = port};

	deliver(&ev);
}

/* Take over the port's state and tell what changed. */
static void refresh_port(struct ib_device *dev, u8 port, bool reregister)
{
	struct ib_port_attr new, *cached = &dev->port[port - 1], old;
	bool was, is;
	u64 flags;

	if (dev->failed || read_port(dev, port, &new))
		return;
	flags = spin_lock_irqsave(&dev->port_lock);
	old = *cached;
	*cached = new;
	spin_unlock_irqrestore(&dev->port_lock, flags);

	was = old.state == IB_PORT_ACTIVE;
	is = new.state == IB_PORT_ACTIVE;
	if (!was && is) {
		pr_info("%s port %u: active, LID %u, SM at LID %u", dev->name,
			port, new.lid, new.sm_lid);
		waitq_wake_all(&ib.active_wait);
		raise_port(dev, port, IB_EVENT_PORT_ACTIVE);
	} else if (was && !is) {
		pr_warn("%s port %u: down", dev->name, port);
		raise_port(dev, port, IB_EVENT_PORT_DOWN);
	} else if (is && (old.lid != new.lid || old.sm_lid != new.sm_lid)) {
		pr_info("%s port %u: LID %u, SM at LID %u", dev->name, port,
			new.lid, new.sm_lid);
		raise_port(dev, port, IB_EVENT_LID_CHANGE);
	}
	if (is && reregister)
		raise_port(dev, port, IB_EVENT_REREGISTER);
}

static bool take_changes(u32 *changed, u32 *reregister)
{
	u64 flags = spin_lock_irqsave(&ib.lock);

	*changed = ib.port_changed;
	*reregister = ib.port_reregister;
	ib.port_changed = 0;
	ib.port_reregister = 0;
	spin_unlock_irqrestore(&ib.lock, flags);
	return *changed;
}

static void poll_inactive_ports(struct ib_device *dev)
{
	for (u8 port = 1; port <= dev->nr_ports; port++)
		if (dev->port[port - 1].state != IB_PORT_ACTIVE)
			refresh_port(dev, port, false);
}

static void event_thread(void *arg)
{
	struct ib_device *dev = arg;

	for (;;) {
		u32 changed, reregister;
		struct ib_event ev;
		bool woken = wait_event_timeout(
			&ib.thread_wait,
			READ_ONCE(ib.head) != READ_ONCE(ib.tail) ||
				READ_ONCE(ib.port_changed),
			PORT_POLL_NS);

		while (next_event(&ev))
			deliver(&ev);
		take_changes(&changed, &reregister);
		for (u8 port = 1; port <= dev->nr_ports; port++)
			if (changed & 1u << (port - 1))
				refresh_port(dev, port,
					     reregister & 1u << (port - 1));
		if (!woken)
			poll_inactive_ports(dev);
	}
}

/* ---- devices -------------------------------------------------- */

void ib_device_register(struct ib_device *dev)
{
	CHECK(dev->nr_ports >= 1 && dev->nr_ports <= IB_MAX_PORTS);
	CHECK(dev->nr_vectors >= 1);
	if (ib.dev) {
		pr_warn("%s: a second HCA is not used", dev->name);
		return;
	}
	spin_lock_init(&dev->port_lock, "ib port", LOCK_MISC);
	ib.dev = dev;
}

void ib_device_probe_failed(void)
{
	ib.probe_failed = true;
}

struct ib_device *ib_device_default(void)
{
	return ib.dev;
}

const char *ib_device_name(const struct ib_device *dev)
{
	return dev->name;
}

u64 ib_device_node_guid(const struct ib_device *dev)
{
	return dev->node_guid;
}

u8 ib_device_nr_ports(const struct ib_device *dev)
{
	return dev->nr_ports;
}

u32 ib_device_nr_vectors(const struct ib_device *dev)
{
	return dev->nr_vectors;
}

u32 ib_device_vector_cpu(const struct ib_device *dev, u32 vector)
{
	ASSERT(vector < dev->nr_vectors);
	return vector; /* drivers make vector v for CPU v */
}

int ib_port_query(struct ib_device *dev, u8 port, struct ib_port_attr *attr)
{
	u64 flags;

	if (port < 1 || port > dev->nr_ports)
		return -EINVAL;
	flags = spin_lock_irqsave(&dev->port_lock);
	*attr = dev->port[port - 1];
	spin_unlock_irqrestore(&dev->port_lock, flags);
	return 0;
}

struct ib_gid ib_port_gid(struct ib_device *dev, u8 port)
{
	u64 flags = spin_lock_irqsave(&dev->port_lock);
	struct ib_gid gid = dev->port[port - 1].gid;

	spin_unlock_irqrestore(&dev->port_lock, flags);
	return gid;
}

int ib_wait_active(struct ib_device *dev, u8 port, u64 timeout_ns)
{
	const struct ib_port_attr *attr;

	if (port < 1 || port > dev->nr_ports)
		return -EINVAL;
	attr = &dev->port[port - 1];
	if (!wait_event_timeout(&ib.active_wait,
				READ_ONCE(attr->state) == IB_PORT_ACTIVE ||
					READ_ONCE(dev->failed),
				timeout_ns))
		return -ETIMEDOUT;
	return dev->failed ? -EIO : 0;
}

enum ib_status ib_status(void)
{
	enum ib_status status = IB_STATUS_NO_LINK;

	if (!ib.dev)
		return ib.probe_failed ? IB_STATUS_HCA_FAILED
				       : IB_STATUS_NO_HCA;
	if (ib.dev->failed)
		return IB_STATUS_HCA_FAILED;
	for (u8 p = 0; p < ib.dev->nr_ports; p++) {
		enum ib_port_state state = READ_ONCE(ib.dev->port[p].state);

		if (state == IB_PORT_ACTIVE)
			return IB_STATUS_ACTIVE;
		if (state == IB_PORT_INIT || state == IB_PORT_ARMED)
			status = IB_STATUS_NO_SM;
	}
	return status;
}

const char *ib_status_hint(enum ib_status status)
{
	switch (status) {
	case IB_STATUS_NO_HCA:
		return "no InfiniBand card found (needs a ConnectX-3)";
	case IB_STATUS_HCA_FAILED:
		return "the InfiniBand card failed; see the log above";
	case IB_STATUS_NO_LINK:
		return "InfiniBand port is down: check the cable, and that "
		       "the switch or fabric runs";
	case IB_STATUS_NO_SM:
		return "InfiniBand link is up but not active: is a subnet "
		       "manager running?";
	case IB_STATUS_ACTIVE:
		return "InfiniBand port is active";
	}
	return "unknown";
}

/* What the subnet's tools show for this node. */
static void describe(struct ib_device *dev)
{
	int err;

	snprintf(dev->description, sizeof(dev->description), "brick %s (%s)",
		 node_name(), node_cluster());
	err = dev->ops->set_description(dev);
	if (err) /* the answers to queries have it nevertheless */
		pr_debug("%s: the card takes no description: error %d",
			 dev->name, err);
}

int ib_start(void)
{
	struct ib_device *dev = ib.dev;
	int err;

	mutex_init(&ib.subs_lock, "ib subscribers", LOCK_IB_SUBS);
	if (!dev) {
		pr_warn("%s", ib_status_hint(ib_status()));
		return -ENODEV;
	}
	describe(dev);
	err = mad_start(dev);
	if (err)
		goto failed;
	err = cm_start(dev);
	if (err)
		goto failed;
	for (u8 port = 1; port <= dev->nr_ports; port++) {
		err = dev->ops->port_open(dev, port);
		if (err)
			goto failed;
		ib_port_changed(dev, port, false);
	}
	if (!thread_spawn("ib-event", event_thread, dev)) {
		err = -ENOMEM;
		goto failed;
	}
	return 0;
failed:
	pr_err("%s: cannot start: error %d", dev->name, err);
	ib_device_fatal(dev);
	return err;
}
