/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wqe.h"
#include <lib/byteorder.h>
#include <lib/ktest.h>
#include <lib/string.h>

static u8 wqe[512] __attribute__((aligned(64)));

KTEST(a_field_is_set_without_touching_its_neighbours)
{
	struct mlx4_cqe c = {.raw = {[0x1f] = 0xff}};

	HW_SET(&c, 0, CQE_OWNER);
	EXPECT_EQ(HW_GET(&c, CQE_OWNER), 0);
	EXPECT_EQ(HW_GET(&c, CQE_OPCODE), 0x1f);
	EXPECT_EQ(c.raw[0x1f], 0x7f);
}

KTEST(completion_fields_lie_where_the_card_writes_them)
{
	struct mlx4_cqe c = {.raw = {[1] = 0x12,
				     [2] = 0x34,
				     [3] = 0x56,
				     [0x16] = 0x10,
				     [0x18] = 0xab,
				     [0x19] = 0xcd,
				     [0x1f] = 0x80 | 0x40 | 0x0a}};

	EXPECT_EQ(HW_GET(&c, CQE_QPN), 0x123456);
	EXPECT_EQ(HW_GET(&c, CQE_BYTES), 0x1000);
	EXPECT_EQ(HW_GET(&c, CQE_WQE), 0xabcd);
	EXPECT_EQ(HW_GET(&c, CQE_OWNER), 1);
	EXPECT_EQ(HW_GET(&c, CQE_IS_SEND), 1);
	EXPECT_EQ(HW_GET(&c, CQE_OPCODE), MLX4_WQE_SEND);
}

/* The figures are those of published traces of the card. */
KTEST(queue_pair_context_encodes_known_values)
{
	struct mlx4_qp_mbox c = {{0}};

	HW_SET(&c, 7, QPC_RQ_LOG_SIZE);
	HW_SET(&c, 0, QPC_RQ_LOG_STRIDE);
	EXPECT_EQ(c.raw[8 + 0x09], 0x38);
	HW_SET(&c, 9, QPC_SQ_LOG_SIZE);
	HW_SET(&c, 2, QPC_SQ_LOG_STRIDE);
	EXPECT_EQ(c.raw[8 + 0x0a], 0x4a);
	HW_SET(&c, IB_MTU_2048, QPC_MTU);
	HW_SET(&c, 30, QPC_LOG_MAX_MSG);
	EXPECT_EQ(c.raw[8 + 0x08], 0x9e);
	HW_SET(&c, 3, QPC_STATE);
	HW_SET(&c, MLX4_MIGRATED, QPC_MIGRATION);
	EXPECT_EQ(get_be32(c.raw + 8), 0x30001800);
	HW_SET(&c, 8, QPC_ACK_FREQ);
	HW_SET(&c, 4, QPC_LOG_SRA_MAX);
	HW_SET(&c, 7, QPC_RETRIES);
	HW_SET(&c, 7, QPC_RNR_RETRIES);
	EXPECT_EQ(get_be32(c.raw + 8 + 0x70), 0x8087e000);
	HW_SET(&c, 4, QPC_LOG_RRA_MAX);
	HW_SET(&c, 1, QPC_R_READ);
	HW_SET(&c, 1, QPC_R_WRITE);
	HW_SET(&c, 1, QPC_R_ATOMIC);
	EXPECT_EQ(get_be32(c.raw + 8 + 0x90), 0x0080e000);
	HW_SET(&c, 14, QPC_ACK_TIMEOUT);
	EXPECT_EQ(c.raw[8 + 0x18 + 8], 0x70);
}

KTEST(a_data_segment_is_length_key_address)
{
	static const u8 want[16] = {0, 0, 0, 0x40, 0, 1, 2, 3,
				    0, 0, 0, 1,    2, 3, 4, 5};

	wqe_put_data(wqe, 0x102030405, 0x40, 0x10203);
	EXPECT_EQ(memcmp(wqe, want, sizeof(want)), 0);
}

KTEST(inline_data_is_split_at_each_chunk)
{
	u8 data[100];
	struct wqe_inline in;
	u8 *end;

	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i + 1);
	memset(wqe, 0, sizeof(wqe));
	wqe_inline_begin(&in, wqe + 32);
	wqe_inline_add(&in, data, 50);
	wqe_inline_add(&in, data + 50, 50);
	end = wqe_inline_end(&in);
	/* 28 bytes up to the chunk's end, 60 in the next, the rest. */
	EXPECT_EQ(get_be32(wqe + 32), MLX4_INLINE | 28);
	EXPECT_EQ(get_be32(wqe + 64), MLX4_INLINE | 60);
	EXPECT_EQ(get_be32(wqe + 128), MLX4_INLINE | 12);
	EXPECT_EQ(memcmp(wqe + 36, data, 28), 0);
	EXPECT_EQ(memcmp(wqe + 68, data + 28, 60), 0);
	EXPECT_EQ(memcmp(wqe + 132, data + 88, 12), 0);
	EXPECT_EQ(end - wqe, 144);
}

KTEST(the_room_of_inline_data_is_what_writing_it_takes)
{
	static const u8 zeros[256];
	struct wqe_inline in;

	for (u32 offset = 16; offset <= 64; offset += 16) {
		for (u32 n = 1; n <= sizeof(zeros); n++) {
			u8 *end;

			wqe_inline_begin(&in, wqe + offset);
			wqe_inline_add(&in, zeros, n);
			end = wqe_inline_end(&in);
			EXPECT_EQ(end - wqe - offset,
				  wqe_inline_bytes(offset, n));
		}
	}
}

KTEST(a_stamp_marks_every_chunk_but_the_first)
{
	memset(wqe, 0, sizeof(wqe));
	wqe_stamp(wqe, 256);
	EXPECT_EQ(get_be32(wqe), 0);
	for (u32 i = 64; i < 256; i += 64) {
		EXPECT_EQ(get_be32(wqe + i), 0xffffffff);
		EXPECT_EQ(get_be32(wqe + i + 4), 0);
	}
	EXPECT_EQ(get_be32(wqe + 256), 0);
}

KTEST(headers_of_a_management_packet)
{
	struct mlx_header h = {.dlid = 5,
			       .slid = 0,
			       .sl = 3,
			       .vl = 0,
			       .pkey = 0xffff,
			       .dest_qpn = 1,
			       .src_qpn = 1,
			       .qkey = IB_GSI_QKEY,
			       .psn = 0x1234567,
			       .payload_bytes = 256};
	static const u8 want[MLX_HEADER_BYTES] = {
		0x00, 0x32, 0,    5,    0, 72, 0, 0, /* LRH */
		0x64, 0,    0xff, 0xff, 0, 0,  0, 1, 0, 0x23,
		0x45, 0x67, 0x80, 1,    0, 0,  0, 0, 0, 1, /* DETH */
	};
	u8 out[MLX_HEADER_BYTES];

	wqe_mlx_header(out, &h);
	EXPECT_EQ(memcmp(out, want, sizeof(out)), 0);
	h.vl = 15;
	wqe_mlx_header(out, &h);
	EXPECT_EQ(out[0], 0xf0);
}

KTEST(a_datagram_segment_carries_the_address)
{
	struct ib_av av = {.dlid = 0x1234,
			   .sl = 2,
			   .has_grh = true,
			   .hop_limit = 9,
			   .dgid = ib_gid_make(1, 2)};
	struct ib_send_wr wr = {
		.av = &av, .remote_qpn = 0x456789, .remote_qkey = 0x11223344};
	struct mlx4_ud_seg u;

	wqe_put_ud(&u, &wr, 2, 7);
	EXPECT_EQ(get_be32(u.raw), 0x02000007);
	EXPECT_EQ(get_be32(u.raw + 4), 0x00801234);
	EXPECT_EQ(u.raw[0x0b], 9);
	EXPECT_EQ(get_be32(u.raw + 0x0c), 0x20000000);
	EXPECT_EQ(u.raw[0x1f], 2);
	EXPECT_EQ(get_be32(u.raw + 0x20), 0x456789);
	EXPECT_EQ(get_be32(u.raw + 0x24), 0x11223344);
}

KTEST(a_read_or_write_of_one_piece_is_built_field_by_field)
{
	const struct ib_sge sge = {
		.dma = 0x123456789abcd000, .bytes = 4096, .lkey = 0x80011223};
	struct ib_send_wr wr = {.sge = &sge,
				.nr_sge = 1,
				.remote_iova = 0xfedcba9876543210,
				.rkey = 0xa5a5f00f};
	const struct mlx4_ctrl_seg *ctrl = (void *)wqe;
	const struct mlx4_raddr_seg *raddr = (void *)(wqe + 16);
	const struct mlx4_data_seg *data = (void *)(wqe + 32);

	for (u32 i = 0; i < 8; i++) {
		bool is_read = i & 1, owner = i & 2, is_signaled = i & 4;

		wr.opcode = is_read ? IB_WR_RDMA_READ : IB_WR_RDMA_WRITE;
		wr.flags = is_signaled ? IB_SEND_SIGNALED : 0;
		memset(wqe, 0xff, sizeof(wqe));
		wqe_put_rdma(wqe, &wr, owner);
		EXPECT_EQ(HW_GET(ctrl, CTRL_OWNER), owner);
		EXPECT_EQ(HW_GET(ctrl, CTRL_OPCODE),
			  (u32)wqe_opcode(wr.opcode));
		EXPECT_EQ(get_be32(ctrl->raw) & 0x7fffffe0, 0);
		EXPECT_EQ(get_be32(ctrl->raw + 4), 3); /* DS, no fence */
		EXPECT_EQ(HW_GET(ctrl, CTRL_CQ_UPDATE),
			  is_signaled ? MLX4_CQ_UPDATE_ALWAYS : 0);
		EXPECT_EQ(get_be32(ctrl->raw + 8) & ~0xcu, 0);
		EXPECT_EQ(HW_GET(ctrl, CTRL_IMM), 0);
		EXPECT_EQ(HW_GET64(raddr, RADDR_VA), wr.remote_iova);
		EXPECT_EQ(HW_GET(raddr, RADDR_RKEY), wr.rkey);
		EXPECT_EQ(HW_GET(data, DATA_BYTES), sge.bytes);
		EXPECT_EQ(HW_GET(data, DATA_LKEY), sge.lkey);
		EXPECT_EQ(HW_GET64(data, DATA_ADDR), sge.dma);
		EXPECT_EQ(wqe[48], 0xff); /* nothing behind */
	}
}
