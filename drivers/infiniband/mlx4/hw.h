/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MLX4_HW_H
#define MLX4_HW_H

/*
 * What the ConnectX-3 reads and writes, field by field.
 *
 * Everything is big-endian.  Each structure is an opaque array of bytes; each
 * field is one row: byte offset of its dword, highest bit, lowest bit.
 *
 * Sources of the numbers (facts; no text taken): the MT25408 programmer's
 * reference bit map as published with iPXE, Linux' mlx4_core and mlx4_ib,
 * rdma-core's mlx4 provider.
 */
#include <ib/hwfield.h>

#define MLX4_PAGE_SHIFT 12
#define MLX4_PAGE_BYTES 4096u

/* ---- BAR 0 ---------------------------------------------------- */

#define MLX4_BAR0_HCR       0x80680 /* seven dwords */
#define MLX4_BAR0_OWNER     0x8069c /* reading takes; 0: it is ours */
#define MLX4_BAR0_RESET     0xf0010
#define MLX4_BAR0_SEMAPHORE 0xf03fc
#define MLX4_RESET_VALUE    1

#define MLX4_HCR_IN_HIGH  0x00
#define MLX4_HCR_IN_LOW   0x04
#define MLX4_HCR_IN_MOD   0x08
#define MLX4_HCR_OUT_HIGH 0x0c
#define MLX4_HCR_OUT_LOW  0x10
#define MLX4_HCR_TOKEN    0x14
#define MLX4_HCR_CMD      0x18

#define MLX4_HCR_GO        (1u << 23)
#define MLX4_HCR_EVENT     (1u << 22)
#define MLX4_HCR_TOGGLE    (1u << 21)
#define MLX4_HCR_STATUS(d) ((d) >> 24)
#define MLX4_POLL_TOKEN    0xffff

/* ---- BAR 2: doorbell pages ------------------------------------ */

#define MLX4_UAR_SEND        0x014 /* 32 bits: QPN << 8 */
#define MLX4_UAR_CQ          0x020 /* 64 bits */
#define MLX4_UAR_EQ(eqn)     (((eqn) / 4) * 4096u + 0x800 + ((eqn) % 4) * 8)
#define MLX4_EQ_DB_ARM       (1u << 31)
#define MLX4_FIRST_QUEUE_UAR 128 /* the pages before ring EQs */
#define MLX4_CQ_DB_SN_SHIFT  28
#define MLX4_CQ_DB_REQ_NEXT  (2u << 24)

/* ---- firmware commands ---------------------------------------- */

enum mlx4_op {
	MLX4_QUERY_DEV_CAP = 0x003,
	MLX4_QUERY_FW = 0x004,
	MLX4_QUERY_ADAPTER = 0x006,
	MLX4_INIT_HCA = 0x007,
	MLX4_CLOSE_HCA = 0x008,
	MLX4_INIT_PORT = 0x009,
	MLX4_CLOSE_PORT = 0x00a,
	MLX4_SET_PORT = 0x00c,
	MLX4_SW2HW_MPT = 0x00d,
	MLX4_HW2SW_MPT = 0x00f,
	MLX4_MAP_EQ = 0x012,
	MLX4_SW2HW_EQ = 0x013,
	MLX4_HW2SW_EQ = 0x014,
	MLX4_SW2HW_CQ = 0x016,
	MLX4_HW2SW_CQ = 0x017,
	MLX4_RST2INIT_QP = 0x019,
	MLX4_INIT2RTR_QP = 0x01a,
	MLX4_RTR2RTS_QP = 0x01b,
	MLX4_2ERR_QP = 0x01e,
	MLX4_2RST_QP = 0x021,
	MLX4_QUERY_QP = 0x022,
	MLX4_CONF_SPECIAL_QP = 0x023,
	MLX4_MAD_IFC = 0x024,
	MLX4_NOP = 0x031,
	MLX4_QUERY_PORT = 0x043,
	MLX4_QUERY_FUNC = 0x056,
	MLX4_SET_NODE = 0x05a,
	MLX4_RUN_FW = 0xff6,
	MLX4_UNMAP_ICM = 0xff9,
	MLX4_MAP_ICM = 0xffa,
	MLX4_UNMAP_ICM_AUX = 0xffb,
	MLX4_MAP_ICM_AUX = 0xffc,
	MLX4_SET_ICM_SIZE = 0xffd,
	MLX4_UNMAP_FA = 0xffe,
	MLX4_MAP_FA = 0xfff,
};

#define MLX4_MAILBOX_BYTES 4096

#define MLX4_STRUCT(name, bytes) \
	struct name {            \
		u8 raw[bytes];   \
	};                       \
	_Static_assert(sizeof(struct name) == (bytes), #name " size")

MLX4_STRUCT(mlx4_query_fw, 0x100);
#define QFW_PAGES      HW_FIELD(struct mlx4_query_fw, 0x00, 31, 16)
#define QFW_MAJOR      HW_FIELD(struct mlx4_query_fw, 0x00, 15, 0)
#define QFW_SUBMINOR   HW_FIELD(struct mlx4_query_fw, 0x04, 31, 16)
#define QFW_MINOR      HW_FIELD(struct mlx4_query_fw, 0x04, 15, 0)
#define QFW_CMD_REV    HW_FIELD(struct mlx4_query_fw, 0x08, 15, 0)
#define QFW_LOG_CMDS   HW_FIELD(struct mlx4_query_fw, 0x0c, 7, 0)
#define QFW_HEALTH     HW_FIELD64(struct mlx4_query_fw, 0x30)
#define QFW_HEALTH_LEN HW_FIELD(struct mlx4_query_fw, 0x38, 31, 0)
#define QFW_HEALTH_BAR HW_FIELD(struct mlx4_query_fw, 0x3c, 31, 30)

MLX4_STRUCT(mlx4_map_entry, 16); /* MAP_FA, MAP_ICM_AUX, MAP_ICM */
#define MAP_VA          HW_FIELD64(struct mlx4_map_entry, 0)
#define MAP_PA          HW_FIELD64(struct mlx4_map_entry, 8) /* | log size-12 */
#define MAP_MAX_ENTRIES (MLX4_MAILBOX_BYTES / 16)

MLX4_STRUCT(mlx4_dev_cap, 0x100);
#define CAP_LOG_MAX_WQES  HW_FIELD(struct mlx4_dev_cap, 0x10, 23, 16)
#define CAP_LOG_RSVD_QPS  HW_FIELD(struct mlx4_dev_cap, 0x10, 11, 8)
#define CAP_LOG_MAX_QPS   HW_FIELD(struct mlx4_dev_cap, 0x10, 4, 0)
#define CAP_LOG_RSVD_SRQS HW_FIELD(struct mlx4_dev_cap, 0x14, 31, 28)
#define CAP_LOG_MAX_SRQS  HW_FIELD(struct mlx4_dev_cap, 0x14, 20, 16)
#define CAP_LOG_MAX_CQES  HW_FIELD(struct mlx4_dev_cap, 0x18, 23, 16)
#define CAP_LOG_RSVD_CQS  HW_FIELD(struct mlx4_dev_cap, 0x18, 11, 8)
#define CAP_LOG_MAX_CQS   HW_FIELD(struct mlx4_dev_cap, 0x18, 4, 0)
#define CAP_LOG_MAX_MPTS  HW_FIELD(struct mlx4_dev_cap, 0x1c, 21, 16)
#define CAP_LOG_RSVD_EQS  HW_FIELD(struct mlx4_dev_cap, 0x1c, 11, 8)
#define CAP_LOG_MAX_EQS   HW_FIELD(struct mlx4_dev_cap, 0x1c, 3, 0)
#define CAP_LOG_RSVD_MTTS HW_FIELD(struct mlx4_dev_cap, 0x20, 31, 28)
#define CAP_LOG_RSVD_MPTS HW_FIELD(struct mlx4_dev_cap, 0x20, 11, 8)
#define CAP_LOG_MAX_MTTS  HW_FIELD(struct mlx4_dev_cap, 0x20, 5, 0)
#define CAP_NR_SYS_EQS    HW_FIELD(struct mlx4_dev_cap, 0x24, 11, 0)
#define CAP_LOG_SRA_MAX   HW_FIELD(struct mlx4_dev_cap, 0x28, 21, 16)
#define CAP_LOG_RRA_MAX   HW_FIELD(struct mlx4_dev_cap, 0x28, 5, 0)
#define CAP_ACK_DELAY     HW_FIELD(struct mlx4_dev_cap, 0x34, 20, 16)
#define CAP_NR_PORTS      HW_FIELD(struct mlx4_dev_cap, 0x34, 3, 0)
#define CAP_LOG_MAX_MSG   HW_FIELD(struct mlx4_dev_cap, 0x38, 28, 24)
#define CAP_PORT_MGMT_EV  HW_FIELD(struct mlx4_dev_cap, 0x40, 27, 27)
#define CAP_RSVD_UARS     HW_FIELD(struct mlx4_dev_cap, 0x48, 31, 28)
#define CAP_LOG_UAR_MIB   HW_FIELD(struct mlx4_dev_cap, 0x48, 21, 16)
#define CAP_MAX_SQ_SGE    HW_FIELD(struct mlx4_dev_cap, 0x50, 23, 16)
#define CAP_MAX_SQ_BYTES  HW_FIELD(struct mlx4_dev_cap, 0x50, 15, 0)
#define CAP_MAX_RQ_SGE    HW_FIELD(struct mlx4_dev_cap, 0x54, 23, 16)
#define CAP_MAX_RQ_BYTES  HW_FIELD(struct mlx4_dev_cap, 0x54, 15, 0)
#define CAP_RSVD_MCGS     HW_FIELD(struct mlx4_dev_cap, 0x60, 11, 8)
#define CAP_RSVD_PDS      HW_FIELD(struct mlx4_dev_cap, 0x64, 31, 28)
#define CAP_LOG_MAX_PDS   HW_FIELD(struct mlx4_dev_cap, 0x64, 21, 16)
#define CAP_RDMARC_BYTES  HW_FIELD(struct mlx4_dev_cap, 0x80, 31, 16)
#define CAP_QPC_BYTES     HW_FIELD(struct mlx4_dev_cap, 0x80, 15, 0)
#define CAP_AUXC_BYTES    HW_FIELD(struct mlx4_dev_cap, 0x84, 31, 16)
#define CAP_ALTC_BYTES    HW_FIELD(struct mlx4_dev_cap, 0x84, 15, 0)
#define CAP_EQC_BYTES     HW_FIELD(struct mlx4_dev_cap, 0x88, 31, 16)
#define CAP_CQC_BYTES     HW_FIELD(struct mlx4_dev_cap, 0x88, 15, 0)
#define CAP_SRQC_BYTES    HW_FIELD(struct mlx4_dev_cap, 0x8c, 31, 16)
#define CAP_CMPT_BYTES    HW_FIELD(struct mlx4_dev_cap, 0x8c, 15, 0)
#define CAP_MTT_BYTES     HW_FIELD(struct mlx4_dev_cap, 0x90, 31, 16)
#define CAP_DMPT_BYTES    HW_FIELD(struct mlx4_dev_cap, 0x90, 15, 0)
#define CAP_MAX_ICM       HW_FIELD64(struct mlx4_dev_cap, 0xa0)

MLX4_STRUCT(mlx4_query_port, 0x40);
#define QPORT_IB      HW_FIELD(struct mlx4_query_port, 0x00, 24, 24)
#define QPORT_MTU_CAP HW_FIELD(struct mlx4_query_port, 0x00, 19, 16)
#define QPORT_MAX_VL  HW_FIELD(struct mlx4_query_port, 0x08, 3, 0)

MLX4_STRUCT(mlx4_query_func, 0x20);
#define QFUNC_RSVD_EQS HW_FIELD(struct mlx4_query_func, 0x04, 31, 16)
#define QFUNC_MAX_EQ   HW_FIELD(struct mlx4_query_func, 0x04, 15, 0)

MLX4_STRUCT(mlx4_init_hca, 0x200);
#define HCA_VERSION  HW_FIELD(struct mlx4_init_hca, 0x00, 31, 24)
#define HCA_CHECK_AV HW_FIELD(struct mlx4_init_hca, 0x14, 0, 0)
/* Table bases are 64 bits; the log of the table's size is in the low bits. */
#define HCA_QPC        HW_FIELD64(struct mlx4_init_hca, 0x30)
#define HCA_SRQC       HW_FIELD64(struct mlx4_init_hca, 0x48)
#define HCA_CQC        HW_FIELD64(struct mlx4_init_hca, 0x50)
#define HCA_ALTC       HW_FIELD64(struct mlx4_init_hca, 0x60)
#define HCA_AUXC       HW_FIELD64(struct mlx4_init_hca, 0x70)
#define HCA_EQC        HW_FIELD64(struct mlx4_init_hca, 0x80)
#define HCA_NR_SYS_EQS HW_FIELD(struct mlx4_init_hca, 0x88, 15, 0)
#define HCA_RDMARC     HW_FIELD64(struct mlx4_init_hca, 0x90)
#define HCA_MCG        HW_FIELD64(struct mlx4_init_hca, 0xc0)
#define HCA_MCG_ENTRY  HW_FIELD(struct mlx4_init_hca, 0xd0, 4, 0)
#define HCA_MCG_HASH   HW_FIELD(struct mlx4_init_hca, 0xd4, 4, 0)
#define HCA_MCG_SIZE   HW_FIELD(struct mlx4_init_hca, 0xd8, 4, 0)
#define HCA_DMPT       HW_FIELD64(struct mlx4_init_hca, 0xf0)
#define HCA_LOG_MPTS   HW_FIELD(struct mlx4_init_hca, 0xf8, 5, 0)
#define HCA_MTT        HW_FIELD64(struct mlx4_init_hca, 0x100)
#define HCA_CMPT       HW_FIELD64(struct mlx4_init_hca, 0x108)
#define HCA_LOG_UARS   HW_FIELD(struct mlx4_init_hca, 0x128, 11, 8)
#define HCA_UAR_PAGE   HW_FIELD(struct mlx4_init_hca, 0x128, 7, 0)

MLX4_STRUCT(mlx4_set_port, 0x80);
#define SPORT_RESET_QKEY HW_FIELD(struct mlx4_set_port, 0x00, 0, 0)
#define SPORT_VL_CAP     HW_FIELD(struct mlx4_set_port, 0x00, 7, 4)
#define SPORT_MTU_CAP    HW_FIELD(struct mlx4_set_port, 0x00, 15, 12)
#define SPORT_CHANGE_VL  HW_FIELD(struct mlx4_set_port, 0x00, 21, 21)
#define SPORT_CHANGE_MTU HW_FIELD(struct mlx4_set_port, 0x00, 22, 22)
#define SPORT_CAP_MASK   HW_FIELD(struct mlx4_set_port, 0x04, 31, 0)

/* MAD_IFC op_mod */
#define MLX4_MAD_IGNORE_MKEY (1 << 0)
#define MLX4_MAD_IGNORE_BKEY (1 << 1)

/* ---- contexts ------------------------------------------------- */

/* Memory translation: page address | present. */
#define MLX4_MTT_PRESENT 1

MLX4_STRUCT(mlx4_mpt, 0x40);
#define MPT_STATUS     HW_FIELD(struct mlx4_mpt, 0x00, 31, 28)
#define MPT_MIO        HW_FIELD(struct mlx4_mpt, 0x00, 17, 17)
#define MPT_R_ATOMIC   HW_FIELD(struct mlx4_mpt, 0x00, 14, 14)
#define MPT_R_WRITE    HW_FIELD(struct mlx4_mpt, 0x00, 13, 13)
#define MPT_R_READ     HW_FIELD(struct mlx4_mpt, 0x00, 12, 12)
#define MPT_L_WRITE    HW_FIELD(struct mlx4_mpt, 0x00, 11, 11)
#define MPT_L_READ     HW_FIELD(struct mlx4_mpt, 0x00, 10, 10)
#define MPT_PHYSICAL   HW_FIELD(struct mlx4_mpt, 0x00, 9, 9)
#define MPT_REGION     HW_FIELD(struct mlx4_mpt, 0x00, 8, 8)
#define MPT_KEY        HW_FIELD(struct mlx4_mpt, 0x08, 31, 0)
#define MPT_PD         HW_FIELD(struct mlx4_mpt, 0x0c, 23, 0)
#define MPT_START      HW_FIELD64(struct mlx4_mpt, 0x10)
#define MPT_LENGTH     HW_FIELD64(struct mlx4_mpt, 0x18)
#define MPT_LKEY       HW_FIELD(struct mlx4_mpt, 0x20, 31, 0)
#define MPT_MTT_HIGH   HW_FIELD(struct mlx4_mpt, 0x2c, 7, 0)
#define MPT_MTT_LOW    HW_FIELD(struct mlx4_mpt, 0x30, 31, 0)
#define MPT_PAGE_SHIFT HW_FIELD(struct mlx4_mpt, 0x38, 20, 0)
#define MPT_STATUS_SW  0xf

MLX4_STRUCT(mlx4_cqc, 0x40);
#define CQC_LOG_SIZE  HW_FIELD(struct mlx4_cqc, 0x0c, 28, 24)
#define CQC_UAR       HW_FIELD(struct mlx4_cqc, 0x0c, 23, 0)
#define CQC_EQN       HW_FIELD(struct mlx4_cqc, 0x14, 8, 0)
#define CQC_LOG_PAGE  HW_FIELD(struct mlx4_cqc, 0x18, 29, 24)
#define CQC_MTT_HIGH  HW_FIELD(struct mlx4_cqc, 0x18, 7, 0)
#define CQC_MTT_LOW   HW_FIELD(struct mlx4_cqc, 0x1c, 31, 0)
#define CQC_DB_RECORD HW_FIELD64(struct mlx4_cqc, 0x38)

MLX4_STRUCT(mlx4_eqc, 0x40);
#define EQC_STATE    HW_FIELD(struct mlx4_eqc, 0x00, 11, 8)
#define EQC_LOG_SIZE HW_FIELD(struct mlx4_eqc, 0x0c, 28, 24)
#define EQC_INTR     HW_FIELD(struct mlx4_eqc, 0x14, 9, 0)
#define EQC_LOG_PAGE HW_FIELD(struct mlx4_eqc, 0x18, 29, 24)
#define EQC_MTT_HIGH HW_FIELD(struct mlx4_eqc, 0x18, 7, 0)
#define EQC_MTT_LOW  HW_FIELD(struct mlx4_eqc, 0x1c, 31, 0)
#define EQC_ARMED    9

/* A QP's context as state-transition commands carry it: optpar, then QPC. */
MLX4_STRUCT(mlx4_qp_mbox, 0x100);
#define QPM_OPTPAR        HW_FIELD(struct mlx4_qp_mbox, 0x00, 31, 0)
#define QPC_(off, hi, lo) HW_FIELD(struct mlx4_qp_mbox, 8 + (off), hi, lo)
#define QPC_STATE         QPC_(0x00, 31, 28)
#define QPC_SERVICE       QPC_(0x00, 19, 16)
#define QPC_MIGRATION     QPC_(0x00, 12, 11)
#define QPC_PD            QPC_(0x04, 23, 0)
#define QPC_MTU           QPC_(0x08, 31, 29)
#define QPC_LOG_MAX_MSG   QPC_(0x08, 28, 24)
#define QPC_RQ_LOG_SIZE   QPC_(0x08, 22, 19)
#define QPC_RQ_LOG_STRIDE QPC_(0x08, 18, 16) /* minus 4 */
#define QPC_SQ_LOG_SIZE   QPC_(0x08, 14, 11)
#define QPC_SQ_LOG_STRIDE QPC_(0x08, 10, 8) /* minus 4 */
#define QPC_UAR           QPC_(0x0c, 23, 0)
#define QPC_LOCAL_QPN     QPC_(0x10, 23, 0)
#define QPC_REMOTE_QPN    QPC_(0x14, 23, 0)
/* primary path at 0x18 */
#define QPC_PKEY_INDEX    QPC_(0x18 + 0x00, 6, 0)
#define QPC_GRH           QPC_(0x18 + 0x04, 23, 23)
#define QPC_PATH_BITS     QPC_(0x18 + 0x04, 22, 16)
#define QPC_DLID          QPC_(0x18 + 0x04, 15, 0)
#define QPC_ACK_TIMEOUT   QPC_(0x18 + 0x08, 31, 27)
#define QPC_SGID_INDEX    QPC_(0x18 + 0x08, 22, 16)
#define QPC_STATIC_RATE   QPC_(0x18 + 0x08, 11, 8)
#define QPC_HOP_LIMIT     QPC_(0x18 + 0x08, 7, 0)
#define QPC_TRAFFIC_CLASS QPC_(0x18 + 0x0c, 27, 20)
#define QPC_FLOW_LABEL    QPC_(0x18 + 0x0c, 19, 0)
#define QPC_DGID_OFFSET   (8 + 0x18 + 0x10)
#define QPC_SCHED_QUEUE   QPC_(0x18 + 0x20, 31, 24)
#define QPC_ACK_FREQ      QPC_(0x70, 31, 28)
#define QPC_LOG_SRA_MAX   QPC_(0x70, 23, 21)
#define QPC_RETRIES       QPC_(0x70, 18, 16)
#define QPC_RNR_RETRIES   QPC_(0x70, 15, 13)
#define QPC_SEND_PSN      QPC_(0x78, 23, 0)
#define QPC_SEND_CQN      QPC_(0x7c, 23, 0)
#define QPC_LOG_RRA_MAX   QPC_(0x90, 23, 21)
#define QPC_R_READ        QPC_(0x90, 15, 15)
#define QPC_R_WRITE       QPC_(0x90, 14, 14)
#define QPC_R_ATOMIC      QPC_(0x90, 13, 13)
#define QPC_MIN_RNR_TIMER QPC_(0x94, 28, 24)
#define QPC_RECV_PSN      QPC_(0x94, 23, 0)
#define QPC_RECV_CQN      QPC_(0x9c, 23, 0)
#define QPC_DB_RECORD     HW_FIELD64(struct mlx4_qp_mbox, 8 + 0xa0)
#define QPC_QKEY          QPC_(0xa8, 31, 0)
#define QPC_LOG_PAGE      QPC_(0xc8, 29, 24)
#define QPC_MTT_HIGH      QPC_(0xc8, 7, 0)
#define QPC_MTT_LOW       QPC_(0xcc, 31, 0)

enum mlx4_service { MLX4_ST_RC = 0, MLX4_ST_UD = 3, MLX4_ST_MLX = 7 };

#define MLX4_MIGRATED   3
#define MLX4_SCHED_DATA 0x83 /* | SL << 2 | (port - 1) << 6 */
#define MLX4_SCHED_QP0  0x3f

enum mlx4_optpar {
	MLX4_OPT_R_READ = 1 << 1,
	MLX4_OPT_R_ATOMIC = 1 << 2,
	MLX4_OPT_R_WRITE = 1 << 3,
	MLX4_OPT_PKEY = 1 << 4,
	MLX4_OPT_QKEY = 1 << 5,
	MLX4_OPT_RNR_TIMER = 1 << 6,
};

/* ---- work requests -------------------------------------------- */

MLX4_STRUCT(mlx4_ctrl_seg, 16);
#define CTRL_OWNER     HW_FIELD(struct mlx4_ctrl_seg, 0x00, 31, 31)
#define CTRL_OPCODE    HW_FIELD(struct mlx4_ctrl_seg, 0x00, 4, 0)
#define CTRL_FENCE     HW_FIELD(struct mlx4_ctrl_seg, 0x04, 6, 6)
#define CTRL_DS        HW_FIELD(struct mlx4_ctrl_seg, 0x04, 5, 0)
#define CTRL_CQ_UPDATE HW_FIELD(struct mlx4_ctrl_seg, 0x08, 3, 2)
#define CTRL_SOLICITED HW_FIELD(struct mlx4_ctrl_seg, 0x08, 1, 1)
#define CTRL_IMM       HW_FIELD(struct mlx4_ctrl_seg, 0x0c, 31, 0)
/* MLX sends of QP0 and QP1 */
#define CTRL_MLX_VL15         HW_FIELD(struct mlx4_ctrl_seg, 0x08, 17, 17)
#define CTRL_MLX_SLR          HW_FIELD(struct mlx4_ctrl_seg, 0x08, 16, 16)
#define CTRL_MLX_SL           HW_FIELD(struct mlx4_ctrl_seg, 0x08, 11, 8)
#define CTRL_MLX_DLID         HW_FIELD(struct mlx4_ctrl_seg, 0x0c, 31, 16)
#define MLX4_CQ_UPDATE_ALWAYS 3

enum mlx4_wqe_op {
	MLX4_WQE_RDMA_WRITE = 0x08,
	MLX4_WQE_RDMA_WRITE_IMM = 0x09,
	MLX4_WQE_SEND = 0x0a,
	MLX4_WQE_SEND_IMM = 0x0b,
	MLX4_WQE_RDMA_READ = 0x10,
};

MLX4_STRUCT(mlx4_raddr_seg, 16);
#define RADDR_VA   HW_FIELD64(struct mlx4_raddr_seg, 0)
#define RADDR_RKEY HW_FIELD(struct mlx4_raddr_seg, 8, 31, 0)

MLX4_STRUCT(mlx4_ud_seg, 48);
#define UD_PORT          HW_FIELD(struct mlx4_ud_seg, 0x00, 25, 24)
#define UD_PD            HW_FIELD(struct mlx4_ud_seg, 0x00, 23, 0)
#define UD_GRH           HW_FIELD(struct mlx4_ud_seg, 0x04, 23, 23)
#define UD_PATH_BITS     HW_FIELD(struct mlx4_ud_seg, 0x04, 22, 16)
#define UD_DLID          HW_FIELD(struct mlx4_ud_seg, 0x04, 15, 0)
#define UD_STATIC_RATE   HW_FIELD(struct mlx4_ud_seg, 0x08, 15, 8)
#define UD_HOP_LIMIT     HW_FIELD(struct mlx4_ud_seg, 0x08, 7, 0)
#define UD_SL            HW_FIELD(struct mlx4_ud_seg, 0x0c, 31, 28)
#define UD_TRAFFIC_CLASS HW_FIELD(struct mlx4_ud_seg, 0x0c, 27, 20)
#define UD_FLOW_LABEL    HW_FIELD(struct mlx4_ud_seg, 0x0c, 19, 0)
#define UD_DGID_OFFSET   0x10
#define UD_QPN           HW_FIELD(struct mlx4_ud_seg, 0x20, 23, 0)
#define UD_QKEY          HW_FIELD(struct mlx4_ud_seg, 0x24, 31, 0)

MLX4_STRUCT(mlx4_data_seg, 16);
#define DATA_BYTES    HW_FIELD(struct mlx4_data_seg, 0, 31, 0)
#define DATA_LKEY     HW_FIELD(struct mlx4_data_seg, 4, 31, 0)
#define DATA_ADDR     HW_FIELD64(struct mlx4_data_seg, 8)
#define MLX4_LKEY_END 0x100 /* ends the scatter list of a receive */

#define MLX4_INLINE      (1u << 31)
#define MLX4_CHUNK       64 /* unit of the card's prefetch, see wqe.c */
#define MLX4_SQ_PREFETCH 2048

/* ---- completions and events ----------------------------------- */

MLX4_STRUCT(mlx4_cqe, 32);
#define CQE_QPN        HW_FIELD(struct mlx4_cqe, 0x00, 23, 0)
#define CQE_IMM        HW_FIELD(struct mlx4_cqe, 0x04, 31, 0)
#define CQE_PKEY_INDEX HW_FIELD(struct mlx4_cqe, 0x04, 6, 0)
#define CQE_GRH        HW_FIELD(struct mlx4_cqe, 0x08, 31, 31)
#define CQE_PATH_BITS  HW_FIELD(struct mlx4_cqe, 0x08, 30, 24)
#define CQE_SRC_QPN    HW_FIELD(struct mlx4_cqe, 0x08, 23, 0)
#define CQE_SL         HW_FIELD(struct mlx4_cqe, 0x0c, 31, 28)
#define CQE_SLID       HW_FIELD(struct mlx4_cqe, 0x0c, 15, 0)
#define CQE_BYTES      HW_FIELD(struct mlx4_cqe, 0x14, 31, 0)
#define CQE_WQE        HW_FIELD(struct mlx4_cqe, 0x18, 31, 16)
#define CQE_VENDOR_ERR HW_FIELD(struct mlx4_cqe, 0x18, 15, 8)
#define CQE_SYNDROME   HW_FIELD(struct mlx4_cqe, 0x18, 7, 0)
#define CQE_OWNER      HW_FIELD(struct mlx4_cqe, 0x1c, 7, 7)
#define CQE_IS_SEND    HW_FIELD(struct mlx4_cqe, 0x1c, 6, 6)
#define CQE_OPCODE     HW_FIELD(struct mlx4_cqe, 0x1c, 4, 0)

enum mlx4_cqe_op {
	MLX4_CQE_RECV_WRITE_IMM = 0,
	MLX4_CQE_RECV_SEND = 1,
	MLX4_CQE_RECV_SEND_IMM = 2,
	MLX4_CQE_RECV_SEND_INV = 3,
	MLX4_CQE_ERROR = 0x1e,
};

MLX4_STRUCT(mlx4_eqe, 32);
#define EQE_TYPE       HW_FIELD(struct mlx4_eqe, 0x00, 23, 16)
#define EQE_SUBTYPE    HW_FIELD(struct mlx4_eqe, 0x00, 7, 0)
#define EQE_CQN        HW_FIELD(struct mlx4_eqe, 0x04, 23, 0)
#define EQE_QPN        HW_FIELD(struct mlx4_eqe, 0x04, 23, 0)
#define EQE_CMD_TOKEN  HW_FIELD(struct mlx4_eqe, 0x04, 15, 0)
#define EQE_CMD_STATUS HW_FIELD(struct mlx4_eqe, 0x0c, 7, 0)
#define EQE_CMD_OUT    HW_FIELD64(struct mlx4_eqe, 0x10)
#define EQE_PORT       HW_FIELD(struct mlx4_eqe, 0x0c, 29, 28)
#define EQE_MGMT_PORT  HW_FIELD(struct mlx4_eqe, 0x04, 7, 0)
#define EQE_MGMT_BITS  HW_FIELD(struct mlx4_eqe, 0x0c, 31, 0)
#define EQE_OWNER      HW_FIELD(struct mlx4_eqe, 0x1c, 7, 7)

enum mlx4_event {
	MLX4_EV_COMPLETION = 0x00,
	MLX4_EV_COMM_EST = 0x02,
	MLX4_EV_CQ_ERROR = 0x04,
	MLX4_EV_WQ_CATASTROPHIC = 0x05,
	MLX4_EV_LOCAL_CATASTROPHIC = 0x08,
	MLX4_EV_PORT_CHANGE = 0x09,
	MLX4_EV_COMMAND = 0x0a,
	MLX4_EV_EQ_OVERFLOW = 0x0f,
	MLX4_EV_WQ_INVALID = 0x10,
	MLX4_EV_WQ_ACCESS = 0x11,
	MLX4_EV_PORT_MGMT = 0x1d,
};

#define MLX4_PORT_DOWN       1 /* subtypes of PORT_CHANGE */
#define MLX4_PORT_ACTIVE     4
#define MLX4_MGMT_PORT_INFO  0x15 /* subtype of PORT_MGMT */
#define MLX4_MGMT_REREGISTER (1 << 3)

#endif /* MLX4_HW_H */
