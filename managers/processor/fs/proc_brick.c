/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/brick: what this node counts and whom it knows. */
#include <kernel/counters.h>
#include <kernel/lock_stat.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/fs/dentry.h>
#include <managers/processor/fs/proc_text.h>
#include <managers/processor/fs/seq.h>
#include <managers/processor/mm/fault_phases.h>
#include <managers/processor/pcache/pcache.h>
#include <managers/processor/strace/strace.h>
#include <net/membership.h>

static void show_counter(void *arg, const char *name, const char *help,
			 s64 value, bool is_gauge)
{
	seq_printf(arg, "%s: %ld\n", name, value);
}

static int show_counters(struct vnode *vn, struct seq *seq)
{
	u32 nr_dentries, nr_idle;

	counters_for_each(show_counter, seq);
	dentry_count(&nr_dentries, &nr_idle);
	seq_printf(seq, "nr_dentries: %u\nnr_dentries_idle: %u\n", nr_dentries,
		   nr_idle);
	return 0;
}

static void show_pcache_counter(void *arg, const char *name, const char *help,
				s64 value, bool is_gauge)
{
	if (strstr(name, "pcache") || strstr(name, "pgfault") ||
	    strstr(name, "victim"))
		show_counter(arg, name, help, value, is_gauge);
}

static int show_pcache(struct vnode *vn, struct seq *seq)
{
	seq_printf(seq, "size_bytes: %lu\n", pcache_size_bytes());
	counters_for_each(show_pcache_counter, seq);
	return 0;
}

static void show_peers_of(struct seq *seq, enum node_role role)
{
	/* Membership tells the first of each role. */
	struct peer *peer = peer_get(role, 0);

	if (!peer)
		return;
	seq_printf(seq, "%s: %s\n", peer_name(peer),
		   peer_is_alive(peer) ? "alive" : "gone");
	peer_put(peer);
}

static int show_peers(struct vnode *vn, struct seq *seq)
{
	show_peers_of(seq, ROLE_MEMORY);
	show_peers_of(seq, ROLE_STORAGE);
	show_peers_of(seq, ROLE_PROCESSOR);
	return 0;
}

/* The policies' names, the one in use in brackets. */
static int show_policy(struct vnode *vn, struct seq *seq)
{
	const char *name;
	bool is_current;

	for (u32 i = 0; (name = pcache_policy_name(i, &is_current)); i++)
		seq_printf(seq, is_current ? "%s[%s]" : "%s%s", i ? " " : "",
			   name);
	seq_printf(seq, "\n");
	return 0;
}

static int store_policy(struct vnode *vn, const char *text, size_t len)
{
	return pcache_set_policy(text,
				 len && text[len - 1] == '\n' ? len - 1 : len);
}

static int show_strace(struct vnode *vn, struct seq *seq)
{
	char state[256];

	strace_state(state, sizeof(state));
	seq_printf(seq, "%s\n", state);
	return 0;
}

static int store_strace(struct vnode *vn, const char *text, size_t len)
{
	return strace_command(text, len);
}

static void show_line(void *arg, const char *line)
{
	seq_printf(arg, "%s\n", line);
}

static int show_fault_phases(struct vnode *vn, struct seq *seq)
{
	fault_phases_show(show_line, seq);
	return 0;
}

static void show_lock(void *arg, const struct lock_stat *stat)
{
	seq_printf(arg, "%s: %lu taken, %lu contended\n", stat->name,
		   stat->nr_taken, stat->nr_contended);
}

static int show_locks(struct vnode *vn, struct seq *seq)
{
	struct lock_stat all = lock_stats_sum();

	if (!lock_stats_are_kept())
		seq_printf(seq, "only the debug build counts\n");
	else
		show_lock(seq, &all);
	lock_stats_for_each(show_lock, seq);
	return 0;
}

static const struct pseudo_entry brick_entries[] = {
	PROC_REG("counters", show_counters),
	PROC_REG("fault_phases", show_fault_phases),
	PROC_REG("locks", show_locks),
	PROC_REG("pcache", show_pcache),
	{.name = "pcache_policy",
	 .mode = S_IFREG | 0644,
	 .show = show_policy,
	 .store = store_policy},
	PROC_REG("peers", show_peers),
	{.name = "strace",
	 .mode = S_IFREG | 0644,
	 .show = show_strace,
	 .store = store_strace},
};
const struct pseudo_dir proc_brick_dir = PSEUDO_DIR(brick_entries);
