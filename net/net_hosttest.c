/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole cluster on the host: every node is a process with the real driver,
 * InfiniBand layers and net/, on a card of the fabric program.  The parent
 * starts, kills and restarts nodes; the processor node does the checking.
 * Needs the fabric program (BRICK_FABRIC, or where `make tools` puts it).
 */
#define _GNU_SOURCE
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <ib/verbs.h>
#include <kernel/cmdline.h>
#include <kernel/counters.h>
#include <kernel/init.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <lib/ktest.h>
#include <mm/dma.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <tests/unit/threads_kernel.h>
#include <time.h>
#include <unistd.h>

#define POOL_BYTES  (4u << 20)
#define JOIN_NS     (40 * NSEC_PER_SEC)
#define NR_BATCH    200u
#define CHILD_LIMIT 150 /* seconds */

/* Quick to notice a death. */
u64 cmdline_get_u64(const char *name, u64 dflt)
{
	if (!strcmp(name, "peer_suspect_ms"))
		return 2500;
	if (!strcmp(name, "peer_gone_ms"))
		return 5000;
	return dflt;
}

/* ---- nodes -----------------------------------------------------------------
 */

static char dir[] = "/tmp/brick-net-XXXXXX";

static pid_t start_fabric(void)
{
	const char *program = getenv("BRICK_FABRIC");
	pid_t pid;

	if (!program)
		program = "build/tools/brick-fabric";
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program, program, "--quiet", "--dir", dir, "--ports", "3",
	      "--log", "/dev/null", NULL);
	perror(program);
	_exit(127);
}

static void node_up(enum node_role role)
{
	char path[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(CHILD_LIMIT);
	host_role = role;
	snprintf(path, sizeof(path), "%s/card%d.sock", dir, (int)role);
	if (host_probe(path) || ib_start() || net_start()) {
		fprintf(stderr, "node %d does not start\n", (int)role);
		_exit(1);
	}
}

static u64 pool_dma;
static struct region *pool_region;

/* A memory node's pool of frames, without the memory manager. */
int rpc_handle_m_attach(struct rpc_ctx *ctx, const struct rpc_m_attach *req,
			struct rpc_m_attach_reply *rep)
{
	if (!pool_region)
		return -EAGAIN;
	rep->pool_dma = le64_make(pool_dma);
	rep->nr_frames = le64_make(POOL_BYTES / 4096);
	rep->pool_rkey = le32_make(net_region_rkey(pool_region));
	return 0;
}

static pid_t start_node(enum node_role role)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	node_up(role);
	if (role == ROLE_MEMORY &&
	    (!dma_alloc(POOL_BYTES, &pool_dma) ||
	     net_region_register(pool_dma, POOL_BYTES,
				 REGION_REMOTE_READ | REGION_REMOTE_WRITE,
				 &pool_region)))
		_exit(1);
	for (;;)
		pause();
}

/* ---- what the processor node checks
 * ------------------------------------------- */

static int nr_failed;
static int to_parent;
static atomic_t nr_joined, nr_gone;

#define REQUIRE(e)                                                             \
	do {                                                                   \
		if (!(e)) {                                                    \
			fprintf(stderr, "    %s:%d: %s\n", __FILE__, __LINE__, \
				#e);                                           \
			nr_failed++;                                           \
		}                                                              \
	} while (0)

static void on_event(struct peer *peer, enum peer_event event)
{
	if (event == PEER_JOINED)
		atomic_inc(&nr_joined);
	if (event == PEER_GONE)
		atomic_inc(&nr_gone);
}

static void tell_parent(char what)
{
	if (write(to_parent, &what, 1) != 1)
		_exit(1);
}

static void check_refusals(struct peer *memory)
{
	struct rpc_m_asid asid = {0};
	struct rpc_m_fork_reply rep;
	struct rpc_fs_node_reply node;
	struct rpc_args no_handler = {.req = &asid, .rep = &rep};
	struct rpc_args other_role = {
		.tail = "root", .tail_len = 4, .rep = &node};
	struct rpc_none none;

	other_role.req = &none;
	REQUIRE(rpc_call(memory, RPC_m_fork, &no_handler) == -ENOSYS);
	REQUIRE(rpc_call(memory, RPC_s_fs_root, &other_role) == -ENOSYS);
	other_role.tail_len = 17;
	REQUIRE(rpc_call(memory, RPC_s_fs_root, &other_role) == -EINVAL);
}

struct batch {
	struct remote_io ios[NR_BATCH];
	struct remote_io *list[NR_BATCH];
	atomic_t nr_left, nr_bad;
	struct completion done;
};
static struct batch batch;

static void batch_done(struct remote_io *io)
{
	if (io->status)
		atomic_inc(&batch.nr_bad);
	if (atomic_dec_and_test(&batch.nr_left))
		complete(&batch.done);
}

/* Write and read many pages at once; more than the queue holds. */
static void check_transfers(struct peer *memory, u64 remote, u32 rkey)
{
	u64 bytes = (u64)NR_BATCH * 4096, dma, nr_before;
	u8 *local = dma_alloc(bytes, &dma);
	struct region *region;

	REQUIRE(!net_region_register(dma, ALIGN_UP(bytes, 4096), 0, &region));
	for (u64 i = 0; i < bytes; i++)
		local[i] = (u8)(i * 7 + i / 4096);
	for (int reading = 0; reading < 2; reading++) {
		completion_init(&batch.done);
		atomic_set(&batch.nr_left, NR_BATCH);
		for (u32 i = 0; i < NR_BATCH; i++) {
			batch.list[i] = &batch.ios[i];
			batch.ios[i] = (struct remote_io){
				.region = region,
				.paddr = dma + i * 4096ul,
				.remote_addr = remote + i * 4096ul,
				.rkey = rkey,
				.len_bytes = 4096,
				.done = batch_done,
			};
		}
		if (reading)
			memset(local, 0, bytes);
		nr_before = counter_read(COUNTER_nr_rdma_completion);
		REQUIRE(!(reading ? remote_read_async : remote_write_async)(
			memory, batch.list, NR_BATCH));
		wait_for_completion(&batch.done);
		/* Of writes only the last one posted has one. */
		nr_before =
			counter_read(COUNTER_nr_rdma_completion) - nr_before;
		REQUIRE(reading ? nr_before == NR_BATCH
				: nr_before <= NR_BATCH / 4);
		REQUIRE(!atomic_read(&batch.nr_bad));
	}
	for (u64 i = 0; i < bytes; i++) {
		if (local[i] != (u8)(i * 7 + i / 4096)) {
			REQUIRE(!"same bytes");
			break;
		}
	}
	REQUIRE(!remote_write(memory, region, dma, remote + 8192, rkey, 100));
	REQUIRE(!remote_read(memory, region, dma + 4096, remote + 8192, rkey,
			     100));
	REQUIRE(!memcmp(local, local + 4096, 100));
	/* A wrong key fails that transfer alone; the peer stays. */
	REQUIRE(remote_read(memory, region, dma, remote, rkey + 1, 100) ==
		-EIO);
	REQUIRE(!remote_read(memory, region, dma, remote, rkey, 100));
	net_region_unregister(region);
}

static void check_memory(struct peer *memory)
{
	struct rpc_m_attach req = {0};
	struct rpc_m_attach_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};
	int rc;

	while ((rc = rpc_call(memory, RPC_m_attach, &args)) == -EAGAIN)
		sleep_ns(100 * NSEC_PER_MSEC);
	REQUIRE(!rc);
	if (!rc)
		check_transfers(memory, le64_get(rep.pool_dma),
				le32_get(rep.pool_rkey));
}

static void wait_count(atomic_t *count, int want)
{
	for (int i = 0; i < 400 && atomic_read(count) < want; i++)
		sleep_ns(100 * NSEC_PER_MSEC);
	REQUIRE(atomic_read(count) == want);
}

/* The memory node dies under a call, comes back, and is another peer. */
static void check_death(struct peer *memory)
{
	struct rpc_n_echo req = {.delay_ms = le32_make(20000)};
	struct rpc_n_echo_reply rep;
	struct rpc_args args = {.req = &req, .rep = &rep};
	u64 begun = time_mono_ns(), guid = peer_guid(memory);
	struct peer *again;

	tell_parent('k');
	REQUIRE(rpc_call(memory, RPC_n_echo, &args) == -EHOSTDOWN);
	REQUIRE(time_mono_ns() - begun < 15 * NSEC_PER_SEC);
	wait_count(&nr_gone, 1);
	REQUIRE(!peer_is_alive(memory));
	REQUIRE(!peer_get(ROLE_MEMORY, 0));
	REQUIRE(rpc_call(memory, RPC_n_echo, &args) == -EHOSTDOWN);
	tell_parent('r');
	again = peer_wait(ROLE_MEMORY, 0, JOIN_NS);
	REQUIRE(again && again != memory);
	if (!again)
		return;
	REQUIRE(peer_guid(again) == guid);
	REQUIRE(peer_index(again) == peer_index(memory));
	wait_count(&nr_joined, 3);
	REQUIRE(net_echo_test(again, 4, 20));
	check_memory(again);
	peer_put(again);
}

/*
 * This node sleeps for so long that the others give it up.  What they kept
 * for it is gone, so it must not go on as if nothing had been.
 */
static void check_sleep(void)
{
	int joined = atomic_read(&nr_joined), gone = atomic_read(&nr_gone);

	tell_parent('s');
	wait_count(&nr_gone, gone + 2);
	wait_count(&nr_joined, joined + 2);
}

static int processor_main(void)
{
	struct peer *memory, *storage;

	node_up(ROLE_PROCESSOR);
	net_on_peer_event(on_event);
	memory = peer_wait(ROLE_MEMORY, 0, JOIN_NS);
	storage = peer_wait(ROLE_STORAGE, 0, JOIN_NS);
	REQUIRE(memory && storage);
	if (!memory || !storage)
		return 1;
	wait_count(&nr_joined, 2);
	REQUIRE(net_echo_test(memory, 16, 60));
	REQUIRE(net_echo_test(storage, 16, 60));
	check_refusals(memory);
	check_memory(memory);
	check_death(memory);
	check_sleep();
	peer_put(memory);
	peer_put(storage);
	return nr_failed != 0;
}

/* ---- the test
 * ------------------------------------------------------------------ */

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void suspend(pid_t pid, u32 seconds)
{
	kill(pid, SIGSTOP);
	sleep(seconds);
	kill(pid, SIGCONT);
}

KTEST(three_nodes_meet_talk_survive_a_death_and_meet_again)
{
	pid_t fabric, processor, memory, storage;
	int pipes[2], status = -1;
	char what;

	EXPECT_TRUE(mkdtemp(dir) != NULL);
	EXPECT_EQ(pipe2(pipes, O_CLOEXEC), 0);
	fabric = start_fabric();
	sleep(1);
	processor = fork();
	if (!processor) {
		close(pipes[0]);
		to_parent = pipes[1];
		_exit(processor_main());
	}
	close(pipes[1]);
	storage = start_node(ROLE_STORAGE);
	memory = start_node(ROLE_MEMORY);
	while (read(pipes[0], &what, 1) == 1) {
		if (what == 'k')
			stop(memory);
		else if (what == 's')
			suspend(processor, 9);
		else
			memory = start_node(ROLE_MEMORY);
	}
	waitpid(processor, &status, 0);
	EXPECT_EQ(status, 0);
	stop(memory);
	stop(storage);
	stop(fabric);
	for (int i = 1; i <= 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/card%d.sock", dir, i);
		unlink(path);
	}
	rmdir(dir);
}
