/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as management packets: no crash, nothing written outside, and what
 * is accepted keeps its promises.
 */
#include "cm_codec.h"
#include "ping.h"
#include "rmpp.h"
#include "sa_codec.h"
#include <ib/smp.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(e)               \
	do {                     \
		if (!(e))        \
			abort(); \
	} while (0)

static const char description[IB_DESCRIPTION_BYTES] = "brick";

static void fuzz_one(const struct mad *m)
{
	struct ib_port_attr attr = {0};
	struct sa_service service;
	struct sa_path path;
	struct cm_req req, again;
	struct cm_rep rep;
	struct mad copy = *m;
	u16 pkeys[32];

	smp_port_info(m, &attr);
	REQUIRE(attr.active_mtu >= IB_MTU_256 &&
		attr.active_mtu <= IB_MTU_4096);
	smp_pkeys(m, pkeys);
	if (smp_arrived(&copy, 1))
		REQUIRE(HW_GET(m, SMP_HOP_CNT) <= SMP_MAX_HOPS);
	sa_get_service(m->raw + SA_DATA, &service);
	REQUIRE(strlen(service.name) < SA_SERVICE_NAME_BYTES);
	if (sa_get_path(m->raw + SA_DATA, &path))
		REQUIRE(path.dlid && path.dlid < 0xc000);
	smp_describe(&copy, description);
	if (ping_answer(m, description, &copy))
		REQUIRE(HW_GET(&copy, MAD_METHOD) == (MAD_GET | MAD_RESPONSE) &&
			!strcmp((char *)copy.raw + VENDOR_DATA, description));
	cm_get_rep(m, &rep);
	if (!cm_get_req(m, &req)) {
		cm_put_req(&copy, 1, &req);
		REQUIRE(!cm_get_req(&copy, &again));
		REQUIRE(!memcmp(&req.path, &again.path, sizeof(req.path)));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u32 max = size ? data[0] * 4u : 0;
	u8 *out = malloc(max);
	struct rmpp_rx rx;
	struct mad m, ack;
	bool has_ack;

	rmpp_rx_init(&rx, out, max);
	for (size_t at = 1; at < size; at += sizeof(m)) {
		size_t n = size - at < sizeof(m) ? size - at : sizeof(m);

		memset(&m, 0, sizeof(m));
		memcpy(&m, data + at, n);
		fuzz_one(&m);
		rmpp_rx_segment(&rx, &m, &ack, &has_ack);
		REQUIRE(rx.bytes <= max);
	}
	free(out);
	return 0;
}
