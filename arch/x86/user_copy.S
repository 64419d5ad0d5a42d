/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copies to and from user memory.  Every instruction that touches user memory
 * stands in the exception table with the place where it continues when the
 * fault cannot be resolved.  stac/clac are patched in if there is SMAP.
 */
.macro STAC
771:	.byte 0x0f, 0x1f, 0x00
	.pushsection smap_sites, "a"
	.quad 771b
	.long 0xcb010f
	.long 0
	.popsection
.endm
.macro CLAC
771:	.byte 0x0f, 0x1f, 0x00
	.pushsection smap_sites, "a"
	.quad 771b
	.long 0xca010f
	.long 0
	.popsection
.endm
.macro EXTABLE insn, fixup
	.pushsection extable, "a"
	.balign 8
	.quad \insn, \fixup
	.popsection
.endm

	.text

/*
 * size_t uaccess_copy(void *dst, const void *src, size_t n): bytes not copied.
 * Words first; when a word faults for good, byte by byte up to the page that
 * is not there, so that short counts are exact.
 */
	.balign 16
	.globl uaccess_copy
uaccess_copy:
	STAC
	movq	%rdx, %rcx
	shrq	$3, %rcx
	andl	$7, %edx
1:	rep movsq
2:	movl	%edx, %ecx
3:	rep movsb
4:	movq	%rcx, %rax
	CLAC
	ret
5:	leaq	(%rdx,%rcx,8), %rcx /* what is left, as bytes */
	jmp	3b
	EXTABLE 1b, 5b
	EXTABLE 3b, 4b

/* size_t uaccess_clear(void *dst, size_t n): bytes not cleared. */
	.balign 16
	.globl uaccess_clear
uaccess_clear:
	STAC
	xorl	%eax, %eax
	movq	%rsi, %rcx
	movq	%rsi, %rdx
	shrq	$3, %rcx
	andl	$7, %edx
1:	rep stosq
	movl	%edx, %ecx
3:	rep stosb
4:	movq	%rcx, %rax
	CLAC
	ret
5:	leaq	(%rdx,%rcx,8), %rcx
	jmp	3b
	EXTABLE 1b, 5b
	EXTABLE 3b, 4b

/* int uaccess_getN(const void *src, void *dst); 0 or -14 (EFAULT) */
.macro GETTER name, insn, reg
	.balign 16
	.globl \name
\name:
	STAC
1:	\insn	(%rdi), \reg
	CLAC
	\insn	\reg, (%rsi)
	xorl	%eax, %eax
	ret
2:	CLAC
	movl	$-14, %eax
	ret
	EXTABLE 1b, 2b
.endm
	GETTER uaccess_get8, movb, %dl
	GETTER uaccess_get32, movl, %edx
	GETTER uaccess_get64, movq, %rdx

/* int uaccess_putN(void *dst, uN v) */
.macro PUTTER name, insn, reg
	.balign 16
	.globl \name
\name:
	STAC
1:	\insn	\reg, (%rdi)
	CLAC
	xorl	%eax, %eax
	ret
2:	CLAC
	movl	$-14, %eax
	ret
	EXTABLE 1b, 2b
.endm
	PUTTER uaccess_put8, movb, %sil
	PUTTER uaccess_put32, movl, %esi
	PUTTER uaccess_put64, movq, %rsi

/* int uaccess_cmpxchg32(u32 *dst, u32 old, u32 new_value, u32 *seen) */
	.balign 16
	.globl uaccess_cmpxchg32
uaccess_cmpxchg32:
	movl	%esi, %eax
	STAC
1:	lock cmpxchgl %edx, (%rdi)
	CLAC
	movl	%eax, (%rcx)
	xorl	%eax, %eax
	ret
2:	CLAC
	movl	$-14, %eax
	ret
	EXTABLE 1b, 2b

	.section .note.GNU-stack, "", @progbits
