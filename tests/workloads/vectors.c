/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel clears and copies pages with vector registers: a program's must
 * be the same after a fault as before.
 *
 * Each fault is taken by one instruction between loading registers 0 and 1
 * and storing them again.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE     4096ul
#define NR_PAGES 64

static unsigned char before[64] __attribute__((aligned(64)));
static unsigned char after[64] __attribute__((aligned(64)));

__attribute__((target("avx"))) static void touch_avx(volatile char *at)
{
	__asm__ volatile("vmovdqa (%0), %%ymm0\n\t"
			 "vmovdqa 32(%0), %%ymm1\n\t"
			 "movb $7, (%2)\n\t" /* faults */
			 "vmovdqa %%ymm0, (%1)\n\t"
			 "vmovdqa %%ymm1, 32(%1)"
			 :
			 : "r"(before), "r"(after), "r"(at)
			 : "xmm0", "xmm1", "memory");
}

static void touch_sse(volatile char *at)
{
	__asm__ volatile("movdqa (%0), %%xmm0\n\t"
			 "movdqa 32(%0), %%xmm1\n\t"
			 "movb $7, (%2)\n\t"
			 "movdqa %%xmm0, (%1)\n\t"
			 "movdqa %%xmm1, 32(%1)"
			 :
			 : "r"(before), "r"(after), "r"(at)
			 : "xmm0", "xmm1", "memory");
}

/* Write one byte in each page.  Return: how often registers had changed. */
static int touch_all(volatile char *at, int has_avx)
{
	int nr_wrong = 0;

	for (int i = 0; i < NR_PAGES; i++) {
		for (int k = 0; k < 64; k++)
			before[k] = (unsigned char)(i * 64 + k + 1);
		memset(after, 0, sizeof(after));
		if (has_avx)
			touch_avx(at + (unsigned long)i * PAGE);
		else
			touch_sse(at + (unsigned long)i * PAGE);
		nr_wrong += memcmp(before, after, sizeof(before)) != 0;
	}
	return nr_wrong;
}

int main(void)
{
	int has_avx = __builtin_cpu_supports("avx") != 0, nr_new, nr_copied;
	volatile char *at = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ends[2];
	char c;

	if (at == MAP_FAILED || pipe(ends))
		return 2;
	nr_new = touch_all(at, has_avx);
	if (!fork()) { /* the parent's writes copy while we live */
		close(ends[1]);
		_exit(read(ends[0], &c, 1) != 0);
	}
	nr_copied = touch_all(at, has_avx);
	close(ends[1]);
	wait(NULL);
	printf("avx %d: registers changed by %d zero-fills, %d copies\n",
	       has_avx, nr_new, nr_copied);
	return nr_new || nr_copied;
}
