/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROCESSOR_PROCESS_H
#define PROCESSOR_PROCESS_H

/*
 * Linux processes on a processor node.
 *
 *   struct process	what Linux calls a thread group: pid, address space,
 *			files, children, signal actions, exit status
 *   struct task	one thread of it: tid, kernel thread, signal mask
 *
 * Life of a process:
 *
 *	process_create() -> RUNNING -> last task gone -> ZOMBIE -> reaped ->
 *freed
 *
 * RUNNING -> ZOMBIE is made by task_exit() alone, ZOMBIE -> reaped by
 * process_reap() alone (wait4, waitid, a parent that ignores SIGCHLD).  A
 * struct process lives on while somebody holds a reference.
 *
 * One spinlock, process_lock, taken with interrupts off, protects the tree,
 * the pid table, states, groups and all signal state.  Pointers to aspace,
 * files and fs change only in exec, unshare and exit of the process itself.
 */
#include <kernel/spinlock.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include <lib/atomic.h>
#include <lib/list.h>
#include <managers/processor/mm/prefetch_stream.h>
#include <managers/processor/proc/futex.h>
#include <managers/processor/proc/signal.h>

struct aspace;     /* managers/processor/mm */
struct fd_table;   /* managers/processor/fs */
struct fs_context; /* managers/processor/fs: cwd, root, umask */
struct file;       /* managers/processor/fs */

/* What uname(2) and /proc/version say. */
#define PROCESSOR_RELEASE "6.1.0-brick"
#define PROCESSOR_VERSION "#1 SMP Brick"

#define PROCESS_MAX_PID    32768u
#define PROCESS_MAX_GROUPS 32u
#define PROCESS_COMM_BYTES 16u

enum rlimit_id {
	RLIMIT_CPU,
	RLIMIT_FSIZE,
	RLIMIT_DATA,
	RLIMIT_STACK,
	RLIMIT_CORE,
	RLIMIT_RSS,
	RLIMIT_NPROC,
	RLIMIT_NOFILE,
	RLIMIT_MEMLOCK,
	RLIMIT_AS,
	RLIMIT_LOCKS,
	RLIMIT_SIGPENDING,
	RLIMIT_MSGQUEUE,
	RLIMIT_NICE,
	RLIMIT_RTPRIO,
	RLIMIT_RTTIME,
	NR_RLIMITS
};
#define RLIM_INFINITY (~0ull)

struct rlimit64 {
	u64 cur;
	u64 max;
};

struct credentials {
	u32 ruid, euid, suid, fsuid;
	u32 rgid, egid, sgid, fsgid;
	u32 nr_groups;
	u32 groups[PROCESS_MAX_GROUPS];
	/* Capabilities, see capability.c: what was given up of each set. */
	u64 lost_permitted, lost_effective, lost_bounding;
	u64 inheritable;
};

/* Capabilities that something asks for; capabilities(7) has them all. */
#define CAP_DAC_OVERRIDE 1u
#define CAP_FOWNER       3u
#define CAP_KILL         5u
#define CAP_SETGID       6u
#define CAP_SETUID       7u
#define CAP_SETPCAP      8u
#define CAP_IPC_LOCK     14u
#define CAP_SYS_CHROOT   18u
#define CAP_SYS_PTRACE   19u
#define CAP_SYS_ADMIN    21u
#define CAP_SYS_NICE     23u
#define CAP_SYS_RESOURCE 24u
#define CAP_SYS_TIME     25u

struct capabilities {
	u64 effective, permitted, inheritable, bounding;
};

/** capabilities_of - those of a process with @cred. */
struct capabilities capabilities_of(const struct credentials *cred);
/** process_may - has the current process capability @cap? */
bool process_may(u32 cap);
/** process_may_look_into - may the current process see what is in @target's
 * memory?  As for ptrace(2): the same user and group, or CAP_SYS_PTRACE. */
bool process_may_look_into(const struct process *target);
/** capabilities_exec - what root gave up and may have again with a new
 * program, as capabilities(7) says. */
void capabilities_exec(struct credentials *cred);

/* struct sigaction as rt_sigaction(2) passes it. */
struct signal_action {
	u64 handler;
	u64 flags;
	u64 restorer;
	sigset64 mask;
};

/* Signal actions; CLONE_SIGHAND shares them. */
struct signal_actions {
	atomic_t nr_refs;
	struct signal_action action[NR_SIGNALS]; /* [process_lock] */
};

enum process_state { PROCESS_RUNNING, PROCESS_STOPPED, PROCESS_ZOMBIE };

struct cpu_usage {
	u64 user_ns;
	u64 system_ns;
	u64 nr_minor_faults;
	u64 nr_major_faults;
	u64 nr_switches;
	u64 max_resident_pages; /* of an address space that is gone */
};

struct call_record; /* managers/processor/strace */
struct call_stats;
struct run; /* what was asked to be run: proc/run.c */

struct process {
	u32 pid; /* [set once before publish] */
	atomic_t nr_refs;
	enum process_state state; /* [process_lock] */
	u32 pgid;                 /* [process_lock] */
	u32 sid;                  /* [process_lock] */

	struct process *parent;    /* NULL: init's parent [process_lock] */
	struct list_head children; /* [process_lock] */
	struct list_head sibling;  /* in parent->children [process_lock] */
	struct list_head in_all;   /* all processes, by pid [process_lock] */
	struct list_head in_hash;  /* pid hash [process_lock] */
	struct list_head tasks;    /* [process_lock] */
	u32 nr_tasks;              /* [process_lock] */
	struct task *leader;       /* tid == pid; NULL once it is gone
				      [process_lock] */

	/* Resources.  NULL once the process has exited. */
	struct aspace *aspace;  /* [own tasks; others: process_aspace_get()] */
	struct fd_table *files; /* [own tasks; others: process_files_get()] */
	struct fs_context *fs;  /* [own tasks; others: process_fs_get()] */
	struct file *exe;       /* [process_lock to replace] */
	char comm[PROCESS_COMM_BYTES]; /* of the leader */

	/* Where exec put things; /proc/PID/cmdline reads the strings there. */
	u64 arg_start, arg_end, env_start, env_end;
	u64 auxv_start, auxv_end;
	u64 start_code, end_code, start_data, end_data, start_brk, start_stack;

	struct signal_actions *actions;      /* [process_lock to replace] */
	struct signal_queue pending;         /* [process_lock] */
	struct credentials cred;             /* [process_lock to change] */
	struct rlimit64 rlimits[NR_RLIMITS]; /* [process_lock] */
	u64 personality;                     /* [own tasks] */
	bool has_execed;                     /* since fork: setpgid refuses
						[process_lock] */

	/* The end. */
	bool is_exiting;          /* all tasks must go [process_lock] */
	struct task *exec_task;   /* [process_lock] */
	s32 exit_status;          /* as wait4(2) tells it [process_lock] */
	u32 exit_signal;          /* sent to the parent; 0: none */
	s32 stop_status;          /* what wait4(WUNTRACED|WCONTINUED) has yet to
				     report; 0: nothing [process_lock] */
	u32 parent_death_signal;  /* prctl(PR_SET_PDEATHSIG); 0: none */
	bool is_subreaper;        /* prctl(PR_SET_CHILD_SUBREAPER) */
	struct waitq child_wait;  /* a child's state changed */
	struct waitq tasks_wait;  /* a task of this process is gone */
	struct waitq stop_wait;   /* SIGCONT or SIGKILL arrived */
	struct waitq signal_wait; /* a signal was queued: sigtimedwait */
	bool blocks_maker;        /* in vfork(2), until exec or exit
				     [process_lock] */

	/* Accounting. */
	u64 start_mono_ns;
	struct cpu_usage usage;          /* of tasks that are gone
					    [process_lock] */
	struct cpu_usage children_usage; /* of reaped children [process_lock] */

	u64 unknown_calls[8]; /* numbers already complained about [atomic] */
	struct run *run;      /* whose descendant this is [set once] */

	u32 strace_what;                 /* enum strace_what [atomic] */
	struct call_stats *strace_stats; /* for its summary [atomic] */

	/* setitimer(2), alarm(2) and timer_create(2): proc/itimer.c */
	struct interval_timers *timers;
};

/* How restart_syscall(2) goes on with an interrupted sleep. */
struct restart_block {
	long (*fn)(struct restart_block *block);
	u64 deadline_ns;
	u64 args[5];
};

struct task {
	u32 tid; /* until publish: the wanted one, 0: any [set by publish] */
	atomic_t nr_refs;
	struct process *process;       /* holds a reference */
	struct thread *thread;         /* the kernel thread that runs it */
	struct list_head in_process;   /* [process_lock] */
	struct list_head in_hash;      /* tid hash [process_lock] */
	char comm[PROCESS_COMM_BYTES]; /* [own thread] */

	/* Signals. */
	sigset64 blocked;            /* [process_lock to change] */
	sigset64 saved_blocked;      /* while is_mask_saved [own thread] */
	bool is_mask_saved;          /* [own thread] */
	struct signal_queue pending; /* [process_lock] */
	u64 altstack_vaddr;          /* [own thread] */
	u64 altstack_bytes;
	u32 altstack_flags;
	struct restart_block restart; /* [own thread] */

	struct run *initial_run; /* has yet to exec its program */
	bool has_left_memory;    /* exiting: runs without an address space */

	/* What the C library asked for. */
	u64 set_child_tid;   /* CLONE_CHILD_SETTID [own thread] */
	u64 clear_child_tid; /* CLONE_CHILD_CLEARTID [own thread] */
	u64 robust_list;     /* set_robust_list(2) [own thread] */
	struct futex_pi pi;  /* mutexes with an owner */
	u64 rseq_vaddr;      /* 0: not registered [own thread] */
	u32 rseq_bytes;
	u32 rseq_signature;
	u32 rseq_cpu; /* the CPU that is stored there */

	/* The exception that a signal frame reports. [own thread] */
	u32 fault_trapno;
	u64 fault_error;
	u64 fault_cr2;

	/* What the program would have got for the kernel's last access to its
	 * memory that failed; 0: none has since signal_uaccess_begin(). [own
	 * thread] */
	u32 uaccess_signo;

	struct call_record *strace; /* the call it makes, if that is traced
				       [own thread] */

	struct prefetch_stream prefetch; /* where its faults go [own thread] */

	/* Accounting; CPU time is the thread's. */
	u64 nr_minor_faults; /* [own thread] */
	u64 nr_major_faults; /* [own thread] */
};

extern struct spinlock process_lock;

/** process_start - answer for user mode from now on (processor_start()). */
int process_start(void);

/** current_task - the task of the current thread; NULL in kernel threads. */
static inline struct task *current_task(void)
{
	return (struct task *)current_thread()->owner;
}

/** current_process - the current task's process. Context: a task's thread. */
static inline struct process *current_process(void)
{
	return current_task()->process;
}

/* ---- finding and iterating --------------------------------------------- */

void process_hold(struct process *process);
/** process_put - drop a reference; the last one frees.  Context: may sleep. */
void process_put(struct process *process);
/** process_find - a reference to the process @pid, or NULL. */
struct process *process_find(u32 pid);
/** process_next - a reference to the process with the smallest pid greater
 * than @after_pid, or NULL.  Zombies included.  For /proc. */
struct process *process_next(u32 after_pid);
/** task_find - a reference to the task @tid (task_put()), or NULL. */
struct task *task_find(u32 tid);
/** task_next - a reference to the task of @process with the smallest tid
 * greater than @after_tid, or NULL.  For /proc/PID/task. */
struct task *task_next(struct process *process, u32 after_tid);
void task_hold(struct task *task);
void task_put(struct task *task);

/**
 * process_aspace_get, process_files_get, process_fs_get - a reference to a
 * resource of a process that may be another one and may be exiting.
 *
 * Return: the resource (drop with aspace_put(), fd_table_put(),
 *         fs_context_put()), or NULL if the process is past its end.
 */
struct aspace *process_aspace_get(struct process *process);
struct fd_table *process_files_get(struct process *process);
struct fs_context *process_fs_get(struct process *process);
/** process_exe_get - the program, a reference (file_put()), or NULL. */
struct file *process_exe_get(struct process *process);

/** process_usage - CPU time and faults of all tasks, gone and present. */
void process_usage(struct process *process, struct cpu_usage *usage);
/** process_state_char - 'R', 'S', 'T' or 'Z', as /proc/PID/stat says it. */
char process_state_char(struct process *process);
char task_state_char(struct task *task);
/** process_rlimit - the soft limit, for the current process. */
u64 process_rlimit(enum rlimit_id id);
/** process_is_in_group - group membership of the current process. */
bool process_is_in_group(u32 gid);
u32 process_count(void);
u32 task_count(void);

#endif /* PROCESSOR_PROCESS_H */
