/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_ATOMIC_H
#define LIB_ATOMIC_H
/*
 * Atomic integers.  Operations that change the value are full barriers (a
 * locked instruction on x86); atomic_read and atomic_set are plain accesses.
 */
#include <lib/compiler.h>
#include <lib/types.h>

typedef struct {
	int v;
} atomic_t;

typedef struct {
	s64 v;
} atomic64_t;

#define ATOMIC_INIT(n) \
	{              \
		(n)    \
	}
#define ATOMIC64_INIT(n) \
	{                \
		(n)      \
	}

#define ATOMIC_OPS_(name, atomic_type, type)                                \
	static inline type name##_read(const atomic_type *a)                \
	{                                                                   \
		return READ_ONCE(a->v);                                     \
	}                                                                   \
	static inline void name##_set(atomic_type *a, type v)               \
	{                                                                   \
		WRITE_ONCE(a->v, v);                                        \
	}                                                                   \
	static inline void name##_add(atomic_type *a, type n)               \
	{                                                                   \
		__atomic_fetch_add(&a->v, n, __ATOMIC_SEQ_CST);             \
	}                                                                   \
	static inline void name##_sub(atomic_type *a, type n)               \
	{                                                                   \
		__atomic_fetch_sub(&a->v, n, __ATOMIC_SEQ_CST);             \
	}                                                                   \
	static inline void name##_inc(atomic_type *a)                       \
	{                                                                   \
		name##_add(a, 1);                                           \
	}                                                                   \
	static inline void name##_dec(atomic_type *a)                       \
	{                                                                   \
		name##_sub(a, 1);                                           \
	}                                                                   \
	/* These return the new value. */                                   \
	static inline type name##_add_return(atomic_type *a, type n)        \
	{                                                                   \
		return __atomic_add_fetch(&a->v, n, __ATOMIC_SEQ_CST);      \
	}                                                                   \
	static inline type name##_sub_return(atomic_type *a, type n)        \
	{                                                                   \
		return __atomic_sub_fetch(&a->v, n, __ATOMIC_SEQ_CST);      \
	}                                                                   \
	static inline type name##_inc_return(atomic_type *a)                \
	{                                                                   \
		return name##_add_return(a, 1);                             \
	}                                                                   \
	static inline type name##_dec_return(atomic_type *a)                \
	{                                                                   \
		return name##_sub_return(a, 1);                             \
	}                                                                   \
	static inline bool name##_dec_and_test(atomic_type *a)              \
	{                                                                   \
		return name##_sub_return(a, 1) == 0;                        \
	}                                                                   \
	/* These return the old value. */                                   \
	static inline type name##_fetch_add(atomic_type *a, type n)         \
	{                                                                   \
		return __atomic_fetch_add(&a->v, n, __ATOMIC_SEQ_CST);      \
	}                                                                   \
	static inline type name##_xchg(atomic_type *a, type v)              \
	{                                                                   \
		return __atomic_exchange_n(&a->v, v, __ATOMIC_SEQ_CST);     \
	}                                                                   \
	static inline type name##_cmpxchg(atomic_type *a, type old, type v) \
	{                                                                   \
		__atomic_compare_exchange_n(&a->v, &old, v, false,          \
					    __ATOMIC_SEQ_CST,               \
					    __ATOMIC_SEQ_CST);              \
		return old;                                                 \
	}                                                                   \
	/* Add one unless the value is 0; false if it was. */               \
	static inline bool name##_inc_not_zero(atomic_type *a)              \
	{                                                                   \
		type old_ = name##_read(a);                                 \
		while (old_) {                                              \
			type seen_ = name##_cmpxchg(a, old_, old_ + 1);     \
			if (seen_ == old_)                                  \
				return true;                                \
			old_ = seen_;                                       \
		}                                                           \
		return false;                                               \
	}

ATOMIC_OPS_(atomic, atomic_t, int)
ATOMIC_OPS_(atomic64, atomic64_t, s64)

/* On any naturally aligned integer or pointer; cmpxchg returns what it saw. */
#define cmpxchg(p, old, new_value)                                             \
	({                                                                     \
		__typeof__(*(p)) cx_old_ = (old);                              \
		__atomic_compare_exchange_n((p), &cx_old_, (new_value), false, \
					    __ATOMIC_SEQ_CST,                  \
					    __ATOMIC_SEQ_CST);                 \
		cx_old_;                                                       \
	})
#define xchg(p, v)              __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define fetch_add(p, v)         __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define fetch_or(p, v)          __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define fetch_and(p, v)         __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define smp_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#endif
