/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loader tells: memory map, command line, where ACPI's root pointer
 * is.  Two formats; structure offsets are from
 *   PVH: Xen's public/arch-x86/hvm/start_info.h
 *   multiboot2: its specification 2.0, section 3.6
 * The loader's memory is not trusted further than its lengths.
 */
#define pr_fmt(fmt) "boot: " fmt
#include <kernel/log.h>
#include <lib/byteorder.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/phys.h>

#include "arch.h"

#define PVH_MAGIC 0x336ec578u
#define MB2_MAGIC 0x36d76289u

#define MB2_TAG_CMDLINE  1
#define MB2_TAG_MMAP     6
#define MB2_TAG_RSDP_OLD 14
#define MB2_TAG_RSDP_NEW 15

/* E820 types, also used by both loaders. */
#define MEM_USABLE 1
#define MEM_ACPI   3
#define MEM_NVS    4

static char cmdline[2048];
static paddr_t rsdp;

static void add_memory(u64 start, u64 size, u32 type)
{
	if (type == MEM_USABLE)
		phys_add(start, start + size, PHYS_USABLE);
	else if (type == MEM_ACPI || type == MEM_NVS)
		phys_add(start, start + size, PHYS_ACPI);
	else
		phys_add(start, start + size, PHYS_RESERVED);
}

static void parse_pvh(const u8 *info)
{
	paddr_t cmdline_paddr = get_le64(info + 24);
	u32 version = get_le32(info + 4);
	const u8 *map;

	rsdp = get_le64(info + 32);
	if (cmdline_paddr)
		strscpy(cmdline, kaddr_of(cmdline_paddr), sizeof(cmdline));
	if (version < 1)
		panic("PVH start info of version 0 has no memory map");
	map = kaddr_of(get_le64(info + 40));
	for (u32 i = 0; i < get_le32(info + 48); i++)
		add_memory(get_le64(map + i * 24), get_le64(map + i * 24 + 8),
			   get_le32(map + i * 24 + 16));
}

static void parse_mb2_mmap(const u8 *tag, u32 size)
{
	u32 entry_size = get_le32(tag + 8);

	if (entry_size < 24)
		panic("multiboot2 memory map with entries of %u bytes",
		      entry_size);
	for (u32 pos = 16; pos + entry_size <= size; pos += entry_size)
		add_memory(get_le64(tag + pos), get_le64(tag + pos + 8),
			   get_le32(tag + pos + 16));
}

/* The tag holds a copy of the root pointer: keep one that stays. */
static void parse_mb2_rsdp(const u8 *tag, u32 size)
{
	static u8 copy[64] __aligned(16);

	memcpy(copy, tag + 8, min((size_t)size - 8, sizeof(copy)));
	rsdp = (u64)copy - KERNEL_IMAGE_BASE;
}

static void parse_mb2(const u8 *info)
{
	u32 total = get_le32(info), size;

	for (u32 pos = 8; pos + 8 <= total; pos += ALIGN_UP(size, 8)) {
		const u8 *tag = info + pos;
		u32 type = get_le32(tag);

		size = get_le32(tag + 4);
		if (!type || size < 8 || size > total - pos)
			break;
		if (type == MB2_TAG_CMDLINE)
			strscpy(cmdline, (const char *)tag + 8,
				min((size_t)size - 8, sizeof(cmdline)));
		else if (type == MB2_TAG_MMAP)
			parse_mb2_mmap(tag, size);
		else if (type == MB2_TAG_RSDP_NEW ||
			 (type == MB2_TAG_RSDP_OLD && !rsdp))
			parse_mb2_rsdp(tag, size);
	}
}

void boot_info_parse(u32 magic, u32 info_paddr)
{
	const u8 *info = kaddr_of(info_paddr);

	if (magic == MB2_MAGIC)
		parse_mb2(info);
	else if (get_le32(info) == PVH_MAGIC)
		parse_pvh(info);
	else
		panic("started by an unknown loader (%x)", magic);

	/* Low memory: firmware data, and where other CPUs start. */
	phys_reserve(0, 1 << 20);
	phys_reserve(1 << 20, (u64)__image_end - KERNEL_IMAGE_BASE);
}

const char *boot_cmdline(void)
{
	return cmdline;
}

paddr_t boot_rsdp(void)
{
	return rsdp;
}
