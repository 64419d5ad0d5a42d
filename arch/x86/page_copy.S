/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_clear(kaddr), page_copy(to, from).
 *
 * The vector registers are the program's.  What is used of them is saved on
 * the stack and restored; no thread is switched to meanwhile, because the
 * kernel is not preempted, and an interrupt handler that comes by here puts
 * them back as well.  These instructions clear what a register has beyond 32
 * bytes, so a processor whose programs have 64-byte registers keeps to string
 * instructions (fpu_init() decides).
 */
#define PAGE_BYTES  4096
#define CHUNK_BYTES 1024

	.data
	.balign 4
	.globl page_copy_by_vector
page_copy_by_vector:
	.long 0

	.text
	.balign 16
	.globl page_clear
page_clear:
	cmpl	$0, page_copy_by_vector(%rip)
	je	2f
	subq	$32, %rsp
	vmovdqu	%ymm0, (%rsp)
	vpxor	%xmm0, %xmm0, %xmm0 /* all 32 bytes */
offset = 0
.rept PAGE_BYTES / 32
	vmovdqa	%ymm0, offset(%rdi)
	offset = offset + 32
.endr
	vmovdqu	(%rsp), %ymm0
	addq	$32, %rsp
	ret
2:	xorl	%eax, %eax
	movl	$PAGE_BYTES / 8, %ecx
	rep stosq
	ret

	.balign 16
	.globl page_copy
page_copy:
	cmpl	$0, page_copy_by_vector(%rip)
	je	2f
	subq	$64, %rsp
	vmovdqu	%ymm0, (%rsp)
	vmovdqu	%ymm1, 32(%rsp)
	leaq	PAGE_BYTES(%rdi), %rax
1:
offset = 0
.rept CHUNK_BYTES / 64
	vmovdqa	offset(%rsi), %ymm0
	vmovdqa	offset + 32(%rsi), %ymm1
	vmovdqa	%ymm0, offset(%rdi)
	vmovdqa	%ymm1, offset + 32(%rdi)
	offset = offset + 64
.endr
	addq	$CHUNK_BYTES, %rsi
	addq	$CHUNK_BYTES, %rdi
	cmpq	%rax, %rdi
	jne	1b
	vmovdqu	(%rsp), %ymm0
	vmovdqu	32(%rsp), %ymm1
	addq	$64, %rsp
	ret
2:	movl	$PAGE_BYTES / 8, %ecx
	rep movsq
	ret

	.section .note.GNU-stack, "", @progbits
