/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the other CPUs start: copied to TRAMPOLINE_PADDR, entered in real mode
 * with CS = that / 16.  smp.c fills the words at the end for one CPU at a time.
 */
#define TRAMPOLINE_PADDR 0x8000
#define AT(sym)          ((sym) - trampoline_start + TRAMPOLINE_PADDR)
#define CR0_PG_WP_PE     0x80010001
#define CR4_PAE          0x20
#define EFER             0xc0000080
#define EFER_LME_NXE     0x900

	.section .rodata.trampoline, "a"
	.globl trampoline_start, trampoline_end
	.balign 16
trampoline_start:
	.code16
	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	AT(trampoline_gdt_pointer)
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $AT(trampoline_32)
	.code32
trampoline_32:
	movw	$0x10, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	AT(trampoline_cr3), %eax
	movl	%eax, %cr3
	movl	$EFER, %ecx
	rdmsr
	orl	$EFER_LME_NXE, %eax
	wrmsr
	movl	$CR0_PG_WP_PE, %eax
	movl	%eax, %cr0
	ljmp	$0x08, $AT(trampoline_64)
	.code64
trampoline_64:
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	AT(trampoline_stack), %rsp
	movq	AT(trampoline_cpu), %rdi
	movq	$ap_start, %rax
	pushq	$0
	xorl	%ebp, %ebp
	jmp	*%rax

	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 0x08 64-bit code */
	.quad 0x00cf93000000ffff /* 0x10 data */
	.quad 0x00cf9b000000ffff /* 0x18 32-bit code */
trampoline_gdt_pointer:
	.short . - trampoline_gdt - 1
	.long AT(trampoline_gdt)
	.balign 8
	.globl trampoline_cr3, trampoline_stack, trampoline_cpu
trampoline_cr3:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_cpu:
	.quad 0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
