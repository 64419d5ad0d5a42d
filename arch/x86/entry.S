/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The doors of the kernel.
 *
 * Every entry builds a struct user_regs on the kernel stack, whatever was
 * interrupted.  GS is the kernel's while in the kernel; the user's GS base
 * waits in MSR_KERNEL_GS_BASE.  Interrupts are off until C turns them on.
 *
 * SMAP: clac at each door, by a 3-byte no-op that entry_patch_smap() rewrites
 * if the processor has it.
 */
#define MSR_GS_BASE     0xc0000101
#define IST_STACK_BYTES 8192
#define USER_CS         0x33
#define USER_DS         0x2b
#define REGS_CS         (17 * 8)
#define REGS_ORIG_RAX   (15 * 8)
#define REGS_BYTES      (21 * 8)

.macro ASM_CLAC
771:	.byte 0x0f, 0x1f, 0x00
	.pushsection smap_sites, "a"
	.quad 771b
	.long 0xca010f /* clac */
	.long 0
	.popsection
.endm

	.text

/* 256 stubs of 16 bytes; entered with the hardware's frame on the stack. */
	.balign 16
	.globl entry_stubs
entry_stubs:
vector = 0
.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq	$0 /* in place of the error code */
	.endif
	pushq	%rdi
	movl	$vector, %edi
	.if vector == 1 || vector == 2 || vector == 8 || vector == 18
	jmp	entry_ist
	.else
	jmp	entry_common
	.endif
	vector = vector + 1
.endr

.macro PUSH_REGS_BELOW_RDI
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

.macro POP_REGS
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
.endm

	.balign 16
entry_common:	/* rdi pushed; %edi: vector */
	cld
	ASM_CLAC
	testb	$3, 3*8(%rsp) /* CS */
	jz	1f
	swapgs
1:	PUSH_REGS_BELOW_RDI
entry_dispatch:
	movl	%edi, %esi /* vector */
	movq	%rsp, %rdi
	movq	REGS_ORIG_RAX(%rsp), %rdx /* error code */
	movq	$-1, REGS_ORIG_RAX(%rsp)
	subq	$8, %rsp /* C wants 16-byte alignment */
	cmpl	$32, %esi
	jae	2f
	call	trap_dispatch
	jmp	3f
2:	call	irq_dispatch
3:	addq	$8, %rsp
	testb	$3, REGS_CS(%rsp)
	jz	return_to_kernel
	movq	%rsp, %rdi
	subq	$8, %rsp
	call	exit_to_user
	addq	$8, %rsp
return_to_user_iret:
	POP_REGS
	addq	$8, %rsp
	swapgs
	iretq

return_to_kernel:
	POP_REGS
	addq	$8, %rsp
	iretq

/*
 * On an IST stack, with any GS.  From user mode (#DB; the others do not come
 * back): move to the thread's stack and go on as usual.
 */
	.balign 16
entry_ist:
	cld
	ASM_CLAC
	testb	$3, 3*8(%rsp)
	jz	entry_ist_kernel
	swapgs
	pushq	%rsi
	leaq	8(%rsp), %rsi /* the frame: rdi error rip cs flags rsp ss */
	movq	%gs:kernel_stack_top, %rsp
	pushq	6*8(%rsi)
	pushq	5*8(%rsi)
	pushq	4*8(%rsi)
	pushq	3*8(%rsi)
	pushq	2*8(%rsi)
	pushq	1*8(%rsi)
	pushq	0*8(%rsi)
	movq	-8(%rsi), %rsi
	PUSH_REGS_BELOW_RDI
	jmp	entry_dispatch
entry_ist_kernel:
	PUSH_REGS_BELOW_RDI
	movl	%edi, %r12d
	/* This CPU's GS from the top of the stack; the old one is kept. */
	movl	$MSR_GS_BASE, %ecx
	rdmsr
	movl	%eax, %r13d
	movl	%edx, %r14d
	leaq	-1(%rsp), %rbx
	andq	$-IST_STACK_BYTES, %rbx
	movl	IST_STACK_BYTES-16(%rbx), %eax
	movl	IST_STACK_BYTES-12(%rbx), %edx
	wrmsr
	movq	%rsp, %rdi
	movl	%r12d, %esi
	movq	REGS_ORIG_RAX(%rsp), %rdx
	subq	$8, %rsp
	call	trap_dispatch
	addq	$8, %rsp
	movl	$MSR_GS_BASE, %ecx
	movl	%r13d, %eax
	movl	%r14d, %edx
	wrmsr
	jmp	return_to_kernel

/*
 * SYSCALL: rip in rcx, flags in r11; flags are masked by MSR_FMASK.
 */
	.balign 16
	.globl syscall_entry
syscall_entry:
	swapgs
	movq	%rsp, %gs:syscall_user_rsp
	movq	%gs:kernel_stack_top, %rsp
	pushq	$USER_DS
	pushq	%gs:syscall_user_rsp
	pushq	%r11
	pushq	$USER_CS
	pushq	%rcx
	pushq	%rax /* orig_rax */
	pushq	%rdi
	PUSH_REGS_BELOW_RDI
	movq	%rsp, %rdi
	subq	$8, %rsp
	call	syscall_from_user /* false: sysret could not restore this */
	addq	$8, %rsp
	testb	%al, %al
	jz	return_to_user_iret
	POP_REGS
	movq	4*8(%rsp), %rsp
	swapgs
	sysretq

/* enter_user(regs): regs stand at the top of the thread's stack. */
	.globl enter_user
enter_user:
	movq	%rdi, %rsp
	jmp	return_to_user_iret

/*
 * thread_switch(u64 *save_sp, u64 load_sp): the registers C keeps across a
 * call, and the stack.
 */
	.balign 16
	.globl thread_switch
thread_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret

/* Where a new thread begins: its first switch "returns" here. */
	.globl thread_entry
thread_entry:
	xorl	%ebp, %ebp
	pushq	$0
	pushq	$0
	call	thread_main
	ud2

	.section .note.GNU-stack, "", @progbits
