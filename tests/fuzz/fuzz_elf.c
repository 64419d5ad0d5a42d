/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as an ELF file: no crash, and what is accepted keeps the promises
 * of <lib/elf.h>.
 */
#include <lib/elf.h>
#include <stdlib.h>

#define LIMIT 0x7ffffffff000ul

#define REQUIRE(e)               \
	do {                     \
		if (!(e))        \
			abort(); \
	} while (0)

static void check_image(const struct elf_image *image, u64 file_bytes)
{
	u64 above = 0;

	REQUIRE(image->nr_segments && image->nr_segments <= ELF_MAX_SEGMENTS);
	for (u32 i = 0; i < image->nr_segments; i++) {
		const struct elf_segment *s = &image->segments[i];

		REQUIRE(s->vaddr >= above && s->vaddr >= image->low);
		REQUIRE(s->file_bytes <= s->mem_bytes);
		REQUIRE(s->offset <= file_bytes &&
			s->file_bytes <= file_bytes - s->offset);
		REQUIRE(s->mem_bytes <= LIMIT &&
			s->vaddr <= LIMIT - s->mem_bytes);
		REQUIRE(!((s->vaddr ^ s->offset) & 4095));
		above = s->vaddr + s->mem_bytes;
	}
	REQUIRE(above <= image->high && !(image->high & 4095));
	REQUIRE(image->interp_bytes <= ELF_PATH_MAX);
	REQUIRE(image->interp_offset + image->interp_bytes <= file_bytes ||
		!image->interp_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_header header;
	struct elf_image image;
	u64 bytes;

	if (elf_parse_header(data, size, &header))
		return 0;
	bytes = (u64)header.nr_phdrs * ELF_PHDR_BYTES;
	if (header.phdr_offset > size || bytes > size - header.phdr_offset)
		return 0;
	if (!elf_parse_segments(&header, data + header.phdr_offset, size, LIMIT,
				&image))
		check_image(&image, size);
	return 0;
}
