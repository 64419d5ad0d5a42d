/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GDT, TSS and IDT.  Each CPU has its own GDT and TSS; the IDT is shared.
 *
 * The selectors are Linux' for user mode (programs can see them), laid out as
 * SYSRET wants: data right before 64-bit code.
 *
 * NMI, double fault, machine check and #DB run on their own stacks (IST),
 * because they can come when the stack or GS is not the kernel's.  The last
 * word of such a stack holds the CPU's per-CPU offset for the entry code.
 */
#include <kernel/cpu.h>
#include <lib/string.h>

#include "arch.h"

#define NR_IST          4
#define IST_STACK_BYTES 8192 /* entry.S knows */

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, io_map_base;
} __packed;

struct gate {
	u16 offset0, selector;
	u8 ist, type;
	u16 offset1;
	u32 offset2, reserved;
};

struct table_pointer {
	u16 limit;
	u64 base;
} __packed;

struct cpu_descriptors {
	u64 gdt[10];
	struct tss tss;
	u8 ist_stacks[NR_IST][IST_STACK_BYTES] __aligned(IST_STACK_BYTES);
};

static DEFINE_PERCPU(struct tss *, cpu_tss);
static struct cpu_descriptors boot_descriptors;
static struct gate idt[256] __aligned(16);

static int ist_of(u32 vector)
{
	switch (vector) {
	case VECTOR_DEBUG:
		return 1;
	case VECTOR_NMI:
		return 2;
	case VECTOR_DOUBLE_FAULT:
		return 3;
	case VECTOR_MACHINE_CHECK:
		return 4;
	default:
		return 0;
	}
}

static void idt_fill(void)
{
	for (u32 v = 0; v < 256; v++) {
		u64 stub = (u64)entry_stubs + v * 16;
		bool from_user = v == 3 || v == 4; /* INT3, INTO */

		idt[v] = (struct gate){
			.offset0 = (u16)stub,
			.offset1 = (u16)(stub >> 16),
			.offset2 = (u32)(stub >> 32),
			.selector = 0x08,
			.ist = (u8)ist_of(v),
			.type = from_user ? 0xee : 0x8e, /* interrupt gate */
		};
	}
}

static void load(struct cpu_descriptors *d)
{
	struct table_pointer gdtr = {sizeof(d->gdt) - 1, (u64)d->gdt};
	struct table_pointer idtr = {sizeof(idt) - 1, (u64)idt};

	__asm__ volatile("lgdt %0\n\t"
			 "pushq $0x08\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl $0x10, %%eax\n\t"
			 "movl %%eax, %%ss\n\t"
			 "xorl %%eax, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "lidt %1\n\t"
			 "movw $0x38, %%ax\n\t"
			 "ltr %%ax" ::"m"(gdtr),
			 "m"(idtr)
			 : "rax", "memory");
}

static void fill(struct cpu_descriptors *d, u32 cpu)
{
	u64 tss = (u64)&d->tss, limit = sizeof(d->tss) - 1;

	d->gdt[1] = 0x00af9b000000ffff; /* 0x08 kernel code */
	d->gdt[2] = 0x00cf93000000ffff; /* 0x10 kernel data */
	d->gdt[4] = 0x00cffb000000ffff; /* 0x20 user code, 32 bit */
	d->gdt[5] = 0x00cff3000000ffff; /* 0x28 user data */
	d->gdt[6] = 0x00affb000000ffff; /* 0x30 user code */
	d->gdt[7] = limit | (tss & 0xffffff) << 16 | 0x89ul << 40 |
		    (tss >> 24 & 0xff) << 56; /* 0x38 TSS */
	d->gdt[8] = tss >> 32;
	d->tss.io_map_base = sizeof(d->tss);
	for (int i = 0; i < NR_IST; i++) {
		u64 *top = (u64 *)(d->ist_stacks[i] + IST_STACK_BYTES) - 2;

		*top = percpu_offset[cpu];
		d->tss.ist[i] = (u64)top;
	}
}

void descriptors_load_early(void)
{
	idt_fill();
	fill(&boot_descriptors, 0);
	load(&boot_descriptors);
	this_cpu_write(cpu_tss, &boot_descriptors.tss);
}

void descriptors_init_cpu(struct cpu_descriptors *d, u32 cpu)
{
	fill(d, cpu);
	load(d);
	this_cpu_write(cpu_tss, &d->tss);
}

size_t descriptors_bytes(void)
{
	return sizeof(struct cpu_descriptors);
}

void tss_set_kernel_stack(u64 top)
{
	this_cpu_read(cpu_tss)->rsp[0] = top;
}
