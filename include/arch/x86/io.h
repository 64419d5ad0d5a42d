/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ARCH_X86_IO_H
#define ARCH_X86_IO_H
/* Port and memory-mapped I/O. */
#include <lib/types.h>

#define PORT_ACCESS_(suffix, type)                                 \
	static inline type in##suffix(u16 port)                    \
	{                                                          \
		type v;                                            \
		__asm__ volatile("in" #suffix " %1, %0"            \
				 : "=a"(v)                         \
				 : "Nd"(port));                    \
		return v;                                          \
	}                                                          \
	static inline void out##suffix(type v, u16 port)           \
	{                                                          \
		__asm__ volatile("out" #suffix " %0, %1" ::"a"(v), \
				 "Nd"(port));                      \
	}

PORT_ACCESS_(b, u8)
PORT_ACCESS_(w, u16)
PORT_ACCESS_(l, u32)

/* Device registers: exactly one access of that width, in program order. */
#ifdef BRICK_HOST /* unit tests: a model of the device */
u64 host_mmio_read(const volatile void *reg, u32 bytes);
void host_mmio_write(volatile void *reg, u64 v, u32 bytes);

#define MMIO_ACCESS_(bits)                                                 \
	static inline u##bits mmio_read##bits(const volatile void *reg)    \
	{                                                                  \
		return (u##bits)host_mmio_read(reg, bits / 8);             \
	}                                                                  \
	static inline void mmio_write##bits(volatile void *reg, u##bits v) \
	{                                                                  \
		host_mmio_write(reg, v, bits / 8);                         \
	}
#else
#define MMIO_ACCESS_(bits)                                                 \
	static inline u##bits mmio_read##bits(const volatile void *reg)    \
	{                                                                  \
		u##bits v;                                                 \
		__asm__ volatile("mov %1, %0"                              \
				 : "=r"(v)                                 \
				 : "m"(*(const volatile u##bits *)reg)     \
				 : "memory");                              \
		return v;                                                  \
	}                                                                  \
	static inline void mmio_write##bits(volatile void *reg, u##bits v) \
	{                                                                  \
		__asm__ volatile("mov %1, %0"                              \
				 : "=m"(*(volatile u##bits *)reg)          \
				 : "r"(v)                                  \
				 : "memory");                              \
	}
#endif

MMIO_ACCESS_(8)
MMIO_ACCESS_(16)
MMIO_ACCESS_(32)
MMIO_ACCESS_(64)

/* Big-endian registers, as InfiniBand cards have. */
static inline u32 mmio_read_be32(const volatile void *reg)
{
	return __builtin_bswap32(mmio_read32(reg));
}

static inline void mmio_write_be32(volatile void *reg, u32 v)
{
	mmio_write32(reg, __builtin_bswap32(v));
}

static inline void mmio_write_be64(volatile void *reg, u64 v)
{
	mmio_write64(reg, __builtin_bswap64(v));
}

#endif
