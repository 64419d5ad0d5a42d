/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running programs on behalf of the boot (fw_cfg file opt/brick/run) and of
 * the monitor's `run`; one at a time, because there is one terminal.
 *
 * The first process of a run is made here with a task that has no program
 * yet: on its first way to user mode, as that process, it does what a shell
 * does after fork: change directory, look the program up, exec it, or say why
 * not and exit with 127 or 126.  When it ends, what it left behind is killed.
 */
#define pr_fmt(fmt) "brick: " fmt
#include "run.h"

#include <arch/x86/user.h>
#include <drivers/fw_cfg.h>
#include <kernel/assert.h>
#include <kernel/cmdline.h>
#include <kernel/init.h>
#include <kernel/log.h>
#include <kernel/monitor.h>
#include <kernel/thread.h>
#include <lib/atomic.h>
#include <lib/errno.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <managers/processor/fs/file.h>
#include <managers/processor/fs/mount.h>
#include <managers/processor/fs/path.h>
#include <managers/processor/proc/process.h>
#include <managers/processor/proc/resources.h>
#include <managers/processor/strace/strace.h>
#include <mm/slab.h>

#include "exec.h"
#include "internal.h"
#include "run_request.h"
#include "sigset.h"
#include "waitopt.h"

#define DEFAULT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define POWEROFF_GRACE_NS (10 * NSEC_PER_SEC)

struct run {
	atomic_t nr_refs; /* the waiter's, and one of each process */
	struct run_request request;
	char *text;              /* holds the request's strings */
	struct completion ended; /* the first process is gone */
	s32 status;              /* its end, as wait4(2) tells it */
	u32 pid;
};

/* Somebody's program has the terminal. */
static atomic_t is_running;

/* ---- life -------------------------------------------------------------- */

void run_hold(struct run *run)
{
	if (run)
		atomic_inc(&run->nr_refs);
}

void run_put(struct run *run)
{
	if (!run || !atomic_dec_and_test(&run->nr_refs))
		return;
	kfree(run->text);
	kfree(run);
}

/* @text becomes the run's. */
static struct run *run_create(char *text, size_t len)
{
	struct run *run = kzalloc(sizeof(*run));

	if (!run || run_request_parse(text, len, &run->request)) {
		kfree(run);
		kfree(text);
		return NULL;
	}
	atomic_set(&run->nr_refs, 1);
	run->text = text;
	completion_init(&run->ended);
	return run;
}

void run_leader_exited_locked(struct run *run, struct process *process)
{
	struct process *p;

	ASSERT_LOCKED(&process_lock);
	if (process->pid != run->pid)
		return;
	for_each_process_locked(p) if (p->run == run && p != process)
		process_kill_locked(p, SIGKILL);
	run->status = process->exit_status;
	complete(&run->ended);
}

/* ---- the first process ------------------------------------------------- */

static void set_default_limits(struct process *process)
{
	static const struct {
		enum rlimit_id id;
		u64 cur, max;
	} limits[] = {
		{RLIMIT_STACK, 8ull << 20, RLIM_INFINITY},
		{RLIMIT_CORE, 0, RLIM_INFINITY},
		{RLIMIT_NPROC, PROCESS_MAX_PID, PROCESS_MAX_PID},
		{RLIMIT_NOFILE, FD_LIMIT_DEFAULT, FD_LIMIT_MAX},
		{RLIMIT_MEMLOCK, 8ull << 20, 8ull << 20},
		{RLIMIT_SIGPENDING, 4096, 4096},
		{RLIMIT_MSGQUEUE, 819200, 819200},
		{RLIMIT_NICE, 0, 0},
		{RLIMIT_RTPRIO, 0, 0},
	};

	for (u32 i = 0; i < NR_RLIMITS; i++)
		process->rlimits[i] =
			(struct rlimit64){RLIM_INFINITY, RLIM_INFINITY};
	for (u32 i = 0; i < ARRAY_SIZE(limits); i++)
		process->rlimits[limits[i].id] =
			(struct rlimit64){limits[i].cur, limits[i].max};
}

static void drop_resources(struct process *process)
{
	if (process->files)
		fd_table_put(process->files);
	if (process->fs)
		fs_context_put(process->fs);
	process->files = NULL;
	process->fs = NULL;
}

/* What login would have made: a session of its own on the terminal. */
static int give_resources(struct process *process, struct run *run)
{
	int err = -ENOMEM;

	set_default_limits(process);
	process->run = run;
	run_hold(run);
	process->actions = signal_actions_create();
	process->fs = fs_context_create();
	process->files = fd_table_create();
	if (process->actions && process->fs && process->files) {
		err = fd_table_open_terminal(process->files);
	}
	if (err)
		drop_resources(process);
	return err;
}

static int publish(struct process *process, struct task *task, struct run *run)
{
	u64 flags = process_lock_irqsave();
	int err = process_publish_locked(process, task, NULL);

	if (!err) {
		process->pgid = process->pid;
		process->sid = process->pid;
		process->exit_signal = SIGCHLD;
		run->pid = process->pid;
	}
	process_unlock_irqrestore(flags);
	return err;
}

static int start_first_process(struct run *run)
{
	struct process *process = process_alloc();
	struct task *task = NULL;
	struct user_regs regs;
	int err = process ? give_resources(process, run) : -ENOMEM;

	if (err)
		goto put_process;
	task = task_alloc(process);
	err = -ENOMEM;
	if (!task)
		goto drop_resources;
	strscpy(task->comm, "run", sizeof(task->comm));
	task->initial_run = run;
	user_regs_init(&regs, 0, 0); /* exec sets them */
	task->thread = thread_create_user(task->comm, &regs, task);
	if (!task->thread)
		goto put_task;
	err = publish(process, task, run);
	if (err)
		goto put_task;
	terminal_attach(process->sid, process->pgid);
	task_start(task);
	process_put(process);
	return 0;

put_task:
	task_discard(task);
drop_resources:
	drop_resources(process);
put_process:
	if (process)
		process_put(process);
	return err;
}

/* ---- as the first process ---------------------------------------------- */

static int copy_list(struct exec_strings *s, const char *string, u32 count,
		     u32 *counter)
{
	int err = 0;

	for (; !err && count; count--, string += strlen(string) + 1) {
		err = exec_strings_append(s, string);
		(*counter)++;
	}
	return err;
}

static int exec_path(const struct run_request *request, const char *path,
		     struct user_regs *regs)
{
	struct exec_strings strings;
	int err = exec_strings_alloc(&strings);

	if (err)
		return err;
	err = copy_list(&strings, request->argv, request->argc, &strings.argc);
	if (!err)
		err = copy_list(&strings, request->env, request->envc,
				&strings.envc);
	if (!err)
		err = exec_program(NULL, path, &strings, regs);
	exec_strings_free(&strings);
	return err;
}

/* Try the directories of PATH, as a shell: EACCES is remembered, the search
 * goes on. */
static int exec_searching(const struct run_request *request, char *path,
			  struct user_regs *regs)
{
	const char *dir = run_request_env(request, "PATH");
	int result = -ENOENT;

	for (dir = dir ? dir : DEFAULT_PATH; dir;) {
		const char *colon = strchr(dir, ':');
		size_t len = colon ? (size_t)(colon - dir) : strlen(dir);
		int err;

		if (len + 1 + strlen(request->argv) < PATH_MAX) {
			snprintf(path, PATH_MAX, "%.*s/%s", (int)len,
				 len ? dir : ".", request->argv);
			err = exec_path(request, path, regs);
			if (err == -EACCES)
				result = err;
			else if (err != -ENOENT && err != -ENOTDIR)
				return err;
		}
		dir = colon ? colon + 1 : NULL;
	}
	return result;
}

static const char *error_text(int err)
{
	switch (err) {
	case -ENOENT:
		return "No such file or directory";
	case -EACCES:
		return "Permission denied";
	case -ENOEXEC:
		return "Exec format error";
	case -ENOTDIR:
		return "Not a directory";
	case -ELOOP:
		return "Too many levels of symbolic links";
	case -E2BIG:
		return "Argument list too long";
	case -ENAMETOOLONG:
		return "File name too long";
	case -ENOMEM:
		return "Cannot allocate memory";
	case -EIO:
		return "Input/output error";
	case -EHOSTDOWN:
		return "Host is down";
	default:
		return "cannot run";
	}
}

static void say(const char *who, const char *what)
{
	char line[256];
	int len =
		scnprintf(line, sizeof(line), "brick: %.200s: %s\n", who, what);

	terminal_write(line, (size_t)len);
}

void run_initial_exec(struct run *run, struct user_regs *regs)
{
	const struct run_request *request = &run->request;
	char *path = kmalloc(PATH_MAX);
	int err = path ? fs_context_chdir(current_fs(), request->cwd) : -ENOMEM;

	if (err) {
		say(request->cwd, error_text(err));
	} else {
		err = strchr(request->argv, '/')
			      ? exec_path(request, request->argv, regs)
			      : exec_searching(request, path, regs);
		if (err)
			say(request->argv, error_text(err));
	}
	kfree(path);
	if (err)
		process_exit(err == -ENOENT ? 127 << 8 : 126 << 8);
}

/* ---- around it --------------------------------------------------------- */

static bool is_deserted(struct run *run)
{
	u64 flags = process_lock_irqsave();
	bool is_empty = true;
	struct process *p;

	for_each_process_locked(p) is_empty = is_empty && p->run != run;
	process_unlock_irqrestore(flags);
	return is_empty;
}

/* As a shell: say what ended a program, unless the user did it. */
static void say_signal(s32 status)
{
	const char *text = signal_text((u32)status & 0x7f);

	if (!(status & 0x7f) || (status & 0x7f) == SIGINT ||
	    (status & 0x7f) == SIGPIPE)
		return;
	if (text) {
		terminal_write(text, strlen(text));
		terminal_write("\n", 1);
	}
}

/* Run it to the end. Drops @run. Return: the status as a shell's $?. */
static s32 run_to_end(struct run *run)
{
	u64 give_up_ns;
	s32 status;
	int err;

	terminal_configure(run->request.stdio, run->request.rows,
			   run->request.cols);
	pr_info("run %s", run->request.argv);
	err = vfs_mount_all();
	if (err)
		say("the root file system",
		    err == -ENODEV ? "the storage node has none: see its log"
				   : error_text(err));
	else
		err = start_first_process(run);
	if (err) {
		pr_err("cannot make a process: error %d", -err);
		run_put(run);
		return 125;
	}
	wait_for_completion_idle(&run->ended);
	status = run->status;
	say_signal(status);
	give_up_ns = time_mono_ns() + POWEROFF_GRACE_NS;
	while (!is_deserted(run) && time_mono_ns() < give_up_ns)
		sleep_ns(NSEC_PER_MSEC);
	run_put(run);
	return wait_shell_status(status);
}

/* A thread's life. */
static void run_and_report(void *arg)
{
	s32 status = run_to_end(arg);

	strace_flush();
	atomic_set(&is_running, 0);
	/* tools wait for this line */
	pr_info("exit status %d", status);
}

static void run_boot_request(void *arg)
{
	char *text = arg;
	size_t len = ksize(text);
	ssize_t n = fw_cfg_read("opt/brick/run", text, len);
	struct run *run;

	if (n < 0 || (size_t)n > len) {
		pr_err("cannot read the run request");
		kfree(text);
		atomic_set(&is_running, 0);
		return;
	}
	run = run_create(text, (size_t)n);
	if (run) {
		run_and_report(run);
	} else {
		atomic_set(&is_running, 0);
		pr_err("malformed run request");
		pr_info("exit status %d", 125);
	}
	if (cmdline_has("poweroff"))
		machine_poweroff();
}

int processor_run(void)
{
	ssize_t bytes = fw_cfg_read("opt/brick/run", NULL, 0);
	char *text;

	if (bytes == -ENODEV || bytes == -ENOENT)
		return 0;
	if (bytes < 0 || bytes > RUN_REQUEST_MAX_BYTES)
		return -EINVAL;
	text = kmalloc((size_t)bytes);
	atomic_set(&is_running, 1);
	if (!text || !thread_spawn("run", run_boot_request, text)) {
		kfree(text);
		atomic_set(&is_running, 0);
		return -ENOMEM;
	}
	return 0;
}

/* ---- the monitor's run ------------------------------------------------- */

/* The run of `run ARG...`; NULL without memory. */
static struct run *monitor_run_create(int argc, char **argv)
{
	static const char env[] =
		"PATH=" DEFAULT_PATH "\0HOME=/root\0TERM=vt100";
	size_t room = 64 + sizeof(env), len;
	char *text;

	for (int i = 1; i < argc; i++)
		room += strlen(argv[i]) + 1;
	text = kzalloc(room);
	if (!text)
		return NULL;
	/* Each %c writes the NUL that ends a string. */
	len = (size_t)scnprintf(text, room, "/%c3%c", 0, 0);
	memcpy(text + len, env, sizeof(env));
	len += sizeof(env);
	len += (size_t)scnprintf(text + len, room - len, "%d", argc - 1) + 1;
	for (int i = 1; i < argc; i++) {
		memcpy(text + len, argv[i], strlen(argv[i]) + 1);
		len += strlen(argv[i]) + 1;
	}
	return run_create(text, len);
}

/* In a thread of its own: the monitor stays usable while it runs. */
static void cmd_run(int argc, char **argv)
{
	struct run *run;

	if (argc < 2) {
		mprintf("usage: run PROGRAM [ARGUMENT...]\n");
		return;
	}
	if (atomic_xchg(&is_running, 1)) {
		mprintf("run: a program has the terminal; see ps\n");
		return;
	}
	run = monitor_run_create(argc, argv);
	if (run && thread_spawn("run", run_and_report, run))
		return;
	run_put(run);
	atomic_set(&is_running, 0);
	mprintf("run: no memory\n");
}
MONITOR_CMD(run, "PROGRAM [ARGUMENT...]: run a program on the terminal",
	    cmd_run);
