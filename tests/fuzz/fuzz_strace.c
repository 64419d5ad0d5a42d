/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoder of system calls: registers and memory are a program's. */
#include <errno.h>
#include <managers/processor/strace/decode.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x10000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the program's memory holds; it may change with each look at it. */
static const uint8_t *memory;
static size_t memory_bytes, nr_reads;

static int read_memory(void *dst, u64 vaddr, size_t bytes)
{
	u64 offset = vaddr - BASE + nr_reads++ % 2;

	if (vaddr < BASE || offset > memory_bytes ||
	    bytes > memory_bytes - offset)
		return -EFAULT;
	memcpy(dst, memory + offset, bytes);
	return 0;
}

/* A register: a small number, an address in memory, or anything. */
static u64 pick(const uint8_t *bytes)
{
	u64 value;

	memcpy(&value, bytes, sizeof(value));
	switch (value & 3) {
	case 0:
		return value >> 2 & 0xff;
	case 1:
	case 2:
		return BASE + (value >> 2 & 0xff);
	default:
		return value >> 2 | (value & 0x80 ? 1ull << 63 : 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t registers = 1 + (DECODE_MAX_ARGS + 1) * sizeof(u64);
	struct decoder d = {.read = read_memory};
	/* Of the exact size, so that writing past it is noticed. */
	size_t line_bytes = 128;
	char *line;

	if (size < registers)
		return 0;
	line = malloc(line_bytes);
	d.call = &call_infos[data[0] % nr_call_infos];
	for (u32 i = 0; i < DECODE_MAX_ARGS; i++)
		d.args[i] = pick(data + 1 + i * sizeof(u64));
	memory = data + registers;
	memory_bytes = size - registers;
	nr_reads = 0;
	text_init(&d.text, line, line_bytes);
	decode_begin(&d);
	d.result = (s64)pick(data + 1 + DECODE_MAX_ARGS * sizeof(u64));
	decode_end(&d);
	if (strlen(line) != d.text.len)
		abort();
	free(line);
	return 0;
}
