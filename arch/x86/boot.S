/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the loader to C.  Two doors, both in 32-bit protected mode without
 * paging:
 *   PVH (Xen's x86/HVM direct boot ABI; QEMU -kernel): %ebx = start info
 *   multiboot2 (GRUB): %eax = magic, %ebx = information structure
 *
 * Early page tables map the first 4 GiB three times: at 0 for the moment of
 * the switch, at the direct map, and (1 GiB) at the image.  All is writable
 * and executable until kernel_map_init() makes the real ones.
 */
#define IMAGE_BASE   0xffffffff80000000
#define PHYS(sym)    ((sym) - IMAGE_BASE)
#define MB2_MAGIC    0xe85250d6
#define CR0_PG_WP_PE 0x80010001
#define CR4_PAE      0x20
#define EFER         0xc0000080
#define EFER_LME_NXE 0x900
#define CPUID_LM_NX  (1 << 29 | 1 << 20)
#define PTE_P_W      0x3
#define PTE_P_W_PS   0x83

	.section .boot.multiboot2, "a"
	.balign 8
mb2_header:
	.long MB2_MAGIC, 0, mb2_end - mb2_header
	.long -(MB2_MAGIC + 0 + (mb2_end - mb2_header))
	.short 0, 0 /* end tag */
	.long 8
mb2_end:

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 8, 18 /* name size, data size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad boot_pvh_entry

	.section .boot.text, "ax"
	.code32
	.globl boot_pvh_entry
boot_pvh_entry:
	xorl	%ebp, %ebp
	jmp	boot_common
	.globl boot_multiboot2_entry
boot_multiboot2_entry:
	movl	%eax, %ebp
boot_common:	/* %ebp: 0 or the multiboot2 magic; %ebx: information */
	cli
	cld
	movl	$PHYS(boot_stack_end), %esp
	pushl	%ebx

	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	no_long_mode
	movl	$0x80000001, %eax
	cpuid
	andl	$CPUID_LM_NX, %edx
	cmpl	$CPUID_LM_NX, %edx
	jne	no_long_mode

	/* 4 directories of 2 MiB pages. */
	movl	$PHYS(boot_pd), %edi
	movl	$PTE_P_W_PS, %eax
	xorl	%ecx, %ecx
1:	movl	%eax, (%edi)
	movl	%ecx, 4(%edi)
	addl	$8, %edi
	addl	$0x200000, %eax
	jnc	1b

	movl	$PHYS(boot_pd) + PTE_P_W, %eax
	movl	$PHYS(boot_pdpt), %edi
	movl	%eax, PHYS(boot_pdpt_image) + 510 * 8
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$0x1000, %eax
	cmpl	$PHYS(boot_pd) + 0x4000 + PTE_P_W, %eax
	jb	1b

	movl	$PHYS(boot_pdpt) + PTE_P_W, %eax
	movl	%eax, PHYS(boot_pml4)
	movl	%eax, PHYS(boot_pml4) + 256 * 8
	movl	$PHYS(boot_pdpt_image) + PTE_P_W, %eax
	movl	%eax, PHYS(boot_pml4) + 511 * 8

	movl	$PHYS(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$EFER, %ecx
	rdmsr
	orl	$EFER_LME_NXE, %eax
	wrmsr
	movl	$CR0_PG_WP_PE, %eax
	movl	%eax, %cr0
	popl	%ebx
	lgdt	boot_gdt_pointer
	ljmp	$0x08, $boot_64

no_long_mode:	/* "64?" on the second serial port, where the log would be */
	movw	$0x2f8, %dx
	movb	$'6', %al
	outb	%al, %dx
	movb	$'4', %al
	outb	%al, %dx
	movb	$'?', %al
	outb	%al, %dx
1:	hlt
	jmp	1b

	.code64
boot_64:
	movl	$0x10, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	$boot_high, %rax
	jmp	*%rax

	.section .boot.data, "aw"
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
boot_gdt_end:
boot_gdt_pointer:
	.short boot_gdt_end - boot_gdt - 1
	.long boot_gdt

	.text
boot_high:
	movq	$boot_stack_end, %rsp
	movl	%ebp, %edi
	movl	%ebx, %esi
	xorl	%ebp, %ebp
	pushq	$0 /* end of the call trace */
	call	kernel_start
	ud2

	.section .bss.pages, "aw", @nobits
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_image:
	.skip 4096
boot_pd:
	.skip 4 * 4096
	.globl boot_stack, boot_stack_end
boot_stack:
	.skip 32768
boot_stack_end:

	.section .note.GNU-stack, "", @progbits
