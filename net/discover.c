/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding each other.  A thread waits for the card and the subnet manager,
 * registers this node's service record, renews it, and looks at the records
 * of the roles that this node connects to.  Whatever is missing is said on
 * the console every few seconds, with a hint.
 *
 * A record outlives its node until the lease ends.  The record of a peer that
 * is gone is ignored until its beat has grown, which only a living node does.
 */
#define pr_fmt(fmt) "net: " fmt
#include "net.h"

#include <kernel/cmdline.h>
#include <kernel/cpu.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/random.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/printf.h>
#include <lib/string.h>

#define POLL_NS          (1 * NSEC_PER_SEC)
#define RENEW_NS         (10 * NSEC_PER_SEC)
#define LEASE_SECONDS    40
#define HINT_NS          (5 * NSEC_PER_SEC)
#define HINT_MAX_NS      (60 * NSEC_PER_SEC)
#define BACKOFF_NS       (2 * NSEC_PER_SEC)
#define PORT_PATIENCE_NS (30 * NSEC_PER_SEC)
#define MAX_RECORDS      64

BOOT_OPTION(
	rdma_spin_us,
	"poll at most so long for a transfer before sleeping (50); 0: never",
	NULL);

/* What we remember of a node whose peer is gone or did not join. */
struct past {
	u64 guid;
	u64 incarnation;
	u64 beat;
	u64 retry_ns;
};
static struct past pasts[MAX_PEERS]; /* by peer index [pasts_lock] */
static DEFINE_SPINLOCK(pasts_lock, LOCK_MISC);

static struct sa_service records[MAX_RECORDS]; /* [discover thread] */
static u64 beat;             /* of our record [discover thread] */
static u64 renew_ns;         /* when [discover thread] */
static bool must_register;   /* now, the SM asked [atomic] */
static u64 hint_ns;          /* next [discover thread] */
static u64 waiting_since_ns; /* 0: nothing is missing [discover thread] */

void discover_forget(const struct peer *peer)
{
	u64 flags = spin_lock_irqsave(&pasts_lock);

	pasts[peer->index] = (struct past){
		.guid = peer->guid,
		.incarnation = peer->incarnation,
		/* One that never joined may have been refused for a passing
		 * reason: only the pause counts. */
		.beat = peer->is_announced ? peer->record_beat : 0,
		.retry_ns = time_mono_ns() + BACKOFF_NS,
	};
	spin_unlock_irqrestore(&pasts_lock, flags);
}

static bool is_past(u64 guid, u64 incarnation, u64 record_beat)
{
	bool past = false;
	u64 flags = spin_lock_irqsave(&pasts_lock);

	for (u32 i = 0; i < MAX_PEERS; i++) {
		const struct past *p = &pasts[i];

		if (p->guid != guid)
			continue;
		past = time_mono_ns() < p->retry_ns ||
		       (p->incarnation == incarnation &&
			record_beat <= p->beat);
	}
	spin_unlock_irqrestore(&pasts_lock, flags);
	return past;
}

/* ---- our record
 * ----------------------------------------------------------------- */

static void record_name(char *buf, enum node_role role)
{
	snprintf(buf, SA_SERVICE_NAME_BYTES, "brick:%s:%s", net_self.cluster,
		 role_name(role));
}

static int register_self(void)
{
	struct sa_service s = {
		.service_id = BRICK_SERVICE_ID,
		.lease_seconds = LEASE_SECONDS,
	};
	struct wire_record r = {
		.magic = le32_make(RPC_MAGIC),
		.version = le32_make(RPC_VERSION),
		.role = le32_make(node_role()),
		.nr_channels = le32_make(net_self.nr_chans),
		.guid = le64_make(net_self.guid),
		.incarnation = le64_make(net_self.incarnation),
		.beat = le64_make(++beat),
	};
	int rc;

	record_name(s.name, node_role());
	memcpy(s.data, &r, sizeof(r));
	rc = sa_service_register(net_self.dev, net_self.port, &s);
	if (!rc) {
		if (beat == 1)
			pr_info("registered as \"%s\"", s.name);
		renew_ns = time_mono_ns() + RENEW_NS;
		WRITE_ONCE(must_register, false);
	}
	return rc;
}

static void on_ib_event(struct ib_event_sub *sub, const struct ib_event *ev)
{
	if (ev->type == IB_EVENT_REREGISTER ||
	    ev->type == IB_EVENT_LID_CHANGE || ev->type == IB_EVENT_PORT_ACTIVE)
		WRITE_ONCE(must_register, true);
}

static struct ib_event_sub event_sub = {.handler = on_ib_event};

/* ---- others' records
 * -------------------------------------------------------------- */

/* The peer of an older incarnation has died without a word. */
static bool is_known(u64 guid, u64 incarnation)
{
	struct peer *p = peer_find(guid, 0);
	bool known = p && p->incarnation == incarnation;

	if (p && !known)
		peer_die(p, "it has restarted");
	peer_put(p);
	return known;
}

static void consider(const struct sa_service *s, enum node_role role)
{
	struct wire_record r;
	struct peer_init init = {
		.role = role,
		.session = random_u64() | 1,
		.is_active = true,
		.port = net_self.port,
	};
	int rc;

	memcpy(&r, s->data, sizeof(r));
	if (le32_get(r.magic) != RPC_MAGIC ||
	    le32_get(r.version) != RPC_VERSION || le32_get(r.role) != role ||
	    !le64_get(r.guid) || !le32_get(r.nr_channels)) {
		pr_warn_ratelimited("record \"%s\" is not of this version",
				    s->name);
		return;
	}
	init.guid = le64_get(r.guid);
	init.incarnation = le64_get(r.incarnation);
	init.record_beat = le64_get(r.beat);
	/* CPUs of the larger node share nothing on their side. */
	init.nr_chans =
		min(max(net_self.nr_chans, le32_get(r.nr_channels)), MAX_CHANS);
	if (init.guid == net_self.guid ||
	    is_past(init.guid, init.incarnation, init.record_beat) ||
	    is_known(init.guid, init.incarnation))
		return;
	rc = sa_path_by_gid(net_self.dev, net_self.port, &s->gid, &init.path);
	if (rc) {
		pr_warn_ratelimited("no path to %s node %016lx: error %d",
				    role_name(role), init.guid, -rc);
		return;
	}
	peer_put(peer_create(&init));
	link_kick();
}

static bool have(enum node_role role)
{
	struct peer *p = peer_get(role, 0);

	peer_put(p);
	return p != NULL;
}

static bool hint_is_due(void)
{
	u64 now = time_mono_ns();

	if (!waiting_since_ns) {
		waiting_since_ns = now;
		hint_ns = now + HINT_NS;
	}
	if (now < hint_ns)
		return false;
	/* Less often as time goes by. */
	hint_ns =
		now + clamp((now - waiting_since_ns) / 4, HINT_NS, HINT_MAX_NS);
	return true;
}

static void look_for(enum node_role role)
{
	char name[SA_SERVICE_NAME_BYTES];
	int n;

	record_name(name, role);
	n = sa_service_list(net_self.dev, net_self.port, name, 0, records,
			    MAX_RECORDS);
	for (int i = 0; i < n; i++)
		consider(&records[i], role);
	if (have(role) || !hint_is_due())
		return;
	if (n < 0)
		pr_info("waiting: the subnet manager does not answer (error "
			"%d); is it running?",
			-n);
	else if (!n)
		pr_info("waiting: no %s node in cluster \"%s\" yet (%lu s); "
			"start one with role=%s cluster=%s on this fabric",
			role_name(role), net_self.cluster,
			(time_mono_ns() - waiting_since_ns) / NSEC_PER_SEC,
			role_name(role), net_self.cluster);
	else
		pr_info("waiting: connecting to %d %s node(s) of cluster "
			"\"%s\" (%lu s)",
			n, role_name(role), net_self.cluster,
			(time_mono_ns() - waiting_since_ns) / NSEC_PER_SEC);
}

/* ---- the thread
 * ------------------------------------------------------------------- */

/*
 * The first active port.  One before it whose link is up is waited for, but
 * not for ever: its subnet may have no manager.
 */
static bool pick_port(u64 patient_until_ns)
{
	u8 nr_ports = ib_device_nr_ports(net_self.dev);
	struct ib_port_attr attr;

	for (u8 port = 1; port <= nr_ports; port++) {
		if (ib_port_query(net_self.dev, port, &attr))
			continue;
		if (attr.state == IB_PORT_ACTIVE) {
			net_self.port = port;
			if (nr_ports > 1)
				pr_info("this node uses port %u of the "
					"card's %u",
					port, nr_ports);
			return true;
		}
		if (attr.state != IB_PORT_DOWN &&
		    time_mono_ns() < patient_until_ns)
			return false;
	}
	return false;
}

static void wait_for_card(void)
{
	u64 patient_until_ns;

	while (!net_pd() || !ib_device_default()) {
		if (hint_is_due())
			pr_info("waiting: %s", ib_status_hint(ib_status()));
		sleep_ns(POLL_NS);
	}
	net_self.dev = ib_device_default();
	patient_until_ns = time_mono_ns() + PORT_PATIENCE_NS;
	while (!pick_port(patient_until_ns)) {
		if (hint_is_due())
			pr_info("waiting: %s", ib_status_hint(ib_status()));
		sleep_ns(POLL_NS / 10);
	}
	waiting_since_ns = 0;
	net_self.incarnation = time_real_ns() ^ (random_u64() & 0xffff);
	WRITE_ONCE(net_self.guid, ib_device_node_guid(net_self.dev));
}

static void look_around(void)
{
	bool is_complete = true;

	for (enum node_role role = ROLE_MEMORY; role <= ROLE_STORAGE; role++) {
		if (role <= node_role())
			continue;
		look_for(role);
		is_complete = is_complete && have(role);
	}
	if (is_complete)
		waiting_since_ns = 0;
}

static void discover_main(void *arg)
{
	int rc;

	wait_for_card();
	ib_event_subscribe(&event_sub);
	rc = link_listen();
	if (rc)
		pr_err("cannot take connections: error %d", -rc);
	for (;;) {
		if (ib_status() != IB_STATUS_ACTIVE) {
			if (hint_is_due())
				pr_info("waiting: %s",
					ib_status_hint(ib_status()));
			sleep_ns(POLL_NS);
			continue;
		}
		if (READ_ONCE(must_register) || time_mono_ns() >= renew_ns) {
			rc = register_self();
			if (rc && hint_is_due())
				pr_info("waiting: could not register this node "
					"at the subnet manager (error %d); is "
					"it running?",
					-rc);
		}
		look_around();
		sleep_ns(POLL_NS);
	}
}

int discover_start(void)
{
	net_self.spin_ns = cmdline_get_u64("rdma_spin_us", 50) * NSEC_PER_USEC;
	net_self.spin_cycles =
		net_self.spin_ns * time_tsc_khz() / (NSEC_PER_SEC / 1000);
	/* At least two: one may be closed and made anew under load. */
	net_self.nr_chans = clamp(nr_cpus_online, 2u, MAX_CHANS);
	if (strscpy(net_self.cluster, node_cluster(),
		    sizeof(net_self.cluster)) < 0)
		pr_err("cluster name is too long: cut to \"%s\"",
		       net_self.cluster);
	return thread_spawn("net-discover", discover_main, NULL) ? 0 : -ENOMEM;
}

int net_start(void)
{
	int rc = serve_start();

	if (!rc)
		rc = peer_start();
	if (!rc)
		rc = link_start();
	if (!rc)
		rc = beat_start();
	if (!rc)
		rc = discover_start();
	return rc;
}

/* ---- monitor
 * ---------------------------------------------------------------------- */

static const char *chan_state_name(enum chan_state state)
{
	static const char *const names[] = {
		[CHAN_IDLE] = "idle",
		[CHAN_OPENING] = "opening",
		[CHAN_CONNECTING] = "connecting",
		[CHAN_UP] = "up",
		[CHAN_FAILED] = "failed",
	};

	return names[state];
}

static void cmd_peers(int argc, char **argv)
{
	static const char *const states[] = {"connecting", "alive", "dead",
					     "gone"};
	struct peer *p = NULL;

	mprintf("this: %s node %016lx, cluster \"%s\", %s\n",
		role_name(node_role()), net_self.guid, net_self.cluster,
		ib_status() == IB_STATUS_ACTIVE ? "port active"
						: ib_status_hint(ib_status()));
	while ((p = peer_next(p))) {
		mprintf("%s: %s%s, heard %lu ms ago, index %u\n", p->name,
			states[p->state], p->is_suspected ? ", suspected" : "",
			(time_mono_ns() - p->heard_ns) / NSEC_PER_MSEC,
			p->index);
		for (u32 i = 0; i < p->nr_chans; i++) {
			struct chan *c = &p->chans[i];

			mprintf("  channel %u: %s, life %u, %u calls, %u "
				"transfers\n",
				i, chan_state_name(c->state), c->epoch,
				c->calls.nr_busy, c->nr_io);
		}
		call_show(p);
	}
}
MONITOR_CMD(peers, "nodes of the cluster and the channels to them", cmd_peers);
