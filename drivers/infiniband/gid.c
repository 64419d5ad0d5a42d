/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Port addresses, and the names of completion statuses. */
#include <ib/verbs.h>
#include <lib/byteorder.h>
#include <lib/string.h>

u64 ib_gid_prefix(const struct ib_gid *gid)
{
	return get_be64(gid->raw);
}

u64 ib_gid_guid(const struct ib_gid *gid)
{
	return get_be64(gid->raw + 8);
}

struct ib_gid ib_gid_make(u64 prefix, u64 guid)
{
	struct ib_gid gid = {{0}};

	put_be64(gid.raw, prefix);
	put_be64(gid.raw + 8, guid);
	return gid;
}

bool ib_gid_equal(const struct ib_gid *a, const struct ib_gid *b)
{
	return memcmp(a->raw, b->raw, sizeof(a->raw)) == 0;
}

const char *ib_wc_status_name(enum ib_wc_status status)
{
	static const char *const names[NR_IB_WC_STATUS] = {
		[IB_WC_SUCCESS] = "success",
		[IB_WC_LOC_LEN_ERR] = "local length error",
		[IB_WC_LOC_QP_OP_ERR] = "local QP operation error",
		[IB_WC_LOC_PROT_ERR] = "local protection error",
		[IB_WC_FLUSH_ERR] = "flushed",
		[IB_WC_BAD_RESP_ERR] = "bad response",
		[IB_WC_LOC_ACCESS_ERR] = "local access error",
		[IB_WC_REM_INV_REQ_ERR] = "remote: invalid request",
		[IB_WC_REM_ACCESS_ERR] = "remote access error",
		[IB_WC_REM_OP_ERR] = "remote operation error",
		[IB_WC_RETRY_EXC_ERR] = "retries exceeded",
		[IB_WC_RNR_RETRY_EXC_ERR] =
			"receiver-not-ready retries exceeded",
		[IB_WC_REM_ABORT_ERR] = "aborted by remote",
		[IB_WC_GENERAL_ERR] = "general error",
	};

	return status < NR_IB_WC_STATUS ? names[status] : "unknown";
}
