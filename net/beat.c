/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Heartbeats.  A thread sends one frame a second on every channel that is up;
 * a node of which nothing was heard is first suspected, then gone.  A thread
 * and not a timer, so that a node whose kernel is stuck falls silent, though
 * its card still answers.
 */
#define pr_fmt(fmt) "net: " fmt
#include "net.h"

#include <kernel/cmdline.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <kernel/time.h>

#define BEAT_NS (1 * NSEC_PER_SEC)

BOOT_OPTION(peer_suspect_ms, "silence after which a peer is suspected (5000)",
	    NULL);
BOOT_OPTION(peer_gone_ms, "silence after which a peer is gone (20000)", NULL);

static u64 suspect_ns;
static u64 gone_ns;

static void beat_peer(struct peer *p)
{
	u64 now = time_mono_ns();
	u64 heard = READ_ONCE(p->heard_ns);
	u64 silent = now > heard ? now - heard : 0;

	for (u32 i = 0; i < p->nr_chans; i++)
		chan_send_beat(&p->chans[i]);
	if (p->state != PEER_ALIVE)
		return;
	if (silent > gone_ns) {
		peer_die(p, "it has been silent for too long");
	} else if (silent > suspect_ns && !p->is_suspected) {
		p->is_suspected = true;
		pr_warn("nothing heard of %s for %lu ms; is it running, is its "
			"link up?",
			p->name, silent / NSEC_PER_MSEC);
		peer_emit(p, PEER_SUSPECTED);
	} else if (silent <= suspect_ns && p->is_suspected) {
		p->is_suspected = false;
		pr_info("%s is heard again", p->name);
	}
}

static void beat_main(void *arg)
{
	u64 before = time_mono_ns();

	for (;;) {
		struct peer *p = NULL;
		u64 late;

		sleep_ns(BEAT_NS);
		/* If we did not run, others were not silent: we were deaf. */
		late = time_mono_ns() - before;
		before += late;
		while ((p = peer_next(p))) {
			if (late > 3 * BEAT_NS)
				WRITE_ONCE(p->heard_ns, before);
			if (p->state < PEER_DEAD)
				beat_peer(p);
		}
	}
}

int beat_start(void)
{
	suspect_ns = cmdline_get_u64("peer_suspect_ms", 5000) * NSEC_PER_MSEC;
	gone_ns = cmdline_get_u64("peer_gone_ms", 20000) * NSEC_PER_MSEC;
	return thread_spawn("net-beat", beat_main, NULL) ? 0 : -ENOMEM;
}
