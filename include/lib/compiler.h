/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H
/* Single accesses that the compiler may neither tear, repeat nor drop. */
#define READ_ONCE(x)       (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)   (*(volatile __typeof__(x) *)&(x) = (v))
#define compiler_barrier() __asm__ volatile("" ::: "memory")
#endif
