/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * brick_verbs GID SERVICE-ID once|endless|odd|steal|hold|listen
 *
 * Connects to the verbs service of a Brick node (include/ib/verbs_service.h)
 * by the connection manager, by InfiniBand addresses alone, and verifies every
 * byte that comes back:
 *
 *	once      echoes and copies of many sizes, then disconnects
 *	endless   goes on until a request fails, says how
 *	odd       requests that are refused, then one that is not
 *	steal     a copy by a key that is not ours to give
 *	hold      connects and waits until it is killed
 *	listen    as once, but the node connects; the GID is not looked at
 *
 * Prints "connected", then one line a step.  Exit status: 0 all was right, 1
 * something was wrong, 2 the connection was rejected, 3 a completion was an
 * error.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <infiniband/ib.h>
#include <rdma/rdma_cma.h>
#include <rdma/rdma_verbs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS    10000
#define MESSAGE_BYTES 4096
#define COPY_MAX      (1u << 20)
#define ECHO          1
#define COPY          2

struct request { /* big-endian */
	uint32_t op, status, bytes, rkey;
	uint64_t from, to;
};

static struct rdma_cm_id *id;
static struct ibv_mr *mr;
static struct memory {
	unsigned char send[MESSAGE_BYTES], answer[MESSAGE_BYTES];
	unsigned char from[COPY_MAX], to[COPY_MAX + 1];
} * m;

static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Different bytes each time. */
static void fill(unsigned char *p, size_t n)
{
	static uint32_t state = 1;

	for (size_t i = 0; i < n; i++) {
		state = state * 1103515245 + 12345;
		p[i] = (unsigned char)(state >> 16);
	}
}

/* ---- the connection ---- */

static struct sockaddr_ib address_of(const char *service)
{
	struct sockaddr_ib address = {
		.sib_family = AF_IB,
		.sib_pkey = htobe16(0xffff),
		.sib_sid = htobe64(strtoull(service, NULL, 16)),
		.sib_sid_mask = htobe64(UINT64_MAX),
	};

	return address;
}

static void resolve(const char *gid, const char *service)
{
	struct sockaddr_ib to = address_of(service);

	if (inet_pton(AF_INET6, gid, &to.sib_addr) != 1)
		fail("the GID");
	if (rdma_create_id(NULL, &id, NULL, RDMA_PS_IB))
		fail("rdma_create_id");
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, TIMEOUT_MS))
		fail("rdma_resolve_addr");
	if (rdma_resolve_route(id, TIMEOUT_MS))
		fail("rdma_resolve_route");
}

static void wait_for_request(const char *service)
{
	struct sockaddr_ib at = address_of(service);
	struct rdma_cm_id *listener;

	if (rdma_create_id(NULL, &listener, NULL, RDMA_PS_IB))
		fail("rdma_create_id");
	if (rdma_bind_addr(listener, (struct sockaddr *)&at))
		fail("rdma_bind_addr");
	if (rdma_listen(listener, 1))
		fail("rdma_listen");
	printf("listening\n");
	fflush(stdout);
	if (rdma_get_request(listener, &id))
		fail("rdma_get_request");
}

static void connect_qp(int is_passive)
{
	struct ibv_qp_init_attr attr = {
		.cap = {.max_send_wr = 4,
			.max_recv_wr = 4,
			.max_send_sge = 1,
			.max_recv_sge = 1},
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1, /* probes, too */
	};
	struct rdma_conn_param param = {.responder_resources = 4,
					.initiator_depth = 4,
					.retry_count = 3,
					.rnr_retry_count = 7,
					.private_data = "brick_verbs",
					.private_data_len = 11};

	if (rdma_create_qp(id, NULL, &attr))
		fail("rdma_create_qp");
	mr = ibv_reg_mr(id->pd, m, sizeof(*m),
			IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
				IBV_ACCESS_REMOTE_WRITE);
	if (!mr)
		fail("ibv_reg_mr");
	if (is_passive ? rdma_accept(id, &param) : rdma_connect(id, &param)) {
		if (!id->event || id->event->event != RDMA_CM_EVENT_REJECTED)
			fail("rdma_connect");
		printf("rejected, reason %d\n", id->event->status);
		exit(2);
	}
	printf("connected\n");
	fflush(stdout);
}

/* ---- requests ---- */

/* One completion if there is one. */
static int poll_cq(struct ibv_cq *cq, struct ibv_wc *wc)
{
	int n = ibv_poll_cq(cq, 1, wc);

	if (n < 0)
		fail("ibv_poll_cq");
	if (n && wc->status != IBV_WC_SUCCESS) {
		printf("completion error %d, %s\n", wc->status,
		       ibv_wc_status_str(wc->status));
		exit(3);
	}
	return n;
}

/* Does the peer live?  A write of nothing is acknowledged by its card. */
static void probe(void)
{
	struct ibv_send_wr wr = {.opcode = IBV_WR_RDMA_WRITE}, *bad;
	struct ibv_wc wc;

	if (ibv_post_send(id->qp, &wr, &bad))
		fail("probe");
	while (!poll_cq(id->send_cq, &wc))
		usleep(1000);
}

/* Send @bytes of m->send. Return: how many came back. */
static uint32_t call(size_t bytes)
{
	struct ibv_wc wc;

	memset(m->answer, 0, sizeof(m->answer));
	if (rdma_post_recv(id, NULL, m->answer, sizeof(m->answer), mr))
		fail("rdma_post_recv");
	if (rdma_post_send(id, NULL, m->send, bytes, mr, 0))
		fail("rdma_post_send");
	while (!poll_cq(id->send_cq, &wc))
		usleep(100);
	for (int i = 1; !poll_cq(id->recv_cq, &wc); i++) {
		usleep(100);
		if (i % 10000 == 0)
			probe();
	}
	return wc.byte_len;
}

static void expect(int is_right, const char *what, size_t bytes)
{
	if (is_right)
		return;
	printf("%s of %zu bytes: wrong answer\n", what, bytes);
	exit(1);
}

static void echo(size_t bytes)
{
	struct request *req = (struct request *)m->send;

	fill(m->send, bytes);
	req->op = htobe32(ECHO);
	req->status = 0;
	expect(call(bytes) == bytes && !memcmp(m->send, m->answer, bytes),
	       "echo", bytes);
}

/* Return: the status. */
static uint32_t copy(uint32_t bytes, uint32_t rkey)
{
	struct request *req = (struct request *)m->send;
	struct request *answer = (struct request *)m->answer;

	*req = (struct request){.op = htobe32(COPY),
				.bytes = htobe32(bytes),
				.rkey = htobe32(rkey),
				.from = htobe64((uintptr_t)m->from),
				.to = htobe64((uintptr_t)m->to)};
	fill(m->from, COPY_MAX);
	memset(m->to, 0x55, sizeof(m->to));
	expect(call(sizeof(*req)) == sizeof(*req), "copy", bytes);
	return be32toh(answer->status);
}

static void good_copy(uint32_t bytes)
{
	expect(copy(bytes, mr->rkey) == 0, "copy", bytes);
	for (uint32_t i = 0; i < bytes; i++)
		expect((m->from[i] ^ m->to[i]) == 0xff, "copy", bytes);
	expect(m->to[bytes] == 0x55, "copy", bytes);
}

static void all_sizes(void)
{
	static const size_t echoes[] = {32, 33, 255, 2048, 2049, 4096};
	static const uint32_t copies[] = {0,     1,     4095,    4096,
					  32769, 65536, COPY_MAX};

	for (size_t i = 0; i < sizeof(echoes) / sizeof(*echoes); i++)
		echo(echoes[i]);
	printf("echoes are right\n");
	for (size_t i = 0; i < sizeof(copies) / sizeof(*copies); i++)
		good_copy(copies[i]);
	printf("copies are right\n");
	for (int i = 0; i < 500; i++)
		echo(sizeof(struct request) + (size_t)i);
	printf("500 echoes are right\n");
}

static void refused(void)
{
	struct request *answer = (struct request *)m->answer;

	memset(m->send, 0xff, MESSAGE_BYTES);
	call(7); /* shorter than a header */
	expect(be32toh(answer->status) == 1, "a stub", 7);
	call(MESSAGE_BYTES); /* no such operation */
	expect(be32toh(answer->status) == 1, "nonsense", MESSAGE_BYTES);
	expect(copy(0xffffffff, mr->rkey) == 1, "copy", 0xffffffff);
	expect(m->to[0] == 0x55, "copy", 0xffffffff);
	good_copy(100);
	printf("odd requests were refused\n");
}

int main(int argc, char **argv)
{
	const char *what = argc == 4 ? argv[3] : "";
	int is_passive;

	m = aligned_alloc(4096, (sizeof(*m) + 4095) & ~(size_t)4095);
	if (!m || !*what)
		return 1;
	is_passive = !strcmp(what, "listen");
	if (is_passive)
		wait_for_request(argv[2]);
	else
		resolve(argv[1], argv[2]);
	connect_qp(is_passive);
	if (!strcmp(what, "once") || is_passive)
		all_sizes();
	else if (!strcmp(what, "odd"))
		refused();
	else if (!strcmp(what, "steal"))
		copy(4096, mr->rkey ^ 0xff00);
	else if (!strcmp(what, "hold"))
		pause();
	while (!strcmp(what, "endless"))
		good_copy(COPY_MAX);
	if (rdma_disconnect(id))
		fail("rdma_disconnect");
	printf("disconnected\n");
	rdma_destroy_ep(id);
	return 0;
}
