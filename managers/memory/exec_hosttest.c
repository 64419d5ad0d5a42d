/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * m_exec on programs of the host: the layout and the initial stack as the
 * program would find them.
 */
#include <managers/memory/testing.h>

#include <lib/elf.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_PHDR    3
#define AT_PHNUM   5
#define AT_BASE    7
#define AT_ENTRY   9
#define AT_RANDOM  25
#define AT_EXECFN  31
#define STACK_SIZE (8ul << 20)

struct host_file {
	u8 *bytes;
	u64 size;
	struct wire_fid fid;
};

static struct host_file load_host_file(const char *path, u64 ino)
{
	FILE *f = fopen(path, "rb");
	struct host_file file = {};

	if (!f)
		return file;
	fseek(f, 0, SEEK_END);
	file.size = (u64)ftell(f);
	rewind(f);
	file.bytes = malloc(file.size);
	if (fread(file.bytes, 1, file.size, f) != file.size)
		abort();
	fclose(f);
	file.fid = fake_file_add(ino, file.bytes, file.size);
	return file;
}

static const char strings[] = "ls\0-l\0/tmp\0HOME=/root\0A=\0/bin/ls";
#define ARGC 3u
#define ENVC 2u

static int run_exec(struct wire_fid exe, struct wire_fid interp, u32 flags,
		    struct rpc_m_exec_reply *rep)
{
	struct rpc_m_exec req = {
		.exe = exe,
		.interp = interp,
		.stack_bytes = le64_make(STACK_SIZE),
		.hwcap = le64_make(0xfabfbff),
		.random = {le64_make(0x1111), le64_make(0x2222),
			   le64_make(0x3333), le64_make(0x4444)},
		.argc = le32_make(ARGC),
		.envc = le32_make(ENVC),
		.strings_bytes = le32_make(sizeof(strings)),
		.uid = le32_make(1000),
		.flags = le32_make(flags),
	};

	memcpy(call.bulk, strings, sizeof(strings));
	return rpc_handle_m_exec(
		fake_call_begin(&call, &peer_a, NULL, 0, sizeof(strings)), &req,
		rep);
}

/* Read the program's memory as a processor node would. */
static u64 peek(u32 asid, u64 vaddr)
{
	struct rpc_m_fault_reply rep;
	u64 word = 0;
	int err = test_fault(asid, vaddr, FAULT_READ, &rep);

	EXPECT_EQ(err, 0);
	memcpy(&word, call.bulk + vaddr % 4096, sizeof(word));
	return word;
}

static bool string_is(u32 asid, u64 vaddr, const char *expected)
{
	for (;; vaddr++, expected++) {
		char c = (char)peek(asid, vaddr);

		if (c != *expected)
			return false;
		if (!c)
			return true;
	}
}

static u64 find_aux(u32 asid, const struct rpc_m_exec_reply *rep, u64 type)
{
	for (u64 at = le64_get(rep->auxv_start); at < le64_get(rep->auxv_end);
	     at += 16)
		if (peek(asid, at) == type)
			return peek(asid, at + 8);
	return ~0ul;
}

static void check_stack(const struct rpc_m_exec_reply *rep)
{
	u32 asid = le32_get(rep->asid);
	u64 sp = le64_get(rep->sp);

	EXPECT_EQ(sp % 16, 0);
	EXPECT_EQ(peek(asid, sp), ARGC);
	EXPECT_TRUE(string_is(asid, peek(asid, sp + 8), "ls"));
	EXPECT_TRUE(string_is(asid, peek(asid, sp + 16), "-l"));
	EXPECT_TRUE(string_is(asid, peek(asid, sp + 24), "/tmp"));
	EXPECT_EQ(peek(asid, sp + 32), 0);
	EXPECT_TRUE(string_is(asid, peek(asid, sp + 40), "HOME=/root"));
	EXPECT_TRUE(string_is(asid, peek(asid, sp + 48), "A="));
	EXPECT_EQ(peek(asid, sp + 56), 0);
	EXPECT_EQ(le64_get(rep->auxv_start), sp + 64);
	EXPECT_EQ(peek(asid, le64_get(rep->auxv_end) - 16), 0);
	EXPECT_EQ(peek(asid, sp + 8), le64_get(rep->arg_start));
	EXPECT_EQ(peek(asid, sp + 40), le64_get(rep->env_start));
	EXPECT_EQ(le64_get(rep->arg_end), le64_get(rep->env_start));
	EXPECT_TRUE(string_is(asid, find_aux(asid, rep, AT_EXECFN), "/bin/ls"));
	EXPECT_EQ(peek(asid, find_aux(asid, rep, AT_RANDOM)), 0x1111);
	EXPECT_EQ(find_aux(asid, rep, AT_EXECFN), le64_get(rep->env_end));
}

/* Every byte of every segment: the file's, then zeros. */
static void check_image(u32 asid, const struct host_file *file, u64 bias)
{
	struct elf_header header;
	struct elf_image image;
	u64 nr_bad = 0;

	EXPECT_EQ(elf_parse_header(file->bytes, 64, &header), 0);
	EXPECT_EQ(elf_parse_segments(&header, file->bytes + header.phdr_offset,
				     file->size, ~0ul >> 1, &image),
		  0);
	for (u32 i = 0; i < image.nr_segments; i++) {
		const struct elf_segment *s = &image.segments[i];

		for (u64 at = s->vaddr; at < s->vaddr + s->mem_bytes;) {
			u64 done = at - s->vaddr, in_page = at % 4096;
			u64 n = min(4096 - in_page, s->mem_bytes - done);
			struct rpc_m_fault_reply rep;

			if (test_fault(asid, at + bias, FAULT_READ, &rep)) {
				nr_bad++;
				break;
			}
			for (u64 k = 0; k < n; k++)
				nr_bad += call.bulk[in_page + k] !=
					  (done + k < s->file_bytes
						   ? file->bytes[s->offset +
								 done + k]
						   : 0);
			at += n;
		}
	}
	EXPECT_EQ(nr_bad, 0);
}

KTEST(memory_exec_lays_a_dynamic_program_out)
{
	struct rpc_m_exec_reply rep;
	struct host_file exe, interp;
	const struct wire_vma *vmas = (const void *)call.rep_tail;
	struct wire_vma last;
	u64 base;
	u32 asid, nr;

	memory_test_begin(4096);
	exe = load_host_file("/bin/ls", 1);
	interp = load_host_file("/lib64/ld-linux-x86-64.so.2", 2);
	if (exe.bytes && interp.bytes) {
		EXPECT_EQ(run_exec(exe.fid, interp.fid, RPC_EXEC_NO_RANDOMIZE,
				   &rep),
			  0);
		nr = le32_get(rep.nr_vmas);
		EXPECT_EQ(call.ctx.rep_tail_len, nr * sizeof(*vmas));
		last = vmas[nr - 1];
		EXPECT_EQ(le64_get(vmas[0].start), 0x555555554000);
		EXPECT_EQ(le64_get(last.end), 0x7ffffffff000);
		/* 128 KiB are free on the stack; it grows to STACK_SIZE */
		EXPECT_EQ(le64_get(last.start),
			  ALIGN_DOWN(le64_get(rep.sp), PAGE_SIZE) - 0x20000);
		EXPECT_EQ(le32_get(last.flags), VMA_STACK | VMA_GROWSDOWN);
		asid = le32_get(rep.asid);
		check_stack(&rep);
		base = find_aux(asid, &rep, AT_BASE);
		EXPECT_EQ(base >> 28, 0x7ffff7fff000 >> 28);
		check_image(asid, &exe, 0x555555554000);
		check_image(asid, &interp, base);
		EXPECT_EQ(le64_get(rep.start_code), 0x555555554000);
		EXPECT_EQ(find_aux(asid, &rep, AT_PHDR), 0x555555554040);
		EXPECT_TRUE(le64_get(rep.start_brk) >= le64_get(rep.end_data));
	}
	memory_test_end();
	free(exe.bytes);
	free(interp.bytes);
}

KTEST(memory_exec_randomizes_by_the_seed)
{
	struct rpc_m_exec_reply one, two;
	struct host_file exe, interp;

	memory_test_begin(4096);
	exe = load_host_file("/bin/ls", 1);
	interp = load_host_file("/lib64/ld-linux-x86-64.so.2", 2);
	if (exe.bytes && interp.bytes) {
		EXPECT_EQ(run_exec(exe.fid, interp.fid, 0, &one), 0);
		check_stack(&one);
		check_image(le32_get(one.asid), &exe, le64_get(one.start_code));
		EXPECT_EQ(run_exec(exe.fid, interp.fid, 0, &two), 0);
		EXPECT_EQ(le64_get(one.sp), le64_get(two.sp));
		EXPECT_TRUE(le64_get(one.start_code) != 0x555555554000);
		EXPECT_EQ(le64_get(one.start_code) >> 44, 5);
	}
	memory_test_end();
	free(exe.bytes);
	free(interp.bytes);
}

/* The interpreter alone is a position-independent program without one. */
KTEST(memory_exec_puts_a_static_pie_among_the_mappings)
{
	struct rpc_m_exec_reply rep;
	struct host_file exe;

	memory_test_begin(4096);
	exe = load_host_file("/lib64/ld-linux-x86-64.so.2", 2);
	if (exe.bytes) {
		EXPECT_EQ(run_exec(exe.fid, (struct wire_fid){},
				   RPC_EXEC_NO_RANDOMIZE, &rep),
			  0);
		check_stack(&rep);
		EXPECT_EQ(le64_get(rep.start_code) >> 28, 0x7ffff7fff000 >> 28);
		check_image(le32_get(rep.asid), &exe, le64_get(rep.start_code));
		EXPECT_EQ(le64_get(rep.start_brk), 0x555555554000);
		EXPECT_EQ(find_aux(le32_get(rep.asid), &rep, AT_BASE), 0);
	}
	memory_test_end();
	free(exe.bytes);
}

KTEST(memory_exec_refuses_what_is_wrong)
{
	static const u8 text[4096] = "#!/bin/sh\n";
	struct rpc_m_exec_reply rep;
	struct rpc_m_exec req = {.argc = le32_make(1),
				 .strings_bytes = le32_make(4)};
	struct host_file exe;
	struct wire_fid script;

	memory_test_begin(1024);
	exe = load_host_file("/bin/ls", 1);
	script = fake_file_add(3, text, sizeof(text));
	EXPECT_EQ(run_exec(script, (struct wire_fid){}, 0, &rep), -ENOEXEC);
	EXPECT_EQ(run_exec((struct wire_fid){}, (struct wire_fid){}, 0, &rep),
		  -EIO);
	if (exe.bytes) {
		/* it names an interpreter, the request does not */
		EXPECT_EQ(run_exec(exe.fid, (struct wire_fid){}, 0, &rep),
			  -ENOEXEC);
		EXPECT_EQ(run_exec(exe.fid, script, 0, &rep), -ENOEXEC);
		/* strings: two where there should be two and execfn, ... */
		req.exe = exe.fid;
		req.interp = fake_file_add(4, exe.bytes, exe.size);
		memcpy(call.bulk, "a\0b", 4);
		EXPECT_EQ(rpc_handle_m_exec(from_a(4), &req, &rep), 0);
		memcpy(call.bulk, "a\0bc", 4);
		EXPECT_EQ(rpc_handle_m_exec(from_a(4), &req, &rep), -EINVAL);
		memcpy(call.bulk, "a\0b", 4);
		req.argc = le32_make(2);
		EXPECT_EQ(rpc_handle_m_exec(from_a(4), &req, &rep), -EINVAL);
		req.argc = le32_make(0);
		EXPECT_EQ(rpc_handle_m_exec(from_a(4), &req, &rep), -EINVAL);
		EXPECT_EQ(rpc_handle_m_exec(from_a(3), &req, &rep), -EINVAL);
		req.strings_bytes = le32_make(RPC_EXEC_MAX_STRINGS + 1);
		EXPECT_EQ(rpc_handle_m_exec(from_a(4), &req, &rep), -E2BIG);
	}
	memory_test_end();
	free(exe.bytes);
}

/* argv and envp may be empty (R28). */
KTEST(memory_exec_without_arguments)
{
	struct rpc_m_exec_reply rep;
	struct rpc_m_exec req = {.strings_bytes = le32_make(2)};
	struct host_file exe;

	memory_test_begin(1024);
	exe = load_host_file("/lib64/ld-linux-x86-64.so.2", 2);
	if (exe.bytes) {
		req.exe = exe.fid;
		memcpy(call.bulk, "x", 2);
		EXPECT_EQ(rpc_handle_m_exec(from_a(2), &req, &rep), 0);
		EXPECT_EQ(peek(le32_get(rep.asid), le64_get(rep.sp)), 0);
		EXPECT_EQ(peek(le32_get(rep.asid), le64_get(rep.sp) + 16), 0);
	}
	memory_test_end();
	free(exe.bytes);
}
