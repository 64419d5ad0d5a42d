/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ib/smp.h>
#include <lib/string.h>

#define SMP_DATA_DWORD(off, hi, lo) \
	HW_FIELD(struct mad, SMP_DATA + (off), hi, lo)

void smp_get(struct mad *mad, u16 attr_id, u32 attr_mod)
{
	memset(mad, 0, sizeof(*mad));
	HW_SET(mad, 1, MAD_BASE_VERSION);
	HW_SET(mad, MAD_CLASS_SMP_LID, MAD_CLASS);
	HW_SET(mad, 1, MAD_CLASS_VERSION);
	HW_SET(mad, MAD_GET, MAD_METHOD);
	HW_SET(mad, attr_id, MAD_ATTR_ID);
	HW_SET(mad, attr_mod, MAD_ATTR_MOD);
}

/*
 * SA rate codes are not ordered by speed.  Width active: 1, 2, 4, 8 for 1x,
 * 4x, 8x, 12x; speed active: 1 SDR, 2 DDR, 4 QDR; the extended speed (1 FDR,
 * 2 EDR) counts where it is set.
 */
static u8 rate_code(u32 width, u32 speed, u32 extended)
{
	static const u8 codes[][4] = {
		/* 1x  4x  8x 12x */
		{2, 3, 6, 4},     /* SDR */
		{5, 6, 7, 8},     /* DDR */
		{3, 7, 9, 10},    /* QDR */
		{11, 12, 13, 14}, /* FDR */
		{15, 16, 17, 18}, /* EDR */
	};
	u32 lanes = width & 8 ? 3 : width & 4 ? 2 : width & 2 ? 1 : 0;
	u32 row = speed & 4 ? 2 : speed & 2 ? 1 : 0;

	if (extended)
		row = extended & 2 ? 4 : 3;
	return codes[row][lanes];
}

void smp_port_info(const struct mad *mad, struct ib_port_attr *attr)
{
	const u8 *data = mad->raw + SMP_DATA;

	attr->gid = ib_gid_make(
		HW_GET64(mad, HW_FIELD64(struct mad, SMP_DATA + 8)), 0);
	attr->lid = (u16)HW_GET(mad, SMP_DATA_DWORD(16, 31, 16));
	attr->sm_lid = (u16)HW_GET(mad, SMP_DATA_DWORD(16, 15, 0));
	attr->state = data[32] & 0xf;
	attr->phys_state = data[33] >> 4;
	attr->lmc = data[34] & 7;
	attr->active_mtu = data[36] >> 4;
	attr->sm_sl = data[36] & 0xf;
	attr->subnet_timeout = data[51] & 0x1f;
	attr->rate = rate_code(data[31], data[35] >> 4, data[62] >> 4);
	if (attr->active_mtu < IB_MTU_256 || attr->active_mtu > IB_MTU_4096)
		attr->active_mtu = IB_MTU_256;
}

u32 smp_port_capability(const struct mad *mad)
{
	return HW_GET(mad, SMP_DATA_DWORD(20, 31, 0));
}

u64 smp_guid(const struct mad *mad)
{
	return HW_GET64(mad, HW_FIELD64(struct mad, SMP_DATA));
}

u64 smp_node_guid(const struct mad *mad)
{
	return HW_GET64(mad, HW_FIELD64(struct mad, SMP_DATA + 12));
}

void smp_pkeys(const struct mad *mad, u16 pkeys[32])
{
	const u8 *data = mad->raw + SMP_DATA;

	for (int i = 0; i < 32; i++)
		pkeys[i] = (u16)(data[2 * i] << 8 | data[2 * i + 1]);
}

bool smp_wants_reregister(const struct mad *mad)
{
	return HW_GET(mad, MAD_METHOD) == MAD_SET &&
	       HW_GET(mad, MAD_ATTR_ID) == SMP_ATTR_PORT_INFO &&
	       mad->raw[SMP_DATA + 51] & 0x80;
}

void smp_describe(struct mad *answer, const char text[IB_DESCRIPTION_BYTES])
{
	u32 mgmt_class = HW_GET(answer, MAD_CLASS);

	if ((mgmt_class == MAD_CLASS_SMP_LID ||
	     mgmt_class == MAD_CLASS_SMP_DIRECTED) &&
	    HW_GET(answer, MAD_METHOD) == (MAD_GET | MAD_RESPONSE) &&
	    HW_GET(answer, MAD_ATTR_ID) == SMP_ATTR_NODE_DESC &&
	    !HW_GET(answer, MAD_STATUS))
		memcpy(answer->raw + SMP_DATA, text, IB_DESCRIPTION_BYTES);
}

bool smp_arrived(struct mad *mad, u8 port)
{
	u32 hop_ptr = HW_GET(mad, SMP_HOP_PTR);
	u32 hop_cnt = HW_GET(mad, SMP_HOP_CNT);

	if (HW_GET(mad, SMP_STATUS_D))
		return false; /* answers are for subnet managers */
	if (hop_cnt < 1 || hop_cnt > SMP_MAX_HOPS || hop_ptr != hop_cnt)
		return false; /* an end node forwards nothing */
	if (HW_GET(mad, SMP_DR_DLID) != IB_PERMISSIVE_LID)
		return false; /* no LID-routed part behind the directed one */
	mad->raw[SMP_RETURN_PATH + hop_ptr] = port;
	return true;
}

void smp_returning(struct mad *mad)
{
	HW_SET(mad, 1, SMP_STATUS_D);
}
