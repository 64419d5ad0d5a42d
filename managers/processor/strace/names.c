/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables.  What no other part of the kernel has a constant for is given by
 * its number, from the manual page of the call that takes it.
 */
#include "names.h"

#include <managers/processor/proc/clone.h>
#include <managers/processor/proc/futex.h>
#include <managers/processor/proc/sigframe.h>
#include <managers/processor/proc/sigset.h>
#include <managers/processor/proc/usertime.h>
#include <managers/processor/proc/waitopt.h>
#include <uapi/fs.h>
#include <uapi/mman.h>
#include <uapi/poll.h>
#include <uapi/socket.h>
#include <uapi/termios.h>

#define FLAG(constant)                                      \
	{                                                   \
		(u32)(constant), (u32)(constant), #constant \
	}
#define BIT_NAME(bits, text)     \
	{                        \
		bits, bits, text \
	}
#define FIELD(field_mask, constant)             \
	{                                       \
		field_mask, constant, #constant \
	}
#define NUMBER(constant)                        \
	{                                       \
		~0u, (u32)(constant), #constant \
	}
#define VALUE(number, text)              \
	{                                \
		~0u, (u32)(number), text \
	}
#define END                \
	{                  \
		0, 0, NULL \
	}

/* ---- memory ------------------------------------------------------------ */

const struct names prot_names[] = {
	NUMBER(PROT_NONE),
	FLAG(PROT_READ),
	FLAG(PROT_WRITE),
	FLAG(PROT_EXEC),
	BIT_NAME(0x01000000, "PROT_GROWSDOWN"),
	END,
};

const struct names map_flags_names[] = {
	FIELD(MAP_TYPE, MAP_SHARED),
	FIELD(MAP_TYPE, MAP_PRIVATE),
	FIELD(MAP_TYPE, MAP_SHARED_VALIDATE),
	FLAG(MAP_FIXED),
	FLAG(MAP_ANONYMOUS),
	FLAG(MAP_32BIT),
	FLAG(MAP_GROWSDOWN),
	FLAG(MAP_DENYWRITE),
	FLAG(MAP_EXECUTABLE),
	FLAG(MAP_LOCKED),
	FLAG(MAP_NORESERVE),
	FLAG(MAP_POPULATE),
	FLAG(MAP_NONBLOCK),
	FLAG(MAP_STACK),
	FLAG(MAP_HUGETLB),
	FLAG(MAP_SYNC),
	FLAG(MAP_FIXED_NOREPLACE),
	END,
};

const struct names mremap_flags_names[] = {
	FLAG(MREMAP_MAYMOVE),
	FLAG(MREMAP_FIXED),
	FLAG(MREMAP_DONTUNMAP),
	END,
};

const struct names msync_flags_names[] = {
	FLAG(MS_ASYNC),
	FLAG(MS_INVALIDATE),
	FLAG(MS_SYNC),
	END,
};

const struct names madvice_names[] = {
	NUMBER(MADV_NORMAL),
	NUMBER(MADV_RANDOM),
	NUMBER(MADV_SEQUENTIAL),
	NUMBER(MADV_WILLNEED),
	NUMBER(MADV_DONTNEED),
	NUMBER(MADV_FREE),
	NUMBER(MADV_REMOVE),
	NUMBER(MADV_DONTFORK),
	NUMBER(MADV_DOFORK),
	VALUE(12, "MADV_MERGEABLE"),
	VALUE(13, "MADV_UNMERGEABLE"),
	NUMBER(MADV_HUGEPAGE),
	NUMBER(MADV_NOHUGEPAGE),
	NUMBER(MADV_DONTDUMP),
	NUMBER(MADV_DODUMP),
	VALUE(18, "MADV_WIPEONFORK"),
	VALUE(19, "MADV_KEEPONFORK"),
	VALUE(20, "MADV_COLD"),
	VALUE(21, "MADV_PAGEOUT"),
	VALUE(22, "MADV_POPULATE_READ"),
	VALUE(23, "MADV_POPULATE_WRITE"),
	END,
};

/* ---- files ------------------------------------------------------------- */

const struct names open_flags_names[] = {
	FIELD(O_ACCMODE, O_RDONLY),
	FIELD(O_ACCMODE, O_WRONLY),
	FIELD(O_ACCMODE, O_RDWR),
	FLAG(O_CREAT),
	FLAG(O_EXCL),
	FLAG(O_NOCTTY),
	FLAG(O_TRUNC),
	FLAG(O_APPEND),
	FLAG(O_NONBLOCK),
	FLAG(O_SYNC),
	FLAG(O_DSYNC),
	FLAG(O_ASYNC),
	FLAG(O_DIRECT),
	FLAG(O_LARGEFILE),
	FLAG(O_TMPFILE),
	FLAG(O_DIRECTORY),
	FLAG(O_NOFOLLOW),
	FLAG(O_NOATIME),
	FLAG(O_CLOEXEC),
	FLAG(O_PATH),
	END,
};

const struct names fd_flags_names[] = {
	FLAG(O_CLOEXEC),
	FLAG(O_NONBLOCK),
	FLAG(O_DIRECT),
	END,
};

const struct names eventfd_flags_names[] = {
	FLAG(EFD_SEMAPHORE),
	BIT_NAME(O_CLOEXEC, "EFD_CLOEXEC"),
	BIT_NAME(O_NONBLOCK, "EFD_NONBLOCK"),
	END,
};

const struct names access_mode_names[] = {
	NUMBER(F_OK), FLAG(R_OK), FLAG(W_OK), FLAG(X_OK), END,
};

const struct names at_flags_names[] = {
	FLAG(AT_SYMLINK_NOFOLLOW),
	FLAG(AT_EACCESS),
	FLAG(AT_SYMLINK_FOLLOW),
	FLAG(AT_NO_AUTOMOUNT),
	FLAG(AT_EMPTY_PATH),
	BIT_NAME(0x2000, "AT_STATX_FORCE_SYNC"),
	BIT_NAME(0x4000, "AT_STATX_DONT_SYNC"),
	END,
};

const struct names unlink_flags_names[] = {
	FLAG(AT_REMOVEDIR),
	END,
};

const struct names file_type_names[] = {
	FIELD(S_IFMT, S_IFSOCK), FIELD(S_IFMT, S_IFLNK),
	FIELD(S_IFMT, S_IFREG),  FIELD(S_IFMT, S_IFBLK),
	FIELD(S_IFMT, S_IFDIR),  FIELD(S_IFMT, S_IFCHR),
	FIELD(S_IFMT, S_IFIFO),  END,
};

const struct names whence_names[] = {
	NUMBER(SEEK_SET),  NUMBER(SEEK_CUR),  NUMBER(SEEK_END),
	NUMBER(SEEK_DATA), NUMBER(SEEK_HOLE), END,
};

const struct names fcntl_cmd_names[] = {
	NUMBER(F_DUPFD),
	NUMBER(F_GETFD),
	NUMBER(F_SETFD),
	NUMBER(F_GETFL),
	NUMBER(F_SETFL),
	NUMBER(F_GETLK),
	NUMBER(F_SETLK),
	NUMBER(F_SETLKW),
	NUMBER(F_SETOWN),
	NUMBER(F_GETOWN),
	NUMBER(F_OFD_GETLK),
	NUMBER(F_OFD_SETLK),
	NUMBER(F_OFD_SETLKW),
	NUMBER(F_DUPFD_CLOEXEC),
	NUMBER(F_SETPIPE_SZ),
	NUMBER(F_GETPIPE_SZ),
	NUMBER(F_ADD_SEALS),
	NUMBER(F_GET_SEALS),
	END,
};

const struct names flock_type_names[] = {
	NUMBER(F_RDLCK),
	NUMBER(F_WRLCK),
	NUMBER(F_UNLCK),
	END,
};

const struct names flock_op_names[] = {
	FLAG(LOCK_SH), FLAG(LOCK_EX), FLAG(LOCK_NB), FLAG(LOCK_UN), END,
};

const struct names ioctl_cmd_names[] = {
	NUMBER(TCGETS),     NUMBER(TCSETS),
	NUMBER(TCSETSW),    NUMBER(TCSETSF),
	NUMBER(TCSBRK),     NUMBER(TCXONC),
	NUMBER(TCFLSH),     NUMBER(TIOCSCTTY),
	NUMBER(TIOCGPGRP),  NUMBER(TIOCSPGRP),
	NUMBER(TIOCOUTQ),   NUMBER(TIOCGWINSZ),
	NUMBER(TIOCSWINSZ), NUMBER(FIONREAD),
	NUMBER(FIONBIO),    NUMBER(TIOCNOTTY),
	NUMBER(TIOCGSID),   NUMBER(FIONCLEX),
	NUMBER(FIOCLEX),    END,
};

const struct names fallocate_flags_names[] = {
	FLAG(FALLOC_FL_KEEP_SIZE),
	FLAG(FALLOC_FL_PUNCH_HOLE),
	BIT_NAME(0x10, "FALLOC_FL_ZERO_RANGE"),
	END,
};

const struct names fadvice_names[] = {
	VALUE(0, "POSIX_FADV_NORMAL"),
	VALUE(1, "POSIX_FADV_RANDOM"),
	VALUE(2, "POSIX_FADV_SEQUENTIAL"),
	VALUE(3, "POSIX_FADV_WILLNEED"),
	VALUE(4, "POSIX_FADV_DONTNEED"),
	VALUE(5, "POSIX_FADV_NOREUSE"),
	END,
};

const struct names rename_flags_names[] = {
	FLAG(RENAME_NOREPLACE),
	FLAG(RENAME_EXCHANGE),
	FLAG(RENAME_WHITEOUT),
	END,
};

const struct names memfd_flags_names[] = {
	FLAG(MFD_CLOEXEC),
	FLAG(MFD_ALLOW_SEALING),
	END,
};

const struct names close_range_flags_names[] = {
	FLAG(CLOSE_RANGE_UNSHARE),
	FLAG(CLOSE_RANGE_CLOEXEC),
	END,
};

const struct names statx_mask_names[] = {
	BIT_NAME(0xfffu, "STATX_ALL"),
	BIT_NAME(STATX_BASIC_STATS, "STATX_BASIC_STATS"),
	BIT_NAME(0x1, "STATX_TYPE"),
	BIT_NAME(0x2, "STATX_MODE"),
	BIT_NAME(0x4, "STATX_NLINK"),
	BIT_NAME(0x8, "STATX_UID"),
	BIT_NAME(0x10, "STATX_GID"),
	BIT_NAME(0x20, "STATX_ATIME"),
	BIT_NAME(0x40, "STATX_MTIME"),
	BIT_NAME(0x80, "STATX_CTIME"),
	BIT_NAME(0x100, "STATX_INO"),
	BIT_NAME(0x200, "STATX_SIZE"),
	BIT_NAME(0x400, "STATX_BLOCKS"),
	BIT_NAME(0x800, "STATX_BTIME"),
	FLAG(STATX_MNT_ID),
	END,
};

const struct names poll_events_names[] = {
	FLAG(POLLIN),     FLAG(POLLPRI),    FLAG(POLLOUT),    FLAG(POLLERR),
	FLAG(POLLHUP),    FLAG(POLLNVAL),   FLAG(POLLRDNORM), FLAG(POLLRDBAND),
	FLAG(POLLWRNORM), FLAG(POLLWRBAND), FLAG(POLLRDHUP),  END,
};

const struct names epoll_events_names[] = {
	BIT_NAME(POLLIN, "EPOLLIN"),
	BIT_NAME(POLLPRI, "EPOLLPRI"),
	BIT_NAME(POLLOUT, "EPOLLOUT"),
	BIT_NAME(POLLERR, "EPOLLERR"),
	BIT_NAME(POLLHUP, "EPOLLHUP"),
	BIT_NAME(POLLRDNORM, "EPOLLRDNORM"),
	BIT_NAME(POLLRDBAND, "EPOLLRDBAND"),
	BIT_NAME(POLLWRNORM, "EPOLLWRNORM"),
	BIT_NAME(POLLWRBAND, "EPOLLWRBAND"),
	BIT_NAME(POLLRDHUP, "EPOLLRDHUP"),
	FLAG(EPOLLEXCLUSIVE),
	FLAG(EPOLLWAKEUP),
	FLAG(EPOLLONESHOT),
	FLAG(EPOLLET),
	END,
};

const struct names epoll_op_names[] = {
	NUMBER(EPOLL_CTL_ADD),
	NUMBER(EPOLL_CTL_DEL),
	NUMBER(EPOLL_CTL_MOD),
	END,
};

const struct names random_flags_names[] = {
	BIT_NAME(1, "GRND_NONBLOCK"),
	BIT_NAME(2, "GRND_RANDOM"),
	BIT_NAME(4, "GRND_INSECURE"),
	END,
};

/* ---- sockets ----------------------------------------------------------- */

const struct names sock_domain_names[] = {
	NUMBER(AF_UNSPEC),
	NUMBER(AF_UNIX),
	VALUE(2, "AF_INET"),
	VALUE(10, "AF_INET6"),
	VALUE(16, "AF_NETLINK"),
	VALUE(17, "AF_PACKET"),
	END,
};

const struct names sock_type_names[] = {
	FIELD(SOCK_TYPE_MASK, SOCK_STREAM),
	FIELD(SOCK_TYPE_MASK, SOCK_DGRAM),
	FIELD(SOCK_TYPE_MASK, SOCK_SEQPACKET),
	{SOCK_TYPE_MASK, 3, "SOCK_RAW"},
	FLAG(SOCK_CLOEXEC),
	FLAG(SOCK_NONBLOCK),
	END,
};

const struct names sock_flags_names[] = {
	FLAG(SOCK_CLOEXEC),
	FLAG(SOCK_NONBLOCK),
	END,
};

const struct names sock_level_names[] = {
	NUMBER(SOL_SOCKET),
	VALUE(0, "SOL_IP"),
	VALUE(6, "SOL_TCP"),
	VALUE(41, "SOL_IPV6"),
	END,
};

const struct names sock_option_names[] = {
	NUMBER(SO_DEBUG),
	NUMBER(SO_REUSEADDR),
	NUMBER(SO_TYPE),
	NUMBER(SO_ERROR),
	NUMBER(SO_BROADCAST),
	NUMBER(SO_SNDBUF),
	NUMBER(SO_RCVBUF),
	NUMBER(SO_KEEPALIVE),
	NUMBER(SO_LINGER),
	NUMBER(SO_PASSCRED),
	NUMBER(SO_PEERCRED),
	NUMBER(SO_RCVTIMEO),
	NUMBER(SO_SNDTIMEO),
	NUMBER(SO_ACCEPTCONN),
	NUMBER(SO_SNDBUFFORCE),
	NUMBER(SO_RCVBUFFORCE),
	NUMBER(SO_PROTOCOL),
	NUMBER(SO_DOMAIN),
	END,
};

const struct names msg_flags_names[] = {
	BIT_NAME(1, "MSG_OOB"), FLAG(MSG_PEEK),
	FLAG(MSG_CTRUNC),       FLAG(MSG_TRUNC),
	FLAG(MSG_DONTWAIT),     FLAG(MSG_WAITALL),
	FLAG(MSG_NOSIGNAL),     FLAG(MSG_WAITFORONE),
	FLAG(MSG_CMSG_CLOEXEC), END,
};

const struct names shut_how_names[] = {
	NUMBER(SHUT_RD),
	NUMBER(SHUT_WR),
	NUMBER(SHUT_RDWR),
	END,
};

/* ---- time -------------------------------------------------------------- */

const struct names clock_names[] = {
	NUMBER(CLOCK_REALTIME),
	NUMBER(CLOCK_MONOTONIC),
	NUMBER(CLOCK_PROCESS_CPUTIME_ID),
	NUMBER(CLOCK_THREAD_CPUTIME_ID),
	NUMBER(CLOCK_MONOTONIC_RAW),
	NUMBER(CLOCK_REALTIME_COARSE),
	NUMBER(CLOCK_MONOTONIC_COARSE),
	NUMBER(CLOCK_BOOTTIME),
	NUMBER(CLOCK_TAI),
	END,
};

const struct names timer_flags_names[] = {
	BIT_NAME(1, "TIMER_ABSTIME"),
	END,
};

const struct names itimer_names[] = {
	VALUE(0, "ITIMER_REAL"),
	VALUE(1, "ITIMER_VIRTUAL"),
	VALUE(2, "ITIMER_PROF"),
	END,
};

/* ---- processes --------------------------------------------------------- */

const struct names clone_flags_names[] = {
	FLAG(CLONE_VM),
	FLAG(CLONE_FS),
	FLAG(CLONE_FILES),
	FLAG(CLONE_SIGHAND),
	FLAG(CLONE_PIDFD),
	FLAG(CLONE_PTRACE),
	FLAG(CLONE_VFORK),
	FLAG(CLONE_PARENT),
	FLAG(CLONE_THREAD),
	BIT_NAME(0x00020000, "CLONE_NEWNS"),
	FLAG(CLONE_SYSVSEM),
	FLAG(CLONE_SETTLS),
	FLAG(CLONE_PARENT_SETTID),
	FLAG(CLONE_CHILD_CLEARTID),
	FLAG(CLONE_DETACHED),
	FLAG(CLONE_UNTRACED),
	FLAG(CLONE_CHILD_SETTID),
	BIT_NAME(0x02000000, "CLONE_NEWCGROUP"),
	BIT_NAME(0x04000000, "CLONE_NEWUTS"),
	BIT_NAME(0x08000000, "CLONE_NEWIPC"),
	BIT_NAME(0x10000000, "CLONE_NEWUSER"),
	BIT_NAME(0x20000000, "CLONE_NEWPID"),
	BIT_NAME(0x40000000, "CLONE_NEWNET"),
	FLAG(CLONE_IO),
	END,
};

const struct names wait_options_names[] = {
	FLAG(WNOHANG),    FLAG(WUNTRACED), FLAG(WEXITED),
	FLAG(WCONTINUED), FLAG(WNOWAIT),   FLAG(__WNOTHREAD),
	FLAG(__WALL),     FLAG(__WCLONE),  END,
};

const struct names wait_id_type_names[] = {
	VALUE(0, "P_ALL"),
	VALUE(1, "P_PID"),
	VALUE(2, "P_PGID"),
	VALUE(3, "P_PIDFD"),
	END,
};

const struct names rlimit_id_names[] = {
	VALUE(0, "RLIMIT_CPU"),
	VALUE(1, "RLIMIT_FSIZE"),
	VALUE(2, "RLIMIT_DATA"),
	VALUE(3, "RLIMIT_STACK"),
	VALUE(4, "RLIMIT_CORE"),
	VALUE(5, "RLIMIT_RSS"),
	VALUE(6, "RLIMIT_NPROC"),
	VALUE(7, "RLIMIT_NOFILE"),
	VALUE(8, "RLIMIT_MEMLOCK"),
	VALUE(9, "RLIMIT_AS"),
	VALUE(10, "RLIMIT_LOCKS"),
	VALUE(11, "RLIMIT_SIGPENDING"),
	VALUE(12, "RLIMIT_MSGQUEUE"),
	VALUE(13, "RLIMIT_NICE"),
	VALUE(14, "RLIMIT_RTPRIO"),
	VALUE(15, "RLIMIT_RTTIME"),
	END,
};

const struct names sched_policy_names[] = {
	VALUE(0, "SCHED_OTHER"),
	VALUE(1, "SCHED_FIFO"),
	VALUE(2, "SCHED_RR"),
	VALUE(3, "SCHED_BATCH"),
	VALUE(5, "SCHED_IDLE"),
	VALUE(6, "SCHED_DEADLINE"),
	END,
};

const struct names prctl_op_names[] = {
	VALUE(1, "PR_SET_PDEATHSIG"),
	VALUE(2, "PR_GET_PDEATHSIG"),
	VALUE(3, "PR_GET_DUMPABLE"),
	VALUE(4, "PR_SET_DUMPABLE"),
	VALUE(7, "PR_GET_KEEPCAPS"),
	VALUE(8, "PR_SET_KEEPCAPS"),
	VALUE(15, "PR_SET_NAME"),
	VALUE(16, "PR_GET_NAME"),
	VALUE(21, "PR_GET_SECCOMP"),
	VALUE(22, "PR_SET_SECCOMP"),
	VALUE(23, "PR_CAPBSET_READ"),
	VALUE(24, "PR_CAPBSET_DROP"),
	VALUE(29, "PR_SET_TIMERSLACK"),
	VALUE(30, "PR_GET_TIMERSLACK"),
	VALUE(35, "PR_SET_MM"),
	VALUE(36, "PR_SET_CHILD_SUBREAPER"),
	VALUE(37, "PR_GET_CHILD_SUBREAPER"),
	VALUE(38, "PR_SET_NO_NEW_PRIVS"),
	VALUE(39, "PR_GET_NO_NEW_PRIVS"),
	VALUE(41, "PR_SET_THP_DISABLE"),
	VALUE(42, "PR_GET_THP_DISABLE"),
	VALUE(0x53564d41, "PR_SET_VMA"),
	END,
};

const struct names arch_prctl_op_names[] = {
	VALUE(0x1001, "ARCH_SET_GS"),     VALUE(0x1002, "ARCH_SET_FS"),
	VALUE(0x1003, "ARCH_GET_FS"),     VALUE(0x1004, "ARCH_GET_GS"),
	VALUE(0x3001, "ARCH_CET_STATUS"), END,
};

const struct names futex_op_names[] = {
	{FUTEX_CMD_MASK, FUTEX_WAIT, "FUTEX_WAIT"},
	{FUTEX_CMD_MASK, FUTEX_WAKE, "FUTEX_WAKE"},
	{FUTEX_CMD_MASK, 2, "FUTEX_FD"},
	{FUTEX_CMD_MASK, FUTEX_REQUEUE, "FUTEX_REQUEUE"},
	{FUTEX_CMD_MASK, FUTEX_CMP_REQUEUE, "FUTEX_CMP_REQUEUE"},
	{FUTEX_CMD_MASK, FUTEX_WAKE_OP, "FUTEX_WAKE_OP"},
	{FUTEX_CMD_MASK, FUTEX_LOCK_PI, "FUTEX_LOCK_PI"},
	{FUTEX_CMD_MASK, FUTEX_UNLOCK_PI, "FUTEX_UNLOCK_PI"},
	{FUTEX_CMD_MASK, FUTEX_TRYLOCK_PI, "FUTEX_TRYLOCK_PI"},
	{FUTEX_CMD_MASK, FUTEX_WAIT_BITSET, "FUTEX_WAIT_BITSET"},
	{FUTEX_CMD_MASK, FUTEX_WAKE_BITSET, "FUTEX_WAKE_BITSET"},
	{FUTEX_CMD_MASK, 11, "FUTEX_WAIT_REQUEUE_PI"},
	{FUTEX_CMD_MASK, 12, "FUTEX_CMP_REQUEUE_PI"},
	{FUTEX_CMD_MASK, FUTEX_LOCK_PI2, "FUTEX_LOCK_PI2"},
	FLAG(FUTEX_PRIVATE),
	FLAG(FUTEX_CLOCK_REALTIME),
	END,
};

const struct names membarrier_cmd_names[] = {
	VALUE(0, "MEMBARRIER_CMD_QUERY"),
	BIT_NAME(1, "MEMBARRIER_CMD_GLOBAL"),
	BIT_NAME(2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED"),
	BIT_NAME(4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED"),
	BIT_NAME(8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED"),
	BIT_NAME(16, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED"),
	BIT_NAME(32, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE"),
	BIT_NAME(64, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE"),
	BIT_NAME(128, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ"),
	BIT_NAME(256, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ"),
	END,
};

const struct names sig_how_names[] = {
	VALUE(0, "SIG_BLOCK"),
	VALUE(1, "SIG_UNBLOCK"),
	VALUE(2, "SIG_SETMASK"),
	END,
};

const struct names sa_flags_names[] = {
	FLAG(SA_NOCLDSTOP), FLAG(SA_NOCLDWAIT), FLAG(SA_SIGINFO),
	FLAG(SA_RESTORER),  FLAG(SA_ONSTACK),   FLAG(SA_RESTART),
	FLAG(SA_NODEFER),   FLAG(SA_RESETHAND), END,
};

const struct names stack_flags_names[] = {
	FLAG(SS_ONSTACK),
	FLAG(SS_DISABLE),
	FLAG(SS_AUTODISARM),
	END,
};
