/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image: boot code at 1 MiB that runs where it is loaded, then the kernel,
 * linked KERNEL_IMAGE_BASE above where it is loaded.  One segment each for
 * code, constants and data, page aligned, so that they get the rights of their
 * kind (arch/x86/kernel_map.c).
 */
#define IMAGE_BASE 0xffffffff80000000
#define TABLE(name)                   \
	. = ALIGN(8);                 \
	__start_##name = .;           \
	KEEP(*(name))                 \
	__stop_##name = .;

OUTPUT_FORMAT(elf64-x86-64)
OUTPUT_ARCH(i386:x86-64)
ENTRY(boot_multiboot2_entry)

PHDRS
{
	boot PT_LOAD FLAGS(7);
	note PT_NOTE FLAGS(4);
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = 0x100000;
	.boot : {
		KEEP(*(.boot.multiboot2))
		*(.boot.text)
		*(.boot.data)
	} :boot
	.note.pvh : { KEEP(*(.note.pvh)) } :boot :note

	. = ALIGN(4096) + IMAGE_BASE;
	__image_start = .;
	.text : AT(ADDR(.text) - IMAGE_BASE) {
		__text_start = .;
		*(.text .text.*)
		. = ALIGN(4096);
		__text_end = .;
	} :text

	.rodata : AT(ADDR(.rodata) - IMAGE_BASE) {
		__rodata_start = .;
		*(.rodata .rodata.*)
		TABLE(extable)
		TABLE(smap_sites)
		TABLE(ktests)
		TABLE(monitor_cmds)
		TABLE(boot_options)
		TABLE(initcalls)
		TABLE(pci_drivers)
	} :rodata
	/* Tables that other code defines find their place here. */

	. = ALIGN(4096);
	.data : AT(ADDR(.data) - IMAGE_BASE) {
		__data_start = .;
		*(.data .data.*)
		. = ALIGN(64);
		__percpu_start = .;
		*(.percpu.first)
		*(.percpu)
		. = ALIGN(64);
		__percpu_end = .;
	} :data
	.bss : AT(ADDR(.bss) - IMAGE_BASE) {
		__bss_start = .;
		*(.bss.pages)
		*(.bss .bss.* COMMON)
		. = ALIGN(64);
		__percpu_boot = .; /* the boot CPU's copy */
		. += __percpu_end - __percpu_start;
		. = ALIGN(4096);
		__bss_end = .;
	} :data
	__image_end = .;

	/DISCARD/ : { *(.comment) *(.note.GNU-stack) *(.eh_frame) *(.note.gnu.*) }
}
