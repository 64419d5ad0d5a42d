/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initial stack, as the System V ABI for AMD64 (3.4.1) and Linux have it,
 * from high to low addresses:
 *
 *	8 zero bytes
 *	execfn, environment strings, argument strings (the last one lowest)
 *	random padding
 *	platform name, 16 random bytes
 *	auxv, NULL, envp[], NULL, argv[], argc    <- sp, 16-byte aligned
 *
 * The strings come from the caller by RDMA straight into the stack's frames.
 */
#include <managers/memory/exec.h>

#include <lib/errno.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/memory/frames.h>

#define AT_NULL        0u
#define AT_PHDR        3u
#define AT_PHENT       4u
#define AT_PHNUM       5u
#define AT_PAGESZ      6u
#define AT_BASE        7u
#define AT_FLAGS       8u
#define AT_ENTRY       9u
#define AT_UID         11u
#define AT_EUID        12u
#define AT_GID         13u
#define AT_EGID        14u
#define AT_PLATFORM    15u
#define AT_HWCAP       16u
#define AT_CLKTCK      17u
#define AT_SECURE      23u
#define AT_RANDOM      25u
#define AT_HWCAP2      26u
#define AT_EXECFN      31u
#define AT_MINSIGSTKSZ 51u

static const char platform[] = "x86_64";

/* A signal frame with AVX-512 state, which is the most that we may meet. */
#define MIN_SIGNAL_STACK 3632u
/* Ticks of times(2) in a second. */
#define CLOCK_TICKS 100u

/* The kernel address of user address @vaddr; its page is made if need be. */
static void *stack_at(struct exec *e, u64 vaddr)
{
	struct pagetable *pages = &e->aspace->pages;
	u64 page = ALIGN_DOWN(vaddr, PAGE_SIZE);
	u32 pfn = pagetable_lookup(pages, page), old;

	if (pfn == FRAME_NONE) {
		if (pagetable_prepare(pages, page))
			return NULL;
		pfn = frame_alloc();
		if (pfn == FRAME_NONE)
			return NULL;
		memset(frame_kaddr(pfn), 0, PAGE_SIZE);
		old = pagetable_set(pages, page, pfn);
		CHECK(old == FRAME_NONE);
	}
	return (u8 *)frame_kaddr(pfn) + (vaddr - page);
}

static int put_bytes(struct exec *e, u64 vaddr, const void *bytes, u64 nr)
{
	for (u64 done = 0, n; done < nr; done += n) {
		void *to = stack_at(e, vaddr + done);

		if (!to)
			return -ENOMEM;
		n = min(nr - done,
			PAGE_SIZE - ((vaddr + done) & (PAGE_SIZE - 1)));
		memcpy(to, (const u8 *)bytes + done, n);
	}
	return 0;
}

/* A run of words, written upwards; the first error sticks. */
struct words {
	struct exec *e;
	u64 vaddr;
	int err;
};

static void put_word(struct words *w, u64 value)
{
	if (!w->err)
		w->err = put_bytes(w->e, w->vaddr, &value, sizeof(value));
	w->vaddr += sizeof(value);
}

static void put_aux(struct words *w, u32 type, u64 value)
{
	put_word(w, type);
	put_word(w, value);
}

static int fetch_strings(struct exec *e, struct rpc_ctx *ctx)
{
	u64 done = 0;

	while (done < e->strings_bytes) {
		struct bulk_seg segs[RPC_MAX_SEGS];
		u64 batch_start = done;
		u32 nr = 0;
		int err;

		for (u64 n; nr < RPC_MAX_SEGS && done < e->strings_bytes;
		     done += n) {
			u64 vaddr = e->arg_start + done;
			void *to = stack_at(e, vaddr);

			if (!to)
				return -ENOMEM;
			n = min(e->strings_bytes - done,
				PAGE_SIZE - (vaddr & (PAGE_SIZE - 1)));
			segs[nr++] = (struct bulk_seg){.paddr = paddr_of(to),
						       .len_bytes = (u32)n};
		}
		err = rpc_bulk_get(ctx, batch_start, pool.region, segs, nr);
		if (err)
			return err;
	}
	return 0;
}

/* One past the NUL of the string at @vaddr; 0 if there is none below @end. */
static u64 string_end(struct exec *e, u64 vaddr, u64 end)
{
	while (vaddr < end) {
		u64 n = min(end - vaddr, PAGE_SIZE - (vaddr & (PAGE_SIZE - 1)));
		const u8 *from = stack_at(e, vaddr);
		const u8 *nul = memchr(from, 0, n);

		if (nul)
			return vaddr + (u64)(nul - from) + 1;
		vaddr += n;
	}
	return 0;
}

/* Pointers to @nr strings, the first at @vaddr. Return: behind the last; 0. */
static u64 put_pointers(struct words *w, u64 vaddr, u32 nr, u64 strings_end)
{
	while (nr-- && vaddr) {
		put_word(w, vaddr);
		vaddr = string_end(w->e, vaddr, strings_end);
	}
	put_word(w, 0);
	return vaddr;
}

static void put_auxv(struct words *w, u64 execfn, u64 platform_at,
		     u64 random_at)
{
	const struct exec *e = w->e;
	const struct elf_image *exe = &e->exe.image;
	u64 base = e->interp.file ? e->interp.image.low + e->interp.bias : 0;

	put_aux(w, AT_MINSIGSTKSZ, MIN_SIGNAL_STACK);
	put_aux(w, AT_HWCAP, e->hwcap);
	put_aux(w, AT_PAGESZ, PAGE_SIZE);
	put_aux(w, AT_CLKTCK, CLOCK_TICKS);
	put_aux(w, AT_PHDR,
		exe->phdr_vaddr ? exe->phdr_vaddr + e->exe.bias : 0);
	put_aux(w, AT_PHENT, ELF_PHDR_BYTES);
	put_aux(w, AT_PHNUM, exe->header.nr_phdrs);
	put_aux(w, AT_BASE, base);
	put_aux(w, AT_FLAGS, 0);
	put_aux(w, AT_ENTRY, exe->header.entry + e->exe.bias);
	put_aux(w, AT_UID, e->uid);
	put_aux(w, AT_EUID, e->uid);
	put_aux(w, AT_GID, e->gid);
	put_aux(w, AT_EGID, e->gid);
	put_aux(w, AT_SECURE, 0);
	put_aux(w, AT_RANDOM, random_at);
	put_aux(w, AT_HWCAP2, 0);
	put_aux(w, AT_EXECFN, execfn);
	put_aux(w, AT_PLATFORM, platform_at);
	put_aux(w, AT_NULL, 0);
}
#define NR_AUX 20u

/* argc, the vectors and auxv, from e->sp upwards. */
static int put_vectors(struct exec *e, u64 platform_at, u64 random_at)
{
	struct words w = {.e = e, .vaddr = e->sp};
	u64 strings_end = e->arg_start + e->strings_bytes;

	put_word(&w, e->argc);
	e->arg_end = put_pointers(&w, e->arg_start, e->argc, strings_end);
	e->env_start = e->arg_end;
	e->env_end = put_pointers(&w, e->env_start, e->envc, strings_end);
	/* Exactly execfn must be left. */
	if (!e->env_end ||
	    string_end(e, e->env_end, strings_end) != strings_end)
		return -EINVAL;
	e->auxv_start = w.vaddr;
	put_auxv(&w, e->env_end, platform_at, random_at);
	e->auxv_end = w.vaddr;
	return w.err;
}

int exec_make_stack(struct exec *e, struct rpc_ctx *ctx)
{
	u64 nr_words = 1 + (u64)e->argc + 1 + e->envc + 1 + 2 * NR_AUX;
	u64 sp, platform_at, random_at;
	int err;

	/* A quarter of the stack for the program's arguments, as Linux. */
	if (e->strings_bytes + nr_words * sizeof(u64) > e->stack_bytes / 4)
		return -E2BIG;
	e->arg_start = e->stack_top - sizeof(u64) - e->strings_bytes;
	err = fetch_strings(e, ctx);
	if (err)
		return err;
	sp = e->arg_start;
	if (e->is_randomized)
		sp -= rand_below(&e->rand, 8192);
	sp = ALIGN_DOWN(sp, 16);
	platform_at = sp - sizeof(platform);
	random_at = platform_at - sizeof(e->random);
	e->sp = ALIGN_DOWN(random_at - nr_words * sizeof(u64), 16);
	err = put_bytes(e, platform_at, platform, sizeof(platform));
	if (!err)
		err = put_bytes(e, random_at, e->random, sizeof(e->random));
	/* The top page exists even if nothing but the zeros is there. */
	if (!err && !stack_at(e, e->stack_top - sizeof(u64)))
		err = -ENOMEM;
	return err ? err : put_vectors(e, platform_at, random_at);
}
