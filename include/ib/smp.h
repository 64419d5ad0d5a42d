/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IB_SMP_H
#define IB_SMP_H

/*
 * Subnet management packets (InfiniBand volume 1, chapter 14): what a node
 * that is no subnet manager needs.  Pure: no hardware, no allocation.
 */
#include <ib/mad.h>
#include <ib/verbs.h>

#define SMP_STATUS_D     HW_FIELD(struct mad, 0x04, 31, 31) /* returning */
#define SMP_HOP_PTR      HW_FIELD(struct mad, 0x04, 15, 8)
#define SMP_HOP_CNT      HW_FIELD(struct mad, 0x04, 7, 0)
#define SMP_DR_SLID      HW_FIELD(struct mad, 0x20, 31, 16)
#define SMP_DR_DLID      HW_FIELD(struct mad, 0x20, 15, 0)
#define SMP_DATA         64
#define SMP_INITIAL_PATH 128
#define SMP_RETURN_PATH  192
#define SMP_MAX_HOPS     63

enum smp_attr {
	SMP_ATTR_NODE_DESC = 0x10,
	SMP_ATTR_NODE_INFO = 0x11,
	SMP_ATTR_GUID_INFO = 0x14,
	SMP_ATTR_PORT_INFO = 0x15,
	SMP_ATTR_PKEY_TABLE = 0x16,
	SMP_ATTR_SM_INFO = 0x20,
};

/** smp_get - build a Get of @attr_id for the card's own agent. */
void smp_get(struct mad *mad, u16 attr_id, u32 attr_mod);

/** smp_port_info - decode a PortInfo; only the prefix of @attr->gid is set. */
void smp_port_info(const struct mad *mad, struct ib_port_attr *attr);
u32 smp_port_capability(const struct mad *mad);
/** smp_guid - entry 0 of a GUIDInfo block. */
u64 smp_guid(const struct mad *mad);
void smp_pkeys(const struct mad *mad, u16 pkeys[32]);
/** smp_node_guid - of a NodeInfo. */
u64 smp_node_guid(const struct mad *mad);
/** smp_wants_reregister - does a Set(PortInfo) ask clients to register? */
bool smp_wants_reregister(const struct mad *mad);

/** smp_describe - if @answer is a NodeDescription make it say @text. */
void smp_describe(struct mad *answer, const char text[IB_DESCRIPTION_BYTES]);

/**
 * smp_arrived - a directed-route SMP reached @port of this node, its end.
 *
 * Return: true if it is a request for this node whose route is sound; its
 *         return path is filled in then.  False: drop it.
 */
bool smp_arrived(struct mad *mad, u8 port);

/** smp_returning - make an agent's answer of a directed-route SMP go back. */
void smp_returning(struct mad *mad);

#endif /* IB_SMP_H */
