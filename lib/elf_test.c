/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF parsing: one small good program, and each way to break it. */
#include <lib/elf.h>
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <uapi/mman.h>

#define FILE_BYTES 0x3000u
#define LIMIT      0x7ffffffff000ul

/* Byte offsets of the fields that the tests change. */
enum {
	E_TYPE = 16,
	E_MACHINE = 18,
	E_ENTRY = 24,
	E_PHOFF = 32,
	E_PHENTSIZE = 54,
	E_PHNUM = 56,
	P_TYPE = 0,
	P_FLAGS = 4,
	P_OFFSET = 8,
	P_VADDR = 16,
	P_FILESZ = 32,
	P_MEMSZ = 40,
	P_ALIGN = 48,
};

struct sample {
	u8 head[ELF_HEADER_BYTES];
	u8 phdrs[4][ELF_PHDR_BYTES];
};

static void put(u8 *where, u64 value, u32 bytes)
{
	memcpy(where, &value, bytes);
}

static void put_phdr(u8 *phdr, u32 type, u32 flags, u64 offset, u64 vaddr,
		     u64 filesz, u64 memsz)
{
	put(phdr + P_TYPE, type, 4);
	put(phdr + P_FLAGS, flags, 4);
	put(phdr + P_OFFSET, offset, 8);
	put(phdr + P_VADDR, vaddr, 8);
	put(phdr + P_FILESZ, filesz, 8);
	put(phdr + P_MEMSZ, memsz, 8);
	put(phdr + P_ALIGN, 0x1000, 8);
}

/* Text at 0x400000, data with bss at 0x402e10, an interpreter, a stack. */
static struct sample make_sample(void)
{
	struct sample s = {.head = {0x7f, 'E', 'L', 'F', 2, 1, 1}};

	put(s.head + E_TYPE, 2, 2);
	put(s.head + E_MACHINE, 62, 2);
	put(s.head + E_ENTRY, 0x400100, 8);
	put(s.head + E_PHOFF, 64, 8);
	put(s.head + E_PHENTSIZE, 56, 2);
	put(s.head + E_PHNUM, 4, 2);
	put_phdr(s.phdrs[0], 3, 4, 0x200, 0x400200, 28, 28);
	put_phdr(s.phdrs[1], 1, 5, 0, 0x400000, 0x1234, 0x1234);
	put_phdr(s.phdrs[2], 1, 6, 0x1e10, 0x402e10, 0x200, 0x5000);
	put_phdr(s.phdrs[3], 0x6474e551, 6, 0, 0, 0, 0);
	return s;
}

static int parse(const struct sample *s, struct elf_image *image)
{
	struct elf_header header;
	int err = elf_parse_header(s->head, sizeof(s->head), &header);

	if (!err && header.nr_phdrs > 4)
		return -E2BIG; /* the sample holds no more */
	return err ? err
		   : elf_parse_segments(&header, s->phdrs, FILE_BYTES, LIMIT,
					image);
}

KTEST(elf_reads_a_good_program)
{
	struct sample s = make_sample();
	struct elf_image image;

	EXPECT_EQ(parse(&s, &image), 0);
	EXPECT_EQ(image.header.is_dyn, false);
	EXPECT_EQ(image.header.entry, 0x400100);
	EXPECT_EQ(image.nr_segments, 2);
	EXPECT_EQ(image.low, 0x400000);
	EXPECT_EQ(image.high, 0x408000);
	EXPECT_EQ(image.phdr_vaddr, 0x400040);
	EXPECT_EQ(image.interp_offset, 0x200);
	EXPECT_EQ(image.interp_bytes, 28);
	EXPECT_EQ(image.exec_stack, false);
	EXPECT_EQ(image.segments[0].prot, PROT_READ | PROT_EXEC);
	EXPECT_EQ(image.segments[1].prot, PROT_READ | PROT_WRITE);
	EXPECT_EQ(image.segments[1].mem_bytes, 0x5000);
}

KTEST(elf_refuses_what_is_not_an_x86_64_program)
{
	static const struct {
		u32 offset, bytes;
		u64 value;
	} bad[] = {
		{0, 1, 'E'},        {4, 1, 1},
		{5, 1, 2},          {6, 1, 0},
		{E_TYPE, 2, 1},     {E_TYPE, 2, 4},
		{E_MACHINE, 2, 3},  {E_PHENTSIZE, 2, 32},
		{E_PHNUM, 2, 0},    {E_PHNUM, 2, 0xffff},
		{E_PHOFF, 8, ~0ul},
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sample s = make_sample();
		struct elf_image image;

		put(s.head + bad[i].offset, bad[i].value, bad[i].bytes);
		EXPECT_EQ(parse(&s, &image), -ENOEXEC);
	}
}

KTEST(elf_refuses_a_short_header)
{
	struct sample s = make_sample();
	struct elf_header header;

	EXPECT_EQ(elf_parse_header(s.head, 63, &header), -ENOEXEC);
	EXPECT_EQ(elf_parse_header(s.head, 0, &header), -ENOEXEC);
}

KTEST(elf_refuses_bad_segments)
{
	static const struct {
		u32 phdr, offset;
		u64 value;
	} bad[] = {
		{1, P_FILESZ, 0x1235},   /* more in file than memory */
		{1, P_OFFSET, 0x2000},   /* ends beyond the file */
		{1, P_OFFSET, ~0xffful}, /* offset wraps around */
		{1, P_VADDR, 0x400800},  /* not congruent to offset */
		{1, P_VADDR, ~0xffful},  /* address wraps around */
		{1, P_VADDR, LIMIT},     /* above the limit */
		{1, P_MEMSZ, ~0ul},      /* huge */
		{1, P_MEMSZ, 0x3000},    /* overlaps the next */
		{1, P_VADDR, 0x500000},  /* not ascending */
		{1, P_ALIGN, 0x3000},    /* no power of two */
		{1, P_MEMSZ, 0x2100},    /* zeroes where the next has data */
		{0, P_FILESZ, 1},        /* interpreter: no room for a name */
		{0, P_FILESZ, ELF_PATH_MAX + 1},
		{0, P_OFFSET, FILE_BYTES},
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sample s = make_sample();
		struct elf_image image;

		put(s.phdrs[bad[i].phdr] + bad[i].offset, bad[i].value, 8);
		if (parse(&s, &image) != -ENOEXEC)
			EXPECT_EQ(i, -1);
	}
}

KTEST(elf_refuses_a_program_without_segments)
{
	struct sample s = make_sample();
	struct elf_image image;

	put(s.phdrs[1] + P_TYPE, 0, 4);
	put(s.phdrs[2] + P_TYPE, 0, 4);
	EXPECT_EQ(parse(&s, &image), -ENOEXEC);
}

KTEST(elf_accepts_segments_that_share_one_file_page)
{
	struct sample s = make_sample();
	struct elf_image image;

	put_phdr(s.phdrs[2], 1, 6, 0x1240, 0x401240, 0x100, 0x5000);
	EXPECT_EQ(parse(&s, &image), 0);
}
