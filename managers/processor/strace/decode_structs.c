/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments that are structures: time, processes, files, signals. */
#include <lib/bitmap.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/clone.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/sigframe.h>
#include <managers/processor/proc/sigset.h>
#include <managers/processor/proc/waitopt.h>
#include <uapi/fs.h>

#include "decode_internal.h"

/* ---- time -------------------------------------------------------------- */

/* timeval and timespec differ in the name of the second number. */
struct two_times {
	struct uapi_timespec t[2];
};

static void show_time(struct decoder *d, const struct uapi_timespec *t,
		      const char *unit)
{
	text_add(&d->text, "{tv_sec=%ld, tv_%s=%ld}", (long)t->tv_sec, unit,
		 (long)t->tv_nsec);
}

static void show_one_time(struct decoder *d, u32 i, const char *unit)
{
	struct uapi_timespec t;

	if (fetch(d, d->args[i], &t, sizeof(t)))
		show_time(d, &t, unit);
}

static void show_interval(struct decoder *d, u32 i, const char *unit)
{
	struct two_times times;

	if (!fetch(d, d->args[i], &times, sizeof(times)))
		return;
	text_add(&d->text, "{it_interval=");
	show_time(d, &times.t[0], unit);
	text_add(&d->text, ", it_value=");
	show_time(d, &times.t[1], unit);
	text_add(&d->text, "}");
}

void show_timespec(struct decoder *d, u32 i)
{
	show_one_time(d, i, "nsec");
}

void show_timeval(struct decoder *d, u32 i)
{
	show_one_time(d, i, "usec");
}

void show_itimerspec(struct decoder *d, u32 i)
{
	show_interval(d, i, "nsec");
}

void show_itimerval(struct decoder *d, u32 i)
{
	show_interval(d, i, "usec");
}

static void show_file_time(struct decoder *d, const struct uapi_timespec *t)
{
	if (t->tv_nsec == UTIME_NOW)
		text_add(&d->text, "UTIME_NOW");
	else if (t->tv_nsec == UTIME_OMIT)
		text_add(&d->text, "UTIME_OMIT");
	else
		show_time(d, t, "nsec");
}

void show_timespecs(struct decoder *d, u32 i)
{
	struct two_times times;

	if (!fetch(d, d->args[i], &times, sizeof(times)))
		return;
	text_add(&d->text, "[");
	show_file_time(d, &times.t[0]);
	text_add(&d->text, ", ");
	show_file_time(d, &times.t[1]);
	text_add(&d->text, "]");
}

void show_timevals(struct decoder *d, u32 i)
{
	struct two_times times;

	if (!fetch(d, d->args[i], &times, sizeof(times)))
		return;
	text_add(&d->text, "[");
	show_time(d, &times.t[0], "usec");
	text_add(&d->text, ", ");
	show_time(d, &times.t[1], "usec");
	text_add(&d->text, "]");
}

/* ---- signals ----------------------------------------------------------- */

void decode_signal_number(struct text *text, u32 sig)
{
	const char *name = signal_name(sig);

	if (name)
		text_add(text, "%s", name);
	else if (sig >= 32 && sig <= NR_SIGNALS)
		text_add(text, "SIGRT_%u", sig - 32);
	else
		text_add(text, "%u", sig);
}

void show_signal(struct decoder *d, u32 i)
{
	decode_signal_number(&d->text, (u32)d->args[i]);
}

/* Sets of nearly all signals are shown by what is missing, as strace does. */
static void show_set(struct decoder *d, sigset64 set)
{
	bool is_inverse = bitmap_weight(&set, NR_SIGNALS) > NR_SIGNALS * 2 / 3;
	const char *separator = "";

	text_add(&d->text, is_inverse ? "~[" : "[");
	for (u32 sig = 1; sig <= NR_SIGNALS; sig++) {
		const char *name = signal_name(sig);

		if (!(set & SIG_BIT(sig)) != is_inverse)
			continue;
		text_add(&d->text, "%s", separator);
		separator = " ";
		if (name)
			text_add(&d->text, "%s", name + strlen("SIG"));
		else
			text_add(&d->text, "RT_%u", sig - 32);
	}
	text_add(&d->text, "]");
}

void show_sigset(struct decoder *d, u32 i)
{
	sigset64 set;

	if (fetch(d, d->args[i], &set, sizeof(set)))
		show_set(d, set);
}

void show_sigaction(struct decoder *d, u32 i)
{
	struct signal_action action;

	if (!fetch(d, d->args[i], &action, sizeof(action)))
		return;
	text_add(&d->text, "{sa_handler=");
	if (action.handler == SIG_DFL)
		text_add(&d->text, "SIG_DFL");
	else if (action.handler == SIG_IGN)
		text_add(&d->text, "SIG_IGN");
	else
		show_address(d, action.handler);
	text_add(&d->text, ", sa_mask=");
	show_set(d, action.mask);
	text_add(&d->text, ", sa_flags=");
	show_names(d, sa_flags_names, (u32)action.flags);
	text_add(&d->text, "}");
}

void decode_signal(struct text *text, const struct siginfo *info)
{
	u32 sig = (u32)info->signo;
	const char *code = sigcode_name(sig, info->code);

	text_add(text, "{si_signo=");
	decode_signal_number(text, sig);
	if (code)
		text_add(text, ", si_code=%s", code);
	else
		text_add(text, ", si_code=%d", info->code);
	if (sig == SIGCHLD && info->code > 0)
		text_add(text, ", si_pid=%d, si_uid=%u, si_status=%d",
			 info->child.pid, info->child.uid, info->child.status);
	else if (sig < 32 && sigset_of(sig ? sig : 1) & SIGSET_SYNCHRONOUS &&
		 info->code > 0)
		text_add(text, ", si_addr=0x%lx",
			 (unsigned long)info->fault.vaddr);
	else if (info->code <= 0 && info->code != SI_TIMER)
		text_add(text, ", si_pid=%d, si_uid=%u", info->kill.pid,
			 info->kill.uid);
	text_add(text, "}");
}

void show_siginfo(struct decoder *d, u32 i)
{
	struct siginfo info;

	if (!fetch(d, d->args[i], &info, sizeof(info)))
		return;
	if (info.signo)
		decode_signal(&d->text, &info);
	else
		text_add(&d->text, "{}"); /* waitid(2) found nobody */
}

void show_stack(struct decoder *d, u32 i)
{
	struct sigframe_stack stack;

	if (!fetch(d, d->args[i], &stack, sizeof(stack)))
		return;
	text_add(&d->text, "{ss_sp=");
	show_address(d, stack.sp);
	text_add(&d->text, ", ss_flags=");
	show_names(d, stack_flags_names, (u32)stack.flags);
	text_add(&d->text, ", ss_size=%lu}", (unsigned long)stack.bytes);
}

/* ---- processes --------------------------------------------------------- */

void show_clone_args(struct decoder *d, u32 i)
{
	struct clone_args args = {0};
	u64 bytes = min(d->args[i + 1], (u64)sizeof(args));

	if (!fetch(d, d->args[i], &args, bytes))
		return;
	text_add(&d->text, "{flags=");
	show_names(d, clone_flags_names, (u32)args.flags);
	text_add(&d->text, ", exit_signal=");
	decode_signal_number(&d->text, (u32)args.exit_signal);
	text_add(&d->text, ", stack=");
	show_address(d, args.stack);
	text_add(&d->text, ", stack_size=0x%lx}",
		 (unsigned long)args.stack_bytes);
}

void show_wait_status(struct decoder *d, u32 i)
{
	s32 status, code, value;

	if (!d->result) { /* WNOHANG: nothing was written */
		show_address(d, d->args[i]);
		return;
	}
	if (!fetch(d, d->args[i], &status, sizeof(status)))
		return;
	wait_decode_status(status, &code, &value);
	switch (code) {
	case CLD_EXITED:
		text_add(&d->text, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]",
			 value);
		return;
	case CLD_CONTINUED:
		text_add(&d->text, "[{WIFCONTINUED(s)}]");
		return;
	case CLD_STOPPED:
		text_add(&d->text, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		break;
	default:
		text_add(&d->text, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
	}
	decode_signal_number(&d->text, (u32)value);
	text_add(&d->text, "}]");
}

/* The start of struct rusage, getrusage(2). */
void show_rusage(struct decoder *d, u32 i)
{
	struct two_times times;

	if (!fetch(d, d->args[i], &times, sizeof(times)))
		return;
	text_add(&d->text, "{ru_utime=");
	show_time(d, &times.t[0], "usec");
	text_add(&d->text, ", ru_stime=");
	show_time(d, &times.t[1], "usec");
	text_add(&d->text, ", ...}");
}

static void show_limit(struct decoder *d, u64 limit)
{
	if (limit == RLIM_INFINITY)
		text_add(&d->text, "RLIM64_INFINITY");
	else if (limit > 1024 && limit % 1024 == 0)
		text_add(&d->text, "%lu*1024", (unsigned long)limit / 1024);
	else
		text_add(&d->text, "%lu", (unsigned long)limit);
}

void show_rlimit(struct decoder *d, u32 i)
{
	struct rlimit64 limit;

	if (!fetch(d, d->args[i], &limit, sizeof(limit)))
		return;
	text_add(&d->text, "{rlim_cur=");
	show_limit(d, limit.cur);
	text_add(&d->text, ", rlim_max=");
	show_limit(d, limit.max);
	text_add(&d->text, "}");
}

/* struct utsname, uname(2). */
#define UTSNAME_FIELD_BYTES 65u

void show_utsname(struct decoder *d, u32 i)
{
	static const char *const fields[] = {"sysname", "nodename", "release"};
	u64 vaddr = d->args[i];

	text_add(&d->text, "{");
	for (u32 n = 0; n < ARRAY_SIZE(fields); n++) {
		text_add(&d->text, "%s=", fields[n]);
		show_string(d, vaddr + (u64)n * UTSNAME_FIELD_BYTES,
			    DECODE_STRING_BYTES);
		text_add(&d->text, ", ");
	}
	text_add(&d->text, "...}");
}

void show_cpuset(struct decoder *d, u32 i)
{
	const char *separator = "";
	u64 set = 0;

	if (!fetch(d, d->args[i], &set, min(d->args[i - 1], (u64)sizeof(set))))
		return;
	text_add(&d->text, "[");
	for (u32 cpu = 0; cpu < 64; cpu++) {
		if (!(set & 1ull << cpu))
			continue;
		text_add(&d->text, "%s%u", separator, cpu);
		separator = " ";
	}
	text_add(&d->text, "]");
}

/* ---- files ------------------------------------------------------------- */

static void show_mode_and_size(struct decoder *d, const char *prefix, u32 mode,
			       u32 rdev, u64 bytes)
{
	text_add(&d->text, "{%smode=", prefix);
	if (mode & S_IFMT) {
		show_names(d, file_type_names, mode & S_IFMT);
		text_add(&d->text, "|");
	}
	text_add(&d->text, "%#03o, ", mode & ~S_IFMT);
	if (S_ISCHR(mode) || S_ISBLK(mode))
		text_add(&d->text, "%srdev=0x%x, ...}", prefix, rdev);
	else
		text_add(&d->text, "%ssize=%lu, ...}", prefix,
			 (unsigned long)bytes);
}

void show_stat(struct decoder *d, u32 i)
{
	struct uapi_stat st;

	if (fetch(d, d->args[i], &st, sizeof(st)))
		show_mode_and_size(d, "st_", st.st_mode, (u32)st.st_rdev,
				   (u64)st.st_size);
}

void show_statx(struct decoder *d, u32 i)
{
	struct uapi_statx stx;

	if (fetch(d, d->args[i], &stx, sizeof(stx)))
		show_mode_and_size(
			d, "stx_", stx.stx_mode,
			uapi_makedev(stx.stx_rdev_major, stx.stx_rdev_minor),
			stx.stx_size);
}

void show_statfs(struct decoder *d, u32 i)
{
	struct uapi_statfs fs;

	if (fetch(d, d->args[i], &fs, sizeof(fs)))
		text_add(&d->text,
			 "{f_type=0x%lx, f_bsize=%ld, f_blocks=%lu, ...}",
			 (unsigned long)fs.f_type, (long)fs.f_bsize,
			 (unsigned long)fs.f_blocks);
}

void show_dirents(struct decoder *d, u32 i)
{
	u64 at = d->args[i], end = at + (u64)d->result;
	struct uapi_dirent64 entry;
	u32 n = 0;

	while (at < end && n < 10000) {
		if (d->read(&entry, at, sizeof(entry)) || !entry.d_reclen)
			break;
		at += entry.d_reclen;
		n++;
	}
	show_address(d, d->args[i]);
	text_add(&d->text, " /* %u entries */", n);
}
