/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF64 for x86-64.  Field layout and meaning: System V ABI, gABI chapters 4
 * and 5, and the AMD64 psABI.  Where Linux is more lenient than the ABI and
 * programs rely on it (p_align 0 or 1, unused PT_LOADs), so are we.
 */
#include <lib/elf.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <uapi/mman.h>

#define PAGE_BYTES 4096ul

struct elf64_ehdr {
	u8 ident[16];
	u16 type;
	u16 machine;
	u32 version;
	u64 entry;
	u64 phoff;
	u64 shoff;
	u32 flags;
	u16 ehsize;
	u16 phentsize;
	u16 phnum;
	u16 shentsize;
	u16 shnum;
	u16 shstrndx;
};
_Static_assert(sizeof(struct elf64_ehdr) == ELF_HEADER_BYTES, "ABI");

struct elf64_phdr {
	u32 type;
	u32 flags;
	u64 offset;
	u64 vaddr;
	u64 paddr;
	u64 filesz;
	u64 memsz;
	u64 align;
};
_Static_assert(sizeof(struct elf64_phdr) == ELF_PHDR_BYTES, "ABI");

#define EI_CLASS    4
#define EI_DATA     5
#define EI_VERSION  6
#define ELFCLASS64  2
#define ELFDATA2LSB 1
#define EV_CURRENT  1
#define ET_EXEC     2
#define ET_DYN      3
#define EM_X86_64   62

#define PT_LOAD      1u
#define PT_INTERP    3u
#define PT_GNU_STACK 0x6474e551u

#define PF_X 1u
#define PF_W 2u
#define PF_R 4u

int elf_parse_header(const void *head, size_t len, struct elf_header *out)
{
	static const u8 magic[4] = {0x7f, 'E', 'L', 'F'};
	struct elf64_ehdr ehdr;

	if (len < sizeof(ehdr))
		return -ENOEXEC;
	memcpy(&ehdr, head, sizeof(ehdr));
	if (memcmp(ehdr.ident, magic, sizeof(magic)) ||
	    ehdr.ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.ident[EI_DATA] != ELFDATA2LSB ||
	    ehdr.ident[EI_VERSION] != EV_CURRENT || ehdr.machine != EM_X86_64)
		return -ENOEXEC;
	if (ehdr.type != ET_EXEC && ehdr.type != ET_DYN)
		return -ENOEXEC;
	if (ehdr.phentsize != ELF_PHDR_BYTES || !ehdr.phnum ||
	    ehdr.phnum > ELF_MAX_PHDRS ||
	    ehdr.phoff > ~0ul - ELF_MAX_PHDRS * ELF_PHDR_BYTES)
		return -ENOEXEC;
	*out = (struct elf_header){.is_dyn = ehdr.type == ET_DYN,
				   .nr_phdrs = ehdr.phnum,
				   .phdr_offset = ehdr.phoff,
				   .entry = ehdr.entry};
	return 0;
}

static u32 prot_of(u32 flags)
{
	return (flags & PF_R ? PROT_READ : 0) |
	       (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

/* Is [@offset, +@bytes) inside the file? */
static bool is_in_file(u64 offset, u64 bytes, u64 file_bytes)
{
	return bytes <= file_bytes && offset <= file_bytes - bytes;
}

/* May @next follow @prev: above it, and at ease with it in a common page? */
static bool may_follow(const struct elf_segment *prev,
		       const struct elf_segment *next)
{
	u64 prev_end = prev->vaddr + prev->mem_bytes;

	if (next->vaddr < prev_end)
		return false;
	if (ALIGN_DOWN(next->vaddr, PAGE_BYTES) >=
	    ALIGN_UP(prev_end, PAGE_BYTES))
		return true;
	/* One page has one content: only the same file page will do. */
	return prev->mem_bytes == prev->file_bytes && next->file_bytes &&
	       next->vaddr - prev->vaddr == next->offset - prev->offset;
}

static int add_load(const struct elf64_phdr *phdr, u64 file_bytes, u64 limit,
		    struct elf_image *image)
{
	struct elf_segment *segment = &image->segments[image->nr_segments];

	if (!phdr->memsz && !phdr->filesz)
		return 0;
	if (image->nr_segments == ELF_MAX_SEGMENTS ||
	    phdr->filesz > phdr->memsz ||
	    !is_in_file(phdr->offset, phdr->filesz, file_bytes) ||
	    phdr->memsz > limit || phdr->vaddr > limit - phdr->memsz)
		return -ENOEXEC;
	if (phdr->align > 1 && !is_power_of_2(phdr->align))
		return -ENOEXEC;
	if ((phdr->vaddr ^ phdr->offset) & (PAGE_BYTES - 1))
		return -ENOEXEC;
	*segment = (struct elf_segment){.vaddr = phdr->vaddr,
					.offset = phdr->offset,
					.file_bytes = phdr->filesz,
					.mem_bytes = phdr->memsz,
					.prot = prot_of(phdr->flags)};
	if (image->nr_segments && !may_follow(segment - 1, segment))
		return -ENOEXEC;
	image->align_bytes = max(image->align_bytes, phdr->align);
	image->nr_segments++;
	return 0;
}

/* The program headers are in memory if a segment covers them in the file. */
static u64 find_phdrs_in_memory(const struct elf_image *image)
{
	const struct elf_header *header = &image->header;
	u64 bytes = (u64)header->nr_phdrs * ELF_PHDR_BYTES;

	for (u32 i = 0; i < image->nr_segments; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (header->phdr_offset >= segment->offset &&
		    bytes <= segment->file_bytes &&
		    header->phdr_offset - segment->offset <=
			    segment->file_bytes - bytes)
			return header->phdr_offset - segment->offset +
			       segment->vaddr;
	}
	return 0;
}

static int add_interp(const struct elf64_phdr *phdr, u64 file_bytes,
		      struct elf_image *image)
{
	if (image->interp_bytes) /* the first one counts */
		return 0;
	if (phdr->filesz < 2 || phdr->filesz > ELF_PATH_MAX ||
	    !is_in_file(phdr->offset, phdr->filesz, file_bytes))
		return -ENOEXEC;
	image->interp_offset = phdr->offset;
	image->interp_bytes = (u32)phdr->filesz;
	return 0;
}

int elf_parse_segments(const struct elf_header *header, const void *phdrs,
		       u64 file_bytes, u64 limit, struct elf_image *out)
{
	const struct elf_segment *last;

	*out = (struct elf_image){.header = *header, .align_bytes = PAGE_BYTES};
	for (u32 i = 0; i < header->nr_phdrs; i++) {
		struct elf64_phdr phdr;
		int err = 0;

		memcpy(&phdr, (const u8 *)phdrs + i * sizeof(phdr),
		       sizeof(phdr));
		if (phdr.type == PT_LOAD)
			err = add_load(&phdr, file_bytes, limit, out);
		else if (phdr.type == PT_INTERP)
			err = add_interp(&phdr, file_bytes, out);
		else if (phdr.type == PT_GNU_STACK)
			out->exec_stack = phdr.flags & PF_X;
		if (err)
			return err;
	}
	if (!out->nr_segments)
		return -ENOEXEC;
	last = &out->segments[out->nr_segments - 1];
	out->low = ALIGN_DOWN(out->segments[0].vaddr, PAGE_BYTES);
	out->high = ALIGN_UP(last->vaddr + last->mem_bytes, PAGE_BYTES);
	out->phdr_vaddr = find_phdrs_in_memory(out);
	return 0;
}
