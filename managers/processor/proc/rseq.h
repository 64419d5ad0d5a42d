/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_RSEQ_H
#define PROCESSOR_RSEQ_H

#include <lib/types.h>

#define RSEQ_BYTES     32u /* of struct rseq, and its alignment */
#define RSEQ_CS_OFFSET 8u

/* The first fields of struct rseq. */
struct rseq_ids {
	u32 cpu_id_start;
	u32 cpu_id;
};

/* struct rseq_cs: a critical section. */
struct rseq_section {
	u32 version;
	u32 flags;
	u64 start_ip;
	u64 post_commit_offset; /* its length */
	u64 abort_ip;
};
_Static_assert(sizeof(struct rseq_section) == 32, "struct rseq_cs");

static inline bool rseq_section_holds(const struct rseq_section *section,
				      u64 ip)
{
	return ip - section->start_ip < section->post_commit_offset;
}

static inline bool rseq_section_is_valid(const struct rseq_section *section,
					 u64 user_end)
{
	return !section->version && section->start_ip < user_end &&
	       section->post_commit_offset < user_end &&
	       section->start_ip + section->post_commit_offset < user_end &&
	       section->abort_ip < user_end && section->abort_ip >= 4 &&
	       /* else it would abort forever */
	       !rseq_section_holds(section, section->abort_ip);
}

#endif /* PROCESSOR_RSEQ_H */
