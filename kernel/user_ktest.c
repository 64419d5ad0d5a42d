/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User mode without a process: a page of code, run by several threads at once
 * with hooks of this test.  Skipped where the processor manager has set its
 * own hooks.
 */
#define pr_fmt(fmt) "user_ktest: " fmt
#include <arch/x86/paging.h>
#include <arch/x86/user.h>
#include <kernel/counters.h>
#include <kernel/hooks.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/string.h>
#include <mm/page.h>

#define CODE_VADDR 0x400000ul
#define DATA_VADDR 0x500000ul /* not mapped at first; one page a thread */
#define HOLE_VADDR 0x700000ul /* never mapped */
#define NR_THREADS 6
#define CALL_ADD   1
#define CALL_EXIT  2
#define CALL_YIELD 3
#define CALL_RDFS  4

/* rdi: number of the thread; rsi: its data page. */
extern const char user_code[], user_code_end[];
__asm__(".pushsection .rodata\n"
	"user_code:\n"
	"	movq	%rsi, %rbx\n"
	"	movl	$1, %eax\n"
	"	syscall\n" /* rax = rdi + 1000 */
	"	movq	%rax, %xmm0\n"
	"	movq	%rax, %xmm7\n"
	"	movl	$50, %ebp\n"
	"1:	movl	$3, %eax\n"
	"	syscall\n" /* yield */
	"	decl	%ebp\n"
	"	jnz	1b\n"
	"	movq	%xmm0, %rdi\n"
	"	movq	%rdi, (%rbx)\n" /* page fault */
	"	ud2\n"                  /* exception, skipped */
	"	movl	$200000, %ecx\n"
	"2:	decl	%ecx\n" /* to be interrupted by the slice */
	"	jnz	2b\n"
	"	movq	%xmm7, %rsi\n"
	"	movl	$2, %eax\n"
	"	movq	(%rbx), %rdi\n"
	"	syscall\n" /* exit */
	"	ud2\n"
	"user_code_end:\n"
	".popsection");

static struct page_table test_pt;
static atomic_t nr_exited, nr_faults, nr_exceptions, nr_returns;
static u64 sums[NR_THREADS];
static struct completion exited;

static void test_syscall(struct user_regs *regs)
{
	u64 me = (u64)current_thread()->owner - 1;

	switch (regs->orig_rax) {
	case CALL_ADD:
		regs->rax = regs->rdi + 1000;
		break;
	case CALL_YIELD:
		thread_yield();
		break;
	case CALL_EXIT:
		EXPECT_EQ(regs->rsi, me + 1000); /* xmm7 */
		sums[me] = regs->rdi;
		EXPECT_EQ(user_fs_base(), 0x1000 * me);
		if (atomic_inc_return(&nr_exited) == NR_THREADS)
			complete(&exited);
		thread_exit();
	default:
		regs->rax = (u64)-ENOSYS;
	}
}

static int test_page_fault(u64 vaddr, u32 error, struct user_regs *regs)
{
	pte_t *pte;
	void *page;

	if (vaddr >= HOLE_VADDR)
		return -EFAULT;
	atomic_inc(&nr_faults);
	pte = pt_walk(&test_pt, vaddr, true);
	page = page_alloc_zero(0);
	sleep_ns(NSEC_PER_MSEC); /* faults may sleep */
	if (!pte || !page)
		return -ENOMEM;
	pte_write(pte, paddr_of(page) | PTE_PRESENT | PTE_WRITE | PTE_USER);
	return 0;
}

static void test_exception(u32 vector, u64 error, struct user_regs *regs)
{
	EXPECT_EQ(vector, 6);
	atomic_inc(&nr_exceptions);
	regs->rip += 2;
}

static void test_return(struct user_regs *regs)
{
	u64 me = (u64)current_thread()->owner - 1;

	if (atomic_inc_return(&nr_returns) <= 2 * NR_THREADS)
		user_fs_base_set(0x1000 * me);
}

static void test_switch(struct thread *prev, struct thread *next)
{
	if (next->is_user)
		pt_activate(&test_pt);
}

static const struct user_hooks test_hooks = {
	.syscall = test_syscall,
	.page_fault = test_page_fault,
	.user_exception = test_exception,
	.return_to_user = test_return,
	.context_switch = test_switch,
};

static bool set_up(void)
{
	void *code = page_alloc_zero(0);
	pte_t *pte;

	if (user_hooks.syscall || !code)
		return false;
	memcpy(code, user_code, (size_t)(user_code_end - user_code));
	EXPECT_EQ(pt_init(&test_pt), 0);
	pte = pt_walk(&test_pt, CODE_VADDR, true);
	pte_write(pte, paddr_of(code) | PTE_PRESENT | PTE_USER);
	user_hooks = test_hooks;
	return true;
}

static void free_pages(void)
{
	u64 vaddr = 0;
	pte_t *pte;

	while ((pte = pt_next(&test_pt, &vaddr, USER_VADDR_END))) {
		pte_t old = pte_xchg(pte, 0);

		tlb_shootdown(&test_pt, &vaddr, 1);
		page_free(kaddr_of(pte_paddr(old)), 0);
	}
}

static void tear_down(void)
{
	free_pages();
	pt_free_range(&test_pt, 0, USER_VADDR_END);
	pt_destroy(&test_pt);
	user_hooks = (struct user_hooks){0};
}

KTEST(user_threads_call_fault_and_keep_their_registers)
{
	if (!set_up())
		return;
	completion_init(&exited);
	atomic_set(&nr_exited, 0);
	atomic_set(&nr_faults, 0);
	atomic_set(&nr_exceptions, 0);
	atomic_set(&nr_returns, 0);
	for (u64 i = 0; i < NR_THREADS; i++) {
		struct user_regs regs;
		struct thread *t;

		user_regs_init(&regs, CODE_VADDR, 0);
		regs.rdi = i;
		regs.rsi = DATA_VADDR + i * PAGE_SIZE;
		t = thread_create_user("user", &regs, (void *)(i + 1));
		EXPECT_TRUE(t != NULL);
		thread_start(t);
	}
	EXPECT_TRUE(wait_for_completion_timeout(&exited, 30 * NSEC_PER_SEC));
	for (u64 i = 0; i < NR_THREADS; i++)
		EXPECT_EQ(sums[i], i + 1000);
	EXPECT_EQ(atomic_read(&nr_faults), NR_THREADS);
	EXPECT_EQ(atomic_read(&nr_exceptions), NR_THREADS);
	tear_down();
}

KTEST(user_memory_access_faults_in_or_fails_exactly)
{
	u8 buf[64];
	u64 v;
	u32 seen;
	ssize_t n;

	if (!set_up())
		return;
	pt_activate(&test_pt);
	EXPECT_EQ(put_user_u64(DATA_VADDR, 77), 0); /* faults in */
	EXPECT_EQ(get_user_u64(DATA_VADDR, &v), 0);
	EXPECT_EQ(v, 77);
	EXPECT_EQ(get_user_u64(HOLE_VADDR, &v), -EFAULT);
	EXPECT_EQ(get_user_u64(0xffff800000000000ul, &v), -EFAULT);
	EXPECT_EQ(get_user_u64(0x8000000000000000ul, &v), -EFAULT);
	memset(buf, 'x', sizeof(buf));
	EXPECT_EQ(copy_to_user(HOLE_VADDR - 64, buf, 64), 0);
	EXPECT_EQ(copy_to_user_partial(HOLE_VADDR - 13, buf, 64), 51);
	EXPECT_EQ(copy_from_user_partial(buf, HOLE_VADDR - 3, 64), 61);
	EXPECT_EQ(clear_user(HOLE_VADDR - 7, 7), 0);
	EXPECT_EQ(clear_user(HOLE_VADDR - 7, 8), -EFAULT);
	n = strncpy_from_user((char *)buf, HOLE_VADDR - 10, sizeof(buf));
	EXPECT_EQ(n, 3);
	EXPECT_EQ(cmpxchg_user_u32(DATA_VADDR, 77, 88, &seen), 0);
	EXPECT_EQ(seen, 77);
	EXPECT_EQ(cmpxchg_user_u32(DATA_VADDR, 77, 99, &seen), 0);
	EXPECT_EQ(seen, 88);
	EXPECT_EQ(cmpxchg_user_u32(HOLE_VADDR, 0, 1, &seen), -EFAULT);
	pt_activate(NULL);
	tear_down();
}

KTEST(page_tables_find_their_entries_and_are_freed)
{
	s64 before = gauge_read(nr_page_table_pages);
	static const u64 at[] = {0x1000, 0x200000, 0x40000000, 0x8000000000,
				 0x7fffffffe000};
	struct page_table pt;
	u64 vaddr = 0;

	EXPECT_EQ(pt_init(&pt), 0);
	EXPECT_TRUE(pt_walk(&pt, at[0], false) == NULL);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		pte_write(pt_walk(&pt, at[i], true), (i + 1) << 12);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		pte_t *pte = pt_next(&pt, &vaddr, USER_VADDR_END);

		EXPECT_EQ(vaddr, at[i]);
		EXPECT_EQ(pte_read(pte), (i + 1) << 12);
		vaddr += PAGE_SIZE;
	}
	EXPECT_TRUE(pt_next(&pt, &vaddr, USER_VADDR_END) == NULL);
	*pt_walk(&pt, at[2], false) = 0;
	pt_free_range(&pt, 0x40000000, 0x80000000);
	EXPECT_TRUE(pt_walk(&pt, at[2], false) == NULL);
	EXPECT_TRUE(pt_walk(&pt, at[1], false) != NULL);
	pt_destroy(&pt);
	EXPECT_EQ(gauge_read(nr_page_table_pages), before);
}
