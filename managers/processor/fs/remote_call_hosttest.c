/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remote_call() with a node that dies, is silent, or comes again. */
#include "remote.h"

#include <kernel/time.h>
#include <lib/errno.h>
#include <lib/ktest.h>

static u64 now_ns;
static u32 nr_calls, nr_waits, nr_held;
static u32 nr_lives;   /* the node dies in so many calls, then answers; */
static int death;      /* callers see this */
static bool is_absent; /* no node of that name joins */
static struct peer *const node = (struct peer *)&now_ns;

u64 time_mono_ns(void)
{
	return now_ns;
}

struct peer *peer_wait(enum node_role role, u64 guid, u64 timeout_ns)
{
	nr_waits++;
	if (is_absent) {
		now_ns += timeout_ns;
		return NULL;
	}
	nr_held++;
	return node;
}

void peer_put(struct peer *peer)
{
	nr_held--;
}

int rpc_call(struct peer *peer, enum rpc_op op, struct rpc_args *args)
{
	nr_calls++;
	now_ns += NSEC_PER_SEC;
	if (nr_calls <= nr_lives)
		return death;
	return 7;
}

const char *rpc_name(enum rpc_op op)
{
	return "a message";
}

static int call(bool may_repeat, u32 lives, int how)
{
	struct rpc_args args = {0};

	now_ns = nr_calls = nr_waits = 0;
	nr_lives = lives;
	death = how;
	return remote_call(ROLE_MEMORY, 1, RPC_m_fs_unlink, may_repeat, &args);
}

KTEST(a_call_that_only_reads_goes_on_with_the_nodes_next_life)
{
	EXPECT_EQ(call(true, 0, 0), 7);
	EXPECT_EQ(call(true, 2, -EHOSTDOWN), 7);
	EXPECT_EQ(nr_calls, 3);
	EXPECT_EQ(call(true, 1, -ETIMEDOUT), 7);
	EXPECT_EQ(nr_calls, 2);
	EXPECT_EQ(nr_held, 0);
}

KTEST(any_other_call_gives_eio_when_its_node_dies_or_is_silent)
{
	/* It may have happened: doing it again might do it twice. */
	EXPECT_EQ(call(false, 1, -EHOSTDOWN), -EIO);
	EXPECT_EQ(nr_calls, 1);
	EXPECT_EQ(call(false, 1, -ETIMEDOUT), -EIO);
	EXPECT_EQ(nr_calls, 1);
	EXPECT_EQ(call(false, 1, -ENOSPC), -ENOSPC);
	EXPECT_EQ(nr_held, 0);
}

KTEST(r7_a_call_to_a_node_that_stays_away_fails_in_bounded_time)
{
	is_absent = true;
	EXPECT_EQ(call(true, 0, 0), -EIO);
	EXPECT_EQ(nr_waits, 1);
	is_absent = false;
	EXPECT_EQ(call(true, 1000000, -EHOSTDOWN), -EIO);
	EXPECT_TRUE(now_ns < 300 * NSEC_PER_SEC);
	EXPECT_EQ(nr_held, 0);
}
