/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of processes and tasks: allocation, pids, look-up, iteration.
 *
 * A pid names a process and, until it is gone, its leader task.  A number is
 * free again when no task, no process (zombies included), no group and no
 * session uses it.
 */
#include <kernel/assert.h>
#include <kernel/counters.h>
#include <kernel/init.h>
#include <lib/errno.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <mm/slab.h>

#include "internal.h"
#include "sigframe.h"

#define NR_PID_BUCKETS 256u

/* The kernel itself stands in for init: it is the parent number 1. */
#define FIRST_PID 2u

struct spinlock process_lock = SPINLOCK_INIT("process", LOCK_TASK_LIST);
struct list_head all_processes = LIST_HEAD_INIT(all_processes);
static struct list_head pid_buckets[NR_PID_BUCKETS]; /* [process_lock] */
static struct list_head tid_buckets[NR_PID_BUCKETS]; /* [process_lock] */
static u32 next_pid = FIRST_PID;                     /* [process_lock] */
static u32 nr_processes, nr_tasks;                   /* [process_lock] */

static int tables_init(void)
{
	for (u32 i = 0; i < NR_PID_BUCKETS; i++) {
		list_init(&pid_buckets[i]);
		list_init(&tid_buckets[i]);
	}
	return 0;
}
INITCALL(tables_init);

/* ---- look-up ----------------------------------------------------------- */

struct process *process_lookup_locked(u32 pid)
{
	struct process *p;

	list_for_each_entry (p, &pid_buckets[pid % NR_PID_BUCKETS], in_hash)
		if (p->pid == pid)
			return p;
	return NULL;
}

struct task *task_lookup_locked(u32 tid)
{
	struct task *t;

	list_for_each_entry (t, &tid_buckets[tid % NR_PID_BUCKETS], in_hash)
		if (t->tid == tid)
			return t;
	return NULL;
}

static bool pid_is_used_locked(u32 pid)
{
	struct process *p;

	if (task_lookup_locked(pid) || process_lookup_locked(pid))
		return true;
	for_each_process_locked(p) if (p->pgid == pid ||
				       p->sid == pid) return true;
	return false;
}

/* @wanted or, if it is 0, a number that was not used for long: they rise and
 * wrap.  Return: 0; -EEXIST; -EAGAIN if there is none. */
static int pid_take_locked(u32 wanted, u32 *out)
{
	if (wanted) {
		*out = wanted;
		return wanted < FIRST_PID || pid_is_used_locked(wanted)
			       ? -EEXIST
			       : 0;
	}
	for (u32 tries = 0; tries < PROCESS_MAX_PID; tries++) {
		u32 pid = next_pid;

		next_pid = pid + 1 < PROCESS_MAX_PID ? pid + 1 : FIRST_PID;
		if (!pid_is_used_locked(pid)) {
			*out = pid;
			return 0;
		}
	}
	return -EAGAIN;
}

struct process *process_find(u32 pid)
{
	u64 flags = process_lock_irqsave();
	struct process *p = process_lookup_locked(pid);

	if (p)
		process_hold(p);
	process_unlock_irqrestore(flags);
	return p;
}

struct task *task_find(u32 tid)
{
	u64 flags = process_lock_irqsave();
	struct task *t = task_lookup_locked(tid);

	if (t)
		task_hold(t);
	process_unlock_irqrestore(flags);
	return t;
}

struct process *process_next(u32 after_pid)
{
	struct process *p, *found = NULL;
	u64 flags = process_lock_irqsave();

	for_each_process_locked(p)
	{
		if (p->pid > after_pid) {
			found = p;
			process_hold(found);
			break;
		}
	}
	process_unlock_irqrestore(flags);
	return found;
}

struct task *task_next(struct process *process, u32 after_tid)
{
	struct task *t, *found = NULL;
	u64 flags = process_lock_irqsave();

	list_for_each_entry (t, &process->tasks, in_process)
		if (t->tid > after_tid && (!found || t->tid < found->tid))
			found = t;
	if (found)
		task_hold(found);
	process_unlock_irqrestore(flags);
	return found;
}

/* ---- references -------------------------------------------------------- */

void process_hold(struct process *process)
{
	atomic_inc(&process->nr_refs);
}

void process_put(struct process *process)
{
	if (!atomic_dec_and_test(&process->nr_refs))
		return;
	ASSERT(!process->nr_tasks && !process->aspace && !process->files);
	signal_queue_flush(&process->pending, ~0ull);
	if (process->actions)
		signal_actions_put(process->actions);
	if (process->exe)
		file_put(process->exe);
	run_put(process->run);
	gauge_sub(nr_processes_alive, 1);
	kfree(process);
}

void task_hold(struct task *task)
{
	atomic_inc(&task->nr_refs);
}

void task_put(struct task *task)
{
	if (!atomic_dec_and_test(&task->nr_refs))
		return;
	signal_queue_flush(&task->pending, ~0ull);
	if (task->thread)
		thread_put(task->thread);
	process_put(task->process);
	gauge_sub(nr_tasks_alive, 1);
	kfree(task);
}

/*
 * A process' resources are dropped under process_lock (the pointer becomes
 * NULL there), so whoever sees one under the lock may take a reference.
 */
struct aspace *process_aspace_get(struct process *process)
{
	u64 flags = process_lock_irqsave();
	struct aspace *aspace = process->aspace;

	if (aspace)
		aspace_hold(aspace);
	process_unlock_irqrestore(flags);
	return aspace;
}

struct fd_table *process_files_get(struct process *process)
{
	u64 flags = process_lock_irqsave();
	struct fd_table *files = process->files;

	if (files)
		fd_table_hold(files);
	process_unlock_irqrestore(flags);
	return files;
}

struct fs_context *process_fs_get(struct process *process)
{
	u64 flags = process_lock_irqsave();
	struct fs_context *fs = process->fs;

	if (fs)
		fs_context_hold(fs);
	process_unlock_irqrestore(flags);
	return fs;
}

struct file *process_exe_get(struct process *process)
{
	u64 flags = process_lock_irqsave();
	struct file *exe = process->exe;

	if (exe)
		file_hold(exe);
	process_unlock_irqrestore(flags);
	return exe;
}

/* ---- making and unmaking ----------------------------------------------- */

struct process *process_alloc(void)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	atomic_set(&p->nr_refs, 1);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->tasks);
	signal_queue_init(&p->pending);
	waitq_init(&p->child_wait);
	waitq_init(&p->tasks_wait);
	waitq_init(&p->stop_wait);
	waitq_init(&p->signal_wait);
	gauge_add(nr_processes_alive, 1);
	return p;
}

struct task *task_alloc(struct process *process)
{
	struct task *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	atomic_set(&t->nr_refs, 1);
	signal_queue_init(&t->pending);
	futex_pi_start(&t->pi);
	t->altstack_flags = SS_DISABLE;
	t->process = process;
	process_hold(process);
	gauge_add(nr_tasks_alive, 1);
	return t;
}

void task_start(struct task *task)
{
	thread_get(task->thread); /* for as long as the task is referred to */
	thread_start(task->thread);
}

void task_discard(struct task *task)
{
	if (task->thread)
		thread_destroy_new(task->thread);
	task->thread = NULL;
	task_put(task);
}

static void task_enter_tables_locked(struct task *task, u32 tid)
{
	struct process *process = task->process;

	task->tid = tid;
	task_hold(task);
	list_add_tail(&task->in_hash, &tid_buckets[tid % NR_PID_BUCKETS]);
	list_add_tail(&task->in_process, &process->tasks);
	process->nr_tasks++;
	nr_tasks++;
}

static void insert_by_pid_locked(struct process *process)
{
	struct list_head *before = &all_processes;
	struct process *p;

	for_each_process_locked(p)
	{
		if (p->pid > process->pid) {
			before = &p->in_all;
			break;
		}
	}
	list_add_tail(&process->in_all, before);
}

int process_publish_locked(struct process *process, struct task *leader,
			   struct process *parent)
{
	u32 pid;
	int err;

	ASSERT_LOCKED(&process_lock);
	err = pid_take_locked(leader->tid, &pid);
	if (err)
		return err;
	process->pid = pid;
	process->parent = parent;
	process->leader = leader;
	process->start_mono_ns = time_mono_ns();
	if (parent)
		list_add_tail(&process->sibling, &parent->children);
	process_hold(process);
	insert_by_pid_locked(process);
	list_add_tail(&process->in_hash, &pid_buckets[pid % NR_PID_BUCKETS]);
	nr_processes++;
	task_enter_tables_locked(leader, pid);
	return 0;
}

int task_publish_locked(struct task *task)
{
	u32 tid;
	int err;

	ASSERT_LOCKED(&process_lock);
	err = pid_take_locked(task->tid, &tid);
	if (err)
		return err;
	task_enter_tables_locked(task, tid);
	return 0;
}

void task_unpublish_locked(struct task *task)
{
	struct process *process = task->process;

	ASSERT_LOCKED(&process_lock);
	ASSERT(process->nr_tasks > 0);
	list_del(&task->in_hash);
	list_del(&task->in_process);
	process->nr_tasks--;
	nr_tasks--;
	if (process->leader == task)
		process->leader = NULL;
	waitq_wake_all(&process->tasks_wait);
}

void task_take_pid_locked(struct task *task)
{
	struct process *process = task->process;

	ASSERT_LOCKED(&process_lock);
	ASSERT(process->nr_tasks == 1 && !process->leader);
	list_del(&task->in_hash);
	task->tid = process->pid;
	list_add_tail(&task->in_hash, &tid_buckets[task->tid % NR_PID_BUCKETS]);
	process->leader = task;
}

void process_unpublish_locked(struct process *process)
{
	ASSERT_LOCKED(&process_lock);
	ASSERT(process->state == PROCESS_ZOMBIE && !process->nr_tasks);
	list_del(&process->in_all);
	list_del(&process->in_hash);
	if (process->parent)
		list_del(&process->sibling);
	process->parent = NULL;
	nr_processes--;
}

u32 process_count(void)
{
	return READ_ONCE(nr_processes);
}

u32 task_count(void)
{
	return READ_ONCE(nr_tasks);
}

/* ---- small questions --------------------------------------------------- */

char task_state_char(struct task *task)
{
	if (task->process->state == PROCESS_STOPPED)
		return 'T';
	return READ_ONCE(task->thread->state) == THREAD_SLEEPING ? 'S' : 'R';
}

char process_state_char(struct process *process)
{
	u64 flags = process_lock_irqsave();
	char state = 'S';
	struct task *t;

	if (process->state == PROCESS_ZOMBIE)
		state = 'Z';
	list_for_each_entry (t, &process->tasks, in_process) {
		char c = task_state_char(t);

		if (c != 'S')
			state = c;
	}
	process_unlock_irqrestore(flags);
	return state;
}

/* The file code asks these of whatever thread it runs in. */
struct fd_table *current_files(void)
{
	struct task *task = current_task();

	return task ? task->process->files : NULL;
}

struct fs_context *current_fs(void)
{
	struct task *task = current_task();

	return task ? task->process->fs : NULL;
}

u32 current_fsuid(void)
{
	struct task *task = current_task();

	return task ? task->process->cred.fsuid : 0;
}

u32 current_fsgid(void)
{
	struct task *task = current_task();

	return task ? task->process->cred.fsgid : 0;
}

bool current_in_group(u32 gid)
{
	return !current_task() || process_is_in_group(gid);
}

u64 process_rlimit(enum rlimit_id id)
{
	return READ_ONCE(current_process()->rlimits[id].cur);
}

bool process_is_in_group(u32 gid)
{
	const struct credentials *cred = &current_process()->cred;

	if (gid == cred->fsgid)
		return true;
	for (u32 i = 0; i < cred->nr_groups; i++)
		if (cred->groups[i] == gid)
			return true;
	return false;
}
