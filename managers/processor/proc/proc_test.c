/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of what is pure in proc/: they run on the host and in the kernel. */
#include <kernel/uaccess.h>
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/string.h>

#include "clone.h"
#include "exception.h"
#include "exec_strings.h"
#include "futex.h"
#include "rseq.h"
#include "run_request.h"
#include "sigframe.h"
#include "sigset.h"
#include "usertime.h"
#include "waitopt.h"

/* ---- signals ----------------------------------------------------------- */

KTEST(signal_kill_comes_first_then_synchronous_then_lowest)
{
	EXPECT_EQ(sigset_first(0), 0);
	EXPECT_EQ(sigset_first(SIG_BIT(SIGHUP) | SIG_BIT(SIGKILL)), SIGKILL);
	EXPECT_EQ(sigset_first(SIG_BIT(SIGHUP) | SIG_BIT(SIGSEGV)), SIGSEGV);
	EXPECT_EQ(sigset_first(SIG_BIT(SIGTERM) | SIG_BIT(64)), SIGTERM);
	EXPECT_EQ(sigset_first(SIG_BIT(64)), 64);
}

KTEST(signal_default_actions_follow_signal_7)
{
	static const u32 core[] = {SIGQUIT, SIGILL, SIGABRT, SIGFPE,  SIGSEGV,
				   SIGBUS,  SIGSYS, SIGTRAP, SIGXCPU, SIGXFSZ};
	static const u32 ignored[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
	static const u32 stop[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

	for (u32 i = 0; i < ARRAY_SIZE(core); i++)
		EXPECT_EQ(signal_default_action(core[i]), SIGNAL_CORE);
	for (u32 i = 0; i < ARRAY_SIZE(ignored); i++)
		EXPECT_EQ(signal_default_action(ignored[i]), SIGNAL_IGNORE);
	for (u32 i = 0; i < ARRAY_SIZE(stop); i++)
		EXPECT_EQ(signal_default_action(stop[i]), SIGNAL_STOP);
	EXPECT_EQ(signal_default_action(SIGTERM), SIGNAL_TERM);
	EXPECT_EQ(signal_default_action(34), SIGNAL_TERM);
}

KTEST(signal_frame_is_aligned_as_the_abi_wants)
{
	struct sigframe_place place;

	for (u64 sp = 0x7ffffff00000; sp < 0x7ffffff00000 + 128; sp++) {
		EXPECT_TRUE(sigframe_place(sp, 836, &place));
		/* as after a call: rsp + 8 is a multiple of 16 */
		EXPECT_EQ((place.frame_vaddr + 8) % 16, 0);
		EXPECT_EQ(place.fpu_vaddr % 64, 0);
		EXPECT_TRUE(place.fpu_vaddr + 836 <= sp);
		EXPECT_TRUE(place.frame_vaddr + sizeof(struct rt_sigframe) <=
			    place.fpu_vaddr);
	}
}

KTEST(signal_frame_never_wraps_below_zero)
{
	struct sigframe_place place;

	EXPECT_TRUE(!sigframe_place(0, 836, &place));
	EXPECT_TRUE(!sigframe_place(1000, 836, &place));
	EXPECT_TRUE(!sigframe_place(0, 512, &place));
}

KTEST(signal_frame_fields_lie_where_libraries_look)
{
	EXPECT_EQ(offsetof(struct rt_sigframe, uc), 8);
	EXPECT_EQ(offsetof(struct rt_sigframe, info), 312);
	EXPECT_EQ(offsetof(struct ucontext, mcontext), 40);
	EXPECT_EQ(offsetof(struct ucontext, sigmask), 296);
	EXPECT_EQ(offsetof(struct sigcontext, rip), 128);
	EXPECT_EQ(offsetof(struct sigcontext, rflags), 136);
	EXPECT_EQ(offsetof(struct sigcontext, fpstate), 184);
	EXPECT_EQ(offsetof(struct siginfo, kill.pid), 16);
	EXPECT_EQ(offsetof(struct siginfo, child.utime_ticks), 32);
	EXPECT_EQ(offsetof(struct siginfo, timer.value), 24);
}

KTEST(signal_stack_holds_its_top_but_not_its_bottom)
{
	EXPECT_TRUE(sigstack_holds(0x1000, 0x2000, 0x3000));
	EXPECT_TRUE(sigstack_holds(0x1000, 0x2000, 0x1001));
	EXPECT_TRUE(!sigstack_holds(0x1000, 0x2000, 0x1000));
	EXPECT_TRUE(!sigstack_holds(0x1000, 0x2000, 0x3001));
}

KTEST(exception_becomes_the_signal_linux_sends)
{
	EXPECT_EQ(exception_signal(0).signo, SIGFPE);
	EXPECT_EQ(exception_signal(0).code, FPE_INTDIV);
	EXPECT_EQ(exception_signal(3).signo, SIGTRAP);
	EXPECT_EQ(exception_signal(6).signo, SIGILL);
	EXPECT_EQ(exception_signal(13).signo, SIGSEGV);
	EXPECT_EQ(exception_signal(13).code, SI_KERNEL);
	EXPECT_EQ(exception_signal(17).signo, SIGBUS);
	EXPECT_EQ(exception_signal(200).signo, SIGSEGV);
	EXPECT_EQ(exception_fpe_code(0x04), FPE_FLTDIV);
	EXPECT_EQ(exception_fpe_code(0x05), FPE_FLTINV);
	EXPECT_EQ(exception_fpe_code(0x20), FPE_FLTRES);
}

/* ---- waiting ----------------------------------------------------------- */

KTEST(wait_status_is_decoded_for_siginfo_and_shell)
{
	static const struct {
		s32 status, code, value, shell;
	} cases[] = {
		{0, CLD_EXITED, 0, 0},
		{7 << 8, CLD_EXITED, 7, 7},
		{255 << 8, CLD_EXITED, 255, 255},
		{SIGSEGV, CLD_KILLED, SIGSEGV, 139},
		{SIGABRT | 0x80, CLD_DUMPED, SIGABRT, 134},
	};
	s32 code, value;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		wait_decode_status(cases[i].status, &code, &value);
		EXPECT_EQ(code, cases[i].code);
		EXPECT_EQ(value, cases[i].value);
		EXPECT_EQ(wait_shell_status(cases[i].status), cases[i].shell);
	}
	wait_decode_status(SIGSTOP << 8 | 0x7f, &code, &value);
	EXPECT_EQ(code, CLD_STOPPED);
	EXPECT_EQ(value, SIGSTOP);
	wait_decode_status(WAIT_STATUS_CONTINUED, &code, &value);
	EXPECT_EQ(code, CLD_CONTINUED);
}

/* ---- clone ------------------------------------------------------------- */

static int check_flags(u64 flags, u64 exit_signal)
{
	struct clone_args args = {.flags = flags, .exit_signal = exit_signal};

	return clone_check(&args);
}

#define PTHREAD_FLAGS                                                       \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	 CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |               \
	 CLONE_CHILD_CLEARTID)

KTEST(clone_takes_what_libraries_ask_for)
{
	EXPECT_EQ(check_flags(PTHREAD_FLAGS, 0), 0);
	EXPECT_EQ(
		check_flags(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, SIGCHLD),
		0);
	EXPECT_EQ(check_flags(CLONE_VM | CLONE_VFORK, SIGCHLD), 0);
	EXPECT_EQ(check_flags(CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND,
			      SIGCHLD),
		  0);
}

KTEST(clone_looks_at_a_field_only_if_its_flag_is_set)
{
	struct clone_args args = {.flags = PTHREAD_FLAGS, .pidfd = 0x1000};

	EXPECT_EQ(clone_check(&args), 0); /* as glibc fills it */
	args.flags |= CLONE_PIDFD;
	EXPECT_EQ(clone_check(&args), -EINVAL);
}

KTEST(clone_refuses_thread_storage_outside_user_memory)
{
	struct clone_args args = {.flags = PTHREAD_FLAGS,
				  .tls = USER_VADDR_END - 1};

	EXPECT_EQ(clone_check(&args), 0);
	args.tls = USER_VADDR_END;
	EXPECT_EQ(clone_check(&args), -EPERM);
	args.tls = 1ull << 63; /* not even an address */
	EXPECT_EQ(clone_check(&args), -EPERM);
	args.flags &= ~CLONE_SETTLS;
	EXPECT_EQ(clone_check(&args), 0); /* not looked at */
}

KTEST(clone_gives_a_child_one_number)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = 0x1000, .set_tid_size = 1};

	EXPECT_EQ(clone_check(&args), 0);
	args.set_tid_size = 2;
	EXPECT_EQ(clone_check(&args), -EINVAL);
	args.set_tid_size = 0;
	EXPECT_EQ(clone_check(&args), -EINVAL);
	args = (struct clone_args){.set_tid_size = 1};
	EXPECT_EQ(clone_check(&args), -EINVAL);
}

KTEST(clone_refuses_contradictions_and_unknown_flags)
{
	EXPECT_EQ(check_flags(CLONE_THREAD, 0), -EINVAL);
	EXPECT_EQ(check_flags(CLONE_SIGHAND, SIGCHLD), -EINVAL);
	EXPECT_EQ(check_flags(PTHREAD_FLAGS, SIGCHLD), -EINVAL);
	EXPECT_EQ(check_flags(PTHREAD_FLAGS & ~CLONE_FILES, 0), -EINVAL);
	EXPECT_EQ(check_flags(CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND,
			      SIGCHLD),
		  -EINVAL);
	EXPECT_EQ(check_flags(0x10000000 /* NEWUSER */, SIGCHLD), -EINVAL);
	EXPECT_EQ(check_flags(1ull << 63, SIGCHLD), -EINVAL);
	EXPECT_EQ(check_flags(0, 65), -EINVAL);
}

/* ---- futex ------------------------------------------------------------- */

static u32 wake_op(u32 op, u32 arg, u32 old)
{
	u32 result = 0xdead;

	EXPECT_EQ(futex_op_apply(op << 28 | (arg & 0xfff) << 12, old, &result),
		  0);
	return result;
}

KTEST(futex_wake_op_changes_the_word_as_asked)
{
	u32 unused;

	EXPECT_EQ(wake_op(0, 5, 9), 5);
	EXPECT_EQ(wake_op(1, 5, 9), 14);
	EXPECT_EQ(wake_op(1, (u32)-1, 9), 8);
	EXPECT_EQ(wake_op(2, 6, 9), 15);
	EXPECT_EQ(wake_op(3, 1, 9), 8);
	EXPECT_EQ(wake_op(4, 1, 9), 8);
	EXPECT_EQ(wake_op(8 | 2, 4, 0), 16); /* argument is a shift */
	EXPECT_EQ(futex_op_apply(5u << 28, 0, &unused), -ENOSYS);
}

KTEST(futex_wake_op_compares_signed)
{
	u32 less_than_0 = 2u << 24, greater_than_minus_1 = 4u << 24 | 0xfff;

	EXPECT_TRUE(futex_op_compare(less_than_0, (u32)-3));
	EXPECT_TRUE(!futex_op_compare(less_than_0, 3));
	EXPECT_TRUE(futex_op_compare(greater_than_minus_1, 0));
	EXPECT_TRUE(!futex_op_compare(greater_than_minus_1, (u32)-1));
	EXPECT_TRUE(futex_op_compare(0u << 24 | 7, 7));
}

/* ---- restartable sequences --------------------------------------------- */

KTEST(rseq_section_holds_its_first_but_not_its_last_address)
{
	struct rseq_section s = {.start_ip = 0x1000,
				 .post_commit_offset = 0x20,
				 .abort_ip = 0x2000};

	EXPECT_TRUE(rseq_section_holds(&s, 0x1000));
	EXPECT_TRUE(rseq_section_holds(&s, 0x101f));
	EXPECT_TRUE(!rseq_section_holds(&s, 0x1020));
	EXPECT_TRUE(!rseq_section_holds(&s, 0xfff));
	EXPECT_TRUE(rseq_section_is_valid(&s, 1ull << 47));
	s.abort_ip = 0x1010;
	EXPECT_TRUE(!rseq_section_is_valid(&s, 1ull << 47));
	s.abort_ip = ~0ull;
	EXPECT_TRUE(!rseq_section_is_valid(&s, 1ull << 47));
}

/* ---- time -------------------------------------------------------------- */

KTEST(usertime_refuses_bad_times_and_saturates_long_ones)
{
	u64 ns;

	EXPECT_EQ(usertime_to_ns(1, 5, 1000000000, &ns), 0);
	EXPECT_EQ(ns, 1000000005);
	EXPECT_EQ(usertime_to_ns(1, 5, 1000000, &ns), 0);
	EXPECT_EQ(ns, 1000005000);
	EXPECT_EQ(usertime_to_ns(-1, 0, 1000000000, &ns), -EINVAL);
	EXPECT_EQ(usertime_to_ns(0, -1, 1000000000, &ns), -EINVAL);
	EXPECT_EQ(usertime_to_ns(0, 1000000000, 1000000000, &ns), -EINVAL);
	EXPECT_EQ(usertime_to_ns(INT64_MAX, 999999999, 1000000000, &ns), 0);
	EXPECT_EQ(ns, USERTIME_MAX_NS);
	EXPECT_EQ(usertime_add(USERTIME_MAX_NS, USERTIME_MAX_NS),
		  USERTIME_MAX_NS);
}

/* ---- exec -------------------------------------------------------------- */

static int parse_line(const char *text, struct shebang *out)
{
	return shebang_parse(text, strlen(text), out);
}

KTEST(shebang_line_gives_interpreter_and_one_argument)
{
	struct shebang s;

	EXPECT_EQ(parse_line("#!/bin/sh\necho", &s), 1);
	EXPECT_EQ(strcmp(s.interp, "/bin/sh"), 0);
	EXPECT_EQ(s.arg[0], 0);
	EXPECT_EQ(parse_line("#! \t/usr/bin/env  python3 -u \n", &s), 1);
	EXPECT_EQ(strcmp(s.interp, "/usr/bin/env"), 0);
	EXPECT_EQ(strcmp(s.arg, "python3 -u"), 0);
	EXPECT_EQ(parse_line("#!/x", &s), 1); /* no newline: end of file */
	EXPECT_EQ(strcmp(s.interp, "/x"), 0);
}

KTEST(shebang_refuses_empty_and_endless_lines)
{
	struct shebang s;
	char line[400];

	EXPECT_EQ(parse_line("\177ELF", &s), 0);
	EXPECT_EQ(parse_line("#", &s), 0);
	EXPECT_EQ(parse_line("", &s), 0);
	EXPECT_EQ(parse_line("#!", &s), -ENOEXEC);
	EXPECT_EQ(parse_line("#! \n", &s), -ENOEXEC);
	memset(line, 'a', sizeof(line));
	line[0] = '#';
	line[1] = '!';
	EXPECT_EQ(shebang_parse(line, sizeof(line), &s), -ENOEXEC);
}

KTEST(exec_strings_of_a_script_replace_argv_0)
{
	static const char want[] = "/bin/sh\0-e\0/s\0arg\0HOME=/";
	char buf[64];
	struct exec_strings s = {.buf = buf, .max_bytes = sizeof(buf)};

	EXPECT_EQ(exec_strings_append(&s, "script"), 0);
	EXPECT_EQ(exec_strings_append(&s, "arg"), 0);
	s.argc = 2;
	EXPECT_EQ(exec_strings_append(&s, "HOME=/"), 0);
	s.envc = 1;
	exec_strings_drop_first(&s);
	EXPECT_EQ(exec_strings_prepend(&s, "/s"), 0);
	EXPECT_EQ(exec_strings_prepend(&s, "-e"), 0);
	EXPECT_EQ(exec_strings_prepend(&s, "/bin/sh"), 0);
	EXPECT_EQ(s.argc, 4);
	EXPECT_EQ(s.used_bytes, sizeof(want));
	EXPECT_EQ(memcmp(buf, want, sizeof(want)), 0);
}

KTEST(exec_strings_never_outgrow_their_buffer)
{
	char buf[8];
	struct exec_strings s = {.buf = buf, .max_bytes = sizeof(buf)};

	EXPECT_EQ(exec_strings_append(&s, "1234567"), 0);
	EXPECT_EQ(exec_strings_append(&s, ""), -E2BIG);
	EXPECT_EQ(exec_strings_prepend(&s, ""), -E2BIG);
	EXPECT_EQ(s.used_bytes, 8);
}

/* ---- run request ------------------------------------------------------- */

#define PARSE(text, request) run_request_parse(text, sizeof(text) - 1, request)

KTEST(run_request_gives_program_environment_and_options)
{
	static const char text[] =
		"/tmp\0002\0A=1\0PATH=/bin\0003\0prog\0-c\0\0stdio=tpp\0"
		"rows=24\0cols=80\0new=thing\0";
	struct run_request r;

	EXPECT_EQ(PARSE(text, &r), 0);
	EXPECT_EQ(strcmp(r.cwd, "/tmp"), 0);
	EXPECT_EQ(r.envc, 2);
	EXPECT_EQ(r.argc, 3);
	EXPECT_EQ(strcmp(r.argv, "prog"), 0);
	EXPECT_EQ(strcmp(r.stdio, "tpp"), 0);
	EXPECT_EQ(r.rows, 24);
	EXPECT_EQ(r.cols, 80);
	EXPECT_EQ(strcmp(run_request_env(&r, "PATH"), "/bin"), 0);
	EXPECT_TRUE(!run_request_env(&r, "PAT"));
	EXPECT_TRUE(!run_request_env(&r, "HOME"));
}

KTEST(run_request_that_is_malformed_is_refused)
{
	struct run_request r;

	EXPECT_EQ(PARSE("", &r), -EINVAL);
	EXPECT_EQ(PARSE("/", &r), -EINVAL); /* no NUL */
	EXPECT_EQ(PARSE("tmp\0000\0001\0x\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\0000\0000\0", &r), -EINVAL); /* no program */
	EXPECT_EQ(PARSE("/\0009\0A\0001\0x\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\00099999999999999999999\0A\0001\0x\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\0-1\0001\0x\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\0\0001\0x\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\0000\0001\0x", &r), -EINVAL); /* cut off */
	EXPECT_EQ(PARSE("/\0000\0001\0x\0stdio=ttx\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\0000\0001\0x\0stdio=tt\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\0000\0001\0x\0rows=a\0", &r), -EINVAL);
	EXPECT_EQ(PARSE("/\0000\0001\0x\0rows=1", &r), -EINVAL);
}
