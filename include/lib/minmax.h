/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_MINMAX_H
#define LIB_MINMAX_H
/* Small arithmetic every file needs; each argument is evaluated once. */
#include <lib/types.h>

#define min(a, b)                                  \
	({                                         \
		__auto_type min_a_ = (a);          \
		__auto_type min_b_ = (b);          \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                                  \
	({                                         \
		__auto_type max_a_ = (a);          \
		__auto_type max_b_ = (b);          \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})
#define min_t(type, a, b)   min((type)(a), (type)(b))
#define max_t(type, a, b)   max((type)(a), (type)(b))
#define clamp(v, low, high) min(max(v, low), high)

#define swap(a, b)                         \
	do {                               \
		__typeof__(a) swap_ = (a); \
		(a) = (b);                 \
		(b) = swap_;               \
	} while (0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

/* @align is a power of two. */
#define ALIGN_UP(v, align) \
	(((v) + ((__typeof__(v))(align)-1)) & ~((__typeof__(v))(align)-1))
#define ALIGN_DOWN(v, align) ((v) & ~((__typeof__(v))(align)-1))
#define IS_ALIGNED(v, align) (((v) & ((__typeof__(v))(align)-1)) == 0)
#define DIV_ROUND_UP(n, d)   (((n) + (d)-1) / (d))
#define BIT(n)               (1ul << (n))

static inline bool is_power_of_2(u64 v)
{
	return v && !(v & (v - 1));
}

/** ilog2 - floor of the binary logarithm of @v, which is not 0. */
static inline unsigned int ilog2(u64 v)
{
	return 63u - (unsigned int)__builtin_clzl(v);
}

/** ilog2_up - smallest n with 1 << n >= @v. */
static inline unsigned int ilog2_up(u64 v)
{
	return v <= 1 ? 0 : ilog2(v - 1) + 1;
}

static inline u64 roundup_pow2(u64 v)
{
	return 1ul << ilog2_up(v);
}

#endif
