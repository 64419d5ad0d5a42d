/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FPU state and segment bases of user threads (Intel SDM vol. 1, chapter 13).
 *
 * Eager: saved when a user thread leaves its CPU, loaded when it comes back;
 * the kernel itself uses no FPU registers but in page_copy.S, which puts them
 * back, so between the two they are the thread's, also inside system calls.
 */
#define pr_fmt(fmt) "fpu: " fmt
#include <arch/x86/user.h>

#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/thread.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <mm/slab.h>

#include "arch.h"

#define MSR_FS_BASE        0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102 /* the user's, while in the kernel */

#define CR0_MP         BIT(1)
#define CR0_EM         BIT(2)
#define CR0_TS         BIT(3)
#define CR0_NE         BIT(5)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_OSXSAVE    BIT(18)

#define XFEATURE_X87_SSE 0x03ul
#define XFEATURE_AVX     0x04ul
#define XFEATURE_AVX512  0xe0ul

#define FXSAVE_BYTES      512
#define XSTATE_BV         512 /* offsets in the XSAVE area */
#define XCOMP_BV          520
#define XHEADER_END       576
#define FXSAVE_MXCSR      24
#define FXSAVE_MXCSR_MASK 28
#define MXCSR_DEFAULT     0x1f80u
#define FCW_DEFAULT       0x037f

struct user_fpu {
	u8 area[FXSAVE_BYTES]; /* and on, user_fpu_bytes() */
};

extern u32 page_copy_by_vector; /* page_copy.S; bool */

static u32 area_bytes = FXSAVE_BYTES;
static u64 xfeatures; /* XCR0 */
static u32 mxcsr_mask = 0xffbf;
static struct slab_cache *fpu_cache;

u32 user_fpu_bytes(void)
{
	return area_bytes;
}

u64 user_fpu_features(void)
{
	return xfeatures;
}

static void xsetbv(u64 v)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"((u32)v), "d"((u32)(v >> 32)));
}

static void state_save(void *area)
{
	if (cpu_features.xsaveopt)
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(~0u),
				 "d"(~0u)
				 : "memory");
	else if (xfeatures)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u)
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static void state_load(const void *area)
{
	if (xfeatures)
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u)
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

/* An area that loads as the state of a fresh program. */
static void area_init(void *area)
{
	u16 fcw = FCW_DEFAULT;
	u32 mxcsr = MXCSR_DEFAULT;

	memset(area, 0, area_bytes);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy((u8 *)area + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
}

void fpu_init_cpu(void)
{
	u64 cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
	if (cpu_features.xsave)
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	if (cpu_features.xsave)
		xsetbv(xfeatures);
	__asm__ volatile("fninit");
}

/* Which bits MXCSR may have: 0 stands for the oldest set (SDM vol. 1, 11.6.6)
 */
static void read_mxcsr_mask(void)
{
	static u8 area[FXSAVE_BYTES] __aligned(16);
	u32 mask;

	__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
	memcpy(&mask, area + FXSAVE_MXCSR_MASK, sizeof(mask));
	if (mask)
		mxcsr_mask = mask;
}

void fpu_init(void)
{
	if (cpu_features.xsave) {
		struct cpuid supported = cpuid(0xd, 0);
		u64 have = (u64)supported.edx << 32 | supported.eax;

		xfeatures = have & (XFEATURE_X87_SSE | XFEATURE_AVX);
		if ((have & XFEATURE_AVX512) == XFEATURE_AVX512 &&
		    xfeatures & XFEATURE_AVX)
			xfeatures |= XFEATURE_AVX512;
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(xfeatures);
		area_bytes = cpuid(0xd, 0).ebx; /* for XCR0 as it is now */
	}
	write_cr4(read_cr4() | CR4_OSFXSR);
	/* page_copy.S: AVX instructions would clear AVX-512's upper halves. */
	page_copy_by_vector =
		(xfeatures & (XFEATURE_AVX | XFEATURE_AVX512)) == XFEATURE_AVX;
	read_mxcsr_mask();
	fpu_cache = slab_create("user_fpu", area_bytes, 64);
	CHECK(fpu_cache);
}

struct user_fpu *fpu_alloc(void)
{
	struct user_fpu *fpu = slab_alloc(fpu_cache);

	if (fpu)
		area_init(fpu->area);
	return fpu;
}

void fpu_free(struct user_fpu *fpu)
{
	slab_free(fpu_cache, fpu);
}

void user_state_save(struct thread *t)
{
	state_save(t->fpu->area);
	/* With FSGSBASE a program changes them without telling us. */
	if (cpu_features.fsgsbase) {
		t->fs_base = rdmsr(MSR_FS_BASE);
		t->gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	}
}

void user_state_load(const struct thread *t)
{
	state_load(t->fpu->area);
	wrmsr(MSR_FS_BASE, t->fs_base);
	wrmsr(MSR_KERNEL_GS_BASE, t->gs_base);
}

void user_fpu_read(void *area)
{
	u64 flags = irq_save();

	/* Components in their initial state are not written by XSAVEOPT. */
	memset(area, 0, area_bytes);
	if (xfeatures)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u)
				 : "memory");
	else
		state_save(area);
	irq_restore(flags);
}

int user_fpu_write(void *area, u32 bytes)
{
	u8 *a = area;
	u64 present;
	u32 mxcsr;
	u64 flags;

	if (bytes < area_bytes)
		return -EINVAL;
	memcpy(&mxcsr, a + FXSAVE_MXCSR, sizeof(mxcsr));
	mxcsr &= mxcsr_mask;
	memcpy(a + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	if (xfeatures) {
		memcpy(&present, a + XSTATE_BV, sizeof(present));
		if (present & ~xfeatures ||
		    !mem_is_zero(a + XCOMP_BV, XHEADER_END - XCOMP_BV))
			return -EINVAL;
	}
	flags = irq_save();
	state_load(area);
	irq_restore(flags);
	return 0;
}

void user_fpu_reset(void)
{
	struct thread *t = current_thread();
	u64 flags = irq_save();

	area_init(t->fpu->area);
	state_load(t->fpu->area);
	irq_restore(flags);
}

void user_state_copy(struct thread *t)
{
	user_fpu_read(t->fpu->area);
	t->fs_base = user_fs_base();
	t->gs_base = user_gs_base();
}

void user_fs_base_set(u64 base)
{
	u64 flags = irq_save();

	current_thread()->fs_base = base;
	wrmsr(MSR_FS_BASE, base);
	irq_restore(flags);
}

void user_gs_base_set(u64 base)
{
	u64 flags = irq_save();

	current_thread()->gs_base = base;
	wrmsr(MSR_KERNEL_GS_BASE, base);
	irq_restore(flags);
}

u64 user_fs_base(void)
{
	return rdmsr(MSR_FS_BASE);
}

u64 user_gs_base(void)
{
	return rdmsr(MSR_KERNEL_GS_BASE);
}
