/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the decoder; the program's memory is an array. */
#include <lib/errno.h>
#include <lib/ktest.h>
#include <lib/minmax.h>
#include <lib/string.h>
#include <managers/processor/proc/clone.h>
#include <managers/processor/proc/futex.h>
#include <managers/processor/proc/sigset.h>
#include <managers/processor/proc/waitopt.h>
#include <uapi/fs.h>
#include <uapi/mman.h>
#include <uapi/poll.h>
#include <uapi/socket.h>
#include <uapi/termios.h>

#include "decode.h"

/* The program's only page, and what lies in it. */
#define BASE 0x7f0000001000ull

static u8 memory[4096];
static size_t memory_used;
static size_t line_bytes;

static int read_memory(void *dst, u64 vaddr, size_t bytes)
{
	if (vaddr < BASE || vaddr - BASE > sizeof(memory) ||
	    bytes > sizeof(memory) - (vaddr - BASE))
		return -EFAULT;
	memcpy(dst, memory + (vaddr - BASE), bytes);
	return 0;
}

/* Put @bytes into the program's memory. Return: where. */
static u64 place(const void *src, size_t bytes)
{
	u64 at = BASE + memory_used;

	memcpy(memory + memory_used, src, bytes);
	memory_used += ALIGN_UP(bytes, 8);
	return at;
}

static u64 place_string(const char *s)
{
	return place(s, strlen(s) + 1);
}

static void forget(void)
{
	memset(memory, 0, sizeof(memory));
	memory_used = 0;
	line_bytes = 512;
}

/* The line of call @nr; the tests compare it. */
static const char *decode(u32 nr, s64 result, const u64 *args)
{
	static char line[512];
	struct decoder d = {.call = call_info_find(nr), .read = read_memory};

	memcpy(d.args, args, sizeof(d.args));
	text_init(&d.text, line, line_bytes);
	decode_begin(&d);
	d.result = result;
	decode_end(&d);
	return line;
}

#define EXPECT_LINE(want, nr, result, ...)                          \
	do {                                                        \
		const u64 args_[DECODE_MAX_ARGS] = {__VA_ARGS__};   \
		const char *got_ = decode(nr, result, args_);       \
		if (strcmp(got_, want))                             \
			ktest_fail(__FILE__, __LINE__, got_, 0, 0); \
	} while (0)

KTEST(strace_finds_every_call_by_its_number)
{
	for (u32 i = 0; i < nr_call_infos; i++) {
		EXPECT_TRUE(call_info_find(call_infos[i].nr) == &call_infos[i]);
		EXPECT_TRUE(!i || call_infos[i - 1].nr < call_infos[i].nr);
	}
	EXPECT_TRUE(!call_info_find(335));
	EXPECT_TRUE(!call_info_find(~0ull));
	EXPECT_TRUE(!call_does_return(call_info_find(231)));
	EXPECT_TRUE(call_does_return(call_info_find(0)));
}

KTEST(strace_shows_paths_flags_and_errors)
{
	u64 path;

	forget();
	path = place_string("/etc/ld.so.preload");
	EXPECT_LINE("openat(AT_FDCWD, \"/etc/ld.so.preload\", "
		    "O_RDONLY|O_CLOEXEC) = -1 ENOENT",
		    257, -ENOENT, (u64)AT_FDCWD, path, O_CLOEXEC, 0777);
	EXPECT_LINE("openat(3, \"/etc/ld.so.preload\", "
		    "O_WRONLY|O_CREAT|O_TRUNC|0x80000000, 0644) = 4",
		    257, 4, 3, path, O_WRONLY | O_CREAT | O_TRUNC | 1u << 31,
		    0644);
	EXPECT_LINE("access(\"/etc/ld.so.preload\", F_OK) = 0", 21, 0, path,
		    F_OK);
	EXPECT_LINE("access(\"/etc/ld.so.preload\", R_OK|X_OK) = 0", 21, 0,
		    path, R_OK | X_OK);
	EXPECT_LINE("unlink(NULL) = -1 EFAULT", 87, -EFAULT, 0);
	EXPECT_LINE("unlink(0xdead) = -1 EFAULT", 87, -EFAULT, 0xdead);
	EXPECT_LINE("close(-1) = -1 E4000", 3, -4000, ~0u);
	EXPECT_LINE("pause() = ? ERESTARTNOHAND", 34, -ERESTARTNOHAND, 0);
	EXPECT_LINE("umask(022) = 002", 95, 2, 022);
}

KTEST(strace_quotes_bytes_as_c_does)
{
	static const char text[] = "a\n\t\"\\\0"
				   "1\1x\377";
	u64 at;

	forget();
	at = place(text, sizeof(text) - 1);
	EXPECT_LINE("write(1, \"a\\n\\t\\\"\\\\\\0001\\1x\\377\", 10) = 10", 1,
		    10, 1, at, sizeof(text) - 1);
	EXPECT_LINE("read(0, \"a\", 10) = 1", 0, 1, 0, at, 10);
	EXPECT_LINE("read(0, \"\", 10) = 0", 0, 0, 0, at, 10);
	EXPECT_LINE("read(0, 0x7f0000001000, 10) = -1 EIO", 0, -EIO, 0, at, 10);
	at = place_string("0123456789012345678901234567890123456789");
	EXPECT_LINE(
		"write(1, \"01234567890123456789012345678901\"..., 40) = 40", 1,
		40, 1, at, 40);
	EXPECT_LINE("memfd_create(\"01234567890123456789012345678901\"..., "
		    "MFD_CLOEXEC) = 5",
		    319, 5, at, MFD_CLOEXEC);
}

KTEST(strace_reads_no_further_than_a_string_goes)
{
	forget();
	/* It ends with the page; the next one is not there. */
	memcpy(memory + sizeof(memory) - 4, "abc", 4);
	EXPECT_LINE("chdir(\"abc\") = 0", 80, 0, BASE + sizeof(memory) - 4);
	memory[sizeof(memory) - 1] = 'd';
	EXPECT_LINE("chdir(0x7f0000001ffc) = -1 EFAULT", 80, -EFAULT,
		    BASE + sizeof(memory) - 4);
}

KTEST(strace_shows_what_a_call_fills_only_if_it_did)
{
	const s32 fds[] = {3, 4};
	u64 at;

	forget();
	at = place(fds, sizeof(fds));
	EXPECT_LINE("pipe2([3, 4], O_CLOEXEC) = 0", 293, 0, at, O_CLOEXEC);
	EXPECT_LINE("pipe2(0x7f0000001000, 0) = -1 EMFILE", 293, -EMFILE, at,
		    0);
	EXPECT_LINE("pipe(NULL) = 0", 22, 0, 0);
}

KTEST(strace_shows_memory_calls)
{
	EXPECT_LINE("mmap(NULL, 8192, PROT_READ|PROT_WRITE, "
		    "MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000",
		    9, 0x7f0000000000, 0, 8192, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, ~0u, 0);
	EXPECT_LINE("mprotect(0x1000, 4096, PROT_NONE) = 0", 10, 0, 0x1000,
		    4096, PROT_NONE);
	EXPECT_LINE("madvise(0x1000, 4096, MADV_DONTNEED) = 0", 28, 0, 0x1000,
		    4096, MADV_DONTNEED);
	EXPECT_LINE("mremap(0x1000, 4096, 8192, MREMAP_MAYMOVE, NULL) = "
		    "-1 ENOMEM",
		    25, -ENOMEM, 0x1000, 4096, 8192, MREMAP_MAYMOVE, 0);
}

KTEST(strace_shows_signals_and_times)
{
	const u64 set = sigset_of(SIGINT) | sigset_of(SIGCHLD) | sigset_of(34);
	const u64 nearly_all = ~sigset_of(SIGKILL);
	const struct uapi_timespec t = {1, 500000000};
	struct siginfo info = {.signo = SIGSEGV, .code = SEGV_ACCERR};
	char line[128];
	struct text text;
	u64 at;

	forget();
	at = place(&set, sizeof(set));
	EXPECT_LINE("rt_sigprocmask(SIG_BLOCK, [INT CHLD RT_2], NULL, 8) = 0",
		    14, 0, 0, at, 0, 8);
	at = place(&nearly_all, sizeof(nearly_all));
	EXPECT_LINE("rt_sigprocmask(SIG_SETMASK, ~[KILL], NULL, 8) = 0", 14, 0,
		    2, at, 0, 8);
	EXPECT_LINE("tgkill(2, 3, SIGRT_2) = 0", 234, 0, 2, 3, 34);
	EXPECT_LINE("kill(2, 99) = -1 EINVAL", 62, -EINVAL, 2, 99);
	at = place(&t, sizeof(t));
	EXPECT_LINE("clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, "
		    "{tv_sec=1, tv_nsec=500000000}, NULL) = 0",
		    230, 0, 1, 1, at, 0);
	EXPECT_LINE("futex(0x1000, FUTEX_WAIT|FUTEX_PRIVATE, 2, "
		    "{tv_sec=1, tv_nsec=500000000}) = -1 ETIMEDOUT",
		    202, -ETIMEDOUT, 0x1000, FUTEX_WAIT | FUTEX_PRIVATE, 2, at);
	EXPECT_LINE("futex(0x1000, FUTEX_WAKE, 1) = 1", 202, 1, 0x1000,
		    FUTEX_WAKE, 1, at);
	info.fault.vaddr = 0x8;
	text_init(&text, line, sizeof(line));
	decode_signal(&text, &info);
	EXPECT_TRUE(!strcmp(line, "{si_signo=SIGSEGV, si_code=SEGV_ACCERR, "
				  "si_addr=0x8}"));
}

KTEST(strace_shows_processes)
{
	const u64 strings[] = {BASE, BASE + 8, 0};
	const s32 exited = 7 << 8, killed = SIGKILL;
	u64 argv, at;

	forget();
	(void)place_string("ls");
	(void)place_string("-l");
	argv = place(strings, sizeof(strings));
	EXPECT_LINE(
		"execve(\"ls\", [\"ls\", \"-l\"], 0x7f0000001010 /* 2 vars */"
		") = 0",
		59, 0, BASE, argv, argv);
	EXPECT_LINE("clone(CLONE_VM|CLONE_VFORK|SIGCHLD, NULL, NULL, NULL, 0) "
		    "= 5",
		    56, 5, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	at = place(&exited, sizeof(exited));
	EXPECT_LINE("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 7}], "
		    "WNOHANG, NULL) = 5",
		    61, 5, ~0u, at, WNOHANG, 0);
	EXPECT_LINE("wait4(-1, 0x7f0000001028, WNOHANG, NULL) = 0", 61, 0, ~0u,
		    at, WNOHANG, 0);
	at = place(&killed, sizeof(killed));
	EXPECT_LINE("wait4(5, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, "
		    "NULL) = 5",
		    61, 5, 5, at, 0, 0);
}

KTEST(strace_shows_files_and_sockets)
{
	const struct uapi_stat st = {.st_mode = S_IFREG | 0644, .st_size = 9};
	const struct uapi_sockaddr_un sa = {AF_UNIX, "/tmp/s"};
	const u8 inet[16] = {2, 0, 0, 80, 127, 0, 0, 1};
	const u64 iov[] = {BASE, 2, BASE + 8, 3};
	const struct {
		s32 fd;
		u16 events, revents;
	} p = {3, POLLIN | POLLPRI, POLLIN};
	u64 at;

	forget();
	(void)place_string("ab");
	(void)place_string("cde");
	at = place(iov, sizeof(iov));
	EXPECT_LINE("writev(1, [{iov_base=\"ab\", iov_len=2}, "
		    "{iov_base=\"cde\", iov_len=3}], 2) = 5",
		    20, 5, 1, at, 2);
	EXPECT_LINE("readv(1, [{iov_base=\"ab\", iov_len=2}, "
		    "{iov_base=\"c\", iov_len=3}], 2) = 3",
		    19, 3, 1, at, 2);
	at = place(&st, sizeof(st));
	EXPECT_LINE("fstat(3, {st_mode=S_IFREG|0644, st_size=9, ...}) = 0", 5,
		    0, 3, at);
	at = place(&sa, sizeof(sa));
	EXPECT_LINE("connect(3, {sa_family=AF_UNIX, sun_path=\"/tmp/s\"}, 9) = "
		    "-1 ECONNREFUSED",
		    42, -ECONNREFUSED, 3, at, 9);
	at = place(inet, sizeof(inet));
	EXPECT_LINE("bind(3, {sa_family=AF_INET, sin_port=htons(80), "
		    "sin_addr=\"127.0.0.1\"}, 16) = 0",
		    49, 0, 3, at, 16);
	EXPECT_LINE("socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 3", 41, 3,
		    AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	at = place(&p, sizeof(p));
	EXPECT_LINE("poll([{fd=3, events=POLLIN|POLLPRI, revents=POLLIN}], 1, "
		    "-1) = 1",
		    7, 1, at, 1, ~0u);
	EXPECT_LINE("ioctl(0, TCGETS, 0x1234) = -1 ENOTTY", 16, -ENOTTY, 0,
		    TCGETS, 0x1234);
	EXPECT_LINE("fcntl(3, F_GETFD) = 1", 72, 1, 3, F_GETFD, 77);
	EXPECT_LINE("fcntl(3, F_SETFL, O_RDONLY|O_NONBLOCK) = 0", 72, 0, 3,
		    F_SETFL, O_NONBLOCK);
}

KTEST(strace_leaves_out_what_a_line_or_a_list_has_no_room_for)
{
	u64 strings[20], argv;

	forget();
	for (u32 i = 0; i < ARRAY_SIZE(strings); i++)
		strings[i] = BASE;
	(void)place_string("x");
	argv = place(strings, sizeof(strings));
	line_bytes = 39;
	EXPECT_LINE("execve(\"x\", [\"x\", \"x\", \"x\", \"x\", \"x\", ", 59, 0,
		    BASE, argv, 0);
	line_bytes = 512;
	EXPECT_LINE("execve(\"x\", [\"x\", \"x\", \"x\", \"x\", \"x\", \"x\", "
		    "\"x\", "
		    "\"x\", ...], NULL) = 0",
		    59, 0, BASE, argv, 0);
}

/* Whatever the registers say, no kind reads outside or writes beyond. */
KTEST(strace_survives_any_argument)
{
	static const u64 odd[] = {0,           1,           BASE,
				  BASE + 4095, BASE + 2040, ~0ull,
				  1ull << 63,  0x7fffffff,  0xffffffff};
	u64 args[DECODE_MAX_ARGS];

	forget();
	memset(memory, 0xff, sizeof(memory) / 2);
	for (u32 i = 0; i < nr_call_infos; i++) {
		for (u32 seed = 0; seed < 200; seed++) {
			u32 x = seed * 2654435761u;
			s64 result;

			for (u32 a = 0; a < DECODE_MAX_ARGS; a++) {
				args[a] = odd[x % ARRAY_SIZE(odd)];
				x = x * 1103515245 + 12345;
			}
			result = (s64)odd[x % ARRAY_SIZE(odd)];
			line_bytes = 1 + x % 512;
			EXPECT_TRUE(strlen(decode(call_infos[i].nr, result,
						  args)) < line_bytes);
		}
	}
}
